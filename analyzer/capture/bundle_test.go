package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// raw is a whole snapshot, the n-th of a run.
func raw(t testing.TB, n int) *snapshot.Raw {
	t.Helper()
	m := made{binary: "server", build: "b1", functions: []string{"main.f"}, inuse: int64(n+1) << 16, at: moment0.Add(time.Duration(n) * time.Second)}
	ops, inFlight, rss := int64(100*n), int64(3), uint64(1<<20+n)
	return &snapshot.Raw{
		Meta: snapshot.Meta{
			Time: m.at, Ops: &ops, Phase: snapshot.PhaseSteady, Pass: 1, InFlight: &inFlight, RSS: &rss, PID: 42,
			Load:    &snapshot.Load{Rate: 200, Sent: ops + 3, Completed: ops, Latency: &snapshot.Latency{P50: 1.5}},
			Cost:    &snapshot.Cost{Seconds: 0.25, Bytes: 1234},
			Missing: []string{"no size classes: none"},
		},
		Counters: snapshot.Counters{
			Values: map[string]uint64{"HeapAlloc": uint64(n+1) << 16, "Mallocs": 900, "Frees": 100}, GCCPUFraction: 0.01,
			BySize: []snapshot.SizeClass{{Size: 8, Mallocs: 5, Frees: 2}},
		},
		Heap:          compressed(t, m.heapProfile()),
		Goroutine:     compressed(t, m.goroutineProfile()),
		GoroutineLeak: compressed(t, m.goroutineProfile()),
		Dump:          gzipped(t, "goroutine 7 [select, 2 minutes]:\nmain.work(0x1)\n\t/src/main.go:5 +0x1\ncreated by main.main in goroutine 1\n\t/src/main.go:3 +0x1\n"),
	}
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// recorded writes a bundle of n snapshots into a fresh folder.
func recorded(t testing.TB, n int) string {
	t.Helper()
	b, err := Create(filepath.Join(t.TempDir(), "a", "run"), Header{Target: snapshot.Target{Name: "server", GoVersion: "go1.26.8"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := b.Add(raw(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Dir()
}

func open(t testing.TB, paths ...string) *snapshot.Run {
	t.Helper()
	run, err := Open(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestABundleIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs", "today")
	valid := true
	h := Header{
		Target:   snapshot.Target{Name: "server", Pprof: "http://h:6060/debug/pprof", GoVersion: "go1.26.8", Limit: 1 << 30, Module: "example.com/server"},
		Load:     snapshot.LoadInfo{Source: "heapdrift", Rate: 200, Completed: 5, Valid: &valid, Latency: &snapshot.Latency{P99: 3}},
		Phases:   []snapshot.PhaseSpan{{Phase: snapshot.PhaseSteady, Pass: 1, Start: moment0}},
		Warnings: []string{"the load was late"},
	}
	b, err := Create(dir, Header{})
	if err != nil {
		t.Fatal(err)
	}
	want := &snapshot.Run{Target: h.Target, Load: h.Load, Warnings: []snapshot.Warning{{Code: Recorded, Text: "the load was late"}}, Source: dir}
	want.Target.MemProfileRate, want.Target.PID = 524288, 42
	in := snapshot.NewInterner()
	for i := range 3 {
		r := raw(t, i)
		path, err := b.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, "snapshots", "00000"+string(rune('0'+i))); path != want {
			t.Errorf("snapshot %d is at %s, want %s", i, path, want)
		}
		for name, data := range map[string][]byte{"heap.pb.gz": r.Heap, "goroutine.pb.gz": r.Goroutine, "goroutineleak.pb.gz": r.GoroutineLeak, "goroutines.txt.gz": r.Dump} {
			if got, err := os.ReadFile(filepath.Join(path, name)); err != nil || string(got) != string(data) {
				t.Errorf("%s is not byte for byte as served (error %v)", name, err)
			}
		}
		s, err := r.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		want.Snapshots = append(want.Snapshots, s)
	}
	for _, p := range []ProbePoint{{Time: moment0, LiveBytes: 5 << 20, RSS: 1}, {Time: moment0, RSS: 9 << 20}, {Time: moment0}} {
		if err := b.Probe(p); err != nil {
			t.Fatal(err)
		}
	}
	want.Peak = snapshot.Peak{LiveBytes: 5 << 20, RSS: 9 << 20}
	if err := b.SetHeader(h); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, open(t, dir)); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	var header map[string]any
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil || json.Unmarshal(data, &header) != nil || header["schema"] != Schema {
		t.Errorf("run.json %s, error %v", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", ".tmp*")); len(left) > 0 {
		t.Errorf("temporary files were left: %q", left)
	}
}

func TestPiecesThatWereNotTakenAreNotWritten(t *testing.T) {
	t.Parallel()
	b, err := Create(t.TempDir(), Header{})
	if err != nil {
		t.Fatal(err)
	}
	path, err := b.Add(&snapshot.Raw{Meta: snapshot.Meta{Time: moment0}, Counters: snapshot.Counters{Values: map[string]uint64{"HeapAlloc": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if d := cmp.Diff([]string{"memstats.json", "snapshot.json"}, names); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	if s := open(t, b.Dir()).Snapshots[0]; s.Heap != nil || s.Goroutines != nil || s.Ops != nil || s.RSS != nil {
		t.Errorf("what was not known reads as known: %+v", s)
	}
}

func TestCreateRefusesWhatItWouldOverwrite(t *testing.T) {
	t.Parallel()
	occupied := t.TempDir()
	if err := os.WriteFile(filepath.Join(occupied, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(occupied, "thesis.tex")
	for _, x := range []struct{ name, dir, mention string }{
		{"a folder of something else", occupied, "thesis.tex"},
		{"a bundle with snapshots", recorded(t, 2), "2 snapshots"},
		{"a file", file, "not a directory"},
		{"a folder beneath a file", filepath.Join(file, "x"), "not a directory"},
		{"no name", "", "no folder"},
	} {
		_, err := Create(x.dir, Header{})
		if err == nil || !strings.Contains(err.Error(), x.mention) || !strings.Contains(err.Error(), x.dir) {
			t.Errorf("%s: error %v, want one that names %q and mentions %q", x.name, err, x.dir, x.mention)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if _, err := Create(recorded(t, 0), Header{}); err != nil {
		t.Errorf("a bundle that ended before its first snapshot: %v", err)
	}
}

func TestWhatCannotBeWrittenNamesItsPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := Create(dir, Header{})
	if err != nil {
		t.Fatal(err)
	}
	// A file in the place of the folder stands for a disk that takes nothing:
	// permissions do not bind every user that runs tests.
	snaps := filepath.Join(dir, "snapshots")
	if err := os.Remove(snaps); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(snaps, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = b.Add(raw(t, 0))
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "snapshots", "000000")) || !strings.Contains(err.Error(), "name another folder") || strings.Contains(err.Error(), tempPrefix) {
		t.Errorf("error %v, want one that names the snapshot and a remedy", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := b.SetHeader(Header{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "run.json") {
		t.Errorf("error %v, want the cause and run.json", err)
	}
	if err := b.Probe(ProbePoint{RSS: 1}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "probe.jsonl") {
		t.Errorf("error %v, want the cause and probe.jsonl", err)
	}
}

func TestASnapshotThatCannotBeNamedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	b, err := Create(t.TempDir(), Header{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, b.Dir(), "snapshots/000000/taken", nil)
	if path, err := b.Add(raw(t, 0)); err == nil || path != "" {
		t.Fatalf("path %q, error %v, want an error", path, err)
	}
	entries, err := os.ReadDir(filepath.Join(b.Dir(), "snapshots"))
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v, error %v", entries, err)
	}
}

// A recording that is killed leaves at most a temporary folder, a temporary
// run.json and half a line of probe.jsonl.
func TestACrashLosesAtMostTheSnapshotInFlight(t *testing.T) {
	t.Parallel()
	dir := recorded(t, 3)
	half := filepath.Join(dir, "snapshots", ".tmp-123")
	if err := os.Mkdir(half, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string]string{
		filepath.Join(half, "snapshot.json"):    `{"time":"2026-01-02T`,
		filepath.Join(half, "heap.pb.gz"):       "\x1f\x8b",
		filepath.Join(dir, ".tmp-run.json"):     `{"sch`,
		filepath.Join(dir, "probe.jsonl"):       "{\"rss_bytes\":77777777}\n{\"rss_by",
		filepath.Join(dir, "snapshots", "note"): "",
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := open(t, dir)
	if len(run.Snapshots) != 3 || len(run.Warnings) != 0 || run.Peak.RSS != 77777777 {
		t.Errorf("%d snapshots, peak %+v, warnings %q: want 3 snapshots, the probed peak and no warning", len(run.Snapshots), run.Peak, run.Warnings)
	}
}

func TestSnapshotsAndProbesAreWrittenSideBySide(t *testing.T) {
	t.Parallel()
	b, err := Create(t.TempDir(), Header{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 5 {
				one := raw(t, i)
				one.Time = moment0
				if _, err := b.Add(one); err != nil {
					t.Error(err)
				}
				if err := b.Probe(ProbePoint{Time: moment0, RSS: 5 << 20}); err != nil {
					t.Error(err)
				}
				if err := b.SetHeader(Header{Target: snapshot.Target{Name: "x"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if run := open(t, b.Dir()); len(run.Snapshots) != 20 || len(run.Warnings) != 0 || run.Target.Name != "x" {
		t.Errorf("%d snapshots, warnings %q, target %+v", len(run.Snapshots), run.Warnings, run.Target)
	}
}
