package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// groupFinding is a goroutine finding with the group behind it.
type groupFinding struct {
	Finding
	group  *series.Group
	growth float64
}

// shortWindow is the time below which growing goroutines without a drain or a
// count of operations look like any healthy ramp (METHOD.md, section 7).
const shortWindow = 120 // seconds

// brief reports that the judged snapshots at are no longer than shortWindow. A
// window is known to half an interval between snapshots: so much is asked
// for in addition, or the clock's jitter would decide.
func (a *analysis) brief(at []int) bool {
	n := len(at)
	if n < 2 {
		return true
	}
	span := a.r.Seconds[at[n-1]] - a.r.Seconds[at[0]]
	return span < shortWindow+span/float64(n-1)/2
}

// goroutines judges the groups by growth and by proof.
func (a *analysis) goroutines() []*groupFinding {
	open := false // the count of all grew and was not shown to have stopped
	if m := a.totals[series.Goroutines]; m != nil {
		open = m.settle(a, a.scaleOf(series.Goroutines)) == Growing
	}
	var out []*groupFinding
	shown := map[*series.Group]bool{}
	for _, g := range a.r.Groups {
		f := a.judgeGroup(g, open)
		for _, p := range a.r.Leaked {
			if p.Site == g.Site && p.Root == g.Root && p.Reason == g.Reason {
				if f == nil {
					f = a.groupFinding(g, gates{}, Leak)
				}
				f.Verdict = Leak
				f.proved(p)
				shown[p] = true
			}
		}
		if f != nil {
			out = append(out, f)
		}
	}
	out = append(out, a.latecomers(out)...)
	for _, p := range a.r.Leaked {
		if !shown[p] { // there is no goroutine profile beside the proof
			f := a.groupFinding(p, gates{}, Leak)
			f.proved(p)
			out = append(out, f)
		}
	}
	return connected(out)
}

// connected makes one finding of the groups without a frame outside the standard
// library whose numbers rise alike: a connection has a reader and a writer, and
// its server has one, too. The first in order of severity and number tells the
// others.
func connected(groups []*groupFinding) []*groupFinding {
	slices.SortStableFunc(groups, func(a, b *groupFinding) int {
		return cmp.Or(cmp.Compare(rank(a.Verdict), rank(b.Verdict)), cmp.Compare(b.Count, a.Count))
	})
	var out []*groupFinding
	for _, g := range groups {
		i := slices.IndexFunc(out, func(o *groupFinding) bool { return library(o) && library(g) && alike(o, g) })
		if i < 0 {
			out = append(out, g)
			continue
		}
		out[i].Why = append(out[i].Why, fmt.Sprintf("so does the number of those [%s] in %s", orRunning(g.WaitReason), g.Function))
	}
	return out
}

// library reports that no frame of the group is outside the standard library.
func library(g *groupFinding) bool {
	return !slices.ContainsFunc(g.Stack, func(f snapshot.Frame) bool { return !series.Standard(f) })
}

// alike reports that two groups grew by the same number over the judged
// snapshots, within a tenth and two.
func alike(a, b *groupFinding) bool {
	return math.Abs(a.growth-b.growth) <= 2+0.1*math.Max(a.growth, b.growth)
}

func (f *groupFinding) proved(p *series.Group) {
	f.Why = append(f.Why, fmt.Sprintf("the runtime proved %s of them unreachable (goroutineleak)", number(last(p.Count))))
}

// judgeGroup returns nil for a group that does not grow. Where the count of all
// is open, one that rises by the rank test alone is named as growing.
func (a *analysis) judgeGroup(g *series.Group, open bool) *groupFinding {
	u, y, at := pick(a.r, g.Count, a.w.tail)
	n := len(u)
	if n < minTail || y[n-1]-y[0] < floorGoroutines {
		return nil
	}
	gt, ok := exact(u, y, 0, a.before(g.Count))
	if !ok || gt.growth < floorGoroutines || !gt.significant() && !(open && gt.kendall.P <= alphaKendal) {
		return nil
	}
	births, deaths := 0.0, 0.0
	for i := 1; i < n; i++ {
		if d := y[i] - y[i-1]; d > 0 {
			births += d
		} else {
			deaths -= d
		}
	}
	f := a.groupFinding(g, gt, Leak)
	kept := math.NaN()
	if _, d, _ := pick(a.r, g.Count, a.w.drain); len(d) > 0 {
		kept = 1 + (d[len(d)-1]-y[n-1])/gt.growth
	}
	switch {
	case kept < 0.5:
		f.Verdict = Backlog
		f.Why = append(f.Why, fmt.Sprintf("%.0f %% of them ended in the drain", 100*math.Min(1, 1-kept)))
	case !gt.sustained:
		f.Verdict = Growing
		f.Why = append(f.Why, gt.falling)
	case !gt.significant():
		f.Verdict = Growing
		f.Why = append(f.Why, fmt.Sprintf("their number rises (tau %.2f, p %.2g), but not along a line (p %.2g)", gt.kendall.Tau, gt.kendall.P, gt.p))
	case gt.jumps():
		f.Verdict = Growing
		f.Why = append(f.Why, "a few steps tell the growth better than a line")
	case deaths > 0.05*births:
		f.Verdict = Suspect
		f.Why = append(f.Why, fmt.Sprintf("%.0f %% as many ended as began", 100*deaths/births))
	case !blocks(g.Reason):
		f.Verdict = Suspect
		f.Why = append(f.Why, "their number only rises; but what waits for time or I/O may end by itself")
	case g.Reason == "select (no cases)":
		f.Why = append(f.Why, "they wait in a select without cases: nothing can end them")
	case a.brief(at) && !a.r.HasOps && math.IsNaN(kept):
		f.Verdict = Suspect
		f.Why = append(f.Why, fmt.Sprintf("watched for %.0f s without a drain or a count of operations: a healthy ramp looks the same", a.r.Seconds[at[n-1]]-a.r.Seconds[at[0]]))
	default:
		f.Why = append(f.Why, fmt.Sprintf("they begin and do not end: +%s in %d snapshots (tau %.2f, p %.2g)", number(gt.growth), n, gt.kendall.Tau, math.Max(gt.p, gt.kendall.P)))
	}
	if kept >= 0.5 {
		f.Why = append(f.Why, "still there after the drain")
	}
	return f
}

// blocks reports a wait that ends only when another goroutine acts.
func blocks(reason string) bool {
	switch reason {
	case "", "sleep", "IO wait", "syscall", "signal wait":
		return false
	}
	return true
}

func (a *analysis) groupFinding(g *series.Group, gt gates, v Verdict) *groupFinding {
	f := &groupFinding{group: g, growth: gt.growth}
	f.Kind, f.Verdict, f.WaitReason = KindGoroutine, v, g.Reason
	f.blame(g.Stack, a.cfg.Module)
	if n := len(f.Stack); n > 0 && library(f) { // what they were begun for tells more than where they wait
		root := f.Stack[n-1]
		f.Function, f.File, f.Line = root.Function, root.File, root.Line
	}
	f.ID = groupID(g)
	f.Count, f.CreatedBy = last(g.Count), g.CreatedBy
	if g.Longest > 0 {
		f.Why = append(f.Why, fmt.Sprintf("one of them has waited for %.0f min", g.Longest.Minutes()))
	}
	if gt.n > 0 {
		f.Trend = gt.trend()
		iv := gt.interval
		if a.r.HasOps {
			f.GoroutinesPerOp = &iv
		}
	}
	if blocks(g.Reason) {
		f.Shape = shapeStuck
	}
	return f
}

// last known value; 0 when there is none.
func last(y []float64) float64 {
	for i := len(y) - 1; i >= 0; i-- {
		if !math.IsNaN(y[i]) {
			return y[i]
		}
	}
	return 0
}

// goroutineVerdict judges the count of goroutines: its own gates, but no worse
// than the groups that make the growth.
func (a *analysis) goroutineVerdict(groups []*groupFinding) {
	m := a.totals[series.Goroutines]
	if m == nil {
		return
	}
	sc := a.scaleOf(series.Goroutines)
	v := m.settle(a, sc)
	if m.ok && m.passes() && m.growth >= floorGoroutines && v != Backlog {
		v = Growing
		for _, want := range []Verdict{Suspect, Leak} {
			part := 0.0
			for _, f := range groups {
				if f.Verdict == want || f.Verdict == Leak {
					part += f.growth
				}
			}
			if part >= 0.5*m.growth {
				v = want
			}
		}
	}
	a.verdict[series.Goroutines] = v
}
