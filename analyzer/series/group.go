package series

import (
	"math"
	"sort"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Group is the goroutines that wait for the same reason at the same place,
// per snapshot (METHOD.md, section 7).
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
	for i := len(r.Snapshots) - 1; i >= 0; i-- {
		if w := r.Snapshots[i].Waiting; len(w) > 0 {
			dumped(r.Groups, w)
			dumped(r.Leaked, w)
			break
		}
	}
}

// dumped adds to the groups what a dump tells of their goroutines. A dump leaves
// out the runtime's frames, so groups of one place that differ in their wait
// reason alone are told alike.
func dumped(groups []*Group, all []snapshot.Waiting) {
	type place struct{ site, root string }
	type told struct {
		longest  time.Duration
		creators map[snapshot.Frame]int
	}
	by := map[place]*told{}
	for i := range all {
		k := keyOf(&snapshot.Stack{Frames: all[i].Stack})
		p := place{k.site, k.root}
		if by[p] == nil {
			by[p] = &told{creators: map[snapshot.Frame]int{}}
		}
		by[p].longest = max(by[p].longest, all[i].For)
		by[p].creators[all[i].CreatedBy]++
	}
	for _, g := range groups {
		t := by[place{g.Site, unwrapped(g.Stack.Frames)}]
		if t == nil {
			continue
		}
		g.Longest = t.longest
		most := 0
		for f, n := range t.creators {
			if n > most || n == most && (f.Function < g.CreatedBy.Function || f.Function == g.CreatedBy.Function && f.Line < g.CreatedBy.Line) {
				g.CreatedBy, most = f, n
			}
		}
	}
}

type groupKey struct{ reason, site, root string }

func grouped(snaps []*snapshot.Snapshot, of func(*snapshot.Snapshot) *snapshot.Goroutines) []*Group {
	byKey := map[groupKey]*Group{}
	keys := map[*snapshot.Stack]groupKey{}
	shown := map[groupKey]map[*snapshot.Stack]int64{}
	for i, s := range snaps {
		g := of(s)
		if g == nil {
			continue
		}
		for _, x := range g.Samples {
			k, ok := keys[x.Stack]
			if !ok {
				k = keyOf(x.Stack)
				keys[x.Stack] = k
			}
			grp, ok := byKey[k]
			if !ok {
				grp = &Group{Reason: k.reason, Site: k.site, Root: k.root, Count: make([]float64, len(snaps))}
				byKey[k] = grp
				shown[k] = map[*snapshot.Stack]int64{}
			}
			grp.Count[i] += float64(x.Count)
			shown[k][x.Stack] += x.Count
		}
	}
	out := make([]*Group, 0, len(byKey))
	for k, g := range byKey {
		var most int64 = -1
		for st, n := range shown[k] {
			if n > most || n == most && less(st, g.Stack) {
				g.Stack, most = st, n
			}
		}
		for i, s := range snaps {
			if of(s) == nil {
				g.Count[i] = math.NaN()
			}
		}
		out = append(out, g)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Site != b.Site {
			return a.Site < b.Site
		}
		if a.Root != b.Root {
			return a.Root < b.Root
		}
		return a.Reason < b.Reason
	})
	return out
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
	if len(st.Frames) == 0 {
		return k
	}
	i := firstForeign(st.Frames)
	if i < 0 {
		i = 0
	}
	k.site = st.Frames[i].Function
	k.root = st.Frames[len(st.Frames)-1].Function
	return k
}
