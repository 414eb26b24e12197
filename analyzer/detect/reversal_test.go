package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// backwards is the run with what it holds turned around in time: the last
// snapshot's live heap, profile and goroutines come first. Times, operations and
// what has been allocated in all go on forwards, as they must.
func backwards(run *snapshot.Run) *snapshot.Run {
	n := len(run.Snapshots)
	out := &snapshot.Run{}
	for i, s := range run.Snapshots {
		o := run.Snapshots[n-1-i]
		x := &snapshot.Snapshot{Meta: s.Meta, Goroutines: o.Goroutines}
		if s.Counters.Values != nil {
			live := o.Counters.Values["Mallocs"] - o.Counters.Values["Frees"]
			x.Counters.Values = map[string]uint64{
				"HeapAlloc": o.Counters.Values["HeapAlloc"], "Frees": s.Counters.Values["Frees"], "Mallocs": s.Counters.Values["Frees"] + live,
			}
		}
		if s.Heap != nil {
			// Allocated in all must not be less than what is in use: as if all
			// that ever will be had been there at the start.
			x.Heap = &snapshot.Heap{Period: s.Heap.Period}
			most := map[*snapshot.Stack]snapshot.HeapSample{}
			for _, v := range run.Snapshots[n-1].Heap.Samples {
				most[v.Stack] = v
			}
			now := map[*snapshot.Stack]snapshot.HeapSample{}
			for _, v := range s.Heap.Samples {
				now[v.Stack] = v
			}
			for _, v := range o.Heap.Samples {
				v.AllocBytes = most[v.Stack].AllocBytes + now[v.Stack].AllocBytes
				v.AllocObjects = most[v.Stack].AllocObjects + now[v.Stack].AllocObjects
				x.Heap.Samples = append(x.Heap.Samples, v)
			}
		}
		out.Snapshots = append(out.Snapshots, x)
	}
	return out
}

// Time reversal turns the sign of every slope and rank correlation and leaves
// its error: for all healthy shapes and for leaks. The steady snapshots are told
// by phases, else another third would be left out as warm-up.
func TestTimeReversalTurnsTheSign(t *testing.T) {
	t.Parallel()
	shapes := append(families(), family{"leak", func(r *rand.Rand, n int) []float64 {
		y := autoregressive(r, n, 0.5)
		for i := range y {
			y[i] = 0.02*y[i] + 3*float64(i)/float64(n-1)
		}
		return y
	}})
	for _, f := range shapes {
		for _, n := range []int{8, 20, 41} {
			r := seeded("reversal "+f.name, n)
			// Operations at even distances for every n, without rounding.
			s := simulation{steady: n, ops: 7 * 19 * 40, bytes: f.shape(r, n), objects: make([]float64, n), goroutines: make([]float64, n)}
			for i := range s.bytes {
				s.bytes[i] *= 1e6
				// One in two operations and more leaves a connection behind, which no pool does.
				s.objects[i], s.goroutines[i] = s.bytes[i]/100, math.Max(0, s.bytes[i]/1e3)
			}
			run := s.run()
			for _, x := range run.Snapshots {
				x.Phase = snapshot.PhaseSteady
			}
			// A warm-up was seen, so that all steady snapshots are judged.
			warm := func(run *snapshot.Run) *snapshot.Run {
				first := *run.Snapshots[0]
				first.Phase = snapshot.PhaseWarmup
				first.Time = first.Time.Add(-1)
				return &snapshot.Run{Snapshots: append([]*snapshot.Snapshot{&first}, run.Snapshots...)}
			}
			x, y := judge(warm(run), DefaultConfig()).res, judge(warm(backwards(run)), DefaultConfig()).res
			for _, name := range []string{series.LiveBytes, series.LiveObjects, series.Goroutines} {
				a, b := x.Total(name), y.Total(name)
				p, q := a.In(PerOp), b.In(PerOp)
				if p == nil || q == nil {
					t.Fatalf("%s, %d: %s is not judged", f.name, n, name)
				}
				width := p.Hi - p.Estimate
				off := func(v float64) bool { return math.Abs(v) > 1e-6*(math.Abs(p.Estimate)+width)+1e-12 }
				cfg := DefaultConfig()
				observed := cfg.scaleOf(name).observer * float64(n-1) / (7 * 19 * 40) // below only: snapshots leave nothing less
				above := -p.Lo - observed
				if name != series.LiveBytes {
					above = math.Max(above, q.Estimate+ruleOfThree/(7.0*19*40))
				}
				if off(p.Estimate+q.Estimate) || math.Abs(a.Trend.Tau+b.Trend.Tau) > 1e-12 || off(q.Hi-above) {
					t.Errorf("%s, %d: %s %+v tau %.3f, backwards %+v tau %.3f", f.name, n, name, *p, a.Trend.Tau, *q, b.Trend.Tau)
				}
			}
			if f.name == "leak" && (x.Verdict != RunLeak || y.Verdict == RunLeak || slices.ContainsFunc(y.Findings, func(f Finding) bool { return f.Verdict.AsksAttention() })) {
				t.Errorf("%d: a leak is %s, backwards %s with %+v", n, x.Verdict, y.Verdict, y.Findings)
			}
		}
	}
}

// The whole analysis, sites and goroutines and all: what leaks forwards shrinks
// backwards, and nothing that shrinks is blamed.
func TestNothingThatShrinksIsBlamed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		run := crowdedRun(seed).run()
		if res := Analyze(run, DefaultConfig()); res.Verdict != RunLeak || len(res.Findings) < 2 {
			t.Fatalf("seed %d forwards: %s with %+v", seed, res.Verdict, res.Findings)
		}
		res := Analyze(backwards(run), DefaultConfig())
		for _, f := range res.Findings {
			if f.Verdict.AsksAttention() {
				t.Errorf("seed %d backwards: %s at %s: %+v", seed, f.Verdict, f.Function, f.Reasons)
			}
		}
		if res.Verdict == RunLeak || res.Forecast != nil {
			t.Errorf("seed %d backwards: %s", seed, res.Verdict)
		}
	}
}

// shuffled is the run with the samples of every profile in another order.
func shuffled(run *snapshot.Run, r *rand.Rand) *snapshot.Run {
	out := *run
	out.Snapshots = nil
	for _, s := range run.Snapshots {
		x := *s
		if s.Heap != nil {
			h := *s.Heap
			h.Samples = slices.Clone(h.Samples)
			r.Shuffle(len(h.Samples), func(i, j int) { h.Samples[i], h.Samples[j] = h.Samples[j], h.Samples[i] })
			x.Heap = &h
		}
		for _, g := range []**snapshot.Goroutines{&x.Goroutines, &x.Leaked} {
			if *g != nil {
				c := **g
				c.Samples = slices.Clone(c.Samples)
				r.Shuffle(len(c.Samples), func(i, j int) { c.Samples[i], c.Samples[j] = c.Samples[j], c.Samples[i] })
				*g = &c
			}
		}
		out.Snapshots = append(out.Snapshots, &x)
	}
	return &out
}

// The order of sites is irrelevant for any run, sensible or not, in a judgement,
// a comparison and a row of looks. Sums may differ in their last bits.
func TestTheOrderOfSitesIsIrrelevantForAnyRun(t *testing.T) {
	t.Parallel()
	told := func(res *Result) string {
		s := string(res.Verdict)
		for _, x := range res.Totals {
			s += fmt.Sprintf(" %s=%s", x.Name, x.Verdict)
		}
		for _, f := range res.Findings {
			s += fmt.Sprintf("\n%s %s %s %s:%d %q", f.ID, f.Verdict, f.Function, f.File, f.Line, f.Shape)
		}
		return s
	}
	r := seeded("order", 1)
	var runs []*snapshot.Run
	for range 60 {
		data := make([]byte, r.IntN(12<<10))
		for i := range data {
			if r.IntN(3) > 0 {
				data[i] = byte(r.Uint32())
			}
		}
		runs = append(runs, decoded(data))
	}
	for seed := range uint64(3) {
		runs = append(runs, crowdedRun(seed).run())
		sites, _ := healthySites(r, 20, sampling)
		runs = append(runs, sitesAlone(20, sampling, sites).run())
	}
	for i, run := range runs {
		other := shuffled(run, r)
		want := told(judge(run, DefaultConfig()).res)
		if got := told(judge(other, DefaultConfig()).res); got != want {
			t.Errorf("run %d, shuffled:\n%s\nwant\n%s", i, got, want)
		}
		l, m := NewLooks(DefaultConfig(), 5), NewLooks(DefaultConfig(), 5)
		for k := max(1, len(run.Snapshots)-2); k <= len(run.Snapshots); k++ {
			if x, y := told(l.Look(upTo(run, k))), told(m.Look(upTo(other, k))); x != y {
				t.Errorf("run %d, look at %d, shuffled:\n%s\nwant\n%s", i, k, y, x)
			}
		}
		if i > 0 {
			changes := func(c *Comparison) (out []string) {
				for _, r := range append(c.Totals, c.Sites...) {
					out = append(out, r.ID+" "+string(r.Change))
				}
				return append(out, string(c.Change))
			}
			x, y := compareRuns(runs[i-1], run), compareRuns(runs[i-1], other)
			if !reflect.DeepEqual(changes(x), changes(y)) {
				t.Errorf("run %d, compared, shuffled: %q, want %q", i, changes(y), changes(x))
			}
		}
	}
}
