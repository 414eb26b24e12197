package detect

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// measure is a total with the gates' answers and what the phases say.
type measure struct {
	gates
	ok        bool // enough snapshots to judge
	total     *series.Total
	tail      []int     // the judged snapshots that have it
	y         []float64 // its values there, without the observer's part
	u         []float64
	observed  observer
	before    float64    // growth per work before the tail, NaN unknown
	lower     float64    // lower bound of growth per work, the unmeasured observer effect allowed for
	lateUpper float64    // as upper, over the last half of the tail; 0 until asked for
	kept      float64    // part of the growth still there after the drain; NaN unknown
	repeat    *repeat    // what a second pass says; nil where there is none
	calm      *resistant // the slope without outlying snapshots, nil where there are none
}

// quantities with units of their own: what counts as grown, and as clean.
type scale struct {
	floor   float64
	clean   float64
	perSnap float64 // assumed observer effect where none was measured
}

func (a *analysis) scaleOf(name string) scale {
	switch name {
	case series.LiveObjects:
		return scale{floorObjects, a.cfg.Clean.Objects, observerObjects}
	case series.Goroutines:
		return scale{floorGoroutines, a.cfg.Clean.Goroutines, 0}
	}
	return scale{floorBytes, a.cfg.Clean.Bytes, observerBytes}
}

// ruleOfThree over n is the upper 95 % bound of the rate of events of which
// none came in n tries: −ln 0.05 ≈ 3 (Hanley & Lippman-Hand, JAMA 249, 1983).
const ruleOfThree = 3

// measureTotal runs the gates over one total.
func (a *analysis) measureTotal(t *series.Total) *measure {
	m := &measure{total: t, kept: math.NaN()}
	sc := a.scaleOf(t.Name)
	heap := t.Name == series.LiveBytes || t.Name == series.LiveObjects
	y := t.Y
	if heap && !t.Sampled {
		if m.observed = observe(t.Y, a.w.idle, sc.perSnap); m.observed.known {
			y = append([]float64(nil), t.Y...)
			for i := range y {
				y[i] -= m.observed.perSnapshot * float64(i)
			}
		}
	}
	m.u, m.y, m.tail = pick(a.r, y, a.w.tail)
	n := len(m.u)
	if n < 2 {
		return m
	}
	length := m.u[n-1] - m.u[0]
	if !(length > 0) {
		return m
	}
	perWork := float64(n-1) / length
	m.before = a.before(y)
	if t.Sampled {
		m.gates, m.ok = a.sampled(m.u, m.y, t.Noise, t.Turnover, m.tail, m.before)
	} else {
		extra := 0.0
		if m.observed.known {
			extra = m.observed.se * perWork
		}
		m.gates, m.ok = exact(m.u, m.y, extra, m.before)
		if r, ok := resist(m.u, m.y); m.ok && ok {
			m.calm = &r
			m.upper = math.Min(m.upper, r.upper)
		}
	}
	if !m.ok {
		return m
	}
	if a.r.HasOps && (t.Name == series.Goroutines || t.Name == series.LiveObjects) {
		// What is counted one by one and did not come in n operations may
		// still come once in n/3 of them (the rule of three).
		unseen := m.slope.PerX + ruleOfThree/length
		m.upper, m.interval.Hi = math.Max(m.upper, unseen), math.Max(m.interval.Hi, unseen)
	}
	m.lower = m.interval.Lo
	if heap && !t.Sampled && !m.observed.known {
		m.lower -= sc.perSnap * perWork
		m.interval.Lo = m.lower
	}
	m.kept = a.afterDrain(y, m.y[len(m.y)-1], m.growth)
	m.repeat = a.repeated(m)
	return m
}

// sampled judges a series added up from samples: its noise is known from
// births and deaths; where the data scatter more (φ > 1.5) the block tests
// decide.
func (a *analysis) sampled(u, y, live, turnover []float64, at []int, before float64) (gates, bool) {
	if len(u) < minTail {
		return gates{}, false
	}
	z := noiseOf(u, live, turnover, at)
	g, ok := fit(u, y, z, 0, before)
	if !ok {
		return g, false
	}
	g.p = sampledP(g.slope, u, y)
	j := stats.Dejump(y)
	if s, err := stats.FitSlope(u, j, z); err == nil {
		g.dejumped = sampledP(s, u, j)
	}
	return g, true
}

// What profiles alone must have watched before growth is more than growing: a
// cache that fills is a line for as long as it fills, and without the count of
// objects, idle snapshots or a drain nothing else tells the two apart.
const (
	leastProfiles = 24   // judged snapshots, or
	leastWatched  = 1800 // seconds of them
)

// watched reports that the snapshots are enough for profiles alone.
func (a *analysis) watched(at []int) bool {
	return len(at) >= leastProfiles || len(at) > 0 && a.r.Seconds[at[len(at)-1]]-a.r.Seconds[at[0]] >= leastWatched
}

// overdispersed is the φ from which the sampling model does not explain the
// scatter.
const overdispersed = 1.5

func sampledP(s stats.Slope, u, y []float64) float64 {
	if s.Phi > overdispersed {
		return stats.BlockTest(u, y)
	}
	if !(s.SE > 0) {
		return 1
	}
	return stats.NormalCDF(-s.PerX / s.SE)
}

// noiseOf averages Q_K over the tail and takes the turnover's rate.
func noiseOf(u, live, turnover []float64, at []int) stats.Noise {
	var z stats.Noise
	for _, i := range at {
		z.Live += live[i] / float64(len(at))
	}
	n := len(at)
	z.Turnover = (turnover[at[n-1]] - turnover[at[0]]) / (u[n-1] - u[0])
	return z
}

// afterDrain is the part of the tail's growth to end that is still there in the
// last snapshot of the drain: 1 kept, 0 gone; NaN where there was no drain or no
// growth to speak of.
func (a *analysis) afterDrain(y []float64, end, growth float64) float64 {
	_, d, _ := pick(a.r, y, a.w.drain)
	if len(d) == 0 || !(growth > 0) {
		return math.NaN()
	}
	return 1 + (d[len(d)-1]-end)/growth
}

// moreThanGrew is the part kept below which the drain took away much that was
// there before the growth, half of the growth at least.
const moreThanGrew = -0.5

// grew reports that the total grew beyond doubt and by enough to speak of,
// whatever else the gates say.
func (m *measure) grew(sc scale) bool {
	return m.ok && m.significant() && m.growth >= sc.floor
}

// rises is grew by the rank test alone: growth that bends scatters about a line
// so much that the slope's test is silent. It never makes a leak.
func (m *measure) rises(sc scale) bool {
	if m.calm != nil && m.calm.growth < sc.floor {
		return false // outlying snapshots make the growth
	}
	return m.ok && m.kendall.P <= alphaKendal && m.growth >= sc.floor
}

// settle gives the verdict of a total that is not a leak: backlog, stable,
// plateau, growing, or unknown.
func (m *measure) settle(a *analysis, sc scale) Verdict {
	switch {
	case !m.ok:
		return Unknown
	case m.grew(sc) && m.kept < 0.5:
		return Backlog
	case m.upper <= sc.clean && !(m.calmed() && a.flat(m, sc)):
		return Stable
	case a.flat(m, sc), m.repeat != nil && m.repeat.stopped && m.repeat.last.Upper(confidence) <= sc.clean:
		return Plateau
	case m.rises(sc) && m.kept < 0.5:
		return Backlog
	case m.rises(sc):
		return Growing
	}
	return Unknown
}

// calmed reports that the upper bound is that of the slope without outlying
// snapshots. What grew and then stopped has such as well: its first.
func (m *measure) calmed() bool { return m.calm != nil && m.upper == m.calm.upper }

// flat reports that the total grew and then stopped: the first two snapshots
// lie below all of the last half, and that half is bounded below the clean
// limit. Without the first condition noise would have two tries at a pass.
func (a *analysis) flat(m *measure, sc scale) bool {
	n := len(m.u)
	h := n / 2
	if n-h < 5 || math.Max(m.y[0], m.y[1]) >= stats.Min(m.y[h:]) {
		return false
	}
	s, ok := rate(m.u[h:], m.y[h:])
	if !ok {
		return false
	}
	m.lateUpper = s.Upper(confidence)
	return m.lateUpper <= sc.clean
}

// report turns a measure into the total of the result.
func (a *analysis) report(m *measure, v Verdict) *Total {
	t := &Total{Name: m.total.Name, Verdict: v}
	if n := len(m.y); n > 0 {
		t.First, t.Last = m.total.Y[m.tail[0]], m.total.Y[m.tail[n-1]]
	}
	if !m.ok {
		switch n := len(m.y); {
		case n == 0:
			t.Why = []string{"no snapshot of the steady phase has it"}
		case n < minTail:
			t.Why = []string{fmt.Sprintf("%s to judge; at least %d are needed", plural(float64(n), "snapshot"), minTail)}
		case a.r.HasOps:
			t.Why = []string{"no operation was completed between the snapshots to judge"}
		default:
			t.Why = []string{"the snapshots to judge are of one moment"}
		}
		return t
	}
	t.Trend = m.trend()
	iv := m.interval
	if a.r.HasOps {
		t.PerOp = &iv
		s := iv.Scale(a.opsPerSecond(m.tail))
		t.PerSecond = &s
	} else {
		t.PerSecond = &iv
	}
	if _, judged := a.verdict[m.total.Name]; judged {
		t.Why = a.why(m, v)
	}
	return t
}

// opsPerSecond is the observed rate over the given snapshots.
func (a *analysis) opsPerSecond(at []int) float64 {
	i, j := at[0], at[len(at)-1]
	if s := a.r.Seconds[j] - a.r.Seconds[i]; s > 0 {
		return (a.r.Work[j] - a.r.Work[i]) / s
	}
	return 0
}

// why names the gates in sentences.
func (a *analysis) why(m *measure, v Verdict) []string {
	sc := a.scaleOf(m.total.Name)
	var out []string
	if m.total.Sampled {
		out = append(out, "no exact counters: added up from the sampled profile")
	}
	rises := m.significant() || v == Growing || v == Backlog
	if a.ramp && v == Growing && (m.total.Name == series.LiveBytes || m.total.Name == series.LiveObjects) {
		out = append(out, "grows together with goroutines that may end by themselves, as connections do: count operations (--ops-metric) or watch it without load to tell")
	}
	switch {
	case m.significant() && m.jumps():
		out = append(out, "a few steps tell the growth better than a line")
	case m.significant():
		out = append(out, fmt.Sprintf("rises in %d snapshots (tau %.2f, p %.2g)", m.n, m.kendall.Tau, math.Max(m.p, m.kendall.P)))
	case rises:
		out = append(out, fmt.Sprintf("rises in %d snapshots (tau %.2f, p %.2g), but not along a line (p %.2g)", m.n, m.kendall.Tau, m.kendall.P, m.p))
	}
	if rises && !m.sustained {
		out = append(out, m.falling+": a cache that fills looks like this")
	}
	if m.significant() && m.growth < sc.floor && v != Leak {
		out = append(out, fmt.Sprintf("grew by %.0f in all, below the evidence floor of %.0f: run longer to judge it", m.growth, sc.floor))
	}
	if rises && m.growth >= sc.floor && !math.IsNaN(m.kept) {
		if m.kept < 0.5 {
			said := fmt.Sprintf("%.0f %% of the growth went away in the drain", 100*math.Min(1, 1-m.kept))
			if m.kept < moreThanGrew {
				said = "more went away in the drain than had grown: what requests in flight hold all the time may hide a leak; hold the load still at each snapshot (--quiesce) to tell"
			}
			out = append(out, said)
		} else {
			out = append(out, "kept after the drain")
		}
	}
	if said := m.repeat.why(); said != "" && (rises || v == Plateau) {
		out = append(out, said)
	}
	if v == Plateau && m.lateUpper != 0 {
		out = append(out, fmt.Sprintf("grew, then stopped: over its last half at most %s per %s (95 %%), limit %s", figure(math.Max(0, m.lateUpper)), a.unit(), figure(sc.clean)))
	}
	if v == Stable {
		said := fmt.Sprintf("at most %s per %s (95 %%), limit %s", figure(math.Max(0, m.upper)), a.unit(), figure(sc.clean))
		if m.calmed() {
			said += fmt.Sprintf("; %d of %d snapshots lie far from the others and weigh less", m.calm.pulled, m.n)
		}
		out = append(out, said)
	}
	if v == Unknown {
		out = append(out, fmt.Sprintf("neither growth nor its absence is shown: at most %s per %s (95 %%), limit %s%s", figure(m.upper), a.unit(), figure(sc.clean), a.longer(m, sc)))
	}
	return out
}

// longer says how much more of the same would bound the slope below the clean
// limit, where that can be told: with independent errors and evenly spaced
// snapshots the slope's error falls with the length of the run to the power 3/2.
func (a *analysis) longer(m *measure, sc scale) string {
	spare := sc.clean - math.Max(0, m.slope.PerX)
	spread := m.upper - m.slope.PerX
	if !(spare > 0) || !(spread > spare) {
		return ""
	}
	times := math.Pow(spread/spare, 2.0/3)
	if times > 1000 {
		return ""
	}
	return fmt.Sprintf("; a run about %.2g times as long would tell", math.Max(1.1, times))
}

// figure prints a number of a sentence: three digits, never an exponent from
// 0.0001 on.
func figure(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (a *analysis) unit() string {
	if a.r.HasOps {
		return "operation"
	}
	return "second"
}
