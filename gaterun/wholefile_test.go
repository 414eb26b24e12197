package gaterun

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestAFileIsThereAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "made", "for", "it.json")
	if err := WriteWhole(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteWhole(link, []byte("second")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, serr := os.Lstat(link)
	if err != nil || serr != nil || string(data) != "second" || info.Mode().IsRegular() {
		t.Errorf("through a link: %q, %v, %v; want the file behind it replaced", data, err, serr)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v; want it as it was", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("something is left behind: %v, %v", entries, err)
	}
	for _, bad := range []string{dir, filepath.Join(path, "below")} {
		if err := WriteWhole(bad, nil); err == nil {
			t.Errorf("%s was written", bad)
		}
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /dev/full")
	}
	if err := WriteWhole("/dev/full", []byte("report")); err == nil {
		t.Error("a report on a full disk is no error")
	}
	if info, err := os.Stat("/dev/full"); err != nil || info.Mode().IsRegular() {
		t.Fatalf("/dev/full was replaced: %v, %v", info, err)
	}
	if err := WriteWhole("/dev/null", []byte("report")); err != nil {
		t.Errorf("/dev/null: %v", err)
	}
}

// What readers see while many write is one of the whole files.
func TestWritersDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.json")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				if err := WriteWhole(path, bytes.Repeat([]byte{'a' + byte(i)}, 1<<16)); err != nil {
					t.Error(err)
				}
				data, err := os.ReadFile(path)
				if err != nil || len(data) != 1<<16 || bytes.Count(data, data[:1]) != len(data) {
					t.Errorf("a mixed or cut file of %d bytes, %v", len(data), err)
				}
			}
		})
	}
	wg.Wait()
}

// Two gates in one checkout at a time, and one in a checkout that cannot be
// written.
func TestGatesDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	o := read(t, served(target(t))...)
	o.Analyze = says(detect.Growing, 300) // not passed: recordings stay
	dir := filepath.Dir(o.Path)
	if err := os.WriteFile(o.Path, []byte("scenarios: []\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil { // root may write all the same: see below
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		bundles = map[string]bool{}
	)
	for range 3 {
		wg.Go(func() {
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			bundles[r.Scenarios[0].Bundle] = true
		})
	}
	wg.Wait()
	for b := range bundles {
		if _, err := os.Stat(filepath.Join(b, "run.json")); err != nil {
			t.Error(err)
		}
		os.RemoveAll(filepath.Dir(b))
	}
	if len(bundles) != 3 {
		t.Errorf("recordings %v; want one of each gate", bundles)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the checkout holds %v, %v; want it as it was", entries, err)
	}
}

// A recording that could not be written as a whole must not read as a pass.
func TestARecordingThatIsNotWholeIsNoPass(t *testing.T) {
	t.Parallel()
	o := read(t, served(target(t))...)
	o.Out = filepath.Join(t.TempDir(), "recordings")
	analyze := says(detect.Stable, 0)
	o.Analyze = func(run *snapshot.Run, cfg detect.Config) *detect.Result {
		entries, err := os.ReadDir(filepath.Join(o.Out, "shop", "snapshots"))
		if err != nil || len(entries) < 2 {
			t.Errorf("the recording holds %v, %v", entries, err)
			return analyze(run, cfg)
		}
		if err := os.RemoveAll(filepath.Join(o.Out, "shop", "snapshots", entries[1].Name())); err != nil {
			t.Error(err)
		}
		return analyze(run, cfg)
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Scenarios[0]; r.ExitCode != 4 || s.State != gate.Errored {
		t.Errorf("code %d, %s: %s; want 4", r.ExitCode, s.State, s.Summary)
	}
}
