package detect

import (
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// This file says how much of the heap's growth goroutines hold.

// holding is the sampled objects that stayed over the judged snapshots: those that
// some goroutines hold, and all others.
type holding struct {
	samples, bytes           float64
	otherSamples, otherBytes float64
}

// heldBy tells what the goroutines of the groups hold: what was allocated where
// they were begun or by themselves, and what the runtime needs for each of them.
func (j *judgement) heldBy(groups []*group) (h holding) {
	for _, s := range j.sites {
		c := j.stayed(s)
		n, bytes := c.samples, c.bytes
		if n == 0 || s.series.Stack == nil {
			continue
		}
		stack := s.series.Stack.Frames
		if isDescriptor(stack) || slices.ContainsFunc(groups, func(g *group) bool { return j.holds(g.series, stack) }) {
			h.samples, h.bytes = h.samples+n, h.bytes+bytes
		} else {
			h.otherSamples, h.otherBytes = h.otherSamples+n, h.otherBytes+bytes
		}
	}
	return h
}

// holds reports that the goroutines of s were begun by a function on an allocation
// stack, or began as its root: what they hold was made there. Goroutines of the
// standard library alone, as those of a connection, hold what their package made
// without a frame of anything else on the way.
func (j *judgement) holds(s *series.Group, stack []snapshot.Frame) bool {
	if len(stack) == 0 || s.Root == "" {
		return false
	}
	frames := s.Stack.Frames
	if series.Standard(frames[len(frames)-1]) {
		own := packageOf(s.Root)
		return !slices.ContainsFunc(stack, func(f snapshot.Frame) bool { return !series.Standard(f) }) &&
			slices.ContainsFunc(stack, func(f snapshot.Frame) bool { return packageOf(f.Function) == own })
	}
	return begunOn(s, stack, culprit(stack, j.cfg.Module))
}

// begunOn is holds of goroutines that the standard library did not begin. culprit
// is the function that the stack is blamed on.
func begunOn(s *series.Group, stack []snapshot.Frame, culprit string) bool {
	parent := series.Enclosing(s.Root)
	if slices.ContainsFunc(stack, func(f snapshot.Frame) bool { return f.Function == s.Root || series.Enclosing(f.Function) == parent }) {
		return true
	}
	return slices.ContainsFunc(s.Stack.Frames, func(f snapshot.Frame) bool { return !series.Standard(f) && f.Function == culprit })
}

func culprit(stack []snapshot.Frame, module string) string {
	if i := series.Culprit(stack, module); i >= 0 {
		return stack[i].Function
	}
	return ""
}

// packageOf is the import path in a function's name.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	if dot := strings.IndexByte(function[slash:], '.'); dot >= 0 {
		return function[:slash+dot]
	}
	return function
}

// mayEnd lists the groups whose goroutines end by themselves, or may: many ended, in
// the drain too; connections, as long as fewer than one in two operations leaves one
// behind, which is no pool's way; and in a recording without operations and drain all
// that a brief watch or short waits do not tell from a ramp. Goroutines that sleep, and
// of which none ended in a run with a drain, hold what they hold for as long as anyone
// has seen.
func (j *judgement) mayEnd() (all []*group) {
	for _, g := range j.groups {
		if (g.Verdict != Suspect && g.Verdict != Growing) || g.gained < floorGoroutines {
			continue
		}
		f := g.ofGroup
		connection := g.series.Reason == waitsForIO || g.Because == EndWithConnection
		if f.ended.Failed() || connection && !j.onePerOp(g) && !j.besideLeak(g) || j.passive() && (j.brief(j.run.Window.Judged) || f.short.Passed) {
			all = append(all, g)
		}
	}
	return all
}

// besideLeak reports that a group rises alike with goroutines that leak: it is their
// connections' other end.
func (j *judgement) besideLeak(g *group) bool {
	return slices.ContainsFunc(j.groups, func(h *group) bool { return h.Verdict == Leak && g.library() && h.library() && g.alike(h) })
}

// onePerOp reports that one in two operations or more leaves one of g behind.
func (j *judgement) onePerOp(g *group) bool {
	return j.run.HasOps && g.Measured() && g.fit.PerX >= pooledBelow
}

// theirs reports that most of the growth of a heap total is put down to the
// goroutines of some groups: their number tells it as well as the work does, and
// most of what stayed is at sites that they hold; or, where too few sampled objects
// stayed to tell, it is no more than such goroutines need.
func (j *judgement) theirs(t *total, by []*group) bool {
	if len(by) == 0 || !heapTotal(t.series.Name) || !t.Measured() || j.growsBeside(t, by) {
		return false
	}
	grew := 0.0
	if b := j.measured(series.LiveBytes); b != nil {
		grew = b.Grew
	}
	h := j.heldBy(by)
	switch {
	case h.otherSamples >= minNet && h.otherBytes >= mostHeld*grew:
		return false
	case h.samples >= minNet && h.bytes >= mostHeld*grew:
		return true
	}
	number := 0.0
	for _, g := range by {
		number += g.gained
	}
	return grew <= perRamping*number
}

// growsBeside reports that a total grows with the work beside the number of the
// goroutines of some groups, by most of what it grew. It is the regression
//
//	y = a + b·work + c·number + d·(in the drain)
//
// over the judged snapshots and the drain, where the goroutines end and the work does
// not go on; d is what requests in flight let go. b is tested by Student's t. Where
// work and number rise by the same line there is no telling them apart, and nothing is
// shown.
func (j *judgement) growsBeside(t *total, by []*group) bool {
	w := j.run.Window
	var work, y, number, drain []float64
	for _, i := range slices.Concat(w.Judged, w.Drain) {
		n := 0.0
		for _, g := range by {
			n += g.series.Count[i]
		}
		v := t.series.Y[i] - t.observed.perSnapshot*float64(i)
		if math.IsNaN(v) || math.IsNaN(n) {
			continue
		}
		d := 0.0
		if slices.Contains(w.Drain, i) {
			d = 1
		}
		work, y, number, drain = append(work, j.run.Work[i]), append(y, v), append(number, n), append(drain, d)
	}
	c := stats.Partial(y, work, number, drain)
	return c.Own >= toldApart && c.B*j.workOver(t.at) >= mostHeld*t.Grew && c.P() <= alphaSlope
}
