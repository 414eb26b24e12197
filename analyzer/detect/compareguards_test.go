package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// grownBy is a quantity that grows at a rate with a standard error.
func grownBy(rate, se float64, grows bool) *grown {
	return &grown{slope: stats.Slope{PerX: rate, SE: se, DF: 12, N: 14}, work: 10_000, grows: grows}
}

// The conditions of a change one by one, on quantities that all others let pass.
func TestTheConditionsOfAChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		before, after *grown
		want          Change
	}{
		{"better", grownBy(200, 1, true), grownBy(0, 1, false), Better},
		{"better, but what was before is no growth by the tests", grownBy(200, 1, false), grownBy(0, 1, false), Undecided},
		{"worse", grownBy(0, 1, false), grownBy(200, 1, true), Worse},
		{"worse, but what is now is no growth by the tests", grownBy(0, 1, false), grownBy(200, 1, false), Undecided},
		{"less than the evidence floor of 64 KiB", grownBy(10, 0.1, true), grownBy(4, 0.1, true), Same},
		{"more than it", grownBy(10, 0.1, true), grownBy(3, 0.1, true), Better},
		{"not significant at the level of many sites", grownBy(1000, 60, true), grownBy(700, 60, true), Undecided},
		{"within a tenth of what it was", grownBy(2000, 20, true), grownBy(1950, 20, true), Same},
		{"beyond a tenth, and not significant", grownBy(2000, 100, true), grownBy(1950, 100, true), Undecided},
		{"neither is above the clean limit, however one falls", grownBy(-500, 200, false), grownBy(0, 10, false), Same},
		{"one is not judged", nil, grownBy(0, 10, false), Undecided},
	} {
		a := judge(&snapshot.Run{}, DefaultConfig())
		x := &comparison{cfg: DefaultConfig(), a: a, b: a, out: &Comparison{Per: PerOp}}
		var row Compared
		x.hold(&row, c.before, c.after, a.cfg.scaleOf(series.LiveBytes), 1e-3)
		if row.Change != c.want || len(row.Reasons) != 1 || (row.Difference == nil) != (c.before == nil) {
			t.Errorf("%s: %s (%+v, P %v, %+v), want %s", c.name, row.Change, row.Reasons, row.P, row.Difference, c.want)
		}
	}
}

// What snapshots leave behind, unmeasured, widens the difference on the side of
// the run that had more of them per operation.
func TestTheObserverWidensADifference(t *testing.T) {
	t.Parallel()
	a := judge(&snapshot.Run{}, DefaultConfig())
	for _, c := range []struct{ before, after, lo, hi float64 }{{0, 0, 0, 0}, {30, 30, 0, 0}, {0, 30, 30, 0}, {30, 0, 0, 30}, {10, 30, 20, 0}} {
		x := &comparison{cfg: DefaultConfig(), a: a, b: a, out: &Comparison{Per: PerOp}}
		p, q := grownBy(200, 1, true), grownBy(200, 1, true)
		plain := stats.Difference(p.slope, q.slope, confidence)
		p.free, q.free = c.before, c.after
		var row Compared
		x.hold(&row, p, q, a.cfg.scaleOf(series.LiveBytes), 1e-3)
		if lo, hi := plain.Lo-row.Difference.Lo, row.Difference.Hi-plain.Hi; math.Abs(lo-c.lo) > 1e-9 || math.Abs(hi-c.hi) > 1e-9 {
			t.Errorf("free %v and %v: wider by %.3g below and %.3g above, want %v and %v", c.before, c.after, lo, hi, c.lo, c.hi)
		}
	}
}

// A site without a sample may be missing by chance: where few were to be
// expected, and where the sampling rate differs, it is not gone.
func TestASiteThatIsMissingByChanceIsNotGone(t *testing.T) {
	t.Parallel()
	busy := allocator{at(1, "example.com/app.Parse", handler), 512, 60, 0}
	keep := allocator{at(2, "example.com/app.Keep", handler), 128, 0, 30}
	before := withSites("before", sampling, busy, keep)
	for _, c := range []struct {
		name string
		ops  int64
		rate int64
		want Change // Same stands for no row
	}{
		{"as many operations", 10_000, sampling, Gone},
		{"so few operations that four samples were to be expected", 115, sampling, Undecided},
		{"sampled at another rate", 10_000, 512 << 10, Same},
	} {
		after := withSites("after", c.rate, busy)
		after.ops = c.ops
		got := Same
		for _, r := range compareRuns(before.run(), after.run()).Sites {
			if r.Function == "example.com/app.Keep" {
				got = r.Change
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A leak beyond doubt in one judgement is none yet at the level of a million
// looks, of the heap and of goroutines.
func TestTheLevelOfManyLooksIsStricter(t *testing.T) {
	t.Parallel()
	const n = 20
	heap := keeping(seeded("stricter", n), n, 60, 20_000, 0)
	crowd := simulation{idle: 6, steady: n, ops: 10_000, bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0))}
	counts := append(make([]float64, 6), curve(n, 12, linear(300))...)
	crowd.stacks = crowds(receiving, counts)
	for name, s := range map[string]simulation{"heap": heap, "goroutines": crowd} {
		s.drain = 0
		run := s.run()
		if name == "goroutines" { // some end: more than one in twenty would make it a suspect
			for i := 7; i < n+6; i++ {
				counts[i] = math.Max(counts[i], counts[i-1])
			}
			s.stacks = crowds(receiving, counts)
			run = s.run()
		}
		if res := judge(run, DefaultConfig()).res; res.Verdict != RunLeak {
			t.Fatalf("%s: %s in one judgement, want a leak: %+v", name, res.Verdict, res.Findings)
		}
		few, many := NewLooks(DefaultConfig(), 1), NewLooks(DefaultConfig(), 1_000_000)
		few.Look(upTo(run, n+5))
		many.Look(upTo(run, n+5))
		if x, y := few.Look(run), many.Look(run); y.Verdict != RunInconclusive {
			t.Errorf("%s: %s with one look planned, %s with a million; want inconclusive", name, x.Verdict, y.Verdict)
		}
	}
}

// A curve that bends does not go on, however little noise it has; a line does.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	for _, n := range []int{6, 14, 40} {
		u := curve(n, 0, func(u float64) float64 { return 1e4 * (1 + 2*u) / 3 }) // the last two thirds
		for _, c := range []struct {
			name string
			y    func(u float64) float64
			sd   float64
			want bool
		}{
			{"a line", linear(1e6), 100, true},
			{"a line in noise that hides its end", linear(1e6), 5e5, false},
			{"the last two thirds of a logarithm", func(u float64) float64 { return 1e6 * math.Log(1+2*u) }, 100, false},
			{"a line that slackens to six tenths", func(u float64) float64 { return 1e6 * (u - 0.4*math.Max(0, u-0.5)) }, 100, false},
			{"nothing", linear(0), 0, false},
		} {
			if got := shownToGoOn(u, curve(n, c.sd, c.y)); got != c.want {
				t.Errorf("%s, %d: goes on %v, want %v", c.name, n, got, c.want)
			}
		}
	}
	// And it is asked: a leak whose values are put on a bend is not claimed.
	a := judge(leakingTwice(20).run(), DefaultConfig())
	if !a.claims(1, nil)[series.LiveBytes] {
		t.Fatal("a plain leak is not claimed")
	}
	for _, name := range []string{series.LiveBytes, series.LiveObjects} {
		a.totals[name].y = curve(20, 100, func(u float64) float64 { return 1e6 * math.Log(1+2*u) })
	}
	if got := a.claims(1, nil); len(got) > 0 {
		t.Errorf("a bend is claimed: %v", got)
	}
}
