package detect

import (
	"fmt"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// combine joins heap findings with the goroutines that keep them and orders
// everything, worst first.
func (a *analysis) combine(sites []Finding, groups []*groupFinding) []Finding {
	stuck := false
	for _, g := range groups {
		stuck = stuck || g.Verdict == Leak
	}
	var out []Finding
	alone := -1 // index in out of the one suspect that no group of goroutines keeps
	left := 0
	order(sites)
	for _, f := range sites {
		if len(groups) > 0 && descriptor(&f) {
			continue // what the runtime needs for each goroutine is no story of its own
		}
		joined := false
		for _, g := range groups {
			if keeps(g, &f) {
				joined = true
				f.HeldBy = append(f.HeldBy, g.holder())
				f.Shape = shapeGoroutine
				if g.group.Root != series.Enclosing(g.group.Root) {
					f.Shape = shapeClosure
				}
				g.Why = append(g.Why, fmt.Sprintf("memory grows with them at %s", f.Function))
			}
		}
		// Where stuck goroutines are proved, what they keep grows everywhere
		// that their work allocates: one such site is shown, the others are
		// the same story.
		if stuck && f.Verdict == Suspect && !joined {
			if alone >= 0 {
				left++
				continue
			}
			alone = len(out)
		}
		out = append(out, f)
	}
	if left > 0 {
		out[alone].Why = append(out[alone].Why, fmt.Sprintf("besides, %s that grow along with the stuck goroutines are not shown: end those first", plural(float64(left), "site")))
	}
	order(out)
	a.withGoroutines(out, groups)
	out = a.cluster(out)
	for i := range out {
		out[i].shape()
	}
	for _, g := range groups {
		out = append(out, g.Finding)
	}
	out = append(out, a.churn(out)...)
	order(out)
	documented(out)
	return out
}

// perGoroutine is how much heap, in bytes, a stuck goroutine may keep for growth
// that no site explains to be put down to it: its descriptor and what few objects
// it was begun with. Sampling sees those last.
const perGoroutine = 4 << 10

// withGoroutines tells growth that no site explains as that of the goroutines
// that are stuck, where there are enough of them.
func (a *analysis) withGoroutines(sites []Finding, groups []*groupFinding) {
	heap := a.totals[series.LiveBytes]
	if heap == nil || !heap.ok {
		return
	}
	stuck := 0.0
	var most *groupFinding
	for _, g := range groups {
		if g.Verdict == Leak && g.growth > 0 {
			stuck += g.growth
			if most == nil || g.growth > most.growth {
				most = g
			}
		}
	}
	for i := range sites {
		f := &sites[i]
		if f.Function != Unattributed || f.Verdict != Leak || most == nil || f.Share*heap.growth > perGoroutine*stuck {
			continue
		}
		each := f.Share * heap.growth / stuck
		f.Verdict = Growing
		f.Why = append(f.Why, fmt.Sprintf("it is %.0f bytes for each goroutine that is stuck: end those first", each))
		most.Why = append(most.Why, fmt.Sprintf("the heap grows by %.0f bytes with each of them", each))
	}
}

// holder names the goroutines of g in a sentence.
func (g *groupFinding) holder() string {
	s := fmt.Sprintf("%s [%s] in %s", plural(g.Count, "goroutine"), orRunning(g.WaitReason), g.Function)
	if g.group.Root != g.Function {
		s += ", begun as " + g.group.Root
	}
	if by := g.CreatedBy; by.Function != "" && by.Function != series.Enclosing(g.group.Root) {
		s += " by " + by.Function
	}
	return s
}

// descriptor reports that f is where the runtime makes goroutines themselves.
func descriptor(f *Finding) bool {
	return slices.ContainsFunc(f.Stack, func(fr snapshot.Frame) bool { return fr.Function == "runtime.malg" })
}

// keeps reports that the goroutines of g were begun by a function on the
// allocation stack of f, or began as its root: what they hold was made there.
func keeps(g *groupFinding, f *Finding) bool {
	if len(f.Stack) == 0 || g.group.Root == "" || rank(g.Verdict) > rank(Growing) {
		return false
	}
	parent := series.Enclosing(g.group.Root)
	rootFrame := g.group.Stack.Frames[len(g.group.Stack.Frames)-1]
	if series.Standard(rootFrame) {
		return false
	}
	for _, fr := range f.Stack {
		if fr.Function == g.group.Root || series.Enclosing(fr.Function) == parent {
			return true
		}
	}
	return slices.ContainsFunc(g.Stack, func(fr snapshot.Frame) bool { return !series.Standard(fr) && fr.Function == f.Function })
}

func orRunning(reason string) string {
	if reason == "" {
		return "running"
	}
	return reason
}
