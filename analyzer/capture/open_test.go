package capture

import (
	"archive/zip"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// zipped packs a folder under a prefix and returns the archive's path.
func zipped(t testing.TB, dir, prefix string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zw := zip.NewWriter(f)
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		w, err := zw.Create(prefix + filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err == nil {
		err = errors.Join(zw.Close(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// wantInput checks that an error is an InputError that says what and what to do.
func wantInput(t *testing.T, err error, absent bool, mentions ...string) {
	t.Helper()
	var e *InputError
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want an *InputError", err, err)
	}
	if e.Absent != absent || e.Problem == "" || e.Remedy == "" {
		t.Errorf("%+v: want Absent %v, a problem and a remedy", e, absent)
	}
	for _, m := range mentions {
		if !strings.Contains(err.Error(), m) {
			t.Errorf("error %q does not mention %q", err, m)
		}
	}
}

func TestAZipReadsAsItsFolder(t *testing.T) {
	t.Parallel()
	dir := recorded(t, 3)
	want := open(t, dir)
	for _, prefix := range []string{"", "run/", "a/b/"} {
		got := open(t, zipped(t, dir, prefix))
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(snapshot.Run{}, "Source")); d != "" {
			t.Errorf("under %q (-folder +zip):\n%s", prefix, d)
		}
	}
	loose := t.TempDir()
	write(t, loose, "heap-1", raw(t, 0).Heap)
	write(t, loose, "heap-2", raw(t, 1).Heap)
	if got := open(t, zipped(t, loose, "x/")); len(got.Snapshots) != 2 {
		t.Errorf("a zip of profiles: %d snapshots", len(got.Snapshots))
	}
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestZipsThatMeanHarm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := func(name string, files map[string][]byte) string {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		zw := zip.NewWriter(f)
		for n, data := range files {
			w, err := zw.Create(n)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(data)
		}
		if err := errors.Join(zw.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	r := raw(t, 0)
	slip := build("slip.zip", map[string][]byte{"../../heap.pb.gz": r.Heap, "/etc/heap.pb.gz": r.Heap, "heap.pb.gz": r.Heap})
	run, err := Open(t.Context(), slip)
	if err == nil && len(run.Snapshots) != 1 {
		t.Errorf("names that point outside: %d snapshots, want the one inside", len(run.Snapshots))
	}
	if err != nil {
		wantInput(t, err, false)
	}
	bomb := build("bomb.zip", map[string][]byte{"snapshots/000000/snapshot.json": make([]byte, maxJSONBytes+1), "snapshots/000001/heap.pb.gz": r.Heap})
	run, err = Open(t.Context(), bomb)
	limit := func(w snapshot.Warning) bool {
		return w.Code == SnapshotUnreadable && strings.Contains(w.Text, "limit of 16 MiB")
	}
	if err != nil || len(run.Snapshots) != 1 || !slices.ContainsFunc(run.Warnings, limit) {
		t.Errorf("a file that inflates past its limit: run %+v, error %v", run, err)
	}
	cut, err := os.ReadFile(slip)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), write(t, dir, "cut.zip", cut[:len(cut)/2]))
	wantInput(t, err, false, "zip archive is broken", "cut.zip")
	_, err = Open(t.Context(), build("empty.zip", nil))
	wantInput(t, err, false, "empty")
}

func TestTheBudgetCoversAllFilesTogether(t *testing.T) {
	t.Parallel()
	budget := int64(10)
	fsys := os.DirFS(filepath.Dir(write(t, t.TempDir(), "a", make([]byte, 6))))
	if _, err := readLimited(fsys, "a", 100, &budget); err != nil || budget != 4 {
		t.Fatalf("budget %d left, error %v", budget, err)
	}
	if _, err := readLimited(fsys, "a", 100, &budget); err == nil {
		t.Error("6 bytes were read with a budget of 4")
	}
	budget = 1000
	if _, err := readLimited(fsys, "a", 6, &budget); err != nil {
		t.Errorf("as long as the limit: %v", err)
	}
	if _, err := readLimited(fsys, "a", 5, &budget); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a byte above the limit: %v", err)
	}
}

func TestPathsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none := filepath.Join(dir, "none")
	_, err := Open(t.Context(), none)
	wantInput(t, err, true, none, "no such")
	_, err = Open(t.Context())
	wantInput(t, err, true)
	_, err = Open(t.Context(), dir)
	wantInput(t, err, false, dir, "empty", "heapdrift record")
	_, err = Open(t.Context(), os.DevNull)
	wantInput(t, err, false, os.DevNull, "neither a file nor a folder")
	_, err = Open(t.Context(), recorded(t, 0))
	wantInput(t, err, false, "no snapshot")

	two := t.TempDir()
	for _, name := range []string{"a", "b"} {
		write(t, two, name+"/run.json", []byte(`{"schema":"heapdrift/run/v1"}`))
	}
	_, err = Open(t.Context(), two)
	wantInput(t, err, false, "2 run bundles", filepath.Join(two, "a"), "name one")
	_, err = Open(t.Context(), recorded(t, 1), recorded(t, 1))
	wantInput(t, err, false, "2 run bundles")

	newer := t.TempDir()
	write(t, newer, "run.json", []byte(`{"schema":"heapdrift/run/v9"}`))
	_, err = Open(t.Context(), newer)
	wantInput(t, err, false, "heapdrift/run/v9", "newer")
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{recorded(t, 2), filepath.Join(recorded(t, 1), "snapshots", "000000", "heap.pb.gz")} {
		if _, err := Open(ctx, path); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
	}
}

func TestABundleWithABrokenPieceIsReadWithoutIt(t *testing.T) {
	t.Parallel()
	heap := raw(t, 0).Heap
	for _, x := range []struct {
		name, file string
		data       []byte
		mention    string
		check      func(*snapshot.Snapshot) bool // of the snapshot with the broken piece
	}{
		{"half a heap profile", "heap.pb.gz", heap[:len(heap)/2], "cut short", func(s *snapshot.Snapshot) bool { return s.Heap == nil && s.Goroutines != nil }},
		{"a goroutine profile as heap", "heap.pb.gz", raw(t, 0).Goroutine, "another kind", func(s *snapshot.Snapshot) bool { return s.Heap == nil }},
		{"a heap profile with a bad checksum", "heap.pb.gz", flipped(heap), "does not decompress", func(s *snapshot.Snapshot) bool { return s.Heap == nil && s.Goroutines != nil }},
		{"a difference of goroutines", "goroutine.pb.gz", goroutineDelta(t), "difference of two profiles", func(s *snapshot.Snapshot) bool { return s.Goroutines == nil && s.Heap != nil }},
		{"a difference as heap", "heap.pb.gz", delta(t), "difference of two profiles", func(s *snapshot.Snapshot) bool { return s.Heap == nil }},
		{"an empty goroutine profile", "goroutine.pb.gz", []byte{}, "empty", func(s *snapshot.Snapshot) bool { return s.Goroutines == nil && s.Heap != nil }},
		{"half of snapshot.json", "snapshot.json", []byte(`{"time":"2026-01-02T03:04:`), "no JSON of a snapshot", func(s *snapshot.Snapshot) bool { return s.Ops == nil && s.Time.Equal(s.Heap.Time) }},
		{"a phase that is none", "snapshot.json", []byte(`{"time":"2026-01-02T03:04:05Z","phase":"lunch"}`), `"lunch"`, func(s *snapshot.Snapshot) bool { return s.Phase == snapshot.PhaseUnknown }},
		{"negative operations", "snapshot.json", []byte(`{"ops":-4}`), "-4 operations", func(s *snapshot.Snapshot) bool { return s.Ops == nil }},
		{"broken counters", "memstats.json", []byte(`[1]`), "no JSON of counters", func(s *snapshot.Snapshot) bool { return s.Counters.Empty() && s.Heap != nil }},
		{"broken counters in part", "memstats.json", []byte(`{"HeapAlloc":1,"BySize":"x"}`), "BySize", func(s *snapshot.Snapshot) bool { return s.Counters.Empty() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			dir := recorded(t, 3)
			path := write(t, dir, "snapshots/000001/"+x.file, x.data)
			run := open(t, dir)
			if len(run.Snapshots) != 3 || !x.check(run.Snapshots[1]) {
				t.Errorf("%d snapshots, the second %+v", len(run.Snapshots), run.Snapshots[1])
			}
			warns(t, run, SnapshotUnreadable, path, x.mention)
			if run.Failed == "" {
				t.Error("the run passes for whole: it could be called clean")
			}
		})
	}
}

func delta(t testing.TB) []byte {
	p := made{functions: []string{"main.f"}, inuse: 64, at: moment0}.heapProfile()
	p.DurationNanos = 1e9
	return compressed(t, p)
}

func goroutineDelta(t testing.TB) []byte {
	p := made{functions: []string{"main.f"}, inuse: 3, at: moment0}.goroutineProfile()
	p.DurationNanos = 1e9
	return compressed(t, p)
}

// flipped is gzip data whose checksum is that of other data.
func flipped(data []byte) []byte {
	out := slices.Clone(data)
	out[len(out)-8] ^= 1
	return out
}

// How a run ended stands in run.json: without it, the verdict must not take the end
// for a good one.
func TestABundleWhoseEndIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		header        []byte
		failed, ended bool
	}{
		"whole":            {[]byte(`{"schema":"heapdrift/run/v1"}`), false, false},
		"cut by one byte":  {[]byte(`{"schema":"heapdrift/run/v1","failed":"the target died"`), true, false},
		"missing":          {nil, false, true},
		"not yet finished": {[]byte(`{"schema":"heapdrift/run/v1","unfinished":true}`), false, true},
	} {
		dir := recorded(t, 2)
		write(t, dir, "run.json", x.header)
		if x.header == nil {
			if err := os.Remove(filepath.Join(dir, "run.json")); err != nil {
				t.Fatal(err)
			}
		}
		if run := open(t, dir); (run.Failed != "") != x.failed || (run.Ended != "") != x.ended {
			t.Errorf("run.json %s: failed %q, ended %q; want failed %v, ended %v", name, run.Failed, run.Ended, x.failed, x.ended)
		}
	}
}

func TestABundleWithoutItsHeaderIsRead(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		data []byte
		code string
	}{
		"missing": {nil, HeaderMissing}, "broken": {[]byte(`{"schema":`), HeaderUnreadable}, "of another shape": {[]byte(`{"target":3}`), HeaderUnreadable},
	} {
		data, dir := x.data, recorded(t, 2)
		if data == nil {
			if err := os.Remove(filepath.Join(dir, "run.json")); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, dir, "run.json", data)
		}
		run := open(t, dir)
		warns(t, run, x.code, "run.json")
		if len(run.Snapshots) != 2 || run.Target.MemProfileRate != 524288 {
			t.Errorf("%s: %d snapshots, target %+v", name, len(run.Snapshots), run.Target)
		}
	}
}

func TestABundleOfWhichNothingCanBeReadIsAnError(t *testing.T) {
	t.Parallel()
	dir := recorded(t, 2)
	for _, n := range []string{"000000", "000001"} {
		for _, name := range []string{"heap.pb.gz", "goroutine.pb.gz", "goroutineleak.pb.gz", "memstats.json"} {
			write(t, dir, "snapshots/"+n+"/"+name, []byte("junk"))
		}
	}
	_, err := Open(t.Context(), dir)
	wantInput(t, err, false, "no snapshot of the run bundle can be read", "heap.pb.gz")
}

func TestSnapshotsAreInTheOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	dir := recorded(t, 2)
	if err := os.Rename(filepath.Join(dir, "snapshots", "000000"), filepath.Join(dir, "snapshots", "1000000")); err != nil {
		t.Fatal(err)
	}
	run := open(t, dir)
	if *run.Snapshots[0].Ops != 100 || *run.Snapshots[1].Ops != 0 {
		t.Errorf("operations %d, %d: want number 1 before number 1,000,000", *run.Snapshots[0].Ops, *run.Snapshots[1].Ops)
	}
}

func TestFilesBesideABundleAreSaid(t *testing.T) {
	t.Parallel()
	dir := recorded(t, 1)
	write(t, filepath.Dir(dir), "notes.txt", nil)
	run := open(t, filepath.Dir(dir))
	warns(t, run, FilesBesideBundle, "1 file beside")
	if len(run.Snapshots) != 1 {
		t.Errorf("%d snapshots", len(run.Snapshots))
	}
}

func TestThePeakFallsBackToTheProcessesOwn(t *testing.T) {
	t.Parallel()
	b, err := Create(t.TempDir(), Header{})
	if err != nil {
		t.Fatal(err)
	}
	r := raw(t, 0)
	r.RSS, r.Counters.Values["MaxRSS"] = nil, 123
	if _, err := b.Add(r); err != nil {
		t.Fatal(err)
	}
	if got := open(t, b.Dir()).Peak; got.RSS != 123 || got.LiveBytes != 1<<16 {
		t.Errorf("peak %+v", got)
	}
	if _, err := b.Add(raw(t, 1)); err != nil { // has a resident set
		t.Fatal(err)
	}
	if got := open(t, b.Dir()).Peak; got.RSS != 1<<20+1 {
		t.Errorf("peak %+v, want the measured resident set before MaxRSS", got)
	}
}
