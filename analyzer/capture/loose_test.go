package capture

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// server is a hand-made profile of the usual program, n seconds in.
func server(n int) made {
	return made{
		binary: "/opt/server", build: "b1", functions: []string{"main.f", "example.com/s/store.Put", "example.com/s/feed.Read"},
		inuse: int64(n+1) << 16, at: moment0.Add(time.Duration(n) * time.Second),
	}
}

// files writes a folder; the values are profiles or bytes.
func files(t testing.TB, content map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, v := range content {
		switch v := v.(type) {
		case *profile.Profile:
			write(t, dir, name, compressed(t, v))
		case []byte:
			write(t, dir, name, v)
		case string:
			write(t, dir, name, []byte(v))
		}
	}
	return dir
}

// shape says what each snapshot of a run holds: its live bytes of main.f and
// which pieces.
func shape(run *snapshot.Run) []string {
	var out []string
	for _, s := range run.Snapshots {
		var parts []string
		if s.Heap != nil {
			parts = append(parts, fmt.Sprintf("heap %dk", s.Heap.Samples[0].InuseBytes>>10))
		}
		if s.Goroutines != nil {
			parts = append(parts, fmt.Sprintf("goroutines %d", s.Goroutines.Samples[0].Count))
		}
		if s.Leaked != nil {
			parts = append(parts, "leaked")
		}
		if live, ok := s.Counters.LiveBytes(); ok {
			parts = append(parts, fmt.Sprintf("live %d", live))
		}
		out = append(out, strings.Join(parts, ", "))
	}
	return out
}

func TestProfilesThatTheRuntimeWrites(t *testing.T) {
	t.Parallel()
	var heap, gz, goroutine, mutex, txt bytes.Buffer
	p := func(name string, b *bytes.Buffer, debug int) {
		if err := pprof.Lookup(name).WriteTo(b, debug); err != nil {
			t.Fatal(err)
		}
	}
	p("heap", &gz, 0)
	p("goroutine", &goroutine, 0)
	p("heap", &txt, 1)
	p("heap", &heap, 0)
	p("mutex", &mutex, 0)
	unzipped, err := snapshot.Inflate(heap.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	dir := files(t, map[string]any{
		"first.pprof": gz.Bytes(), "second": unzipped, "gr.out": goroutine.Bytes(), "contention.prof": mutex.Bytes(),
		"heap.txt": txt.Bytes(), ".hidden": "x",
	})
	run := open(t, dir)
	heaps, routines, counters := 0, 0, 0
	for _, s := range run.Snapshots {
		if s.Heap != nil {
			heaps++
		}
		if s.Goroutines != nil {
			routines++
		}
		if !s.Counters.Empty() {
			counters++
		}
	}
	if heaps != 2 || routines != 1 || counters != 1 {
		t.Errorf("%d heap, %d goroutine profiles, %d counters: %q", heaps, routines, counters, shape(run))
	}
	warns(t, run, KindShowsNoGrowth, "contention.prof (contentions, delay)")
	if run.Target.Name == "" || run.Target.MemProfileRate != 16<<10 {
		t.Errorf("target %+v", run.Target)
	}
}

func TestTheOrderIsThatOfTimeAndThenOfNames(t *testing.T) {
	t.Parallel()
	timeless := func(n int) *profile.Profile { m := server(n); m.at = time.Time{}; return m.heapProfile() }
	for _, x := range []struct {
		name    string
		content map[string]any
		want    []string
		warned  bool
	}{
		{"time before name", map[string]any{"a": server(2).heapProfile(), "b": server(0).heapProfile(), "c": server(1).heapProfile()},
			[]string{"heap 64k", "heap 128k", "heap 192k"}, false},
		{"names with numbers where there is no time", map[string]any{"h10": timeless(2), "h9": timeless(1), "h1": timeless(0)},
			[]string{"heap 64k", "heap 128k", "heap 192k"}, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			run := open(t, files(t, x.content))
			if d := cmp.Diff(x.want, shape(run)); d != "" {
				t.Errorf("snapshots (-want +got):\n%s", d)
			}
			if warned := slices.ContainsFunc(run.Warnings, func(w snapshot.Warning) bool { return w.Code == WithoutTimes }); warned != x.warned {
				t.Errorf("warnings %q", run.Warnings)
			}
		})
	}
}

func TestProfilesOfOneMomentAreOneSnapshot(t *testing.T) {
	t.Parallel()
	g := func(n int, at time.Duration) *profile.Profile {
		m := server(0)
		m.inuse, m.at = int64(n), m.at.Add(at)
		return m.goroutineProfile()
	}
	leak := g(7, time.Second)
	leak.SampleType[0].Type = "goroutineleak"
	for _, x := range []struct {
		name    string
		content map[string]any
		want    []string
	}{
		{"by the number in the name", map[string]any{
			"heap-001.pb.gz": server(0).heapProfile(), "heap-002.pb.gz": server(1).heapProfile(),
			"goroutine-002.pb.gz": g(2, 0), "goroutine-001.pb.gz": g(1, time.Second)},
			[]string{"heap 64k, goroutines 1", "heap 128k, goroutines 2"}},
		{"by their folder", map[string]any{
			"t1/heap": server(0).heapProfile(), "t2/heap": server(1).heapProfile(), "t1/goroutine": g(1, time.Second), "t2/goroutine": g(2, 0)},
			[]string{"heap 64k, goroutines 1", "heap 128k, goroutines 2"}},
		{"by the names of go tool pprof", map[string]any{
			"pprof.s.alloc_objects.alloc_space.inuse_objects.inuse_space.001.pb.gz": server(0).heapProfile(),
			"pprof.s.goroutine.001.pb.gz":                                           g(1, 20*time.Second)},
			[]string{"heap 64k, goroutines 1"}},
		{"by their time", map[string]any{
			"x1": server(0).heapProfile(), "x2": server(10).heapProfile(), "y": g(2, 11*time.Second), "z": g(1, time.Second)},
			[]string{"heap 64k, goroutines 1", "heap 704k, goroutines 2"}},
		{"what is far from every heap profile is a snapshot of its own", map[string]any{
			"x1": server(0).heapProfile(), "x2": server(10).heapProfile(), "y": g(5, 5*time.Hour)},
			[]string{"heap 64k", "heap 704k", "goroutines 5"}},
		{"the same name a day later is another moment", map[string]any{
			"heap-1": server(0).heapProfile(), "goroutine-1": g(5, 24*time.Hour)},
			[]string{"heap 64k", "goroutines 5"}},
		{"goroutines alone", map[string]any{"a": g(1, 0), "b": g(2, time.Second)}, []string{"goroutines 1", "goroutines 2"}},
		{"the leak profile too", map[string]any{"heap-1": server(1).heapProfile(), "goroutine-1": g(1, time.Second), "goroutineleak-1": leak},
			[]string{"heap 128k, goroutines 1, leaked"}},
		{"texts give the counters", map[string]any{
			"heap-1.pb.gz": server(0).heapProfile(), "heap-2.pb.gz": server(1).heapProfile(),
			"heap-1.txt": text(11, 1, moment0), "heap-2.txt": text(22, 3, moment0.Add(time.Second))},
			[]string{"heap 64k, live 11", "heap 128k, live 22"}},
		{"texts alone", map[string]any{"a.txt": text(11, 1, moment0.Add(time.Hour)), "b.txt": text(22, 3, moment0)}, []string{"live 22", "live 11"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			run := open(t, files(t, x.content))
			if d := cmp.Diff(x.want, shape(run)); d != "" {
				t.Errorf("snapshots (-want +got):\n%s", d)
			}
			if len(run.Warnings) != 0 {
				t.Errorf("warnings %q", run.Warnings)
			}
		})
	}
}

func TestWhatIsOfNoUseIsPassedOverAndNamed(t *testing.T) {
	t.Parallel()
	good := func(extra map[string]any) map[string]any {
		m := map[string]any{"h1": server(0).heapProfile(), "h2": server(1).heapProfile(), "h3": server(2).heapProfile()}
		for k, v := range extra {
			m[k] = v
		}
		return m
	}
	cpu := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}, Period: 1}
	negative := server(5).heapProfile()
	negative.Sample[0].Value[3] = -5
	allocs := server(1).heapProfile()
	allocs.DefaultSampleType = "alloc_space"
	for _, x := range []struct {
		name, code, mention string
		extra               map[string]any
	}{
		{"a CPU profile", KindShowsNoGrowth, "cpu.pb.gz (samples, cpu)", map[string]any{"cpu.pb.gz": cpu}},
		{"half a profile", FileUnreadable, "h4 (not a pprof profile: it was cut short", map[string]any{"h4": compressed(t, server(3).heapProfile())[:90]}},
		{"a profile with a bad checksum", FileUnreadable, "h4", map[string]any{"h4": flipped(compressed(t, server(3).heapProfile()))}},
		{"a readme", FileUnreadable, "README.md", map[string]any{"README.md": "# Profiles\n"}},
		{"an empty file", FileUnreadable, "it is empty", map[string]any{"h4": ""}},
		{"a difference with a duration", IsDifference, "h4", map[string]any{"h4": delta(t)}},
		{"a difference of goroutine profiles", IsDifference, "gr1", map[string]any{"gr1": goroutineDelta(t)}},
		{"a difference with negative values", IsDifference, "h4", map[string]any{"h4": negative}},
		{"the text of goroutines", GoroutineText, "gr.txt", map[string]any{"gr.txt": "goroutine profile: total 3\n3 @ 0x1\n"}},
		{"the dump of goroutines", GoroutineText, "gr.txt", map[string]any{"gr.txt": "goroutine 1 [running]:\nmain.main()\n"}},
		{"a heap text that was cut", FileUnreadable, "HeapAlloc", map[string]any{"h4.txt": "heap profile: 1: 2 [3: 4] @ heap/1048576\n1: 2"}},
		{"the same profile twice", FileTwice, "h2", map[string]any{"copy": plain(t, server(1).heapProfile())}},
		{"an allocs profile beside heap profiles", SameAsHeap, "allocs", map[string]any{"allocs": allocs}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			run := open(t, files(t, good(x.extra)))
			if d := cmp.Diff([]string{"heap 64k", "heap 128k", "heap 192k"}, shape(run)); d != "" {
				t.Errorf("snapshots (-want +got):\n%s", d)
			}
			warns(t, run, x.code, x.mention)
			if damaged := x.name == "half a profile" || x.name == "a profile with a bad checksum"; (run.Failed != "") != damaged {
				t.Errorf("failed %q: want a whole recording unless a profile is damaged", run.Failed)
			}
		})
	}
}

func TestFilesOfWhichNoneIsOfUse(t *testing.T) {
	t.Parallel()
	cpu := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}}}
	half := compressed(t, server(0).heapProfile())
	for _, x := range []struct {
		name    string
		content map[string]any
		mention []string
	}{
		{"one half profile", map[string]any{"h": half[:len(half)/2]}, []string{"no readable pprof profile", "cut short"}},
		{"one CPU profile", map[string]any{"cpu": cpu}, []string{"shows no growth", "(samples)"}},
		{"differences only", map[string]any{"a": delta(t), "b": goroutineDelta(t)}, []string{"seconds="}},
		{"goroutine texts only", map[string]any{"a": "goroutine profile: total 1\n"}, []string{"without debug="}},
		{"a mixture", map[string]any{"a.txt": "x", "b": cpu}, []string{"none of its 2 files", "a.txt", "(samples)"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			dir := files(t, x.content)
			_, err := Open(t.Context(), dir)
			wantInput(t, err, false, append(x.mention, dir)...)
		})
	}
}

func TestAListOfFilesAndFolders(t *testing.T) {
	t.Parallel()
	a := files(t, map[string]any{"heap.pb.gz": server(1).heapProfile()})
	b := files(t, map[string]any{"heap.pb.gz": server(0).heapProfile(), "sub/heap.pb.gz": server(2).heapProfile()})
	run := open(t, filepath.Join(a, "heap.pb.gz"), b)
	if d := cmp.Diff([]string{"heap 64k", "heap 128k", "heap 192k"}, shape(run)); d != "" {
		t.Errorf("snapshots (-want +got):\n%s", d)
	}
	if run.Snapshots[0].Heap.Samples[0].Stack != run.Snapshots[2].Heap.Samples[0].Stack {
		t.Error("the snapshots of a run do not share their stacks")
	}
}

func TestTextsWithoutACollectionAreSaid(t *testing.T) {
	t.Parallel()
	run := open(t, files(t, map[string]any{"a.txt": text(1, 4, moment0), "b.txt": text(2, 4, moment0.Add(time.Second))}))
	warns(t, run, WithoutGC)
}

func TestALinkToAProfileIsFollowed(t *testing.T) {
	t.Parallel()
	dir := files(t, map[string]any{"real": server(0).heapProfile()})
	other := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(other, "link")); err != nil {
		t.Skip(err)
	}
	if run := open(t, other); len(run.Snapshots) != 1 {
		t.Errorf("%d snapshots", len(run.Snapshots))
	}
}

func TestNamesCompareNaturally(t *testing.T) {
	t.Parallel()
	want := []string{"", "a", "a01", "a1", "a2", "a2b", "a10", "a10/1", "b", "pprof.9.x", "pprof.10.x"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, naturally)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, a := range want {
		for _, b := range want {
			if naturally(a, b) != 0 && (naturally(a, b) > 0) == (naturally(b, a) > 0) {
				t.Errorf("%q and %q are each before the other", a, b)
			}
		}
	}
}

func TestStemsOfNames(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"heap-001.pb.gz", "goroutine-001.pb.gz"},
		{"t3/heap.pb.gz", "t3/goroutines.pprof"},
		{"app.heap.2026-01-02T03.prof", "app.goroutine.2026-01-02T03.prof"},
		{"12_mem.out", "12_gr.out"},
		{"pprof.s.alloc_objects.alloc_space.inuse_objects.inuse_space.004.pb.gz", "pprof.s.goroutine.004.pb.gz"},
		{"HEAP1", "heap1.txt"},
	} {
		if a, b := stem(pair[0]), stem(pair[1]); a != b {
			t.Errorf("%q has the stem %q, %q has %q", pair[0], a, pair[1], b)
		}
	}
	for _, pair := range [][2]string{{"heap-1", "goroutine-2"}, {"a/heap", "b/goroutine"}, {"heap-1-2", "goroutine-12"}} {
		if a, b := stem(pair[0]), stem(pair[1]); a == b {
			t.Errorf("%q and %q share the stem %q", pair[0], pair[1], a)
		}
	}
}

func FuzzOpen(f *testing.F) {
	r := raw(f, 0)
	f.Add("heap-1", r.Heap, "goroutine-1", r.Goroutine)
	f.Add("snapshots/000000/heap.pb.gz", r.Heap, "snapshots/000000/snapshot.json", []byte(`{"time":"2026-01-02T03:04:05Z","ops":3}`))
	f.Add("snapshots/000000/memstats.json", []byte(`{"HeapAlloc":1}`), "run.json", []byte(`{"schema":"heapdrift/run/v1"}`))
	f.Add("a.txt", []byte(text(1, 1, moment0)), "probe.jsonl", []byte(`{"rss_bytes":1}`))
	f.Add("run.json", []byte(`{"schema":"heapdrift/run/v1"}`), "probe.jsonl", []byte(`{"rss_bytes":1}`))
	f.Add("x", plain(f, server(0).heapProfile()), "y", delta(f))
	f.Fuzz(func(t *testing.T, name1 string, data1 []byte, name2 string, data2 []byte) {
		fsys := fstest.MapFS{name1: {Data: data1}, name2: {Data: data2}}
		o := &inputReader{ctx: t.Context(), label: "fuzz", budget: maxTotalBytes}
		err := o.tree(place{fsys, o.label})
		var run *snapshot.Run
		if err == nil {
			run, err = o.run()
		}
		if err != nil {
			var e *InputError
			if !errors.As(err, &e) || e.Problem == "" || e.Remedy == "" || e.Absent {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if len(run.Snapshots) == 0 {
			t.Fatal("neither an error nor a snapshot")
		}
		for _, s := range run.Snapshots {
			if s.Heap == nil && s.Goroutines == nil && s.Leaked == nil && s.Counters.Empty() {
				t.Fatal("a snapshot that holds nothing")
			}
			if !s.Phase.Valid() {
				t.Fatalf("phase %q", s.Phase)
			}
		}
	})
}
