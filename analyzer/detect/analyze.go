package detect

import (
	"fmt"
	"math"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// analysis is the state of one judgement.
type analysis struct {
	cfg     Config
	r       *series.Run
	w       window
	totals  map[string]*measure
	verdict map[string]Verdict
	ramp    bool            // the heap grows, but perhaps with goroutines that end by themselves
	classes []*classMeasure // by size; empty where unknown
	target  snapshot.Target
	peakRSS float64 // over the run, bytes; 0 unknown
	res     *Result
}

// Analyze judges a run. It never fails: a run with nothing in it is
// inconclusive, and the warnings say what it lacked. O(sites × snapshots²).
func Analyze(run *snapshot.Run, cfg Config) *Result {
	a := judge(run, cfg)
	a.res.Power = a.power()
	a.res.Forecast = a.forecast()
	return a.res
}

// judge gives everything but what takes simulation: power and forecast.
func judge(run *snapshot.Run, cfg Config) *analysis {
	a := &analysis{
		cfg: cfg, r: series.Build(run), target: run.Target, peakRSS: float64(run.Peak.RSS),
		totals: map[string]*measure{}, verdict: map[string]Verdict{},
		res: &Result{Clean: cfg.Clean, Snapshots: len(run.Snapshots)},
	}
	a.res.Warnings = append(append(a.res.Warnings, run.Warnings...), a.r.Warnings...)
	a.w = windowOf(a.r)
	a.res.HasOps = a.r.HasOps
	a.res.Judged = len(a.w.tail)
	a.extent()
	a.lacks()

	for i := range a.r.Totals {
		t := &a.r.Totals[i]
		a.totals[t.Name] = a.measureTotal(t)
	}
	if m := a.totals[series.LiveBytes]; m != nil && m.observed.excess > m.observed.se {
		a.res.Warnings = append(a.res.Warnings, fmt.Sprintf("live bytes grew by at least %.0f between any two idle snapshots, more than taking one leaves behind: the program keeps memory without load", m.observed.perSnapshot+m.observed.excess))
	}
	a.measureClasses()
	groups := a.goroutines()
	a.heapVerdicts()
	a.ramping(groups)
	sites := a.sites()
	if f, ok := a.outside(); ok {
		sites = append(sites, f)
	}
	a.goroutineVerdict(groups)
	a.res.Findings = a.combine(sites, groups)
	for i := range a.r.Totals {
		name := a.r.Totals[i].Name
		a.res.Totals = append(a.res.Totals, *a.report(a.totals[name], a.verdict[name]))
	}
	a.res.Verdict = a.conclude()
	for _, why := range []string{run.Failed, run.Ended} {
		if why != "" && a.res.Verdict == RunClean {
			a.res.Verdict = RunInconclusive
			a.res.Warnings = append(a.res.Warnings, "not clean, because this is no whole run: "+why)
		}
	}
	return a
}

// extent says how much the judged part of the run saw.
func (a *analysis) extent() {
	var steady []int
	for i, s := range a.r.Snapshots {
		if s.Phase == snapshot.PhaseSteady || s.Phase == snapshot.PhaseUnknown {
			steady = append(steady, i)
		}
	}
	if len(steady) < 2 {
		return
	}
	i, j := steady[0], steady[len(steady)-1]
	a.res.Seconds = a.r.Seconds[j] - a.r.Seconds[i]
	if a.r.HasOps {
		a.res.Ops = int64(a.r.Work[j] - a.r.Work[i])
	}
}

// lacks warns of what the verdict could not use.
func (a *analysis) lacks() {
	warn := func(format string, args ...any) {
		a.res.Warnings = append(a.res.Warnings, fmt.Sprintf(format, args...))
	}
	if len(a.r.Snapshots) == 0 {
		warn("no snapshots: nothing to judge")
		return
	}
	if len(a.w.tail) < minTail {
		warn("%s after the warm-up: at least %d are needed for a verdict; take more, or run longer", plural(float64(len(a.w.tail)), "snapshot"), minTail)
	}
	if t := a.r.Total(series.LiveBytes); t == nil {
		warn("live bytes are not known: no snapshot holds heap counters or a heap profile")
	} else if t.Sampled {
		warn("no exact counters: live bytes come from the sampled profile alone; let heapdrift record, or keep the text of /debug/pprof/heap?gc=1&debug=1 beside each profile")
	}
	if a.r.Total(series.Goroutines) == nil {
		warn("goroutines are not known: no snapshot holds a goroutine profile")
	}
	heaps, samples, off := 0, 0, false
	deep := false
	for _, s := range a.r.Snapshots {
		if s.Heap == nil {
			continue
		}
		heaps++
		samples += len(s.Heap.Samples)
		off = off || s.Heap.Period <= 0
		for _, x := range s.Heap.Samples {
			deep = deep || len(x.Stack.Frames) >= 128 && x.InuseBytes > 0
		}
	}
	if heaps > 0 && (samples == 0 || off) {
		warn("memory profiling is off in the target (rate 0): growth can be told from the exact counters, its site cannot; start it with GODEBUG=memprofilerate=16384, and see that it links runtime.MemProfile (import net/http/pprof)")
	}
	if deep {
		warn("some stacks are cut at 128 frames: set GODEBUG=profstackdepth=256 in the target to see their roots")
	}
	if !a.r.HasOps {
		warn("operations are not known: growth is given per second, and a clean limit per operation cannot be held; count them while recording (--ops-metric), or let heapdrift drive the load")
	}
}

// heapVerdicts judges live bytes and live objects together, then the totals
// that never decide a run.
func (a *analysis) heapVerdicts() {
	b, o := a.totals[series.LiveBytes], a.totals[series.LiveObjects]
	if b != nil {
		sc := a.scaleOf(series.LiveBytes)
		v := b.settle(a, sc)
		if b.ok && v != Backlog && a.leaks(b) && (b.growth >= floorBytes || o != nil && o.ok && o.growth >= floorObjects) {
			v = Leak
			if o != nil && !a.objectsRise(o) && !(b.repeat != nil && b.repeat.wentOn) {
				// Containers enlarge: an append-only slice or a buffer cache
				// that fills. Not to be told apart without a longer run or a
				// second pass over the same content.
				if v = Growing; b.upper <= sc.clean {
					v = Stable
				}
			}
			if b.total.Sampled && v == Leak {
				if v = Suspect; !a.watched(b.tail) { // the sites must prove it
					v = Growing
				}
			}
		}
		a.verdict[series.LiveBytes] = v
	}
	if o != nil {
		v := o.settle(a, a.scaleOf(series.LiveObjects))
		if o.ok && v != Backlog && a.leaks(o) && (o.growth >= floorObjects || b != nil && b.ok && b.growth >= floorBytes && b.significant()) {
			v = Leak
		}
		a.verdict[series.LiveObjects] = v
	}
	for _, name := range []string{series.StackBytes, series.RSSBytes} {
		if m := a.totals[name]; m != nil {
			a.verdict[name] = m.settle(a, a.scaleOf(name))
		}
	}
}

// ramping takes a leak of the heap back to growing where it may be what
// goroutines keep that may end by themselves: connections that come in, as in
// any healthy ramp, cost a heap of their own. A count of operations or a drain
// would tell the two apart (METHOD.md, section 7.4).
func (a *analysis) ramping(groups []*groupFinding) {
	if a.r.HasOps || len(a.w.drain) > 0 {
		return
	}
	for _, g := range groups {
		if g.Verdict != Suspect && g.Verdict != Growing || g.growth < floorGoroutines {
			continue
		}
		if g.WaitReason != "IO wait" && !a.brief(a.w.tail) {
			continue
		}
		for _, name := range []string{series.LiveBytes, series.LiveObjects} {
			if a.verdict[name] == Leak {
				a.verdict[name] = Growing
				a.ramp = true
			}
		}
	}
}

// leaks asks all gates but the evidence floor of a heap total.
func (a *analysis) leaks(m *measure) bool {
	return m.passes() && a.material(m) && !(m.kept < 0.5) && !(m.repeat != nil && m.repeat.stopped)
}

// material reports that the interval lies above the tolerance. Objects count
// as the smallest there are.
func (a *analysis) material(m *measure) bool {
	lower := m.lower
	if m.total.Name == series.LiveObjects {
		lower *= smallest
	}
	if !a.r.HasOps {
		return lower > a.cfg.TolerancePerSecond
	}
	return lower > a.cfg.Tolerance && lower*a.opsPerSecond(m.tail) > a.cfg.TolerancePerSecond
}

// objectsRise reports that live objects rise with the bytes. The ranks tell: one
// disturbed snapshot hides a slope, not an order.
func (a *analysis) objectsRise(o *measure) bool {
	return o.ok && o.slope.PerX > 0 && o.kendall.P <= 0.005 && o.growth >= floorGoroutines
}

// conclude gives the run verdict (DESIGN.md).
func (a *analysis) conclude() RunVerdict {
	open := false
	for _, v := range a.verdict {
		if v == Leak {
			return RunLeak
		}
	}
	for _, f := range a.res.Findings {
		switch f.Verdict {
		case Leak:
			return RunLeak
		case Suspect, Growing, Backlog:
			open = true
		}
	}
	calm := func(name string) bool {
		return a.totals[name] != nil && (a.verdict[name] == Stable || a.verdict[name] == Plateau)
	}
	if open || !calm(series.LiveBytes) || !calm(series.Goroutines) {
		return RunInconclusive
	}
	return RunClean
}

// rank orders verdicts, worst first.
func rank(v Verdict) int {
	for i, w := range []Verdict{Leak, Suspect, Growing, Backlog, Churn, Plateau, Stable} {
		if v == w {
			return i
		}
	}
	return 7
}

// weigh orders findings of equal verdict: bytes that grow, then goroutines; of
// churn, bytes that are allocated.
func weigh(f *Finding) float64 {
	if f.Verdict == Churn && f.AllocPerOp != nil {
		return f.AllocPerOp.Estimate
	}
	if f.BytesPerOp != nil {
		return f.BytesPerOp.Estimate
	}
	if f.BytesPerSecond != nil {
		return f.BytesPerSecond.Estimate
	}
	return 0
}

func order(f []Finding) {
	sort.SliceStable(f, func(i, j int) bool {
		if x, y := rank(f[i].Verdict), rank(f[j].Verdict); x != y {
			return x < y
		}
		if x, y := weigh(&f[i]), weigh(&f[j]); x != y {
			return x > y
		}
		if f[i].Count != f[j].Count {
			return f[i].Count > f[j].Count
		}
		return f[i].ID < f[j].ID
	})
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
