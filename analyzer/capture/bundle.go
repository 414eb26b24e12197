package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Schema of run.json.
const Schema = "heapdrift/run/v1"

// Names within a bundle.
const (
	runFile           = "run.json"
	probeFile         = "probe.jsonl"
	snapshotsDir      = "snapshots"
	metaFile          = "snapshot.json"
	countersFile      = "memstats.json"
	heapFile          = "heap.pb.gz"
	goroutineFile     = "goroutine.pb.gz"
	goroutineLeakFile = "goroutineleak.pb.gz"
	dumpFile          = "goroutines.txt.gz"

	tempPrefix = ".tmp-" // of what is being written; readers pass over it
)

// Header is the content of run.json.
type Header struct {
	Schema  string               `json:"schema"`
	Started time.Time            `json:"started,omitzero"`
	Target  snapshot.Target      `json:"target"`
	Load    snapshot.LoadInfo    `json:"load"`
	Phases  []snapshot.PhaseSpan `json:"phases,omitempty"`
	// Windows are the latencies of warm-up and steady phase over time, ErrorClasses
	// how many operations failed of each class: both of a load of ours alone.
	Windows      []Window         `json:"windows,omitempty"`
	ErrorClasses map[string]int64 `json:"error_classes,omitempty"`
	// Failed is why this is no whole run, in a sentence; empty for a whole one.
	Failed string `json:"failed,omitempty"`
	// Ended is why the run was ended before its time; empty if it was not.
	Ended string `json:"ended,omitempty"`
	// Warnings of the recording, in sentences: they are the reader's too.
	Warnings []string `json:"warnings,omitempty"`
}

// Window is a part of the time of a phase.
type Window struct {
	Phase     snapshot.Phase    `json:"phase"`
	Pass      int               `json:"pass,omitempty"`
	From      float64           `json:"from"` // seconds on the phase's intended clock, which stands still while arrivals are held
	To        float64           `json:"to"`
	Completed int64             `json:"completed"` // operations that ended in it, failed ones included
	Errors    int64             `json:"errors,omitempty"`
	Latency   *snapshot.Latency `json:"latency_ms,omitempty"`
}

// Bundle writes a recorded run. Each snapshot and run.json are written beside
// their place and renamed: they are there whole or not at all. It is safe for
// concurrent use; two processes must not write one bundle.
type Bundle struct {
	dir string

	mu   sync.Mutex
	next int
}

// Create makes the folder of a new bundle, parents included, and writes its
// run.json. A folder that holds anything but a bundle without snapshots is
// refused: nothing is ever overwritten or mixed. An empty Schema is filled in.
func Create(dir string, h Header) (*Bundle, error) {
	if dir == "" {
		return nil, errors.New("create run bundle: no folder is named")
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, writing(dir, err)
	case len(entries) > 0:
		if err := resumable(dir, entries); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, snapshotsDir), 0o755); err != nil {
		return nil, writing(dir, err)
	}
	b := &Bundle{dir: dir}
	if err := b.SetHeader(h); err != nil {
		return nil, err
	}
	return b, nil
}

// resumable refuses a folder that holds something else than a bundle whose
// recording ended before its first snapshot.
func resumable(dir string, entries []os.DirEntry) error {
	bundle := false
	for _, e := range entries {
		bundle = bundle || e.Name() == runFile
	}
	if !bundle {
		return fmt.Errorf("create run bundle %s: the folder is not empty and no run bundle (it holds %s); name a new or an empty folder", dir, entries[0].Name())
	}
	snaps, err := os.ReadDir(filepath.Join(dir, snapshotsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writing(dir, err)
	}
	n := 0
	for _, e := range snaps {
		if _, ok := ordinal(e.Name()); ok {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("create run bundle %s: it already holds a run of %d snapshots; name another folder, or remove this one", dir, n)
	}
	return nil
}

// Dir is the bundle's folder.
func (b *Bundle) Dir() string { return b.dir }

// SetHeader replaces run.json, atomically.
func (b *Bundle) SetHeader(h Header) error {
	if h.Schema == "" {
		h.Schema = Schema
	}
	data, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return writing(filepath.Join(b.dir, runFile), err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	path := filepath.Join(b.dir, runFile)
	temp := filepath.Join(b.dir, tempPrefix+runFile)
	if err := writeSynced(temp, append(data, '\n')); err != nil {
		_ = os.Remove(temp)
		return writing(path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return writing(path, err)
	}
	return nil
}

// Add writes the next snapshot and returns its folder.
func (b *Bundle) Add(raw *snapshot.Raw) (path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	parent := filepath.Join(b.dir, snapshotsDir)
	path = filepath.Join(parent, fmt.Sprintf("%06d", b.next))
	temp, err := os.MkdirTemp(parent, tempPrefix)
	if err != nil {
		return "", writing(path, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp)
			path, err = "", writing(path, err)
		}
	}()
	if err := os.Chmod(temp, 0o755); err != nil {
		return path, err
	}
	meta, err := json.MarshalIndent(raw.Meta, "", " ")
	if err != nil {
		return path, err
	}
	files := []struct {
		name string
		data []byte
	}{
		{metaFile, append(meta, '\n')},
		{heapFile, raw.Heap},
		{goroutineFile, raw.Goroutine},
		{goroutineLeakFile, raw.GoroutineLeak},
		{dumpFile, raw.Dump},
	}
	if !raw.Counters.Empty() {
		counters, err := json.Marshal(raw.Counters)
		if err != nil {
			return path, err
		}
		files = append(files, struct {
			name string
			data []byte
		}{countersFile, append(counters, '\n')})
	}
	for _, f := range files {
		if f.data == nil {
			continue
		}
		if err := writeSynced(filepath.Join(temp, f.name), f.data); err != nil {
			return path, err
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return path, err
	}
	b.next++
	return path, nil
}

// Probe appends one point to probe.jsonl; an empty one is left out.
func (b *Bundle) Probe(p ProbePoint) error {
	if p.Empty() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	path := filepath.Join(b.dir, probeFile)
	line, err := json.Marshal(p)
	if err != nil {
		return writing(path, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return writing(path, err)
	}
	_, err = f.Write(append(line, '\n'))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return writing(path, err)
	}
	return nil
}

// writeSynced writes a new file and flushes it to the disk, so that the rename
// that makes it visible never precedes its bytes.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// writing names the path that could not be written, with the cause alone:
// system errors name temporary files, which say nothing to a reader.
func writing(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	text := err.Error()
	switch {
	case errors.As(err, &p):
		text = p.Err.Error()
	case errors.As(err, &l):
		text = l.Err.Error()
	}
	return &writeError{fmt.Sprintf("write run bundle %s: %s; free the disk or name another folder", path, text), err}
}

type writeError struct {
	text string
	err  error
}

func (e *writeError) Error() string { return e.text }
func (e *writeError) Unwrap() error { return e.err }

// ordinal is the number of a snapshot's folder.
func ordinal(name string) (int, bool) {
	if len(name) < 6 || strings.TrimLeft(name, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(name)
	return n, err == nil
}

// isZip reports whether bytes begin a zip archive.
func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}
