package detect

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// powerAt is the probability with which the stated leak would have been found.
const powerAt = 0.9

// mostShifts bounds the time: a judgement costs O(snapshots²) per shift.
const mostShifts = 20

// lower90 is the 10 % quantile of the standard normal distribution.
const lower90 = -1.2816

// power says what leak of the exact totals the run would have found: leaks of
// growing size are injected into the residuals of the tail, shifted around,
// turned back to front and upside down, and put through the same gates; the
// smallest that every one of these arrangements finds is stated. Nine tenths of
// them would not do: they are all of one run, and its noise is itself an
// estimate; simulated, a leak of the stated size is then found in 90 to 96 % of
// new runs (docs/METHOD.md), in 80 to 90 % if the ninth tenth is stated.
// Residuals are of the fitted line, so that a run with a leak can tell too.
func (a *analysis) power() *Power {
	p := &Power{Confidence: powerAt}
	b := a.detectable(series.LiveBytes, func(m *measure, b float64) bool { return a.material(m) && m.growth >= floorBytes })
	g := a.detectable(series.Goroutines, func(m *measure, b float64) bool { return m.growth >= floorGoroutines })
	if b == nil && g == nil {
		return nil
	}
	p.SiteBytes = a.nameable(b)
	p.Busiest = a.busiest(p.SiteBytes)
	if a.r.HasOps {
		p.BytesPerOp, p.GoroutinesPerOp = b, g
	} else {
		p.BytesPerSecond, p.GoroutinesPerSecond = b, g
	}
	return p
}

// nameable is the smallest leak, in bytes per work, at a site that frees nothing
// that would have been a leak of its own there: where the total proves it, and
// the site passes its gates. Sampled births that are all kept make a slope whose
// z is √(K/1.2) for K of them (Var = 6/5·K/U² over the work U, that of the
// integral of white noise), give or take 1. So K must be 1.2·(z + 1.28)² for
// powerAt of them to reach z, the stricter of the level α/M and of what is asked
// without the largest step, which takes some three away; and another part for the
// gate of slackening, simulated. An object much smaller than the sampling rate R
// stands for R bytes; of larger ones fewer do. At a site that also frees, more is
// needed. nil where there is no profile with samples or the total has no power.
func (a *analysis) nameable(total *float64) *float64 {
	at := a.w.tail
	if total == nil || a.r.Period <= 1 || len(a.r.Sites) == 0 || len(at) < minTail {
		return nil
	}
	work := a.r.Work[at[len(at)-1]] - a.r.Work[at[0]]
	if !(work > 0) {
		return nil
	}
	const step, bent = 3, 1.1
	_, m := a.measureSites()
	reach := func(level float64) float64 {
		z := stats.NormalQuantile(1-level) - lower90
		return 1.2 * z * z
	}
	k := bent * math.Max(reach(a.cfg.Alpha/float64(m)), reach(alphaDejump)+step)
	v := math.Max(*total, k*float64(a.r.Period)/work)
	return &v
}

// detectable is the smallest slope found in all arrangements; nil where
// even a very large one is not.
func (a *analysis) detectable(name string, enough func(*measure, float64) bool) *float64 {
	m := a.totals[name]
	if m == nil || !m.ok || m.total.Sampled {
		return nil
	}
	n := len(m.u)
	length := m.u[n-1] - m.u[0]
	res := m.slope.Line.Residuals(m.u, m.y)
	extra := 0.0
	if m.observed.known {
		extra = m.observed.se * float64(n-1) / length
	}
	wide := widening(m.slope)
	for i := range res {
		res[i] *= wide
	}
	margin := m.interval.Estimate - m.lower
	shifts := min(n, mostShifts)
	needs := make([]float64, 0, shifts)
	for k := range shifts {
		shift := k * n / shifts
		y := make([]float64, n)
		found := func(slope float64) bool {
			for i := range y {
				at := i
				if k%4 >= 2 { // back to front
					at = n - 1 - i
				}
				noise := res[(at+shift)%n]
				if k%2 == 1 { // upside down
					noise = -noise
				}
				y[i] = noise + slope*(m.u[i]-m.u[0])
			}
			g, ok := exact(m.u, y, extra, m.before-m.slope.PerX+slope)
			if !ok || !g.passes() {
				return false
			}
			t := &measure{gates: g, ok: true, total: m.total, tail: m.tail, u: m.u, kept: math.NaN()}
			t.lower = g.slope.PerX - margin
			return enough(t, slope)
		}
		needs = append(needs, smallestFound(found, a.scaleOf(name).floor/length))
	}
	v := slices.Max(needs)
	if !finite(v) {
		return nil
	}
	return &v
}

// widening makes of residuals what errors they must be taken for. A fit of a
// line makes them too small, by √(n/(n−2)), and few of them may look calmer
// than the program is: their variance is raised to its upper 90 % bound,
// ν/χ²(0.1; ν) (Wilson & Hilferty, PNAS 17, 1931, for the quantile of χ²).
func widening(s stats.Slope) float64 {
	n := float64(s.N)
	nu := s.DF
	if !(nu >= 1) {
		nu = n - 2
	}
	v := 2 / (9 * nu)
	q := math.Max(0.05, 1-v+lower90*math.Sqrt(v))
	return math.Sqrt(n / (n - 2) / (q * q * q))
}

// smallestFound doubles from start until found, then bisects to 5 %.
func smallestFound(found func(float64) bool, start float64) float64 {
	lo, hi := 0.0, start
	for i := 0; !found(hi); i++ {
		if i == 40 {
			return math.Inf(1)
		}
		lo, hi = hi, hi*2
	}
	for hi > lo*1.05 && hi-lo > 1e-12 {
		mid := (lo + hi) / 2
		if found(mid) {
			hi = mid
		} else {
			lo = mid
		}
		if lo == 0 && hi < start/1024 {
			break
		}
	}
	return hi
}
