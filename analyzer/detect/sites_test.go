package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// allocator is one call path of a simulated program: objects of one size, born
// at random at a rate; a share of them is kept, the others die within a
// snapshot's time.
type allocator struct {
	st    *snapshot.Stack
	size  int64
	churn float64 // sampled objects born per snapshot that die
	kept  float64 // sampled objects born per snapshot that stay
}

// sampledHeaps runs allocators over n snapshots and serves their profiles as
// runtime/pprof scales them.
func sampledHeaps(r *rand.Rand, n int, rate int64, all ...allocator) []*snapshot.Heap {
	born, kept := make([]int64, len(all)), make([]int64, len(all))
	var out []*snapshot.Heap
	for range n {
		h := &snapshot.Heap{Period: rate}
		for j, x := range all {
			fresh := poisson(r, x.churn)
			k := poisson(r, x.kept)
			born[j] += fresh + k
			kept[j] += k
			live := kept[j] + min(fresh, poisson(r, x.churn/4))
			scale := 1 / -math.Expm1(-float64(x.size)/float64(rate))
			serve := func(k int64) (int64, int64) {
				return int64(float64(k) * scale), int64(float64(k*x.size) * scale)
			}
			s := snapshot.HeapSample{Stack: x.st, Size: x.size}
			s.InuseObjects, s.InuseBytes = serve(live)
			s.AllocObjects, s.AllocBytes = serve(born[j])
			h.Samples = append(h.Samples, s)
		}
		out = append(out, h)
	}
	return out
}

// poisson draws by counting exponential waits; mean up to some hundreds.
func poisson(r *rand.Rand, mean float64) int64 {
	k := int64(0)
	for t := r.ExpFloat64(); t < mean; t += r.ExpFloat64() {
		k++
	}
	return k
}

// at makes a stack of the user's own functions at a line.
func at(line int, functions ...string) *snapshot.Stack {
	s := stackOf(functions...)
	for i := range s.Frames {
		s.Frames[i].Line = line
		if !series.Standard(s.Frames[i]) {
			s.Frames[i].File = "/home/u/app/app.go"
		}
	}
	return s
}

const (
	sampling = 16384
	handler  = "net/http.(*conn).serve"
)

// perSample is what a sampled object of a size stands for, bytes.
func perSample(size float64) float64 { return size / -math.Expm1(-size/sampling) }

// leaky is a run whose exact counters keep total bytes over 20 snapshots, with
// the heap profiles given.
func leaky(total float64, heap []*snapshot.Heap) simulation {
	return simulation{steady: 20, ops: 10_000, bytes: curve(20, total/500, linear(total)), objects: curve(20, total/1e5, linear(total/128)), heap: heap}
}

func TestAttribution(t *testing.T) {
	t.Parallel()
	busy := allocator{at(1, "example.com/app.Parse", "example.com/app.Handle", handler), 512, 60, 0}
	keep := allocator{at(2, "example.com/app.Keep", "example.com/app.Handle", handler), 128, 0, 12}
	other := allocator{at(3, "example.com/app.Other", "example.com/app.Handle", handler), 128, 0, 12}
	whole := 12 * 19 * perSample(128)
	t.Run("the site that grows with the process is a leak", func(t *testing.T) {
		res := Analyze(leaky(whole, sampledHeaps(seeded("a", 1), 20, sampling, busy, keep)).run(), DefaultConfig())
		f := find(res, "example.com/app.Keep")
		if f == nil || f.Verdict != Leak || f.Line != 2 || f.File != "/home/u/app/app.go" || f.Trend == nil {
			t.Fatalf("findings %+v, want a leak at app.Keep, line 2", res.Findings)
		}
		if want := whole / 10_000; f.Bytes.Lo > want || f.Bytes.Hi < want || math.Abs(float64(f.Share)-1) > 0.25 {
			t.Errorf("%+v B/op, share %.2f; want about %.0f and 1", *f.Bytes, f.Share, want)
		}
		if g := find(res, Unattributed); g != nil {
			t.Errorf("all is explained, yet %+v", *g)
		}
		if g := find(res, "example.com/app.Parse"); g != nil {
			t.Errorf("churn is blamed: %+v", *g)
		}
	})
	t.Run("what no site explains is a leak without a site, with the remedy", func(t *testing.T) {
		heap := sampledHeaps(seeded("b", 1), 20, 512<<10, busy)
		res := Analyze(leaky(whole, heap).run(), DefaultConfig())
		f := find(res, Unattributed)
		if f == nil || f.Verdict != Leak || !says(f.Reasons, Reason{Code: NoSiteExplains}) || !says(f.Reasons, Reason{SampledTooRarely, Values{Period: 524288}}) {
			t.Errorf("findings %+v, want (unattributed) with the sampling rate as remedy", res.Findings)
		}
	})
	t.Run("half of it explained: the rest is open, not a second leak", func(t *testing.T) {
		res := Analyze(leaky(2.5*whole, sampledHeaps(seeded("c", 1), 20, sampling, busy, keep)).run(), DefaultConfig())
		f := find(res, Unattributed)
		if f == nil || f.Verdict != Growing || !says(f.Reasons, Reason{PartAtNoSite, Values{Share: float64(f.Share)}}) || f.Share < 0.4 || f.Share > 0.75 {
			t.Errorf("findings %+v, want six tenths (unattributed), growing", res.Findings)
		}
	})
	t.Run("sites that explain more than all leave nothing over", func(t *testing.T) {
		res := Analyze(leaky(0.6*whole, sampledHeaps(seeded("d", 1), 20, sampling, keep)).run(), DefaultConfig())
		f := find(res, "example.com/app.Keep")
		if f == nil || f.Share != 1 || find(res, Unattributed) != nil {
			t.Errorf("findings %+v, want app.Keep alone with all of it", res.Findings)
		}
	})
	t.Run("memory that moves from site to site is no leak", func(t *testing.T) {
		s := leaky(0, sampledHeaps(seeded("e", 1), 20, sampling, busy, keep))
		s.bytes, s.objects = curve(20, 2e3, linear(0)), curve(20, 20, linear(0))
		if res := Analyze(s.run(), DefaultConfig()); alarmed(res) {
			t.Errorf("findings %+v, want no leak", res.Findings)
		}
	})
	t.Run("what the process lets go in the drain is a backlog where it was allocated", func(t *testing.T) {
		for _, c := range []struct {
			name string
			left int64 // objects at the site after the drain, of what there were
			want Verdict
		}{{"gone from the site as well", 0, Backlog}, {"still at the site", 1, Growing}} {
			heap := sampledHeaps(seeded("drain", 1), 20, sampling, keep)
			end := heap[19].Samples[0]
			end.InuseObjects, end.InuseBytes = c.left*end.InuseObjects, c.left*end.InuseBytes
			drained := &snapshot.Heap{Period: sampling, Samples: []snapshot.HeapSample{end}}
			s := leaky(whole, append(heap, drained, drained))
			s.drain, s.phased, s.afterDrain, s.objects = 2, true, -whole, curve(20, 20, linear(0))
			res := Analyze(s.run(), DefaultConfig())
			f := find(res, "example.com/app.Keep")
			if res.Verdict != RunInconclusive || f == nil || f.Verdict != c.want || says(f.Reasons, Reason{BacklogAtSite, Values{Share: 1}}) != (c.want == Backlog) {
				t.Errorf("%s: the run is %s with %+v; want it inconclusive, and %s at app.Keep", c.name, res.Verdict, res.Findings, c.want)
			}
		}
	})
	t.Run("without exact counters the sites must prove it, over 36 profiles", func(t *testing.T) {
		for _, c := range []struct {
			n     int
			every time.Duration
			want  Verdict
			run   RunVerdict
		}{{36, 0, Leak, RunLeak}, {20, 0, Growing, RunInconclusive}, {20, 5 * time.Minute, Leak, RunLeak}} {
			s := simulation{steady: c.n, ops: 10_000, every: c.every, noCounters: true, heap: sampledHeaps(seeded("f", c.n), c.n, sampling, busy, keep)}
			res := Analyze(s.run(), DefaultConfig())
			if f := find(res, "example.com/app.Keep"); res.Verdict != c.run || f == nil || f.Verdict != c.want || !warns(res.Warnings, Reason{Code: NoExactCounters}) {
				t.Errorf("%d profiles: %s, findings %+v, warnings %+v; want %s, %s at app.Keep, and that counters are missing", c.n, res.Verdict, res.Findings, res.Warnings, c.run, c.want)
			}
		}
	})
	t.Run("six sampled objects are too few to be a leak alone", func(t *testing.T) {
		large := at(4, "example.com/app.Load", "example.com/app.Handle", handler)
		var heap []*snapshot.Heap
		for i := range int64(20) {
			k := 4 + i/2 // six more over the judged fourteen
			heap = append(heap, &snapshot.Heap{Period: sampling, Samples: []snapshot.HeapSample{{Stack: large, Size: 1 << 20, InuseObjects: k, InuseBytes: k << 20, AllocObjects: k, AllocBytes: k << 20}}})
		}
		f := find(Analyze(leaky(9.5*(1<<20), heap).run(), DefaultConfig()), "example.com/app.Load")
		if f == nil || f.Verdict != Suspect || !says(f.Reasons, Reason{SharesGrowth, Values{Samples: 6}}) {
			t.Errorf("finding %+v, want a suspect by its share", f)
		}
	})
	t.Run("the larger leak comes first, what is open last", func(t *testing.T) {
		more := other
		more.kept = 24
		res := Analyze(leaky(6*whole, sampledHeaps(seeded("g", 1), 20, sampling, keep, more)).run(), DefaultConfig())
		var order []string
		for _, f := range res.Findings {
			order = append(order, f.Function)
		}
		if want := []string{"example.com/app.Other", "example.com/app.Keep", Unattributed}; !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
	})
}

// What stuck goroutines keep is told as theirs.
func TestClosureRetention(t *testing.T) {
	t.Parallel()
	made := allocator{at(7, "example.com/app.Start", "example.com/app.Handle", handler), 1024, 0, 12}
	s := leaky(12*19*perSample(1024), sampledHeaps(seeded("closure", 1), 20, sampling, made))
	s.stacks = crowds(receiving, curve(20, 0, linear(400)))
	res := Analyze(s.run(), DefaultConfig())
	h, g := find(res, "example.com/app.Start"), find(res, "example.com/app.Start.func1")
	if h == nil || g == nil {
		t.Fatalf("findings %+v, want the heap's and the goroutines'", res.Findings)
	}
	if h.Shape != "closure retention" || !slices.Equal(h.HeldBy, []Holder{{Goroutines: 400, WaitReason: "chan receive", Function: "example.com/app.Start.func1", Root: "example.com/app.Start.gowrap1", Stuck: true}}) {
		t.Errorf("shape %q, held by %+v", h.Shape, h.HeldBy)
	}
	if g.Verdict != Leak || g.Shape != "stuck goroutine" || !says(g.Reasons, Reason{MemoryGrowsWith, Values{Function: "example.com/app.Start"}}) {
		t.Errorf("goroutines %+v", *g)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	id := func(name string, line int) string {
		fn := []*profile.Function{{ID: 1, Name: name, Filename: "/home/u/app/app.go"}, {ID: 2, Name: handler}}
		p := &profile.Profile{Function: fn, Period: sampling}
		for _, n := range []string{"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"} {
			p.SampleType = append(p.SampleType, &profile.ValueType{Type: n})
		}
		for i, f := range fn {
			p.Location = append(p.Location, &profile.Location{ID: uint64(i + 1), Line: []profile.Line{{Function: f, Line: int64(line + i)}}})
		}
		in := snapshot.NewInterner()
		var heap []*snapshot.Heap
		for i := range int64(20) {
			w := int64(perSample(128))
			p.Sample = []*profile.Sample{{Location: p.Location, Value: []int64{12 * i * w / 128, 12 * i * w, 12 * i * w / 128, 12 * i * w}, NumLabel: map[string][]int64{"bytes": {128}}}}
			heap = append(heap, snapshot.HeapOf(p, in))
		}
		res := Analyze(leaky(12*19*perSample(128), heap).run(), DefaultConfig())
		if len(res.Findings) != 1 || res.Findings[0].Verdict != Leak {
			t.Fatalf("findings %+v, want one leak", res.Findings)
		}
		return res.Findings[0].ID
	}
	first := id("example.com/app.Keep[int]", 10)
	if other := id("example.com/app.Keep[int]", 99); other != first {
		t.Errorf("another line made id %s of %s", other, first)
	}
	if other := id("example.com/app.Keep[go.shape.struct { example.com/x.F []int }]", 10); other != first {
		t.Errorf("another type argument made id %s of %s", other, first)
	}
	if other := id("example.com/app.Put", 10); other == first {
		t.Errorf("another function has the same id %s", other)
	}
	if identify(KindHeap, "a") == identify(KindGoroutine, "a") {
		t.Error("a heap and a goroutine finding share an id")
	}
}

// crowdedRun has everything: leaking and churning sites, goroutines that stay.
func crowdedRun(seed uint64) simulation {
	var all []allocator
	for i := range 12 {
		a := allocator{at(i, fmt.Sprintf("example.com/app.F%d", i), handler), int64(32 << (i % 6)), float64(5 * i), 0}
		if i%4 == 1 {
			a.kept = 6
		}
		all = append(all, a)
	}
	s := leaky(3e6, sampledHeaps(rand.New(rand.NewPCG(seed, 1)), 20, sampling, all...))
	s.stacks = crowds(receiving, curve(20, 0, linear(100)))
	return s
}

func TestTheOrderOfSamplesIsIrrelevant(t *testing.T) {
	t.Parallel()
	want := Analyze(crowdedRun(3).run(), DefaultConfig())
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 2))
		run := crowdedRun(3).run()
		for _, s := range run.Snapshots {
			r.Shuffle(len(s.Heap.Samples), func(i, j int) { s.Heap.Samples[i], s.Heap.Samples[j] = s.Heap.Samples[j], s.Heap.Samples[i] })
			r.Shuffle(len(s.Goroutines.Samples), func(i, j int) {
				s.Goroutines.Samples[i], s.Goroutines.Samples[j] = s.Goroutines.Samples[j], s.Goroutines.Samples[i]
			})
		}
		if got := Analyze(run, DefaultConfig()); !reflect.DeepEqual(got.Findings, want.Findings) || got.Verdict != want.Verdict {
			t.Fatalf("shuffled by %d: %s with %+v\nwant %s with %+v", seed, got.Verdict, got.Findings, want.Verdict, want.Findings)
		}
	}
}

func TestTheHourIsIrrelevant(t *testing.T) {
	t.Parallel()
	want := Analyze(crowdedRun(4).run(), DefaultConfig())
	run := crowdedRun(4).run()
	for _, s := range run.Snapshots {
		s.Time = s.Time.Add(12345 * time.Hour)
	}
	got := Analyze(run, DefaultConfig())
	if from, to := got.Window.From.Add(-12345*time.Hour), got.Window.To.Add(-12345*time.Hour); from != want.Window.From || to != want.Window.To {
		t.Errorf("judged from %v to %v, want 12345 h after %v and %v", got.Window.From, got.Window.To, want.Window.From, want.Window.To)
	}
	if got.Window.From, got.Window.To = want.Window.From, want.Window.To; !reflect.DeepEqual(got, want) {
		t.Errorf("12345 h later:\n%+v\nwant\n%+v", got, want)
	}
}

// The noise is large beside that of a leak's own births, which come one by one and
// do not scale.
func TestBytesScale(t *testing.T) {
	t.Parallel()
	s := simulation{steady: 20, ops: 10_000, bytes: curve(20, 2e6, linear(4e8)), objects: curve(20, 1e4, linear(4e6))}
	want := Analyze(s.run(), DefaultConfig())
	run := s.run()
	for _, x := range run.Snapshots {
		x.Counters.Values["HeapAlloc"] *= 8
	}
	got := Analyze(run, DefaultConfig())
	a, b := want.Total(series.LiveBytes), got.Total(series.LiveBytes)
	if b.Verdict != a.Verdict || math.Abs(b.In(PerOp).Estimate-8*a.In(PerOp).Estimate) > 1e-6*b.In(PerOp).Estimate || b.Trend.Tau != a.Trend.Tau {
		t.Errorf("eight times the bytes: %+v %s, of %+v %s", *b.In(PerOp), b.Verdict, *a.In(PerOp), a.Verdict)
	}
	if x, y := *want.Power.Bytes, *got.Power.Bytes; math.Abs(y-8*x) > 0.15*y {
		t.Errorf("eight times the bytes: %.3g B/op would have been found, of %.3g", y, x)
	}
}
