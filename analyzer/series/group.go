package series

import (
	"math"
	"sort"

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
}

// groups fills Groups and Leaked, sorted by site, root and reason.
func (r *Run) groups() {
	r.Groups = grouped(r.Snapshots, func(s *snapshot.Snapshot) *snapshot.Goroutines { return s.Goroutines })
	r.Leaked = grouped(r.Snapshots, func(s *snapshot.Snapshot) *snapshot.Goroutines { return s.Leaked })
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
