package series

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// recording makes n snapshots a second apart, with whatever of changes sets.
func recording(n int, change func(i int, s *snapshot.Snapshot)) *snapshot.Run {
	r := &snapshot.Run{}
	for i := range n {
		ops := int64(100 * i)
		s := &snapshot.Snapshot{Meta: snapshot.Meta{Time: noon.Add(time.Duration(i) * time.Second), Ops: &ops, PID: 7}}
		s.Counters.Values = map[string]uint64{"HeapAlloc": uint64(1000 + i), "Mallocs": uint64(500 + i), "Frees": 100, "NumGC": uint64(i)}
		if change != nil {
			change(i, s)
		}
		r.Snapshots = append(r.Snapshots, s)
	}
	return r
}

func TestCut(t *testing.T) {
	t.Parallel()
	heap := func(period, alloc int64) *snapshot.Heap {
		return &snapshot.Heap{Period: period, Samples: []snapshot.HeapSample{{Stack: &snapshot.Stack{Key: "a"}, Size: 64, AllocBytes: alloc, AllocObjects: 1}}}
	}
	started := func(d time.Duration) *time.Time { at := noon.Add(d); return &at }
	for _, c := range []struct {
		name   string
		n      int
		change func(i int, s *snapshot.Snapshot)
		first  int // of the piece that is kept
		length int
		says   string // in a warning; "" none
	}{
		{"nothing changes", 10, nil, 0, 10, ""},
		{"another process: the longer piece after it", 10, func(i int, s *snapshot.Snapshot) {
			if i >= 4 {
				s.PID = 8
			}
		}, 4, 6, "process 7 became 8"},
		{"another process: the longer piece before it", 10, func(i int, s *snapshot.Snapshot) {
			if i >= 7 {
				s.PID = 8
			}
		}, 0, 7, "process 7 became 8"},
		{"equal pieces: the later", 10, func(i int, s *snapshot.Snapshot) {
			if i >= 5 {
				s.PID = 8
			}
		}, 5, 5, "5 of 10"},
		{"a process number that is sometimes missing", 10, func(i int, s *snapshot.Snapshot) {
			if i%2 == 1 {
				s.PID = 0
			}
			if i >= 7 && i%2 == 0 {
				s.PID = 8
			}
		}, 0, 8, "process 7 became 8"},
		{"a start time that moved", 10, func(i int, s *snapshot.Snapshot) {
			if s.Started = started(0); i >= 3 {
				s.Started = started(time.Minute)
			}
		}, 3, 7, "start time moved"},
		{"a start time that a clock's correction moved", 10, func(i int, s *snapshot.Snapshot) {
			s.Started = started(time.Duration(i%2) * time.Second)
		}, 0, 10, ""},
		{"a counter that went back", 10, func(i int, s *snapshot.Snapshot) {
			if i >= 6 {
				s.Counters.Values["Mallocs"] = uint64(200 + i)
			}
		}, 0, 6, "Mallocs went back from 505 to 206"},
		{"a counter that went back across a snapshot without counters", 10, func(i int, s *snapshot.Snapshot) {
			if i == 6 {
				s.Counters = snapshot.Counters{}
			}
			if i >= 7 {
				s.Counters.Values["Mallocs"] = uint64(200 + i)
			}
		}, 0, 7, "Mallocs went back from 505 to 207"},
		{"live bytes that fall are no restart", 10, func(i int, s *snapshot.Snapshot) {
			s.Counters.Values["HeapAlloc"] = uint64(1000 - i)
		}, 0, 10, ""},
		{"operations that went back", 10, func(i int, s *snapshot.Snapshot) {
			if ops := int64(i); i >= 8 {
				s.Ops = &ops
			}
		}, 0, 8, "operations went back from 700 to 8"},
		{"another sampling rate", 10, func(i int, s *snapshot.Snapshot) {
			if s.Heap = heap(512<<10, 100); i >= 2 {
				s.Heap = heap(16<<10, 100)
			}
		}, 2, 8, "sampling rate changed from 524288 to 16384"},
		{"a profile whose allocated bytes went back", 10, func(i int, s *snapshot.Snapshot) {
			if s.Heap = heap(512, 1000); i >= 3 {
				s.Heap = heap(512, 10)
			}
		}, 3, 7, "allocated bytes of the profile went back"},
		{"restarted again and again", 16, func(i int, s *snapshot.Snapshot) { s.PID = 7 + i/2 }, 14, 2, "2 more cuts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Build(recording(c.n, c.change))
			if len(r.Snapshots) != c.length || r.Snapshots[0].Time.Sub(noon) != time.Duration(c.first)*time.Second {
				t.Errorf("kept %d snapshots from %v, want %d from second %d", len(r.Snapshots), r.Snapshots[0].Time.Sub(noon), c.length, c.first)
			}
			said := ""
			for _, w := range r.Warnings {
				said += w.Text + "; "
			}
			if c.says == "" && said != "" || !strings.Contains(said, c.says) {
				t.Errorf("warnings %q, want %q among them", said, c.says)
			}
			if r.Seconds[0] != 0 || len(r.Work) != c.length || len(r.Totals) > 0 && len(r.Totals[0].Y) != c.length {
				t.Errorf("series do not have the piece's length: %d work, seconds from %v", len(r.Work), r.Seconds[0])
			}
		})
	}
}

func TestAxis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(i int, s *snapshot.Snapshot)
		ops    bool
		kept   int
	}{
		{"operations that move", nil, true, 6},
		{"one snapshot lacks them and is left out", func(i int, s *snapshot.Snapshot) {
			if i == 3 {
				s.Ops = nil
			}
		}, true, 5},
		{"half of them lack them", func(i int, s *snapshot.Snapshot) {
			if i%2 == 0 {
				s.Ops = nil
			}
		}, false, 6},
		{"a counter that stands still", func(i int, s *snapshot.Snapshot) { n := int64(5); s.Ops = &n }, false, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Build(recording(6, c.change))
			want := 5.0
			if c.ops {
				want = 500
			}
			if len(r.Work) != c.kept || r.HasOps != c.ops || r.Work[len(r.Work)-1] != want {
				t.Errorf("HasOps %v, work %v; want %v, %d that end at %v", r.HasOps, r.Work, c.ops, c.kept, want)
			}
		})
	}
	if r := Build(&snapshot.Run{}); r.HasOps || len(r.Totals) != 0 {
		t.Errorf("an empty run gave %+v", r)
	}
}

// served is what a profile says of k sampled objects: the scaling of
// runtime/pprof (protomem.go, Go 1.26), rounding towards zero included.
func served(k, size, rate int64) (objects, bytes int64) {
	if k == 0 || size == 0 {
		return 0, 0
	}
	if rate <= 1 {
		return k, k * size
	}
	count, total := float64(k), float64(k*size)
	scale := 1 / (1 - math.Exp(-(total/count)/float64(rate)))
	return int64(count * scale), int64(total * scale)
}

func TestSampledObjectsAreRecoveredFromServedNumbers(t *testing.T) {
	t.Parallel()
	for _, rate := range []int64{1, 512, 4096, 16384, 524288} {
		for _, size := range []int64{1, 8, 16, 48, 1024, 8192, 32768, 1 << 20, 100 << 20} {
			for _, k := range []int64{0, 1, 2, 3, 10, 999, 12345} {
				objects, bytes := served(k, size, rate)
				if got, _ := sampled(objects, bytes, size, float64(rate)); got != float64(k) {
					t.Errorf("rate %d, size %d: served %d objects, %d bytes gave k = %v, want %d", rate, size, objects, bytes, got, k)
				}
			}
		}
	}
}

func TestWithoutASizeLabelTheMeanSizeServes(t *testing.T) {
	t.Parallel()
	objects, bytes := served(40, 256, 16384)
	if k, w := sampled(objects, bytes, 0, 16384); k != 40 || math.Abs(w-16512.3) > 1 {
		t.Errorf("sampled without a size = %v objects of weight %.1f, want 40 of 16512.3", k, w)
	}
	if k, w := sampled(0, 4096, 0, 16384); k != 0 || w != 0 {
		t.Errorf("bytes without objects or a size gave k = %v, w = %v; want nothing", k, w)
	}
}

// profile makes a heap profile of stacks with k objects of a size in use, of
// born ever allocated.
type held struct {
	st            *snapshot.Stack
	size, k, born int64
}

func profile(rate int64, all ...held) *snapshot.Heap {
	h := &snapshot.Heap{Period: rate}
	for _, x := range all {
		s := snapshot.HeapSample{Stack: x.st, Size: x.size}
		s.InuseObjects, s.InuseBytes = served(x.k, x.size, rate)
		s.AllocObjects, s.AllocBytes = served(x.born, x.size, rate)
		h.Samples = append(h.Samples, s)
	}
	return h
}

func stackAt(line int, kindAndFunction ...string) *snapshot.Stack {
	f := stack(kindAndFunction...)
	for i := range f {
		f[i].Line = line
	}
	return &snapshot.Stack{Frames: f, Key: snapshot.Key(f)}
}

func TestSites(t *testing.T) {
	t.Parallel()
	const rate = 16384
	fmtLeaf := stackAt(10, "std", "fmt.Sprintf", "own", "app.Put", "own", "main.main")
	bytesLeaf := stackAt(20, "std", "bytes.growSlice", "own", "app.Put", "own", "main.main")
	other := stackAt(30, "own", "app.Get", "own", "main.main")
	run := recording(9, func(i int, s *snapshot.Snapshot) {
		n := int64(i)
		s.Heap = profile(rate, held{fmtLeaf, 64, 5, 10 + 2*n}, held{bytesLeaf, 64, n, 3 * n}, held{other, 1024, 7, 7})
		if i == 4 {
			s.Heap = nil
		}
	})
	r := Build(run)
	if len(r.Sites) != 2 || r.Period != rate {
		t.Fatalf("%d sites at rate %d, want 2 at %d", len(r.Sites), r.Period, rate)
	}
	get, put := r.Sites[0], r.Sites[1]
	if get.Key != "app.Get\nmain.main" || put.Key != "app.Put\nmain.main" {
		t.Fatalf("keys %q, %q: want the leaf of the library trimmed, sorted", get.Key, put.Key)
	}
	w := Weight(64, rate)
	for i := range 9 {
		n := float64(i)
		if i == 4 {
			for _, v := range []float64{put.Bytes[i], put.Samples[i], put.Births[i], put.Live[i], put.Turnover[i], get.AllocBytes[i]} {
				if !math.IsNaN(v) {
					t.Errorf("snapshot 4 has no profile, yet %v", v)
				}
			}
			continue
		}
		if put.Samples[i] != 5+n || put.Births[i] != 10+5*n {
			t.Errorf("snapshot %d: %v in use of %v born, want %v of %v", i, put.Samples[i], put.Births[i], 5+n, 10+5*n)
		}
		// births since the start 5n, deaths 5n − n = 4n
		if want := w * w * 9 * n; math.Abs(put.Turnover[i]-want) > 1e-6*want {
			t.Errorf("snapshot %d: turnover %v, want %v", i, put.Turnover[i], want)
		}
		if want := w * w * (5 + n); math.Abs(put.Live[i]-want) > 1e-6*want {
			t.Errorf("snapshot %d: Q_K %v, want %v", i, put.Live[i], want)
		}
	}
	if put.Stack != bytesLeaf {
		t.Errorf("shows %v, want the stack that grew, not the large one that stood still", put.Stack.Frames)
	}
	if z := put.Sizes(); len(z) != 1 || z[0].Size != 64 || z[0].Samples[8] != 13 || math.Abs(z[0].Weight-w) > 1e-9 {
		t.Errorf("sizes %+v, want one of 64 bytes with 13 objects", z)
	}
	parts := put.Parts()
	if len(parts) != 2 || parts[0].Stack != bytesLeaf || parts[1].Stack != fmtLeaf {
		t.Fatalf("parts %+v, want the two stacks in order", parts)
	}
	for i, p := range parts {
		inUse, born := []float64{8, 5}[i], []float64{24, 26}[i]
		if p.Size != 64 || p.Samples[8] != inUse || p.Births[8] != born || math.Abs(p.Bytes[8]-inUse*w) > 1 || math.Abs(p.AllocBytes[8]-born*w) > 1 {
			t.Errorf("part %d: %+v at the end, want %v in use of %v born", i, p, inUse, born)
		}
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	st := stackAt(1, "own", "app.Put")
	withHeap := func(i int, s *snapshot.Snapshot) { s.Heap = profile(4096, held{st, 64, int64(i), int64(2 * i)}) }
	t.Run("exact counters win over the profile", func(t *testing.T) {
		m := Build(recording(5, withHeap)).Total(LiveBytes)
		if m == nil || m.Sampled || m.Y[4] != 1004 {
			t.Errorf("live bytes %+v, want the exact 1000 … 1004", m)
		}
	})
	t.Run("live objects are allocations less frees", func(t *testing.T) {
		if m := Build(recording(5, nil)).Total(LiveObjects); m == nil || m.Y[0] != 400 || m.Y[4] != 404 {
			t.Errorf("live objects %+v, want 400 … 404", m)
		}
	})
	t.Run("without counters the sites are added up, with their noise", func(t *testing.T) {
		r := Build(recording(5, func(i int, s *snapshot.Snapshot) {
			s.Counters = snapshot.Counters{}
			withHeap(i, s)
		}))
		m := r.Total(LiveBytes)
		if m == nil || !m.Sampled {
			t.Fatalf("live bytes %+v, want them from the samples", m)
		}
		_, want := served(4, 64, 4096)
		if m.Y[4] != float64(want) || m.Noise[4] != r.Sites[0].Live[4] || m.Turnover[4] != r.Sites[0].Turnover[4] {
			t.Errorf("last value %v, noise %v, turnover %v; want %v and the site's own", m.Y[4], m.Noise[4], m.Turnover[4], want)
		}
		if o := r.Total(LiveObjects); o != nil {
			t.Errorf("live objects %+v from samples: they have no sum", o)
		}
	})
	t.Run("a snapshot that lacks a counter is a gap", func(t *testing.T) {
		m := Build(recording(5, func(i int, s *snapshot.Snapshot) {
			if i == 2 {
				s.Counters = snapshot.Counters{}
			}
		})).Total(LiveBytes)
		if !math.IsNaN(m.Y[2]) || m.Y[3] != 1003 {
			t.Errorf("live bytes %v, want a gap at 2", m.Y)
		}
	})
	t.Run("what nothing tells is absent", func(t *testing.T) {
		r := Build(recording(5, nil))
		if r.Total(Goroutines) != nil || r.Total(RSSBytes) != nil || r.Total(StackBytes) != nil {
			t.Errorf("totals %+v from counters that are not there", r.Totals)
		}
	})
}

func TestGroups(t *testing.T) {
	t.Parallel()
	parked := stackAt(1, "std", "runtime.gopark", "std", "runtime.chanrecv1", "own", "app.Put.func1", "own", "app.Put.gowrap1")
	locked := stackAt(1, "std", "runtime.gopark", "std", "sync.(*Mutex).Lock", "own", "app.Put.func1", "own", "app.Put.gowrap1")
	elsewhere := stackAt(9, "std", "runtime.gopark", "std", "runtime.chanrecv1", "own", "app.Put.func1", "own", "app.Put.gowrap1")
	r := Build(recording(4, func(i int, s *snapshot.Snapshot) {
		if i == 1 {
			return
		}
		s.Goroutines = &snapshot.Goroutines{Total: 6, Samples: []snapshot.GoroutineSample{{Stack: parked, Count: 3}, {Stack: elsewhere, Count: 2}, {Stack: locked, Count: 1}}}
		if i == 3 {
			begun := snapshot.Frame{Function: "app.Put", File: "/src/app.go", Line: 4}
			work := []snapshot.Frame{parked.Frames[2]} // a dump leaves the runtime out, and gowrap
			s.Waiting = []snapshot.Waiting{{Reason: "chan receive", For: 3 * time.Minute, Stack: work, CreatedBy: begun}, {Reason: "chan receive", Stack: work, CreatedBy: begun}, {Reason: "chan receive", For: time.Minute, Stack: work}, {Reason: "select", Stack: []snapshot.Frame{{Function: "other.wait"}}}}
			s.Leaked = &snapshot.Goroutines{Total: 2, Samples: []snapshot.GoroutineSample{{Stack: parked, Count: 2}}}
		}
	}))
	if len(r.Groups) != 2 || len(r.Leaked) != 1 {
		t.Fatalf("%d groups, %d leaked; want 2 and 1", len(r.Groups), len(r.Leaked))
	}
	g := r.Groups[0]
	if g.Reason != "chan receive" || g.Site != "app.Put.func1" || g.Root != "app.Put.gowrap1" || g.Stack != parked {
		t.Errorf("group %+v, want the receive at app.Put.func1 shown by its most frequent stack", g)
	}
	if g.Count[0] != 5 || !math.IsNaN(g.Count[1]) || g.Count[3] != 5 {
		t.Errorf("counts %v, want 5 with a gap at 1", g.Count)
	}
	if g.CreatedBy.Function != "app.Put" || g.CreatedBy.Line != 4 || g.Longest != 3*time.Minute {
		t.Errorf("created by %+v, longest %s; want what most were begun by, and three minutes", g.CreatedBy, g.Longest)
	}
	if r.Groups[1].Reason != "sync.Mutex.Lock" {
		t.Errorf("second group waits for %q", r.Groups[1].Reason)
	}
	if r.Leaked[0].Count[3] != 2 || !math.IsNaN(r.Leaked[0].Count[0]) {
		t.Errorf("leaked counts %v, want 2 at the end only", r.Leaked[0].Count)
	}
}

// The order of samples within a profile is an accident of the runtime's hash
// table: nothing may depend on it, ties between stacks included.
func TestTheOrderOfSamplesIsIrrelevant(t *testing.T) {
	t.Parallel()
	var stacks []*snapshot.Stack
	for line := range 8 {
		stacks = append(stacks, stackAt(line, "std", "fmt.Sprint", "own", "app.Put"))
	}
	build := func(r *rand.Rand) *Run {
		return Build(recording(6, func(i int, s *snapshot.Snapshot) {
			s.Heap = &snapshot.Heap{Period: 512}
			s.Goroutines = &snapshot.Goroutines{Total: 8}
			for _, j := range r.Perm(len(stacks)) {
				s.Heap.Samples = append(s.Heap.Samples, profile(512, held{stacks[j], 64, int64(i), int64(i)}).Samples...)
				s.Goroutines.Samples = append(s.Goroutines.Samples, snapshot.GoroutineSample{Stack: stacks[j], Count: 1})
			}
		}))
	}
	for seed := range uint64(20) {
		r := build(rand.New(rand.NewPCG(seed, 1)))
		if r.Sites[0].Stack != stacks[0] || r.Groups[0].Stack != stacks[0] {
			t.Fatalf("seed %d: shows line %d and %d of equal stacks, want the first", seed, r.Sites[0].Stack.Frames[0].Line, r.Groups[0].Stack.Frames[0].Line)
		}
		if !slices.Equal(r.Sites[0].Samples, []float64{0, 8, 16, 24, 32, 40}) {
			t.Fatalf("seed %d: samples %v", seed, r.Sites[0].Samples)
		}
	}
}
