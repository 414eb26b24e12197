package detect

import (
	"math"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestNoGoroutineInSoManyOperationsIsABoundAndNoMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ops  int64
		want Verdict
	}{{10_000, Stable}, {250, Unknown}} {
		s := simulation{steady: 20, idle: 6, ops: c.ops, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}
		res := Analyze(s.run(), DefaultConfig())
		g := res.Total(series.Goroutines)
		if bound := 3 / float64(c.ops); g.In(PerOp).Hi < bound*0.999 || g.Verdict != c.want {
			t.Errorf("%d operations without a new goroutine: at most %.4g an operation, %q; want at least %.4g, %q", c.ops, g.In(PerOp).Hi, g.Verdict, bound, c.want)
		}
	}
}

func TestARunThatFailedIsNeverClean(t *testing.T) {
	t.Parallel()
	run := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}.run()
	if v := Analyze(run, DefaultConfig()).Verdict; v != RunClean {
		t.Fatalf("the whole run is %s, want clean", v)
	}
	for _, c := range []struct{ failed, ended string }{{"the target is gone: killed", ""}, {"", "the error rate was above 5 %"}} {
		run.Failed, run.Ended = c.failed, c.ended
		if res := Analyze(run, DefaultConfig()); res.Verdict != RunInconclusive || !warns(res.Warnings, Reason{NotWholeRun, Values{Text: c.failed + c.ended}}) {
			t.Errorf("%+v: %s, warnings %+v; want inconclusive, saying why", c, res.Verdict, res.Warnings)
		}
	}
}

// A cache between target and recorder makes of a leak a flat line.
func TestARunThatWasNotMeasuredIsNeverClean(t *testing.T) {
	t.Parallel()
	const n = 26 // 6 of them idle
	for _, c := range []struct {
		name string
		from int // the first snapshot that repeats the one before
		grew float64
		want RunVerdict
		says Code
	}{
		{"measured throughout", n, 0, RunClean, ""},
		{"all but the first are copies", 1, 0, RunInconclusive, NotMeasured},
		{"a third are copies", n - 9, 0, RunInconclusive, NotMeasured},
		{"the last sixth are copies", n - 4, 0, RunInconclusive, NotMeasured},
		{"the last two are copies", n - 2, 0, RunClean, ""},
		{"a leak, of which a third are copies", n - 9, 3e6, RunLeak, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 500, linear(c.grew)), objects: curve(20, 5, linear(c.grew/100))}.run()
			for i, s := range run.Snapshots {
				s.Counters.Values["NumGC"] = uint64(3 * i)
				if i >= c.from {
					s.Counters = run.Snapshots[c.from-1].Counters
				}
			}
			res := Analyze(run, DefaultConfig())
			if res.Verdict != c.want || !warns(res.Warnings, Reason{Code: c.says, Values: Values{N: n - c.from, Of: n}}) && c.says != "" {
				t.Errorf("%s, warnings %+v; want %s, %q", res.Verdict, res.Warnings, c.want, c.says)
			}
		})
	}
}

func TestRunsThatWereNotMeasuredAreNotTheSame(t *testing.T) {
	t.Parallel()
	made := func(copies bool) *snapshot.Run {
		run := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}.run()
		for i, s := range run.Snapshots {
			if s.Counters.Values["NumGC"] = uint64(i); copies && i%2 == 1 {
				s.Counters.Values["NumGC"], s.Counters.Values["Mallocs"] = uint64(i-1), run.Snapshots[i-1].Counters.Values["Mallocs"]
			}
		}
		return run
	}
	if c := Compare(made(false), made(false), DefaultConfig()); c.Change != Same {
		t.Fatalf("two calm runs are %s: %+v, want the same", c.Change, c.Reasons)
	}
	for _, which := range [][2]bool{{true, false}, {false, true}} {
		c := Compare(made(which[0]), made(which[1]), DefaultConfig())
		if c.Change != Undecided || !says(c.Reasons, Reason{NotMeasured, Values{N: 13, Of: 26}}) {
			t.Errorf("half copies in %v: %s, %+v; want unknown", which, c.Change, c.Reasons)
		}
	}
}

// Without times there is no rate, and no limit that one could be held against.
func TestProfilesWithoutTimesAreJudgedByTheirOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		grew float64
		want RunVerdict
	}{{3e7, RunLeak}, {0, RunInconclusive}} {
		run := simulation{steady: 30, bytes: curve(30, 500, linear(c.grew)), objects: curve(30, 5, linear(c.grew/100))}.run()
		for _, s := range run.Snapshots {
			s.Time = time.Time{}
		}
		cfg := DefaultConfig()
		cfg.Limit = 1 << 40
		res := Analyze(run, cfg)
		total := res.Total(series.LiveBytes)
		if res.Verdict != c.want || res.Per != PerSnapshot || res.Seconds != 0 || res.Forecast != nil || total.In(PerSecond) != nil {
			t.Errorf("grew %g: %s per %s in %g s, forecast %v; want %s per snapshot, and no rate", c.grew, res.Verdict, res.Per, res.Seconds, res.Forecast, c.want)
		}
		if g := total.In(PerSnapshot); g == nil || c.grew > 0 && math.Abs(g.Estimate/(c.grew/29)-1) > 0.05 {
			t.Errorf("grew %g: %+v per snapshot, want %g", c.grew, g, c.grew/29)
		}
	}
}

func TestConnectionsThatComeInAreNoLeakOfTheHeap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ops   int64
		every time.Duration
		drain int
		want  RunVerdict
	}{
		{"watched under somebody's load", 0, time.Second, 0, RunInconclusive},
		{"watched for long", 0, 20 * time.Second, 0, RunInconclusive},
		{"by operations, each keeping one", 400, time.Second, 0, RunLeak},
		{"by operations, of which few keep one, as a pool that grows does", 10_000, time.Second, 0, RunInconclusive},
		{"kept for seconds when the load has gone, as what is kept alive is", 0, time.Second, 3, RunInconclusive},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 20
			counts := curve(n+c.drain, 0, func(u float64) float64 { return 400 * min(1, u*float64(n+c.drain-1)/(n-1)) })
			s := simulation{
				steady: n, drain: c.drain, phased: c.drain > 0, ops: c.ops, every: c.every, stacks: crowds(reading, counts),
				bytes: curve(n, 500, linear(4e6)), objects: curve(n, 5, linear(16_000)),
			}
			if res := Analyze(s.run(), DefaultConfig()); res.Verdict != c.want {
				t.Errorf("%s, totals %+v; want %s", res.Verdict, res.Totals, c.want)
			}
		})
	}
	t.Run("bytes would be a leak, objects rise unevenly: both say with what", func(t *testing.T) {
		const n = 20
		s := simulation{steady: n, every: 20 * time.Second, stacks: crowds(reading, curve(n, 0, linear(400))), bytes: curve(n, 500, linear(4e6)), objects: curve(n, 5, func(u float64) float64 { return 16_000 * math.Sqrt(u) })}
		res := Analyze(s.run(), DefaultConfig())
		b, o := res.Total(series.LiveBytes), res.Total(series.LiveObjects)
		if b.Verdict != Growing || o.Verdict != Growing || !says(b.Reasons, Reason{Code: WithGoroutines}) || !says(o.Reasons, Reason{Code: WithGoroutines}) || saysAny(res.Total(series.Goroutines).Reasons, WithGoroutines) {
			t.Errorf("totals %+v, want bytes and objects to grow with goroutines", res.Totals)
		}
	})
}
