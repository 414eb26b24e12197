package detect

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// link tells the findings of one cause: heap that the same goroutines retain, these
// goroutines, others whose number is a multiple of theirs, and sites that retain as
// many objects an operation under one caller. The first in the order of the findings
// is the cause of the others. O(n²) for n findings.
func (j *judgement) link(all []Finding) {
	first := make([]int, len(all)) // of the cause of each
	for i := range all {
		f := &all[i]
		first[i] = i
		for k := range i {
			g := &all[k]
			alike := asMany(f, g)
			if first[k] == first[i] || !alike && !heldAlike(f, g) && !j.multiples(f, g) {
				continue
			}
			if alike {
				f.because(AsManyAt, Values{Function: g.Function})
			}
			from, to := max(first[i], first[k]), min(first[i], first[k])
			for m := range i + 1 {
				if first[m] == from {
					first[m] = to
				}
			}
		}
	}
	for i := range all {
		if first[i] != i {
			all[i].Cause = all[first[i]].ID
		}
	}
}

// heldAlike reports heap that one group of goroutines retains, or heap and the group
// that retains it.
func heldAlike(f, g *Finding) bool {
	holds := func(g *Finding, h Holder) bool {
		return g.Kind == KindGoroutine && g.Function == h.Function && g.WaitReason == h.WaitReason && len(g.Stack) > 0 && g.Stack[len(g.Stack)-1].Function == h.Root
	}
	for _, h := range f.HeldBy {
		if holds(g, h) || slices.ContainsFunc(g.HeldBy, func(o Holder) bool { return o == h }) {
			return true
		}
	}
	return slices.ContainsFunc(g.HeldBy, func(h Holder) bool { return holds(f, h) })
}

// multiples reports two groups of goroutines of one package of which one has, at all
// judged snapshots, a whole multiple of what the other has, within a tenth and two.
func (j *judgement) multiples(f, g *Finding) bool {
	of := func(f *Finding) *group {
		i := slices.IndexFunc(j.groups, func(x *group) bool { return f.Kind == KindGoroutine && groupID(x.series) == f.ID })
		if i < 0 {
			return nil
		}
		return j.groups[i]
	}
	a, b := of(f), of(g)
	if a == nil || b == nil || a.library() || series.Package(a.series.Root) != series.Package(b.series.Root) || !(a.gained > 0) || !(b.gained > 0) {
		return false
	}
	if a.gained < b.gained {
		a, b = b, a
	}
	times := math.Round(a.gained / b.gained)
	for _, i := range j.run.Window.Judged {
		x, y := a.series.Count[i], times*b.series.Count[i]
		if math.Abs(x-y) > times*2+alikeWithin*math.Max(x, y) {
			return false
		}
	}
	return true
}

// asMany reports two sites that retain as many objects an operation: the difference is
// within its interval, which is that of independent estimates, and both are narrow
// enough to say so; and that have a function outside the standard library among their
// callers in common.
func asMany(f, g *Finding) bool {
	a, b := f.Objects.On(PerOp), g.Objects.On(PerOp)
	if f.Kind != KindHeap || g.Kind != KindHeap || a == nil || b == nil || f.Verdict.Rank() > Growing.Rank() || g.Verdict.Rank() > Growing.Rank() {
		return false
	}
	if a.Estimate < b.Estimate {
		a, b = b, a
	}
	if a.Hi > widestAlike*a.Lo || b.Hi > widestAlike*b.Lo || a.Estimate-b.Estimate > math.Hypot(a.Estimate-a.Lo, b.Hi-b.Estimate) {
		return false
	}
	for n := 1; n < min(len(f.Stack), len(g.Stack)); n++ {
		x, y := f.Stack[len(f.Stack)-n], g.Stack[len(g.Stack)-n]
		if x.Function != y.Function {
			return false
		}
		if !series.Standard(x) {
			return true
		}
	}
	return false
}
