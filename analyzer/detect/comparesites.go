package detect

import (
	"fmt"
	"math"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// unseen is the half-width, in sampled objects, of the 95 % interval of a site of
// which none was born: a Poisson count of 0 has the bound 3.69 (Garwood,
// Biometrika 28, 1936). As a standard error it makes a count of 0 significant at
// 1 % from 4.8 expected on (e^−4.8 = 0.8 %).
const unseen = 3.69 / 2

// compared is a site in one of the runs.
type compared struct {
	*grown
	measure *siteMeasure
	weight  float64 // bytes a sampled object stands for
}

// sitesOf measures the sites of one run by key.
func (c *comparison) sitesOf(a *analysis) (map[string]*compared, int) {
	sites, m := a.measureSites()
	alpha := c.cfg.Alpha / float64(m)
	out := map[string]*compared{}
	for _, x := range sites {
		if !x.ok {
			continue
		}
		first, end := x.at[0], x.at[len(x.at)-1]
		s := &compared{measure: x, weight: weightOf(x.site)}
		s.grown = &grown{slope: x.slope, work: a.r.Work[end] - a.r.Work[first]}
		s.grows = x.slope.PerX > 0 && x.p <= alpha && x.kendall.P <= alpha && x.sustained && x.net >= minNet && x.growth >= floorBytes
		if x.site.Turnover[end] == x.site.Turnover[first] { // nothing was born or died
			s.slope.SE = math.Max(s.slope.SE, unseen*s.weight/s.work)
		}
		if c.onAxis(a, s.grown, x.at) {
			out[x.site.Key] = s
		}
	}
	return out, m
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

// sites compares the call paths of the heap profiles. One that a run does not
// have had no sample in it: its growth there is 0, give or take what a count of 0
// allows.
func (c *comparison) sites() {
	if c.mixed {
		return
	}
	before, m := c.sitesOf(c.a)
	after, n := c.sitesOf(c.b)
	if len(before) == 0 && len(c.a.r.Sites) == 0 || len(after) == 0 && len(c.b.r.Sites) == 0 {
		return // no profile: that says nothing of any site
	}
	alpha := c.cfg.Alpha / float64(max(m, n))
	for _, key := range keys(before, after) {
		x, y := before[key], after[key]
		here, run := y, c.b
		if here == nil {
			here, run = x, c.a
		}
		row := Compared{ID: identify(KindHeap, key), Kind: KindHeap}
		var f Finding
		f.blame(here.measure.site.Stack, run.cfg.Module)
		row.Function, row.File, row.Line, row.Stack = f.Function, f.File, f.Line, f.Stack
		row.Was, row.Is = c.a.said(row.ID), c.b.said(row.ID)
		sc := c.a.scaleOf(series.LiveBytes)
		switch {
		case x == nil:
			c.judge(&row, c.absent(c.a, y), y.grown, sc, alpha)
			row.Before = nil
		case y == nil:
			c.judge(&row, x.grown, c.absent(c.b, x), sc, alpha)
			row.After = nil
		default:
			c.judge(&row, x.grown, y.grown, sc, alpha)
		}
		onlyIn(&row, x != nil, y != nil)
		c.add(row)
	}
}

// onlyIn names a change of what only one of the runs has.
func onlyIn(row *Compared, before, after bool) {
	switch {
	case row.Change == Worse && !before:
		row.Change, row.Why = Appeared, "grows, and is not in the first run"
	case row.Change == Better && !after:
		row.Change, row.Why = Gone, "grew, and is not in the second run"
	}
}

// absent is the growth in run a of a site like s of which it has no sample.
func (c *comparison) absent(a *analysis, s *compared) *grown {
	at := a.w.tail
	if len(at) < minTail {
		return nil
	}
	g := &grown{work: a.r.Work[at[len(at)-1]] - a.r.Work[at[0]]}
	if !(g.work > 0) {
		return nil
	}
	g.slope = stats.Slope{SE: unseen * s.weight / g.work, N: len(at), DF: 1e6}
	if !c.onAxis(a, g, at) {
		return nil
	}
	return g
}

// groupsOf measures the groups of goroutines of one run by id; a run without a
// goroutine profile has none and says so.
func (c *comparison) groupsOf(a *analysis) (map[string]*grown, map[string]*series.Group) {
	out, all := map[string]*grown{}, map[string]*series.Group{}
	for _, g := range a.r.Groups {
		u, y, at := pick(a.r, g.Count, a.w.tail)
		gt, ok := exact(u, y, 0, a.before(g.Count))
		if !ok {
			continue
		}
		x := &grown{slope: gt.slope, work: u[len(u)-1] - u[0], grows: gt.passes()}
		if c.onAxis(a, x, at) {
			out[groupID(g)], all[groupID(g)] = x, g
		}
	}
	return out, all
}

func (c *comparison) groups() {
	before, was := c.groupsOf(c.a)
	after, is := c.groupsOf(c.b)
	if c.a.r.Total(series.Goroutines) == nil || c.b.r.Total(series.Goroutines) == nil {
		return
	}
	ids := keys(before, after)
	alpha := c.cfg.Alpha / float64(max(1, len(ids)))
	for _, id := range ids {
		x, y, g := before[id], after[id], is[id]
		if g == nil {
			g = was[id]
		}
		row := Compared{ID: id, Kind: KindGoroutine, WaitReason: g.Reason}
		var f Finding
		f.blame(g.Stack, c.b.cfg.Module)
		row.Function, row.File, row.Line, row.Stack = f.Function, f.File, f.Line, f.Stack
		row.Was, row.Is = c.a.said(id), c.b.said(id)
		none := func(a *analysis) *grown { // counts are exact: none is none
			if m := a.totals[series.Goroutines]; m != nil && m.ok {
				g := &grown{work: m.u[len(m.u)-1] - m.u[0], slope: stats.Slope{N: len(m.u), DF: float64(len(m.u) - 2)}}
				if c.onAxis(a, g, m.tail) {
					return g
				}
			}
			return nil
		}
		p, q := x, y
		if p == nil {
			p = none(c.a)
		}
		if q == nil {
			q = none(c.b)
		}
		c.judge(&row, p, q, c.a.scaleOf(series.Goroutines), alpha)
		if x == nil {
			row.Before = nil
		}
		if y == nil {
			row.After = nil
		}
		onlyIn(&row, x != nil, y != nil)
		if row.Is == Leak && row.Change == Undecided {
			row.Why = fmt.Sprintf("a leak in the second run; %s", row.Why)
		}
		c.add(row)
	}
}

// keys of both maps, in order.
func keys[V any](a, b map[string]V) []string {
	seen := map[string]bool{}
	var out []string
	for _, m := range []map[string]V{a, b} {
		for k := range m {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	sort.Strings(out)
	return out
}
