package capture

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// How far apart two profiles of one moment may be.
const (
	maxPairing   = 30 * time.Second // where nothing but the time speaks for it
	maxSameStem  = 2 * time.Minute  // where their names agree too
	minTolerance = time.Second
)

// moment is the pieces of one snapshot.
type moment struct {
	first                           *loosePiece // names the moment and gives its time
	heap, routines, leaked, counter *loosePiece
}

func (m *moment) time() time.Time { return m.first.time }

// assemble makes snapshots of pieces: each heap profile is one, and goroutine
// profiles, goroutineleak profiles and counters join the heap profile with the
// same name but for the kind ("heap-007", "goroutine-007"; "7/heap", "7/gr"),
// else the nearest in time; those that are of no other's moment are snapshots
// of their own. The order is that of time; timed is false where a time is
// missing and the names gave the order.
func assemble(pieces []*loosePiece) (snaps []*snapshot.Snapshot, timed bool) {
	timed = true
	var heaps, routines, leaked, counters []*loosePiece
	for _, p := range pieces {
		timed = timed && !p.time.IsZero()
		switch {
		case p.heap != nil:
			heaps = append(heaps, p)
		case p.leaked:
			leaked = append(leaked, p)
		case p.routines != nil:
			routines = append(routines, p)
		default:
			counters = append(counters, p)
		}
	}
	before := func(a, b *loosePiece) int {
		if timed {
			if c := a.time.Compare(b.time); c != 0 {
				return c
			}
		}
		return naturally(a.name(), b.name())
	}
	var moments []*moment
	for _, kind := range []struct {
		pieces []*loosePiece
		slot   func(*moment) **loosePiece
	}{
		{heaps, func(m *moment) **loosePiece { return &m.heap }},
		{routines, func(m *moment) **loosePiece { return &m.routines }},
		{counters, func(m *moment) **loosePiece { return &m.counter }},
		{leaked, func(m *moment) **loosePiece { return &m.leaked }},
	} {
		slices.SortStableFunc(kind.pieces, before)
		moments = join(moments, kind.pieces, kind.slot, timed)
		slices.SortStableFunc(moments, func(a, b *moment) int { return before(a.first, b.first) })
	}
	clock := func(m *moment) time.Time { return m.first.time }
	if !timed {
		clock = func(m *moment) time.Time { return m.first.modified }
		rising := true
		for i := 1; i < len(moments); i++ {
			rising = rising && clock(moments[i]).After(clock(moments[i-1]))
		}
		if !rising { // copied files: no time at all is better than a wrong one
			clock = func(*moment) time.Time { return time.Time{} }
		}
	}
	for _, m := range moments {
		s := m.snapshot()
		s.Time = clock(m)
		snaps = append(snaps, s)
	}
	return snaps, timed
}

func (m *moment) snapshot() *snapshot.Snapshot {
	s := &snapshot.Snapshot{}
	if m.heap != nil {
		s.Heap = m.heap.heap
	}
	if m.routines != nil {
		s.Goroutines = m.routines.routines
	}
	if m.leaked != nil {
		s.Leaked = m.leaked.routines
	}
	if m.counter != nil {
		s.Counters = m.counter.counters
	}
	return s
}

// join gives each piece to a moment that has none of its kind, by stem and
// (where all times are known) then by time, and makes moments of the rest.
// Moments come sorted. O(pieces · log moments) but for runs of equal times.
func join(moments []*moment, pieces []*loosePiece, slot func(*moment) **loosePiece, timed bool) []*moment {
	stems := map[string]*moment{}
	for _, m := range moments {
		k := stem(m.first.name())
		if _, twice := stems[k]; twice {
			stems[k] = nil
			continue
		}
		stems[k] = m
	}
	tolerance := spacing(moments)
	var rest []*loosePiece
	for _, p := range pieces {
		m := stems[stem(p.name())]
		if m == nil || *slot(m) != nil || apart(m.first, p) > maxSameStem {
			rest = append(rest, p)
			continue
		}
		*slot(m) = p
	}
	out := moments
	for _, p := range rest {
		if timed {
			if m := nearestMoment(moments, p, tolerance, slot); m != nil {
				*slot(m) = p
				continue
			}
		}
		m := &moment{first: p}
		*slot(m) = p
		out = append(out, m)
	}
	return out
}

// apart is the time between two pieces; 0 where one has none.
func apart(a, b *loosePiece) time.Duration {
	if a.time.IsZero() || b.time.IsZero() {
		return 0
	}
	return a.time.Sub(b.time).Abs()
}

// spacing is how far a piece may be from the moment it joins: half the median
// distance of moments, within bounds.
func spacing(moments []*moment) time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(moments); i++ {
		gaps = append(gaps, apart(moments[i].first, moments[i-1].first))
	}
	if len(gaps) == 0 {
		return maxPairing
	}
	slices.Sort(gaps)
	return min(max(gaps[len(gaps)/2]/2, minTolerance), maxPairing)
}

// nearestMoment is the free moment nearest to p in time, within tolerance.
func nearestMoment(moments []*moment, p *loosePiece, tolerance time.Duration, slot func(*moment) **loosePiece) *moment {
	i, _ := slices.BinarySearchFunc(moments, p.time.Add(-tolerance), func(m *moment, t time.Time) int { return m.time().Compare(t) })
	var best *moment
	for ; i < len(moments) && !moments[i].time().After(p.time.Add(tolerance)); i++ {
		m := moments[i]
		if *slot(m) != nil {
			continue
		}
		if best == nil || apart(m.first, p) < apart(best.first, p) {
			best = m
		}
	}
	return best
}

var (
	extension = regexp.MustCompile(`(\.(gz|pb|pprof|prof|profile|proto|out|txt))+$`)
	kindWord  = regexp.MustCompile(`alloc_objects|alloc_space|inuse_objects|inuse_space|goroutineleak|goroutines?|heap|allocs?|inuse|memory|memstats|debug[12]?|grs?\b|mem\b`)
	filler    = regexp.MustCompile(`[^a-z0-9/]+`)
)

// stem is a file's name without the words that say its kind, so that the
// profiles of one moment have the same: "t3/heap.pb.gz" and "t3/gr.pprof" are
// both "t3/-".
func stem(name string) string {
	dir, base := path.Split(strings.ToLower(name))
	base = extension.ReplaceAllString(base, "")
	base = kindWord.ReplaceAllString(base, "-")
	return dir + strings.Trim(filler.ReplaceAllString("-"+base+"-", "-"), "-")
}

// naturally compares names with their numbers as numbers: "h9" < "h10".
func naturally(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		nx, ny := leadingDigits(x), leadingDigits(y)
		if nx > 0 && ny > 0 {
			dx, dy := strings.TrimLeft(x[:nx], "0"), strings.TrimLeft(y[:ny], "0")
			if c := cmp.Or(len(dx)-len(dy), strings.Compare(dx, dy)); c != 0 {
				return c
			}
			x, y = x[nx:], y[ny:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(len(x)-len(y), strings.Compare(a, b))
}

func leadingDigits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
