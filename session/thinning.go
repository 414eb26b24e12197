package session

import "github.com/heapdrift/heapdrift/analyzer/snapshot"

// mostWatched is how many snapshots of a watched target are kept in memory.
const mostWatched = 240

// thinning keeps some of an endless row of snapshots: every stride-th and the
// last one. stride is the least power of 2 that leaves at most `most` of them,
// so at least half as many are there, evenly spaced. Which are kept depends on
// their number alone, never on what they hold. The zero value keeps all.
type thinning struct {
	most   int // even; 0: no bound
	stride int // 0 counts as 1
	seen   int
}

// add appends s to what is kept. It never writes to elements of kept: others
// may hold it.
func (t *thinning) add(kept []*snapshot.Snapshot, s *snapshot.Snapshot) []*snapshot.Snapshot {
	t.stride = max(t.stride, 1)
	n := t.seen // the ordinal of s
	t.seen++
	if t.most == 0 {
		return append(kept, s)
	}
	if (n-1)%t.stride != 0 && len(kept) > 0 { // the one before was kept as the last only
		kept = append(make([]*snapshot.Snapshot, 0, t.most+1), kept[:len(kept)-1]...)
	}
	kept = append(kept, s)
	if len(kept) <= t.most {
		return kept
	}
	t.stride *= 2
	var out []*snapshot.Snapshot
	for i, x := range kept {
		if i%2 == 0 { // s, the last of most+1, is among them
			out = append(out, x)
		}
	}
	return out
}
