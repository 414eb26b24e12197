package detect

import (
	"math"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/series"
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
