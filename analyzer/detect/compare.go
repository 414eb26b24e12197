package detect

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Change says how growth differs from one run to another.
type Change string

// The changes. Appeared and Gone are of sites and groups that only one of the
// runs has.
const (
	Worse     Change = "worse"   // grows, and faster than before
	Appeared  Change = "new"     // grows, and was not there
	Better    Change = "better"  // grew, and grows more slowly or not at all
	Gone      Change = "gone"    // grew, and is not there any more
	Same      Change = "same"    // the difference is bounded: see Compared.Margin
	Undecided Change = "unknown" // none of these is shown
)

// KindTotal is the kind of a Compared that is one of the totals.
const KindTotal Kind = "total"

// Compared is one quantity in two runs. All growth is per operation, or per
// second where a run lacks operations (Comparison.PerOp).
type Compared struct {
	ID       string // of sites and groups as Finding.ID; of totals the name
	Kind     Kind
	Function string // culprit; of totals the name
	File     string
	Line     int
	Stack    []snapshot.Frame

	WaitReason string

	Before, After *stats.Interval // growth; nil where the run lacks it
	Difference    *stats.Interval // after less before; nil where it cannot be told
	P             float64         // two-sided, of so large a difference without one
	DF            float64         // degrees of freedom of Difference
	Margin        float64         // what Same holds the difference against
	Was, Is       Verdict         // in either run: of the total, or of the finding
	Change        Change
	Why           string
}

// Comparison is what changed from one run to another.
type Comparison struct {
	Change        Change // of all: worse, better, same or unknown
	Before, After *Result
	PerOp         bool
	Totals        []Compared
	// Sites are the call paths and groups of goroutines that changed or that
	// ask for attention in one of the runs, the worst first.
	Sites     []Compared
	Unchanged int // other sites and groups, neither shown to change nor suspected
	Why       []string
	Warnings  []string
}

// sameShare is the part of the growth before that a difference may have and be
// called none.
const sameShare = 0.1

// Compare says what a change did: before and after are runs of the program
// without and with it, under the same load. Either is judged as Analyze does;
// growth is compared by Welch's test at level Config.Alpha shared by the
// quantities of a kind, and only what passes the gates of growth in one of the
// runs is called better or worse: two calm runs differ by noise alone. It never
// fails. O(sites × snapshots²).
func Compare(before, after *snapshot.Run, cfg Config) *Comparison {
	c := &comparison{cfg: cfg, a: judge(before, cfg), b: judge(after, cfg)}
	c.out = &Comparison{Before: Analyze(before, cfg), After: Analyze(after, cfg), PerOp: c.a.r.HasOps && c.b.r.HasOps}
	c.all()
	return c.out
}

type comparison struct {
	cfg   Config
	a, b  *analysis
	out   *Comparison
	mixed bool // sampled at different rates
}

// all fills the comparison of the judged runs.
func (c *comparison) all() {
	c.comparable()
	c.totals()
	c.sites()
	c.groups()
	sort.SliceStable(c.out.Sites, func(i, j int) bool { return c.before(&c.out.Sites[i], &c.out.Sites[j]) })
	c.conclude()
}

// comparable warns of what makes the runs hard to compare.
func (c *comparison) comparable() {
	warn := func(format string, args ...any) {
		c.out.Warnings = append(c.out.Warnings, fmt.Sprintf(format, args...))
	}
	if c.a.r.HasOps != c.b.r.HasOps {
		which := "first"
		if c.a.r.HasOps {
			which = "second"
		}
		warn("the %s run does not know its operations: growth is compared per second, which is the same only under the same load", which)
	}
	if x, y := c.a.r.Period, c.b.r.Period; x != y && x > 0 && y > 0 {
		c.mixed = true
		warn("the heap was sampled once in %d bytes in one run and once in %d in the other: sites are not compared; record both with the same --memprofilerate", x, y)
	}
	if len(c.a.w.tail) > 0 && len(c.b.w.tail) > 0 && c.a.r.HasOps && c.b.r.HasOps {
		if x, y := c.a.opsPerSecond(c.a.w.tail), c.b.opsPerSecond(c.b.w.tail); x > 0 && y > 0 && math.Max(x/y, y/x) > 1.25 {
			warn("the load differs: %s operations a second in one run, %s in the other; what grows with time and not with operations looks different", figure(x), figure(y))
		}
	}
}

// grown is one quantity of one run.
type grown struct {
	slope stats.Slope // on the comparison's axis
	work  float64     // length of the judged tail on it
	grows bool        // passes the gates
	free  float64     // growth a snapshot may have caused itself: 0 … free per unit of work
}

func (g *grown) interval() *stats.Interval {
	iv := g.slope.Interval(confidence)
	return &iv
}

// onAxis puts a slope on the axis of the comparison.
func (c *comparison) onAxis(a *analysis, g *grown, at []int) bool {
	if c.out.PerOp || !a.r.HasOps {
		return true
	}
	k := a.opsPerSecond(at)
	if !(k > 0) {
		return false
	}
	g.slope, g.work, g.free = g.slope.Scale(k), g.work/k, g.free*k
	return true
}

func (c *comparison) total(a *analysis, name string) *grown {
	m := a.totals[name]
	if m == nil || !m.ok || m.total.Sampled && c.mixed {
		return nil
	}
	g := &grown{slope: m.slope, work: m.u[len(m.u)-1] - m.u[0], grows: m.passes()}
	heap := name == series.LiveBytes || name == series.LiveObjects
	if heap && !m.total.Sampled && !m.observed.known {
		g.free = a.scaleOf(name).perSnap * float64(len(m.u)-1) / g.work
	}
	if !c.onAxis(a, g, m.tail) {
		return nil
	}
	return g
}

func (c *comparison) totals() {
	for i := range c.a.r.Totals {
		name := c.a.r.Totals[i].Name
		if c.b.r.Total(name) == nil {
			continue
		}
		row := Compared{ID: name, Kind: KindTotal, Function: name, Was: c.a.verdict[name], Is: c.b.verdict[name]}
		c.judge(&row, c.total(c.a, name), c.total(c.b, name), c.a.scaleOf(name), c.cfg.Alpha/3)
		c.out.Totals = append(c.out.Totals, row)
	}
}

// judge fills a row of a quantity that both runs have; nil where it could not be
// judged in one of them.
func (c *comparison) judge(row *Compared, a, b *grown, sc scale, alpha float64) {
	row.Change, row.P = Undecided, 1
	if a != nil {
		row.Before = a.interval()
	}
	if b != nil {
		row.After = b.interval()
	}
	if a == nil || b == nil {
		row.Why = "too few snapshots in one of the runs"
		return
	}
	d := stats.Difference(a.slope, b.slope, confidence)
	// What a snapshot itself leaves behind is the same in both runs, but not
	// per operation; where it was not measured it may be anything up to free.
	if shift := a.free - b.free; shift < 0 {
		d.Lo += shift
	} else {
		d.Hi += shift
	}
	iv := d.Interval
	row.Difference, row.P, row.DF = &iv, d.P, d.DF
	row.Margin = math.Max(sc.clean, sameShare*math.Abs(a.slope.PerX))
	enough := math.Abs(d.Estimate)*math.Min(a.work, b.work) >= sc.floor && math.Abs(d.Estimate) > c.tolerance(sc)
	switch {
	case d.P <= alpha && d.Hi < 0 && a.grows && enough:
		row.Change = Better
		if row.Why = "grows more slowly"; !b.grows {
			row.Why = "growth is not shown any more"
		}
	case d.P <= alpha && d.Lo > 0 && b.grows && enough:
		row.Change, row.Why = Worse, "grows faster"
		if !a.grows {
			row.Why = "grows, and was not shown to before"
		}
	case d.Lo >= -row.Margin && d.Hi <= row.Margin:
		row.Change, row.Why = Same, "the difference is bounded"
	case row.Before.Hi <= sc.clean && row.After.Hi <= sc.clean:
		row.Change, row.Why = Same, "bounded below the clean limit in both runs"
	default:
		row.Why = "the interval of the difference holds more than one answer"
	}
}

func (c *comparison) tolerance(sc scale) float64 {
	t := c.cfg.Tolerance
	if !c.out.PerOp {
		t = c.cfg.TolerancePerSecond
	}
	switch sc.floor {
	case floorObjects:
		return t / smallest
	case floorGoroutines:
		return 0
	}
	return t
}

// said is the verdict of the finding that stands for a site or group; Unknown
// where there is none.
func (a *analysis) said(id string) Verdict {
	for i := range a.res.Findings {
		if f := &a.res.Findings[i]; slices.Contains(f.ids(), id) {
			return f.Verdict
		}
	}
	return Unknown
}

// attention reports a verdict that keeps a run from being clean.
func attention(v Verdict) bool { return v != Unknown && rank(v) <= rank(Backlog) }

// add keeps a row that says something.
func (c *comparison) add(row Compared) {
	if row.Change != Same && row.Change != Undecided || attention(row.Was) || attention(row.Is) {
		c.out.Sites = append(c.out.Sites, row)
		return
	}
	c.out.Unchanged++
}

// before orders rows: what is worse, then what is better, larger differences
// first.
func (c *comparison) before(x, y *Compared) bool {
	order := func(r *Compared) int {
		for i, k := range []Change{Appeared, Worse, Gone, Better, Undecided, Same} {
			if r.Change == k {
				return i / 2
			}
		}
		return 3
	}
	size := func(r *Compared) float64 {
		if r.Difference == nil {
			return 0
		}
		return math.Abs(r.Difference.Estimate)
	}
	if order(x) != order(y) {
		return order(x) < order(y)
	}
	if x.Kind != y.Kind {
		return x.Kind > y.Kind // heap before goroutines
	}
	if size(x) != size(y) {
		return size(x) > size(y)
	}
	return x.ID < y.ID
}

// conclude says what changed in all. The exact totals decide; a site that is
// proved to leak and is new or worse makes it worse all the same.
func (c *comparison) conclude() {
	out := c.out
	changes := map[string]Change{}
	for _, t := range out.Totals {
		changes[t.ID] = t.Change
	}
	has := func(want Change) bool {
		for _, name := range []string{series.LiveBytes, series.LiveObjects, series.Goroutines} {
			if changes[name] == want {
				return true
			}
		}
		return false
	}
	worse, better := 0, 0
	proved := false
	for _, s := range out.Sites {
		switch s.Change {
		case Worse, Appeared:
			worse++
			proved = proved || s.Is == Leak
		case Better, Gone:
			better++
		}
	}
	switch {
	case has(Worse) || proved:
		out.Change = Worse
		if has(Better) || better > 0 {
			out.Why = append(out.Why, "some of it is better, some worse: worse counts")
		}
	case has(Better):
		out.Change = Better
	case changes[series.LiveBytes] == Same && changes[series.Goroutines] == Same:
		out.Change = Same
		if worse+better > 0 {
			out.Why = append(out.Why, fmt.Sprintf("memory moved between sites (%d more, %d less); the process keeps as much as before", worse, better))
		}
	default:
		out.Change = Undecided
		switch {
		case better > 0 && worse == 0:
			out.Why = append(out.Why, fmt.Sprintf("%d sites are better; the totals are too noisy to confirm it", better))
		case worse > 0:
			out.Why = append(out.Why, fmt.Sprintf("%d sites are worse; the totals are too noisy to confirm it", worse))
		}
	}
	if out.Change == Better && out.After.Verdict == RunLeak {
		out.Why = append(out.Why, "it still leaks")
	}
	if out.Change == Undecided {
		out.Why = append(out.Why, "longer runs, or more operations, make the intervals narrower")
	}
}
