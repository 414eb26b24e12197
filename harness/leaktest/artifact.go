package leaktest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// write keeps the run in dir, in heapdrift's own format, so that `heapdrift
// analyze` reads it and `go tool pprof` its profiles. It returns the path of the
// last heap profile within dir.
func (r *running) write(dir string) (last string, err error) {
	header := struct {
		Schema string            `json:"schema"`
		Target snapshot.Target   `json:"target"`
		Load   snapshot.LoadInfo `json:"load"`
	}{"heapdrift/run/v1", r.target, snapshot.LoadInfo{Source: "heapdrift", Completed: r.o.done.Load(), Quiesced: true}}
	if err := writeJSON(filepath.Join(dir, "run.json"), header); err != nil {
		return "", err
	}
	for i, raw := range r.raws {
		folder := filepath.Join("snapshots", fmt.Sprintf("%06d", i))
		at := filepath.Join(dir, folder)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return "", fmt.Errorf("write the profiles: %w", err)
		}
		if err := writeJSON(filepath.Join(at, "snapshot.json"), raw.Meta); err != nil {
			return "", err
		}
		if err := writeJSON(filepath.Join(at, "memstats.json"), raw.Counters); err != nil {
			return "", err
		}
		for name, data := range map[string][]byte{"heap.pb.gz": raw.Heap, "goroutine.pb.gz": raw.Goroutine} {
			if data == nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(at, name), data, 0o644); err != nil {
				return "", fmt.Errorf("write the profiles: %w", err)
			}
		}
		if raw.Heap != nil {
			last = filepath.Join(folder, "heap.pb.gz")
		}
	}
	return last, nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the profiles: %w", err)
	}
	return nil
}
