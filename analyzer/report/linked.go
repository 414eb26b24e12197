package report

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
)

// link is a finding in the order of a list. One that is under comes of the same
// cause as the last above it that is not.
type link struct {
	*detect.Finding
	under bool
}

// linked are the findings that ask for attention, in their order, but for those
// that come of one cause: they follow it. Goroutines and what they retain are one
// cause where the verdict is the same, and so are groups of one package whose
// numbers are whole multiples of one another.
func linked(res *detect.Result) []link {
	all := asking(res)
	under := map[*detect.Finding][]*detect.Finding{}
	var roots []*detect.Finding
	for i, f := range all {
		if at := slices.IndexFunc(all, func(c *detect.Finding) bool { return causes(c, f) }); at >= 0 {
			under[all[at]] = append(under[all[at]], all[i])
		} else {
			roots = append(roots, f)
		}
	}
	var out []link
	var put func(f *detect.Finding, below bool)
	put = func(f *detect.Finding, below bool) {
		out = append(out, link{f, below})
		for _, x := range under[f] {
			put(x, true)
		}
	}
	for _, f := range roots {
		put(f, false)
	}
	return out
}

// causes reports that goroutines are behind another finding: they retain it, or it
// is as many goroutines for each of them. It is no circle: of two groups the smaller
// is the cause, of two that are alike the one with the lesser id.
func causes(c, f *detect.Finding) bool {
	if c.Kind != detect.KindGoroutine || c.Verdict != f.Verdict || c.Allowed != f.Allowed || c.Count == 0 {
		return false
	}
	if f.Kind == detect.KindHeap {
		return slices.ContainsFunc(f.HeldBy, func(h detect.Holder) bool { return h.Function == c.Function && h.WaitReason == c.WaitReason })
	}
	times := float64(f.Count) / float64(c.Count)
	whole := math.Round(times)
	const most, within = 8, 0.02
	return (c.Count < f.Count || c.Count == f.Count && c.ID < f.ID) && whole <= most && math.Abs(times-whole) <= within*whole &&
		series.Package(c.Function) == series.Package(f.Function)
}
