package detect

import (
	"math"
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// curve is n values of f over u = 0 … 1, with noise of a standard deviation
// from a fixed seed.
func curve(n int, sd float64, f func(u float64) float64) []float64 {
	r := seeded("curve", n)
	y := make([]float64, n)
	for i := range y {
		y[i] = f(float64(i)/float64(n-1)) + sd*r.NormFloat64()
	}
	return y
}

func linear(total float64) func(float64) float64 {
	return func(u float64) float64 { return total * u }
}

func fills(total, by float64) func(float64) float64 {
	return func(u float64) float64 { return total * math.Min(1, u/by) }
}

func find(res *Result, function string) *Finding {
	for i := range res.Findings {
		if res.Findings[i].Function == function {
			return &res.Findings[i]
		}
	}
	return nil
}

// The rules of METHOD.md, Verdicts, on the exact totals.
func TestVerdictsOfTotals(t *testing.T) {
	t.Parallel()
	const n, ops = 20, 10_000
	phased := func(s simulation) simulation {
		s.steady, s.idle, s.drain, s.ops, s.phased = n, 6, 3, ops, true
		return s
	}
	rises, kept, drain := []Code{Rises, RisesUnevenly}, []Code{KeptAfterDrain, StillAfterDrain}, []Code{KeptAfterDrain, GoneAfterDrain, MoreGoneThanGrew}
	bare := func(s simulation) simulation { s.steady, s.ops = n, ops; return s }
	for _, c := range []struct {
		name    string
		s       simulation
		bytes   Verdict
		objects Verdict
		run     RunVerdict
		why     Reason // of live bytes
		forbids []Code // of live bytes, what must not be said
	}{
		{"nothing grows", phased(simulation{bytes: curve(n, 2e3, linear(0)), objects: curve(n, 20, linear(0))}), Stable, Stable, RunClean, Reason{Bounded, Values{Limit: 64, Per: PerOp}}, rises},
		{"values are kept", phased(simulation{bytes: curve(n, 2e3, linear(5e6)), objects: curve(n, 20, linear(5e4))}), Leak, Leak, RunLeak, Reason{Code: KeptAfterDrain}, append(slackening(), SecondPassFlat, SecondPassGrew)},
		{"values are kept, someone else's recording", bare(simulation{bytes: curve(n, 2e3, linear(5e6)), objects: curve(n, 20, linear(5e4))}), Leak, Leak, RunLeak, Reason{Rises, Values{N: 14}}, drain},
		{"one small object in a thousand operations under churn", phased(simulation{bytes: curve(n, 1e5, linear(0)), objects: curve(n, 5, linear(3e3))}), Stable, Leak, RunLeak, Reason{}, nil},
		{"containers enlarge: bytes rise, objects do not", phased(simulation{bytes: curve(n, 2e3, linear(5e6)), objects: curve(n, 20, linear(0))}), Growing, Stable, RunInconclusive, Reason{Code: Rises}, nil},
		{"a cache fills, then is full", phased(simulation{bytes: curve(n, 2e3, fills(5e6, 0.4)), objects: curve(n, 20, fills(5e4, 0.4))}), Plateau, Plateau, RunClean, Reason{LevelledOff, Values{Limit: 64, Per: PerOp}}, kept},
		{"a cache is still filling, ever slower", phased(simulation{
			bytes:   curve(n, 2e3, func(u float64) float64 { return 5e6 * (1 - math.Exp(-3*u)) }),
			objects: curve(n, 20, func(u float64) float64 { return 5e4 * (1 - math.Exp(-3*u)) }),
		}), Growing, Growing, RunInconclusive, Reason{Code: SlackensLate}, nil},
		{"what grew goes away in the drain", phased(simulation{bytes: curve(n, 2e3, linear(5e6)), objects: curve(n, 20, linear(0)), afterDrain: -4.9e6}), Backlog, Stable, RunInconclusive, Reason{GoneAfterDrain, Values{Share: 0.98}}, kept},
		{"a little per operation, gone after the drain", phased(simulation{bytes: curve(n, 500, linear(3e5)), objects: curve(n, 20, linear(0)), afterDrain: -3e5}), Backlog, Stable, RunInconclusive, Reason{GoneAfterDrain, Values{Share: 1}}, kept},
		{"more goes away in the drain than had grown", phased(simulation{bytes: curve(n, 500, linear(3e5)), objects: curve(n, 20, linear(0)), afterDrain: -2e6}), Backlog, Stable, RunInconclusive, Reason{Code: MoreGoneThanGrew}, kept},
		{"what grew along a bend goes away in the drain", phased(simulation{bytes: curve(n, 2e3, func(u float64) float64 { return 5e6 * (1 - math.Exp(-3*u)) }), objects: curve(n, 20, linear(0)), afterDrain: -4.7e6}), Backlog, Stable, RunInconclusive, Reason{Code: RisesUnevenly}, kept},
		{"noise in the first half, none in the second: nothing grew", phased(simulation{bytes: curve(n, 0, func(u float64) float64 {
			if u > 0.49 {
				return 0
			}
			return 4e6 * math.Sin(100*u)
		}), objects: curve(n, 20, linear(0))}), Unknown, Stable, RunInconclusive, Reason{NotBounded, Values{Limit: 64}}, []Code{LevelledOff, BelowFloor, SecondPassFlat, SecondPassGrew, MoreGoneThanGrew}},
		{"one large step", phased(simulation{bytes: curve(n, 2e3, func(u float64) float64 {
			if u > 0.5 {
				return 5e6
			}
			return 0
		}), objects: curve(n, 20, linear(0))}), Plateau, Stable, RunClean, Reason{Code: LevelledOff}, rises},
		{"a step near the start: the few snapshots before it are no outliers", phased(simulation{bytes: curve(n, 20, func(u float64) float64 {
			if u > 0.12 {
				return 2e6
			}
			return 0
		}), objects: curve(n, 20, linear(0))}), Plateau, Stable, RunClean, Reason{Code: LevelledOff}, rises},
		{"a step near the end: too late to see what follows", phased(simulation{bytes: curve(n, 2e3, func(u float64) float64 {
			if u > 0.85 {
				return 5e6
			}
			return 0
		}), objects: curve(n, 20, linear(0))}), Unknown, Stable, RunInconclusive, Reason{Code: NotBounded}, rises},
		{"beyond doubt, yet below the evidence floor", phased(simulation{bytes: curve(n, 20, linear(4e4)), objects: curve(n, 1, linear(100))}), Stable, Stable, RunClean, Reason{BelowFloor, Values{Floor: 64 << 10}}, nil},
		{"a leak below the tolerance of 1 B/op", phased(simulation{steady: n, bytes: curve(n, 20, linear(0.9*ops)), objects: curve(n, 0.5, linear(0.05*ops))}), Stable, Stable, RunClean, Reason{}, nil},
		{"noise that hides everything", phased(simulation{bytes: curve(n, 3e5, linear(0)), objects: curve(n, 20, linear(0))}), Unknown, Stable, RunInconclusive, Reason{Code: NotBounded}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := Analyze(c.s.run(), DefaultConfig())
			b, o := res.Total(series.LiveBytes), res.Total(series.LiveObjects)
			if b.Verdict != c.bytes || o.Verdict != c.objects || res.Verdict != c.run {
				t.Errorf("bytes %q, objects %q, run %q; want %q, %q, %q\nwhy %+v\nwhy %+v", b.Verdict, o.Verdict, res.Verdict, c.bytes, c.objects, c.run, b.Reasons, o.Reasons)
			}
			if !says(b.Reasons, c.why) || saysAny(b.Reasons, c.forbids...) {
				t.Errorf("says %+v; want %+v in it and none of %q", b.Reasons, c.why, c.forbids)
			}
			if r := reason(b.Reasons, NotBounded); c.name == "noise that hides everything" && (r == nil || !(r.Values.Times >= 1.1)) {
				t.Errorf("says %+v; want how many times as long a run would tell", b.Reasons)
			}
		})
	}
}

// Growth below 64 MiB in 30 days is tolerated at the observed rate, however
// large it is per operation.
func TestToleranceInTime(t *testing.T) {
	t.Parallel()
	s := simulation{steady: 20, idle: 6, drain: 3, ops: 400, every: 3600e9, bytes: curve(20, 100, linear(2e6)), objects: curve(20, 1, linear(2e4))}
	if res := Analyze(s.run(), DefaultConfig()); res.Verdict != RunLeak { // 29 B/s
		t.Errorf("29 B/s is above the tolerance: %s", res.Verdict)
	}
	s.every = 24 * 3600e9 // 1.2 B/s
	if res := Analyze(s.run(), DefaultConfig()); res.Verdict == RunLeak {
		t.Errorf("1.2 B/s is below the tolerance of 26 B/s: %+v", *res.Total(series.LiveBytes))
	}
}

// What a snapshot leaves behind must not be taken for the program's.
func TestObserverEffect(t *testing.T) {
	t.Parallel()
	noise := func(sd float64) []float64 { return curve(20, sd, linear(0)) }
	few := simulation{steady: 20, idle: 6, drain: 3, ops: 2_000, bytes: noise(2), objects: noise(0.1), observedBytes: 390, observedObjects: 0.9}
	res := Analyze(few.run(), DefaultConfig())
	if iv := res.Total(series.LiveBytes).In(PerOp); math.Abs(iv.Estimate) > 0.2 {
		t.Errorf("with idle snapshots %.3g B/op of the observer's 3.7 are left, want none", iv.Estimate)
	}
	if res.Verdict != RunClean {
		t.Errorf("with idle snapshots: %s, want clean", res.Verdict)
	}
	few.idle = 0
	res = Analyze(few.run(), DefaultConfig())
	if iv := res.Total(series.LiveBytes).In(PerOp); iv.Lo > 0 || iv.Hi < 3.7 {
		t.Errorf("without idle snapshots the interval %+v must reach from 0 to the observer's 3.7 B/op", *iv)
	}
	if v := res.Total(series.LiveObjects).Verdict; v == Leak || res.Verdict == RunLeak {
		t.Errorf("without idle snapshots the observer's objects are judged %q", v)
	}
}

// A program that keeps memory without load must not have it subtracted as the
// observer's.
func TestALeakByTimeIsNotTheObservers(t *testing.T) {
	t.Parallel()
	s := simulation{steady: 20, idle: 6, drain: 3, ops: 2_000, bytes: curve(20, 200, linear(0)), objects: curve(20, 5, linear(0)), observedBytes: 50_000, observedObjects: 100}
	res := Analyze(s.run(), DefaultConfig())
	if res.Verdict != RunLeak {
		t.Errorf("a program that keeps 50 kB every 2 s, load or not: %s, want leak", res.Verdict)
	}
	if !warns(res.Warnings, Reason{GrowsWithoutLoad, Values{Per: PerSecond}}) {
		t.Errorf("warnings %+v do not say that it grows without load", res.Warnings)
	}
}

func TestTooFewSnapshots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		s    simulation
		says Reason
	}{
		{"none", simulation{}, Reason{Code: NoSnapshots}},
		{"one", simulation{steady: 1}, Reason{FewSnapshots, Values{N: 1, Of: 6}}},
		{"seven, of which the first third is warm-up", simulation{steady: 7, ops: 100, bytes: curve(7, 0, linear(1e8)), objects: curve(7, 0, linear(1e6))}, Reason{FewSnapshots, Values{N: 5, Of: 6}}},
		{"only idle ones: interrupted before the load", simulation{idle: 6}, Reason{FewSnapshots, Values{Of: 6}}},
		{"interrupted early in the load, no drain", simulation{idle: 6, steady: 4, ops: 100, bytes: curve(4, 0, linear(1e8))}, Reason{FewSnapshots, Values{N: 4, Of: 6}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := Analyze(c.s.run(), DefaultConfig())
			said := slices.ContainsFunc(res.Warnings, func(w Warning) bool { return w.Code == c.says.Code && w.Values.same(c.says.Values) })
			if res.Verdict != RunInconclusive || !said {
				t.Errorf("%s, warnings %+v; want inconclusive and %+v", res.Verdict, res.Warnings, c.says)
			}
		})
	}
}

// An interrupted run has no drain; what it saw is judged all the same.
func TestAnInterruptedRunIsJudged(t *testing.T) {
	t.Parallel()
	s := simulation{idle: 6, steady: 9, ops: 5_000, bytes: curve(9, 1e3, linear(3e6)), objects: curve(9, 10, linear(3e4))}
	if res := Analyze(s.run(), DefaultConfig()); res.Verdict != RunLeak {
		t.Errorf("%s, want leak: %+v", res.Verdict, res.Total(series.LiveBytes).Reasons)
	}
}

func TestOperationsThatStandStillAreSaid(t *testing.T) {
	t.Parallel()
	run := simulation{idle: 3, steady: 12, ops: 100, bytes: curve(12, 10, linear(1e7))}.run()
	for i, s := range run.Snapshots {
		if n := int64(100); i >= 3 {
			s.Ops = &n
		}
	}
	res := Analyze(run, DefaultConfig())
	if b := res.Total(series.LiveBytes); res.Verdict != RunInconclusive || !says(b.Reasons, Reason{Code: NoOperations}) {
		t.Errorf("%s, %+v; want inconclusive for want of operations", res.Verdict, b.Reasons)
	}
}

func TestRunVerdict(t *testing.T) {
	t.Parallel()
	quiet := simulation{steady: 20, idle: 6, drain: 3, ops: 10_000, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}
	for _, c := range []struct {
		name   string
		change func(*simulation)
		want   RunVerdict
		says   Code
	}{
		{"bytes and goroutines are calm", func(*simulation) {}, RunClean, ""},
		{"goroutines are not known", func(s *simulation) { s.noGoroutines = true }, RunInconclusive, GoroutinesUnknown},
		{"bytes are not known", func(s *simulation) { s.noCounters = true }, RunInconclusive, LiveBytesUnknown},
		{"goroutines swing beyond the limit", func(s *simulation) { s.goroutines = curve(20, 400, linear(0)) }, RunInconclusive, ""},
		{"operations are not known", func(s *simulation) { s.ops = 0 }, RunClean, OperationsUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := quiet
			c.change(&s)
			res := Analyze(s.run(), DefaultConfig())
			if res.Verdict != c.want || !warns(res.Warnings, Reason{Code: c.says}) {
				t.Errorf("%s, warnings %+v; want %s, %q", res.Verdict, res.Warnings, c.want, c.says)
			}
		})
	}
}

func TestMemoryProfilingOffIsSaid(t *testing.T) {
	t.Parallel()
	s := simulation{steady: 20, idle: 6, drain: 3, ops: 10_000, bytes: curve(20, 2e3, linear(5e6)), objects: curve(20, 20, linear(5e4))}
	s.heap = make([]*snapshot.Heap, 29)
	for i := range s.heap {
		s.heap[i] = &snapshot.Heap{}
	}
	res := Analyze(s.run(), DefaultConfig())
	if !warns(res.Warnings, Reason{Code: ProfilingOff}) {
		t.Errorf("warnings %+v do not name the rate of 0", res.Warnings)
	}
	f := find(res, Unattributed)
	if res.Verdict != RunLeak || f == nil || f.Verdict != Leak || !says(f.Reasons, Reason{Code: NoHeapProfile}) {
		t.Errorf("%s, findings %+v; want a leak that is (unattributed), with the remedy", res.Verdict, res.Findings)
	}
	if f != nil && (f.Bytes == nil || math.Abs(f.Bytes.Estimate-500) > 5 || f.Share != 1) {
		t.Errorf("(unattributed) %+v, want all of 500 B/op", *f)
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	run := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 100, linear(38e6)), objects: curve(20, 1, linear(38e4))}.run() // 1 MB/s
	for _, s := range run.Snapshots {
		s.Counters.Values["NextGC"] = 2 * s.Counters.Values["HeapAlloc"]
		s.Counters.Values["Sys"], s.Counters.Values["HeapSys"] = 300e6, 280e6
	}
	cfg := DefaultConfig()
	if res := Analyze(run, cfg); res.Forecast != nil {
		t.Errorf("a forecast without a limit: %+v", *res.Forecast)
	}
	run.Target.Limit = 2_020_000_000
	if res := Analyze(run, cfg); res.Forecast == nil || res.Forecast.LimitBytes != 2_020_000_000 {
		t.Errorf("forecast %+v, want one to the target's own limit", res.Forecast)
	}
	cfg.Limit = 1_020_000_000
	res := Analyze(run, cfg)
	if res.Forecast == nil {
		t.Fatal("no forecast")
	}
	// What is allocated is not known: from (1020 − 20) MB / 2 = 500 MB of live heap at
	// 1 MB/s to 1000 MB.
	want := (500e6 - baseBytes - 38e6) / 1e6
	if iv := res.Forecast.SecondsToLimit; math.Abs(iv.Lo-want) > 0.01*want || iv.Hi > want+500*1.01 || iv.Estimate < want || iv.Hi < want+500*0.99 || !iv.Finite() {
		t.Errorf("forecast %+v, want %.0f s", iv, want)
	}
}

// The first idle snapshot sets up the client's connection and is left out: five
// are needed to measure what one leaves behind.
func TestIdleSnapshotsThatMeasureTheObserver(t *testing.T) {
	t.Parallel()
	for idle, want := range map[int]bool{0: false, 4: false, 5: true} {
		run := simulation{idle: idle, steady: 8, ops: 100, observedBytes: 300}.run()
		r := series.Build(run)
		if got := observe(r.Total(series.LiveBytes).Y, r.Seconds, r.Window.Idle, observerBytes); got.known != want || want && got.perSnapshot != 300 {
			t.Errorf("%d idle snapshots: %+v, want known %v", idle, got, want)
		}
	}
}

// withAt moves one value of y.
func withAt(y []float64, i int, by float64) []float64 {
	y[i] += by
	return y
}

// The tests one by one, on series that all others let pass.
func TestGates(t *testing.T) {
	t.Parallel()
	u := curve(24, 0, linear(10_000))
	for _, c := range []struct {
		name      string
		y         []float64
		before    float64
		sustained bool
		says      Reason
	}{
		{"a line", curve(24, 1e3, linear(1e6)), math.NaN(), true, Reason{}},
		{"a line after a steep start", curve(24, 1e3, linear(1e6)), 1000, true, Reason{}},
		{"a line whose steep start noise leaves open", curve(24, 2e5, linear(1e6)), 1000, false, Reason{Code: SlackenedBefore}},
		{"a bend that the halves show and the last third does not", curve(24, 1e3, func(u float64) float64 { return 1e6 * math.Log1p(2*u) }), math.NaN(), false, Reason{Code: SlackensHalfway}},
		{"a bend in noise after a steep start", curve(24, 6e4, func(u float64) float64 { return 1e6 * math.Log1p(2*u) }), 1000, false, Reason{Code: SlackenedBefore}},
		{"flat for a sixth", curve(24, 1e3, fills(1e6, 0.83)), math.NaN(), false, Reason{SlackensLate, Values{Share: 0.46}}},
		{"flat for two snapshots", curve(24, 1e3, fills(1e6, 0.91)), math.NaN(), false, Reason{FlatAtEnd, Values{N: 2}}},
		{"flat for two snapshots, long after buffers were found in use", withAt(curve(24, 1e3, fills(1e6, 0.91)), 10, 4e5), math.NaN(), false, Reason{FlatAtEnd, Values{N: 2}}},
		{"flat for a tenth of many snapshots", curve(60, 1e4, fills(1e6, 0.9)), math.NaN(), false, Reason{Code: FlatAtEnd}},
		{"one low reading at the end", withAt(curve(24, 1e3, linear(1e6)), 23, -2e4), math.NaN(), true, Reason{}},
		{"falling", curve(24, 1e3, linear(-1e6)), math.NaN(), true, Reason{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := measureExact(curve(len(c.y), 0, linear(10_000)), c.y, 0, c.before)
			if !e.Measured() || e.GoesOn.Passed != c.sustained || !says([]Reason{e.Slackens}, c.says) || c.sustained != (e.Slackens.Code == "") {
				t.Errorf("goes on %+v, %+v; want %v, %+v", e.GoesOn, e.Slackens, c.sustained, c.says)
			}
		})
	}
	t.Run("one step on a small slope", func(t *testing.T) {
		y := curve(24, 12, func(u float64) float64 { return 40*math.Floor(u+0.5) + 100*u })
		if e := measureExact(u, y, 0, math.NaN()); e.Slope.Statistic > alphaSlope || e.Steps.Passed || e.passes() {
			t.Errorf("slope %+v, steps %+v: want p below %g that steps explain", e.Slope, e.Steps, alphaSlope)
		}
	})
}

// Live objects keep a run from clean as bytes do: what they say of growth is not
// lost in the noise of the bytes.
func TestLiveObjectsKeepARunFromClean(t *testing.T) {
	t.Parallel()
	const n = 20
	slackens := func(total float64) []float64 {
		return curve(n, 5, func(u float64) float64 { return total * (1 - math.Exp(-3*u)) })
	}
	for total, want := range map[float64]RunVerdict{0: RunClean, 3e4: RunInconclusive} {
		res := judge(simulation{steady: n, idle: 6, drain: 3, ops: 10_000, phased: true, bytes: curve(n, 1e5, linear(0)), objects: slackens(total)}.run(), DefaultConfig()).res
		if b := res.Total(series.LiveBytes).Verdict; res.Verdict != want || b != Stable {
			t.Errorf("%g objects, ever slower: %q, bytes %q, objects %q; want %q, stable", total, res.Verdict, b, res.Total(series.LiveObjects).Verdict, want)
		}
	}
}

// The bound of a total is the statistic of the test that decided, per operation and
// per second.
func TestTheBoundThatDecided(t *testing.T) {
	t.Parallel()
	const n, ops, every = 20, 10_000, 2
	for _, c := range []struct {
		name  string
		bytes []float64
		test  string // empty: there is no bound
	}{
		{"nothing grows", curve(n, 2e3, linear(0)), "bounded"},
		{"a cache fills, then is full", curve(n, 2e3, fills(5e6, 0.4)), "levelled off"},
		{"a leak", curve(n, 2e3, linear(5e6)), ""},
	} {
		res := judge(simulation{steady: n, idle: 6, drain: 3, ops: ops, phased: true, bytes: c.bytes, objects: curve(n, 1, linear(0))}.run(), DefaultConfig()).res
		b := res.Total(series.LiveBytes)
		if (b.Bound != nil) != (c.test != "") {
			t.Errorf("%s: bound %+v, want one of %q", c.name, b.Bound, c.test)
			continue
		}
		if b.Bound == nil {
			continue
		}
		i := slices.IndexFunc(b.Tests, func(x Test) bool { return x.Name == c.test })
		if b.Bound.Test != c.test || *b.Bound.PerOp != *stats.Printable(math.Max(0, b.Tests[i].Statistic)) || b.Bound.Limit != 64 {
			t.Errorf("%s: %+v, want the statistic of %+v", c.name, *b.Bound, b.Tests[i])
		}
		if rate := float64(ops) / (every * (n - 1)); math.Abs(*b.Bound.PerSecond-rate*b.Bound.In(PerOp)) > 1e-6*rate {
			t.Errorf("%s: %+v, want %.4g times as much per second", c.name, *b.Bound, rate)
		}
	}
}
