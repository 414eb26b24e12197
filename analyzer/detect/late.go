package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// measureLate looks for growth that begins in the run: flat, then a line. ok reports
// that it was found, and that the snapshots since pass every test of measureExact,
// with the slope's level shared by all places where growth could have begun. The
// evidence is of those snapshots, over the work since.
//
// The place is that of the broken line which fits best (Bai & Perron, Econometrica
// 66, 1998). Its search is paid for by Bonferroni's bound: there are no more than n
// places, and at levels of 10⁻⁴ the bound is close to the supremum's own
// distribution (Andrews, Econometrica 61, 1993, for that of many snapshots). What
// came before must be flat, at less than a fifth of the rate since and bounded below
// half of it, what came since must be straight, and a staircase must not tell it all
// better. O(n²).
func measureLate(u, y []float64, sigma, before float64) (e Evidence, ok bool) {
	n := len(u)
	places := n - minTail - leastBefore + 1
	if places < 1 {
		return e, false
	}
	since, least := 0, math.Inf(1)
	for k := leastBefore; k <= n-minTail; k++ {
		if rss := stats.PowerRSS(hinge(u, k), y, 1); rss < least {
			since, least = k, rss
		}
	}
	all, err := stats.FitTerm(y, hinge(u, since))
	if err != nil || stats.StudentTail(all.T(), all.DF)*float64(places) > alphaSlope {
		return e, false
	}
	rate := all.Coef[0]
	flat, ok := rateOf(u[:since+1], y[:since+1], stats.Noise{})
	i := flat.Interval(2*confidence - 1)
	if !ok || !(math.Abs(flat.PerX) < beganBelow*rate && math.Max(i.Hi, -i.Lo) < beganBounded*rate) || before > beganBelow*rate {
		return e, false
	}
	if stepsGain(y, all.RSS) < perParameter { // the broken line has its place more than a line has
		return e, false
	}
	work := sinceStart(u, since)
	if c, err := stats.Exponent(work, y[since:], curveSure); err != nil || c.Lo > 1 || c.Hi < 1 {
		return e, false
	}
	e = measureExact(work, y[since:], sigma, math.NaN())
	e.Since = since
	e.Slope.Bound /= float64(places)
	e.Slope.Passed = e.Slope.Passed && e.Slope.Statistic <= e.Slope.Bound
	return e, e.Measured() && e.passes()
}

// sinceStart is the work done since the k-th of u.
func sinceStart(u []float64, k int) []float64 {
	out := make([]float64, 0, len(u)-k)
	for _, v := range u[k:] {
		out = append(out, v-u[k])
	}
	return out
}

// since turns to the growth that began in the run.
func (t *total) since(late Evidence) {
	k := late.Since
	t.Evidence, t.before = late, math.NaN()
	t.u, t.y, t.at = sinceStart(t.u, k), t.y[k:], t.at[k:]
}
