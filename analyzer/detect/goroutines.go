package detect

import (
	"cmp"
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// group is a group of goroutines with its evidence and the finding made of it.
type group struct {
	Evidence
	Decision
	others  Others // what its rules knew beside it
	series  *series.Group
	gained  float64   // goroutines, over the judged snapshots; of those too few for a trend, over all
	quiet   float64   // seconds since the last of the latecomers came
	watched float64   // seconds of the recording, of those that pile up
	u, y    []float64 // the judged counts
	finding Finding
	with    []*group // others that finding stands for
}

// measureGroups measures the groups that may be something to speak of: those that
// grew by the evidence floor, those that the runtime proved, and latecomers.
func (j *judgement) measureGroups() {
	open := false // the count of all grew and was not shown to have stopped
	if t := j.measured(series.Goroutines); t != nil {
		open = t.open()
	}
	proved := map[*series.Group]bool{}
	var late []*group
	stuck := j.stuckByRoot()
	for _, s := range j.run.Groups {
		g := j.measureGroup(s, open)
		if waitsForAnother(s.Reason) {
			g.ofGroup.piles, g.watched = stuck[s.Root], j.run.Seconds[len(s.Count)-1]-j.run.Seconds[0]
		}
		for _, p := range j.run.Leaked {
			if p.Site == s.Site && p.Root == s.Root && p.Reason == s.Reason {
				g.ofGroup.proved, g.ofGroup.leaked = true, g.ofGroup.leaked+last(p.Count)
				proved[p] = true
			}
		}
		switch {
		case g.ofGroup.shown || g.ofGroup.proved:
			j.groups = append(j.groups, g)
		case j.cameLate(g), j.piledUp(g):
			late = append(late, g)
		}
	}
	j.groups = append(j.groups, late...)
	for _, p := range j.run.Leaked {
		if !proved[p] { // there is no goroutine profile beside the proof
			g := &group{series: p, Evidence: Evidence{Judged: 0, Missing: NotRecorded}}
			g.ofGroup = &groupFacts{proved: true, leaked: last(p.Count), waited: p.Longest.Seconds()}
			j.groups = append(j.groups, g)
		}
	}
}

// measureGroup asks a group all there is to ask of it alone. Where the count of
// all is open, one that rises by the rank test alone is shown to grow as well.
func (j *judgement) measureGroup(s *series.Group, open bool) *group {
	g := &group{series: s}
	var at []int
	g.u, g.y, at = j.run.Known(s.Count, j.run.Window.Judged)
	n := len(g.u)
	facts := &groupFacts{blocks: blocks(s.Reason), stuck: waitsForAnother(s.Reason), forever: s.Reason == "select (no cases)", waited: s.Longest.Seconds()}
	facts.short, facts.outwaits = j.waits(s)
	if n < minTail || g.y[n-1]-g.y[0] < floorGoroutines {
		g.Evidence = Evidence{Judged: n, Missing: TooFewSnapshots, ofGroup: facts}
		return g
	}
	e := measureExact(g.u, g.y, 0, j.before(s.Count))
	e.ofGroup = facts
	if e.Measured() && e.Grew >= floorGoroutines && (e.Significant() || open && e.Rank.Passed) {
		facts.shown, g.gained = true, e.Grew
		births, deaths := moves(g.y)
		_, drain, _ := j.run.Known(s.Count, j.run.Window.Drain)
		if _, ended := moves(drain); ended >= floorGoroutines { // after its first snapshot: what was in flight ends before
			deaths += ended
		}
		facts.ended = Test{"few ended", !(deaths > manyEnded*births), deaths / births, manyEnded, unitShare}
		e.Kept = j.kept(s.Count, g.y[n-1], e.Grew)
		if j.brief(at) && !j.run.HasOps && !e.Kept.Asked() {
			facts.brief = j.run.Seconds[at[n-1]] - j.run.Seconds[at[0]]
		}
	}
	g.Evidence = e
	return g
}

// moves adds up the rises and the falls of counts.
func moves(y []float64) (up, down float64) {
	for i := 1; i < len(y); i++ {
		up, down = up+math.Max(0, y[i]-y[i-1]), down+math.Max(0, y[i-1]-y[i])
	}
	return up, down
}

// waits asks what a text dump of the last snapshot tells of a group: whether the
// longest wait is less than half as long as there have been any of them, and whether
// others began while one waited. A pool begins another worker only when none is idle,
// so where others begin while one waits, they are not used again. A dump tells whole
// minutes: the wait is up to one longer. Nothing is asked without a dump.
func (j *judgement) waits(s *series.Group) (short, outwaits Test) {
	end := len(s.Count) - 1
	if s.CreatedBy.Function == "" || !(s.Count[end] > 0) {
		return short, outwaits
	}
	waited, begun := s.Longest.Seconds(), math.NaN()
	there := 0.0 // seconds
	for i := end; i >= 0; i-- {
		if since := j.run.Seconds[end] - j.run.Seconds[i]; s.Count[i] > 0 {
			there = since
			if math.IsNaN(begun) && waited > 0 && since >= waited {
				begun = s.Count[end] - s.Count[i]
			}
		}
	}
	bound := shortWait * there
	short = Test{"waits are short", waited+dumpGrain < bound, waited + dumpGrain, bound, "s"}
	if !math.IsNaN(begun) {
		outwaits = Test{"others began while one waited", begun >= floorGoroutines, begun, floorGoroutines, "goroutines"}
	}
	return short, outwaits
}

// brief reports that the judged snapshots at are no longer than shortWatch. A
// window is known to half an interval between snapshots: so much is asked
// for in addition, or the clock's jitter would decide.
func (j *judgement) brief(at []int) bool {
	n := len(at)
	if n < 2 {
		return true
	}
	span := j.run.Seconds[at[n-1]] - j.run.Seconds[at[0]]
	return span < shortWatch+span/float64(n-1)/2
}

// blocks reports a wait that ends only when another goroutine acts.
func blocks(reason string) bool {
	switch reason {
	case "", "sleep", waitsForIO, "syscall", "signal wait":
		return false
	}
	return true
}

// waitsForIO is the wait reason of a goroutine that waits for the network.
const waitsForIO = "IO wait"

// waitsForAnother reports a wait that nothing but another goroutine ends: a select may
// have a timer among its cases.
func waitsForAnother(reason string) bool { return blocks(reason) && reason != "select" }

// passive reports that there is nothing but a recording: no count of operations, and
// no drain.
func (j *judgement) passive() bool { return !j.run.HasOps && len(j.run.Window.Drain) == 0 }

// stuckByRoot asks of all goroutines that began with one function, and wait for
// another one wherever they do, whether they pile up: their number never falls, over
// the whole recording, and rises again and again. Those of a deadlock wait at several
// places, at each of which they may be too few to speak of. Half of them must have come
// in the recording: a pool that gets some more is one that was there. Where operations
// are counted, or a drain was seen, the tests of the whole count say more, and nothing
// is asked; nor where the judged snapshots are of less than a minute.
func (j *judgement) stuckByRoot() map[string]Test {
	w := j.run.Window
	all := append(slices.Clip(w.Early), w.Judged...)
	asked := map[string]Test{}
	if n := len(w.Judged); !j.passive() || n < minTail || j.run.Seconds[w.Judged[n-1]]-j.run.Seconds[w.Judged[0]] < quietSpan {
		return asked
	}
	counts := map[string][]float64{}
	for _, s := range j.run.Groups {
		if !waitsForAnother(s.Reason) {
			continue
		}
		_, y, at := j.run.Known(s.Count, all)
		if len(at) < len(all) {
			continue
		}
		if c := counts[s.Root]; c != nil {
			for i := range y {
				c[i] += y[i]
			}
		} else {
			counts[s.Root] = y
		}
	}
	for root, y := range counts {
		rises := 0.0
		for i := len(w.Early); i < len(y); i++ {
			if i > 0 && y[i] > y[i-1] {
				rises++
			}
		}
		_, down := moves(y)
		end := y[len(y)-1]
		asked[root] = Test{"pile up", rises >= leastRises && down == 0 && end-y[0] >= end/2, rises, leastRises, "rises"}
	}
	return asked
}

// piledUp counts in a group too small for a trend where those of its root pile up.
// Together they must reach the evidence floor, as latecomers must.
func (j *judgement) piledUp(g *group) bool {
	w := j.run.Window
	all := append(slices.Clip(w.Early), w.Judged...)
	if !g.ofGroup.piles.Passed || len(all) == 0 {
		return false
	}
	g.gained = g.series.Count[all[len(all)-1]] - g.series.Count[all[0]]
	return g.gained >= leastLate
}

// cameLate asks of a group too small for a trend whether it came all the same: not
// there in the first third of the recording, two of them at least, blocked, none
// of them ever ended, and the last of them came a minute before the end or longer.
// A deadlock that one call in a thousand runs into looks so. Together they must
// reach the evidence floor, and they are no more than suspects: a pool of workers
// that is started late looks the same. Where operations are counted, or a drain was
// seen, the tests of the whole count say more, and nothing is asked.
func (j *judgement) cameLate(g *group) bool {
	w := j.run.Window
	if !j.passive() || len(w.Early) == 0 || !waitsForAnother(g.series.Reason) {
		return false
	}
	all := append(slices.Clip(w.Early), w.Judged...)
	came, n := -1, 0.0
	first, latest := -1, -1 // that have a profile: of the first third, and of all
	for k, i := range all {
		y := g.series.Count[i]
		if math.IsNaN(y) {
			continue
		}
		if latest = i; k < len(w.Early) {
			first = i
		}
		switch {
		case i == first && y > 0, y < n:
			return false
		case y > n:
			n, came = y, i
		}
	}
	if came < 0 || first < 0 {
		return false
	}
	g.quiet = j.run.Seconds[latest] - j.run.Seconds[came]
	g.ofGroup.late = Test{"came late", n >= leastLate && g.quiet >= quietSpan, n, leastLate, "goroutines"}
	g.gained = n
	return g.ofGroup.late.Passed
}

// connected makes the findings of the groups, and one of those without a frame
// outside the standard library whose numbers rise alike: a connection has a reader
// and a writer, and its server has one, too. The first in order of severity and
// number tells the others.
func (j *judgement) connected() []*group {
	var all []*group
	for _, g := range j.groups {
		if g.Because != NoGrowthShown {
			g.finding = j.groupFinding(g)
			all = append(all, g)
		}
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.Verdict.Rank(), b.Verdict.Rank()), cmp.Compare(b.finding.Count, a.finding.Count))
	})
	var out []*group
	for _, g := range all {
		i := slices.IndexFunc(out, func(o *group) bool { return o.library() && g.library() && o.alike(g) })
		if i < 0 {
			out = append(out, g)
			continue
		}
		out[i].finding.because(SoDo, Values{Wait: g.series.Reason, Function: g.finding.Function})
		out[i].with = append(out[i].with, g)
	}
	return out
}

// library reports that no frame of the group is outside the standard library.
func (g *group) library() bool {
	return g.series.Stack == nil || !slices.ContainsFunc(g.series.Stack.Frames, func(f snapshot.Frame) bool { return !series.Standard(f) })
}

// unread reports the readers of connections of net/http's client that wait for the
// body of a response to be read to its end or closed. An idle connection's reader
// waits for I/O.
func (g *group) unread() bool {
	return g.series.Reason == "select" && g.series.Stack != nil &&
		slices.ContainsFunc(g.series.Stack.Frames, func(f snapshot.Frame) bool { return f.Function == clientReader })
}

// alike reports that two groups grew by the same number over the judged
// snapshots, within a tenth and two.
func (g *group) alike(h *group) bool {
	return math.Abs(g.gained-h.gained) <= 2+alikeWithin*math.Max(g.gained, h.gained)
}

func (j *judgement) groupFinding(g *group) Finding {
	f := Finding{Kind: KindGoroutine, Verdict: g.Verdict, WaitReason: g.series.Reason, ID: groupID(g.series)}
	f.blame(g.series.Stack, j.cfg.Module)
	if n := len(f.Stack); n > 0 && g.library() { // what they were begun for tells more than where they wait
		root := f.Stack[n-1]
		f.Function, f.File, f.Line = root.Function, root.File, root.Line
	}
	f.Count = Count(last(g.series.Count))
	if by := g.series.CreatedBy; by.Function != "" {
		f.CreatedBy = &by
	}
	if g.ofGroup.shown {
		f.Trend = g.trend()
		if j.run.HasOps {
			f.Goroutines = &Rate{g.Growth, PerOp}
		}
	}
	f.Reasons, f.Tests = g.reasons(), g.asked()
	if blocks(g.series.Reason) {
		f.Shape = shapeStuck
	}
	return f
}

func groupID(g *series.Group) string { return GroupID(g.Reason, g.Site, g.Root) }
