package detect

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// gates is what the tests say of one series over the judged tail.
type gates struct {
	n         int
	slope     stats.Slope
	interval  stats.Interval
	upper     float64 // one-sided 95 % bound of the slope
	kendall   stats.Kendall
	p         float64 // slope and, where it applies, block test: the larger
	dejumped  float64 // of a sampled series: p again without the largest step
	level     float64 // of an exact series: what p is held against
	stepped   bool    // of an exact series that grows: steps tell it better than a line
	growth    float64 // slope times the tail's length
	ratio     float64 // rate of the last third over the whole tail's
	sustained bool
	falling   string // why not sustained
}

// exact judges an exactly counted series. ok is false with fewer than minTail
// points or no spread. before is the rate of growth before the tail, NaN where
// it is not known.
func exact(u, y []float64, sigmaExtra, before float64) (g gates, ok bool) {
	if len(u) < minTail {
		return g, false
	}
	g, ok = fit(u, y, stats.Noise{}, sigmaExtra, before)
	if !ok {
		return g, false
	}
	g.p = exactP(g.slope, u, y)
	g.dejumped = 0
	g.level = slopeLevel(g.n, before/g.slope.PerX)
	g.stepped = g.significant() && stepsExplain(y, g.slope.Line.RSS)
	return g, true
}

// exactP is the larger P of the slope's test and, where blocks hold more than
// one snapshot each, of the block tests: with one each they repeat the slope's
// test and Mann–Kendall's, which has a level of its own.
func exactP(s stats.Slope, u, y []float64) float64 {
	p := s.P()
	if len(u) >= 2*stats.Blocks {
		p = math.Max(p, stats.BlockTest(u, y))
	}
	return p
}

// fit does what exact and sampled series share. sigmaExtra is an error of the
// slope from elsewhere (the observer's), added in quadrature.
func fit(u, y []float64, z stats.Noise, sigmaExtra, before float64) (g gates, ok bool) {
	s, err := stats.FitSlope(u, y, z)
	if err != nil {
		return g, false
	}
	s.SE = math.Hypot(s.SE, sigmaExtra)
	n := len(u)
	g = gates{
		n: n, slope: s, interval: s.Interval(confidence), kendall: stats.MannKendall(y),
		growth: s.PerX * (u[n-1] - u[0]), p: 1, dejumped: 1,
	}
	g.upper = s.Upper(confidence)
	g.sustain(u, y, before, z)
	return g, true
}

// sustain asks whether growth goes on to the end: a cache that fills is not a
// leak. It fails when the last third grows at less than half the tail's rate,
// when the second half grows at less than two thirds of the first half's rate
// and that is no accident, or when the last sixth is flat likewise.
//
// Where growth before the tail was more than twice as fast, the curve bends, and
// the tail may be the rest of a warm-up that never quite ends: a logarithm's
// second half has 0.58 of its first half's rate over the last two thirds of a
// run. Then it is not enough that slackening is not shown: going on must be.
func (g *gates) sustain(u, y []float64, before float64, z stats.Noise) {
	g.sustained, g.ratio = true, 1
	n := len(u)
	if !(g.slope.PerX > 0) {
		return
	}
	k := n - max(3, int(math.Round(float64(n)/3)))
	last, ok := rateOf(u[k:], y[k:], z)
	if ok {
		g.ratio = last.PerX / g.slope.PerX
		// Three points of a leak without noise say enough; with noise the
		// rate of a third must be low beyond its own error.
		if g.ratio < 0.5 && last.PerX+last.SE < 0.75*g.slope.PerX {
			g.sustained = false
			g.falling = fmt.Sprintf("the last third grew at %.0f %% of the rate of the whole", 100*math.Max(0, g.ratio))
			return
		}
	}
	h := n / 2
	a, ok1 := rateOf(u[:h+1], y[:h+1], z)
	b, ok2 := rateOf(u[h:], y[h:], z)
	if ok1 && ok2 && b.PerX < 0.65*a.PerX && a.PerX-b.PerX > slower*math.Hypot(a.SE, b.SE) {
		g.sustained = false
		g.falling = fmt.Sprintf("the second half grew at %.0f %% of the first half's rate", 100*math.Max(0, b.PerX/a.PerX))
		return
	}
	if ok1 && ok2 && before > 2*g.slope.PerX && b.PerX-goesOnAt*a.PerX < beyondFloor*math.Hypot(b.SE, goesOnAt*a.SE) {
		g.sustained = false
		g.falling = fmt.Sprintf("it grew %.1f times as fast before, and that it goes on is not shown", before/g.slope.PerX)
		return
	}
	if k = n - n/6; n/6 >= 3 {
		if end, ok := rateOf(u[k-1:], y[k-1:], z); ok && end.PerX+beyondFloor*end.SE < 0.5*g.slope.PerX {
			g.sustained = false
			g.falling = "the last sixth is flat"
		}
	}
}

// slower is how many standard errors slower the second half must grow to be
// believed: 1 % shared by the two tests of slackening that have a level.
const slower = 2.58

// goesOnAt is the part of the first half's rate that the second half must be
// shown to exceed where growth was fast before: beyond a logarithm's 0.58 by
// more than the twentieth of them that noise lets pass.
const goesOnAt = 0.75

func rate(u, y []float64) (stats.Slope, bool) { return rateOf(u, y, stats.Noise{}) }

// rateOf fits a part of a series, with the sampling noise of the whole.
func rateOf(u, y []float64, z stats.Noise) (stats.Slope, bool) {
	s, err := stats.FitSlope(u, y, z)
	return s, err == nil
}

// significant reports that slope and rank tests pass on the exact counters'
// levels.
func (g gates) significant() bool {
	return g.slope.PerX > 0 && g.p <= g.level && g.kendall.P <= alphaKendal
}

// slackening is how many times as fast growth must have been before the judged
// snapshots for few of them to be doubted.
const slackening = 1.25

// slopeLevel is the level of the slope's test on n judged snapshots. Few of
// them make the allowance for slow scatter so wide that a plain leak has no more
// than p = 3·10⁻⁴, while the rank test asks that nearly all of them rise: the
// level is laxer there, unless growth was faster before them. A cache that fills
// looks like a line for a short while. before is that rate over the tail's, NaN
// where it is not known.
func slopeLevel(n int, before float64) float64 {
	switch {
	case before > slackening:
		return alphaSlope
	case n <= 8:
		return 10 * alphaSlope
	case n < 12:
		return 3 * alphaSlope
	}
	return alphaSlope
}

// jumps reports that a step or a few make the growth.
func (g gates) jumps() bool { return g.stepped || g.dejumped > alphaDejump }

// passes adds the gates that need no units.
func (g gates) passes() bool {
	return g.significant() && !g.jumps() && g.sustained
}

func (g gates) trend() *Trend {
	return &Trend{Tau: g.kendall.Tau, P: g.kendall.P, N: g.n}
}
