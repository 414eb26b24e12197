package detect

import (
	"cmp"
	"maps"
	"math"
	"slices"

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

// Compared is one quantity in two runs. All growth is per unit of the
// comparison's work. It encodes as compare/v1 has it, but for the sentence.
type Compared struct {
	ID       string           `json:"id"` // of sites and groups as Finding.ID; of totals the name
	Kind     Kind             `json:"kind"`
	Function string           `json:"function,omitempty"` // culprit; empty for totals
	File     string           `json:"file,omitempty"`
	Line     int              `json:"line,omitempty"`
	Stack    []snapshot.Frame `json:"stack,omitempty"` // leaf first

	WaitReason string `json:"wait_reason,omitempty"`

	Change     Change          `json:"change"`
	Before     *stats.Interval `json:"before,omitzero"`     // growth; nil where the run lacks it
	After      *stats.Interval `json:"after,omitzero"`      //
	Difference *stats.Interval `json:"difference,omitzero"` // after less before; nil where it cannot be told
	P          *float64        `json:"p,omitempty"`         // two-sided, of so large a difference without one; nil without a difference
	DF         *float64        `json:"df,omitempty"`        // degrees of freedom of Difference; likewise
	Margin     float64         `json:"margin,omitempty"`    // what Same holds the difference against
	Was        Verdict         `json:"was,omitempty"`       // in the first run: of the total, or of the finding
	Is         Verdict         `json:"is,omitempty"`        // in the second
	Reasons    []Reason        `json:"reasons"`
}

// Comparison is what changed from one run to another.
type Comparison struct {
	Change        Change // of all: worse, better, same or unknown
	Before, After *Result
	Per           Per
	Totals        []Compared
	// Sites are the call paths and groups of goroutines that changed or that
	// ask for attention in one of the runs, the worst first.
	Sites     []Compared
	Unchanged int // other sites and groups, neither shown to change nor suspected
	Reasons   []Reason
	Warnings  []Warning
}

// because makes r what a row is called for.
func (r *Compared) because(c Change, code Code) {
	r.Change, r.Reasons = c, []Reason{{Code: code}}
}

// Compare says what a change did: before and after are runs of the program
// without and with it, under the same load. Either is judged as Analyze does;
// growth is compared by Welch's test at level Config.Alpha shared by the
// quantities of a kind, and only what passes the tests of growth in one of the
// runs is called better or worse: two calm runs differ by noise alone. It never
// fails. O(sites × snapshots²).
func Compare(before, after *snapshot.Run, cfg Config) *Comparison {
	c := &comparison{cfg: cfg, a: judge(before, cfg), b: judge(after, cfg)}
	c.cfg.Clean.Bytes = math.Min(c.a.cfg.Clean.Bytes, c.b.cfg.Clean.Bytes) // at the rate of either
	c.all()
	c.out.Before, c.out.After = c.a.complete(), c.b.complete()
	return c.out
}

type comparison struct {
	cfg   Config
	a, b  *judgement
	out   *Comparison
	mixed bool // sampled at different rates
}

// all fills the comparison of the judged runs.
func (c *comparison) all() {
	c.out = &Comparison{Per: PerSecond}
	switch {
	case c.a.run.HasOps && c.b.run.HasOps:
		c.out.Per = PerOp
	case c.a.run.Ordered && c.b.run.Ordered:
		c.out.Per = PerSnapshot
	}
	c.comparable()
	c.totals()
	c.sites()
	c.groups()
	slices.SortFunc(c.out.Sites, compareRows)
	c.conclude()
}

// comparable warns of what makes the runs hard to compare.
func (c *comparison) comparable() {
	warn := func(code Code, v Values) {
		c.out.Warnings = append(c.out.Warnings, Warning{Code: code, Values: v})
	}
	if c.a.run.HasOps != c.b.run.HasOps {
		which := "first"
		if c.a.run.HasOps {
			which = "second"
		}
		warn(OneLacksOps, Values{Run: which})
	}
	if x, y := c.a.run.Period, c.b.run.Period; x != y && x > 0 && y > 0 {
		c.mixed = true
		warn(PeriodsDiffer, Values{OldPeriod: x, Period: y})
	}
	if len(c.a.run.Window.Judged) > 0 && len(c.b.run.Window.Judged) > 0 && c.a.run.HasOps && c.b.run.HasOps {
		if x, y := c.a.run.OpsPerSecond(c.a.run.Window.Judged), c.b.run.OpsPerSecond(c.b.run.Window.Judged); x > 0 && y > 0 && math.Max(x/y, y/x) > loadDiffers {
			warn(LoadsDiffer, Values{From: x, To: y})
		}
	}
}

// grown is one quantity of one run.
type grown struct {
	slope stats.Slope // on the comparison's axis
	work  float64     // length of the judged tail on it
	grows bool        // passes its tests
	free  float64     // growth a snapshot may have caused itself: 0 … free per unit of work

	stack  *snapshot.Stack // of a site or a group
	wait   string          // of a group
	weight float64         // bytes that a sampled object of a site stands for
}

func (g *grown) interval() *stats.Interval {
	iv := g.slope.Interval(confidence)
	return &iv
}

// onAxis puts a slope on the axis of the comparison.
func (c *comparison) onAxis(a *judgement, g *grown, at []int) bool {
	if a.run.Ordered != (c.out.Per == PerSnapshot) {
		return false
	}
	if c.out.Per == PerOp || !a.run.HasOps {
		return true
	}
	k := a.run.OpsPerSecond(at)
	if !(k > 0) {
		return false
	}
	g.slope, g.work, g.free = g.slope.Scale(k), g.work/k, g.free*k
	return true
}

func (c *comparison) total(a *judgement, name string) *grown {
	t := a.measured(name)
	if t == nil || t.series.Sampled && c.mixed {
		return nil
	}
	g := &grown{slope: t.fit, work: t.u[len(t.u)-1] - t.u[0], grows: t.passes()}
	if heapTotal(name) && !t.series.Sampled && !t.observed.known {
		g.free = a.cfg.scaleOf(name).observer * float64(len(t.u)-1) / g.work
	}
	if !c.onAxis(a, g, t.at) {
		return nil
	}
	return g
}

func (c *comparison) totals() {
	for i := range c.a.run.Totals {
		name := c.a.run.Totals[i].Name
		if c.b.run.Total(name) == nil {
			continue
		}
		row := Compared{ID: name, Kind: KindTotal, Was: c.a.verdict(name), Is: c.b.verdict(name)}
		c.hold(&row, c.total(c.a, name), c.total(c.b, name), c.cfg.scaleOf(name), c.cfg.Alpha/3)
		c.out.Totals = append(c.out.Totals, row)
	}
}

// hold fills a row of a quantity that both runs have; nil where it could not be
// judged in one of them.
func (c *comparison) hold(row *Compared, a, b *grown, sc scale, alpha float64) {
	if a != nil {
		row.Before = a.interval()
	}
	if b != nil {
		row.After = b.interval()
	}
	if a == nil || b == nil {
		row.because(Undecided, TooFewInOneRun)
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
	row.Difference, row.P, row.DF = &iv, stats.Printable(d.P), stats.Printable(d.DF)
	row.Margin = math.Max(sc.clean, SameShare*math.Abs(a.slope.PerX))
	enough := math.Abs(d.Estimate)*math.Min(a.work, b.work) >= sc.floor && math.Abs(d.Estimate) > c.tolerance(sc)
	switch {
	case d.P <= alpha && d.Hi < 0 && a.grows && enough:
		if row.because(Better, GrowsMoreSlowly); !b.grows {
			row.because(Better, GrowthNotShown)
		}
	case d.P <= alpha && d.Lo > 0 && b.grows && enough:
		if row.because(Worse, GrowsFaster); !a.grows {
			row.because(Worse, NewlyGrows)
		}
	case d.Lo >= -row.Margin && d.Hi <= row.Margin:
		row.because(Same, DifferenceBounded)
	case row.Before.Hi <= sc.clean && row.After.Hi <= sc.clean:
		row.because(Same, BothBounded)
	default:
		row.because(Undecided, TooUncertain)
	}
}

func (c *comparison) tolerance(sc scale) float64 {
	t := float64(c.cfg.Tolerance)
	if c.out.Per != PerOp {
		t = float64(c.cfg.TolerancePerSecond)
	}
	switch sc.floor {
	case floorObjects:
		return t / SmallestObject
	case floorGoroutines:
		return 0
	}
	return t
}

// said is the verdict of the finding that stands for a site or group; Unknown
// where there is none.
func (a *judgement) said(id string) Verdict {
	for i := range a.res.Findings {
		if f := &a.res.Findings[i]; slices.Contains(f.ids(), id) {
			return f.Verdict
		}
	}
	return Unknown
}

// compareRows orders rows: what is worse, then what is better, larger differences
// first.
func compareRows(x, y Compared) int {
	order := func(r Compared) int {
		return slices.Index([]Change{Appeared, Worse, Gone, Better, Undecided, Same}, r.Change) / 2
	}
	size := func(r Compared) float64 {
		if r.Difference == nil {
			return 0
		}
		return math.Abs(r.Difference.Estimate)
	}
	return cmp.Or(
		cmp.Compare(order(x), order(y)),
		cmp.Compare(y.Kind, x.Kind), // heap before goroutines
		cmp.Compare(size(y), size(x)),
		cmp.Compare(x.ID, y.ID),
	)
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
	because := func(code Code, v Values) { out.Reasons = append(out.Reasons, Reason{code, v}) }
	switch {
	case has(Worse) || proved:
		out.Change = Worse
		if has(Better) || better > 0 {
			because(WorseCounts, Values{})
		}
	case has(Better):
		out.Change = Better
	case changes[series.LiveBytes] == Same && changes[series.Goroutines] == Same:
		out.Change = Same
		if worse+better > 0 {
			because(MovedBetween, Values{N: worse, Of: better})
		}
	default:
		out.Change = Undecided
		switch {
		case better > 0 && worse == 0:
			because(BetterUnconfirmed, Values{N: better})
		case worse > 0:
			because(WorseUnconfirmed, Values{N: worse})
		}
	}
	for _, j := range []*judgement{c.a, c.b} {
		if (out.Change == Better || out.Change == Same) && j.unmeasured() {
			out.Change = Undecided
			because(NotMeasured, Values{N: j.run.Unsound, Of: j.run.Taken})
		}
	}
	if out.Change == Better && c.b.res.Verdict == RunLeak {
		because(StillLeaks, Values{})
	}
	if out.Change == Undecided {
		because(RunLonger, Values{})
	}
}

// sites compares the call paths of the heap profiles. One that a run does not
// have had no sample in it: its growth there is 0, give or take what a count of 0
// allows.
func (c *comparison) sites() {
	if c.mixed || len(c.a.run.Sites) == 0 || len(c.b.run.Sites) == 0 {
		return // no profile: that says nothing of any site
	}
	of := func(a *judgement) map[string]*grown {
		out := map[string]*grown{}
		for _, x := range a.sites {
			if !x.Measured() {
				continue
			}
			g := &grown{slope: x.fit, work: a.workOver(x.at), stack: x.series.Stack, weight: weightOf(x.series)}
			g.grows = x.Significant() && x.GoesOn.Passed && x.ofSite.samples.Passed && x.Enough.Passed
			if x.series.Turnover[x.end()] == x.series.Turnover[x.first()] { // nothing was born or died
				g.slope.SE = math.Max(g.slope.SE, unseenHalf*g.weight/g.work)
			}
			if c.onAxis(a, g, x.at) {
				out[SiteID(x.series.Key)] = g
			}
		}
		return out
	}
	absent := func(a *judgement, like *grown) *grown {
		at := a.run.Window.Judged
		g := &grown{work: a.workOver(at)}
		if len(at) < minTail || !(g.work > 0) {
			return nil
		}
		g.slope = stats.Slope{SE: unseenHalf * like.weight / g.work, N: len(at), DF: 1e6}
		if !c.onAxis(a, g, at) {
			return nil
		}
		return g
	}
	alpha := c.cfg.Alpha / float64(max(c.a.tested, c.b.tested))
	c.rows(KindHeap, of(c.a), of(c.b), absent, c.cfg.scaleOf(series.LiveBytes), alpha)
}

// weightOf is the mean number of bytes that a sampled object of the site stands
// for, over all that was in use.
func weightOf(s *series.Site) float64 {
	live, bytes := 0.0, 0.0
	for i := range s.Bytes {
		if !math.IsNaN(s.Bytes[i]) {
			live, bytes = live+s.Live[i], bytes+s.Bytes[i]
		}
	}
	if !(bytes > 0) {
		return 0
	}
	return live / bytes
}

// groups compares the groups of goroutines. Counts are exact: none is none.
func (c *comparison) groups() {
	if c.a.run.Total(series.Goroutines) == nil || c.b.run.Total(series.Goroutines) == nil {
		return
	}
	of := func(a *judgement) map[string]*grown {
		out := map[string]*grown{}
		for _, s := range a.run.Groups {
			u, y, at := a.run.Known(s.Count, a.run.Window.Judged)
			e := measureExact(u, y, 0, a.before(s.Count))
			if !e.Measured() {
				continue
			}
			g := &grown{slope: e.fit, work: u[len(u)-1] - u[0], grows: e.passes(), stack: s.Stack, wait: s.Reason}
			if c.onAxis(a, g, at) {
				out[groupID(s)] = g
			}
		}
		return out
	}
	absent := func(a *judgement, _ *grown) *grown {
		t := a.measured(series.Goroutines)
		if t == nil {
			return nil
		}
		n := len(t.u)
		g := &grown{work: t.u[n-1] - t.u[0], slope: stats.Slope{N: n, DF: float64(n - 2)}}
		if !c.onAxis(a, g, t.at) {
			return nil
		}
		return g
	}
	before, after := of(c.a), of(c.b)
	all := maps.Clone(before)
	maps.Copy(all, after)
	alpha := c.cfg.Alpha / float64(max(1, len(all)))
	c.rows(KindGoroutine, before, after, absent, c.cfg.scaleOf(series.Goroutines), alpha)
}

// rows compares what either run has, by id. absent is the growth in a run of what
// only the other one has.
func (c *comparison) rows(kind Kind, before, after map[string]*grown, absent func(a *judgement, like *grown) *grown, sc scale, alpha float64) {
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		x, y, here := before[id], after[id], all[id]
		row := Compared{ID: id, Kind: kind, WaitReason: here.wait, Was: c.a.said(id), Is: c.b.said(id)}
		var f Finding
		f.blame(here.stack, c.cfg.Module)
		row.Function, row.File, row.Line, row.Stack = f.Function, f.File, f.Line, f.Stack
		switch {
		case x == nil:
			c.hold(&row, absent(c.a, y), y, sc, alpha)
			if row.Before = nil; row.Change == Worse {
				row.because(Appeared, NotInFirstRun)
			}
		case y == nil:
			c.hold(&row, x, absent(c.b, x), sc, alpha)
			if row.After = nil; row.Change == Better {
				row.because(Gone, NotInSecondRun)
			}
		default:
			c.hold(&row, x, y, sc, alpha)
		}
		if kind == KindGoroutine && row.Is == Leak && row.Change == Undecided {
			row.Reasons = append([]Reason{{Code: LeakInSecondRun}}, row.Reasons...)
		}
		if (row.Change == Same || row.Change == Undecided) && !row.Was.AsksAttention() && !row.Is.AsksAttention() {
			c.out.Unchanged++
		} else {
			c.out.Sites = append(c.out.Sites, row)
		}
	}
}
