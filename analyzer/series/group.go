package series

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Group is the goroutines that wait for the same reason at the same place,
// per snapshot (METHOD.md, Goroutines).
type Group struct {
	Reason string // wait reason, "" for running or unknown
	Site   string // the first function outside the standard library, else the leaf
	Root   string // the function the goroutine began with
	Stack  *snapshot.Stack
	Count  []float64 // per snapshot, NaN where it has no goroutine profile
	// CreatedBy is the go statement that began most of them, and Longest how
	// long one of them has waited, in whole minutes, where a dump told it.
	CreatedBy snapshot.Frame
	Longest   time.Duration
}

// groups fills Groups and Leaked, sorted by site, root and reason.
func (r *Run) groups() {
	r.Groups = grouped(r.Snapshots, func(s *snapshot.Snapshot) *snapshot.Goroutines { return s.Goroutines })
	r.Leaked = grouped(r.Snapshots, func(s *snapshot.Snapshot) *snapshot.Goroutines { return s.Leaked })
	for _, s := range slices.Backward(r.Snapshots) {
		if len(s.Waiting) > 0 {
			dumped(slices.Concat(r.Groups, r.Leaked), s.Waiting)
			break
		}
	}
}

// dumped adds to the groups what a dump tells of their goroutines. A dump leaves
// out the runtime's frames, so groups of one place that differ in their wait
// reason alone are told alike.
func dumped(groups []*Group, all []snapshot.Waiting) {
	longest := map[groupKey]time.Duration{}
	creators := map[groupKey]map[snapshot.Frame]int{}
	for _, w := range all {
		k := keyOf(&snapshot.Stack{Frames: w.Stack})
		k.reason = ""
		if creators[k] == nil {
			creators[k] = map[snapshot.Frame]int{}
		}
		longest[k] = max(longest[k], w.For)
		creators[k][w.CreatedBy]++
	}
	for _, g := range groups {
		k := groupKey{site: g.Site, root: unwrapped(g.Stack.Frames)}
		if by := creators[k]; by != nil {
			g.Longest = longest[k]
			g.CreatedBy = largest(by, func(a, b snapshot.Frame) int {
				return cmp.Or(strings.Compare(a.Function, b.Function), cmp.Compare(a.Line, b.Line))
			})
		}
	}
}

// largest is the key of the largest value, of equal ones the first in order.
func largest[K comparable, V cmp.Ordered](of map[K]V, order func(a, b K) int) K {
	return slices.MinFunc(slices.Collect(maps.Keys(of)), func(a, b K) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), order(a, b))
	})
}

type groupKey struct{ reason, site, root string }

func grouped(snaps []*snapshot.Snapshot, of func(*snapshot.Snapshot) *snapshot.Goroutines) []*Group {
	byKey := map[groupKey]*Group{}
	byStack := map[*snapshot.Stack]*Group{}
	shown := map[*Group]map[*snapshot.Stack]int64{}
	for i, s := range snaps {
		g := of(s)
		if g == nil {
			continue
		}
		for _, x := range g.Samples {
			grp, ok := byStack[x.Stack]
			if !ok {
				k := keyOf(x.Stack)
				if grp, ok = byKey[k]; !ok {
					grp = &Group{Reason: k.reason, Site: k.site, Root: k.root}
					grp.Count, _ = each(snaps, func(s *snapshot.Snapshot) (int64, bool) { return 0, of(s) != nil })
					byKey[k], shown[grp] = grp, map[*snapshot.Stack]int64{}
				}
				byStack[x.Stack] = grp
			}
			grp.Count[i] += float64(x.Count)
			shown[grp][x.Stack] += x.Count
		}
	}
	for g, stacks := range shown {
		g.Stack = largest(stacks, compareStacks)
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b *Group) int {
		return cmp.Or(strings.Compare(a.Site, b.Site), strings.Compare(a.Root, b.Root), strings.Compare(a.Reason, b.Reason))
	})
}

// unwrapped is the root function without the compiler's wrapper of a go
// statement with arguments, which a dump leaves out.
func unwrapped(frames []snapshot.Frame) string {
	n := len(frames)
	if n == 0 {
		return ""
	}
	root := frames[n-1].Function
	if dot := strings.LastIndexByte(root, '.'); n > 1 && strings.HasPrefix(root[dot+1:], "gowrap") {
		return frames[n-2].Function
	}
	return root
}

func keyOf(st *snapshot.Stack) groupKey {
	k := groupKey{reason: WaitReason(st.Frames)}
	if n := len(st.Frames); n > 0 {
		k.site = Trim(st.Frames)[0].Function
		k.root = st.Frames[n-1].Function
	}
	return k
}

// GroupKey is what identifies the group that a goroutine's stack belongs to:
// Group.Reason, Group.Site and Group.Root.
func GroupKey(st *snapshot.Stack) (reason, site, root string) {
	k := keyOf(st)
	return k.reason, k.site, k.root
}
