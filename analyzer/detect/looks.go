package detect

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Looks judges a run again and again while it goes on, as a dashboard or an
// abort on a leak does, at the false-alarm rate of one judgement. A fixed level
// would be tried at every look; here the levels are spent over the looks, and a
// leak must be confirmed: found at two looks in a row.
//
// Of the levels of the slope (alphaSlope for exact counters; Config.Alpha/M for
// sites, slope and rank) half is spent over the planned looks by Pocock's spending function,
//
//	α(t) = α/2 · ln(1 + (e − 1)·t),   t = look/planned
//
// (Lan & DeMets, Biometrika 70, 1983), the other half over all that may follow,
// as 1/k². O'Brien and Fleming's function was rejected: it leaves an early look
// a level that no t-test of ten points reaches, and a leak that kills a service
// in minutes must be told in minutes. Of exact counters Mann–Kendall's test keeps
// its level: six values in order are 1/720, no less can be asked of them. The
// sum of levels is α, so the bound holds however the looks depend on one
// another; simulated figures are in docs/METHOD.md.
//
// The zero value is not meant for use; it is not safe for concurrent use.
type Looks struct {
	cfg     Config
	planned int
	look    int // looks taken
	seen    int // snapshots of the run at the last look
	claimed map[string]bool
	told    map[string]bool // confirmed at some look
	last    *Result
}

// NewLooks makes Looks for a run that is judged about planned times. More looks
// are allowed, at ever stricter levels; fewer than one planned count as one.
func NewLooks(cfg Config, planned int) *Looks {
	return &Looks{cfg: cfg, planned: max(1, planned), told: map[string]bool{}}
}

// Level is the part of every level that look k (1, 2, …) may spend, in (0, 1).
// The parts of all looks add up to less than 1.
func (l *Looks) Level(k int) float64 {
	n := float64(l.planned)
	if k <= l.planned {
		spent := func(k int) float64 { return math.Log1p((math.E - 1) * float64(k) / n) }
		return (spent(k) - spent(k-1)) / 2
	}
	// Σ_{k>n} n/k² < 1
	return n / float64(k) / float64(k) / 2
}

// Look judges the run so far: all its snapshots up to now, not only those since
// the last look. What passes all tests for the first time, or not at the level
// of this look, is a suspect; at the next look that finds it again, it is a
// leak, and stays one for as long as it passes the tests of a single judgement.
// What the runtime proves needs no second look. A run without a new
// snapshot is no look: the last result is returned again.
//
// The result has no power statement: that is of a run judged once.
func (l *Looks) Look(run *snapshot.Run) *Result {
	if l.last != nil && len(run.Snapshots) == l.seen {
		return l.last
	}
	l.look++
	l.seen = len(run.Snapshots)
	level := l.Level(l.look)
	cfg := l.cfg
	cfg.Alpha *= level
	j := judge(run, cfg)
	claims := j.claims(level, l.told)
	confirmed := map[string]bool{}
	for id := range claims {
		confirmed[id] = l.claimed[id] || l.told[id]
	}
	for id := range j.proofs() {
		claims[id], confirmed[id] = true, true
	}
	// One quantity may pass at one look and the other at the next: both tell
	// of the heap.
	heap := []string{series.LiveBytes, series.LiveObjects}
	if slices.ContainsFunc(heap, func(n string) bool { return claims[n] }) && slices.ContainsFunc(heap, func(n string) bool { return l.claimed[n] }) {
		for _, n := range heap {
			confirmed[n] = claims[n]
		}
	}
	l.claimed = claims
	for id, ok := range confirmed {
		if ok {
			l.told[id] = true
		}
	}
	j.hold(claims, confirmed)
	if j.res.Verdict == RunLeak {
		j.res.Forecast = j.forecast()
	}
	l.last = j.res
	return j.res
}

// claims names what passes all tests at the given part of the slope's level:
// totals by name, findings by id. Sites had their part in Config.Alpha. What was
// told before must pass those of a single judgement alone: its level is spent,
// and ever stricter ones would take back what goes on.
func (j *judgement) claims(level float64, told map[string]bool) map[string]bool {
	out := map[string]bool{}
	steep := func(id string, e *Evidence, u, y []float64) bool {
		return told[id] || e.Slope.Statistic <= alphaSlope*level && shownToGoOn(u, y)
	}
	for _, name := range []string{series.LiveBytes, series.LiveObjects} {
		if t := j.totals[name]; t != nil && t.Verdict == Leak && steep(name, &t.Evidence, t.u, t.y) {
			out[name] = true
		}
	}
	heap := out[series.LiveBytes] || out[series.LiveObjects]
	groups := map[string]bool{}
	for _, g := range j.groups {
		if id := groupID(g.series); g.Measured() && steep(id, &g.Evidence, g.u, g.y) {
			groups[id] = true
		}
	}
	for _, f := range j.res.Findings {
		if f.Verdict != Leak {
			continue
		}
		ok := heap || len(f.Stack) > 0 && j.sampledAlone()
		if f.Kind == KindGoroutine {
			ok = groups[f.ID]
		}
		for _, id := range f.ids() {
			if ok {
				out[id] = true
			}
		}
	}
	return out
}

// shownToGoOn reports that the second half is shown to grow at more than seven tenths
// of the first half's rate. A single judgement only asks that slackening is not
// shown; over many looks some will not show it of a curve that bends all the
// time: a logarithm has 0.58 over the last two thirds of a run. The level is
// strict for the same reason: at 5 %, 3 % of logarithms passed at one of 53
// looks. A leak with little noise passes at once; one whose t is below some 40
// waits for more snapshots.
func shownToGoOn(u, y []float64) bool {
	n := len(u)
	h := n / 2
	a, err1 := stats.FitSlope(u[:h+1], y[:h+1], stats.Noise{})
	b, err2 := stats.FitSlope(u[h:], y[h:], stats.Noise{})
	se := math.Hypot(b.SE, looksGoOnAt*a.SE)
	return err1 == nil && err2 == nil && n > 4 && b.PerX-looksGoOnAt*a.PerX > stats.StudentQuantile(looksGoOnSure, float64(n-4))*se
}

// sampledAlone reports that there are no exact counters of the heap, so that
// the sites decide.
func (j *judgement) sampledAlone() bool {
	t := j.run.Total(series.LiveBytes)
	return t == nil || t.Sampled
}

// proofs are the groups that the runtime reports as leaked.
func (j *judgement) proofs() map[string]bool {
	out := map[string]bool{}
	for _, g := range j.run.Leaked {
		out[groupID(g)] = true
	}
	return out
}
