package capture

import (
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// timeline is what straighten made of the times of successive moments.
type timeline struct {
	at     []time.Time // never going back; all zero where none counts
	none   bool        // more than half were not known: none counts
	placed int         // moments without a time, or with one that cannot be
	steps  int         // how often the clock was set
}

// straighten makes times of moments whose order is known from another source. One
// that lies outside its neighbours', which agree, is as good as none; where the
// clock went back, the moments from there on are moved by as much as makes the
// distance the usual one (the median); and what has no time is put evenly between
// its neighbours. A clock that went forward looks like a pause, and is left: see
// forward.
func straighten(at []time.Time) timeline {
	n := len(at)
	out := timeline{at: slices.Clone(at)}
	prev := -1
	for i, t := range at {
		if t.IsZero() {
			continue
		}
		next := i + 1
		for next < n && at[next].IsZero() {
			next++
		}
		if prev >= 0 && next < n && !at[prev].After(at[next]) && (t.Before(at[prev]) || t.After(at[next])) {
			out.at[i] = time.Time{}
			continue
		}
		prev = i
	}
	var known []int
	for i, t := range out.at {
		if !t.IsZero() {
			known = append(known, i)
		}
	}
	if out.placed = n - len(known); 2*out.placed > n {
		return timeline{at: make([]time.Time, n), none: true, placed: out.placed}
	}
	if len(known) < 2 {
		return out
	}
	usual := out.usual(known)
	shift := time.Duration(0)
	for k := 1; k < len(known); k++ {
		i, j := known[k], known[k-1]
		t := out.at[i].Add(shift)
		if t.Before(out.at[j]) {
			right := out.at[j].Add(time.Duration(i-j) * usual)
			shift, t = shift+right.Sub(t), right
			out.steps++
		}
		out.at[i] = t
	}
	for k, i := range known {
		if k == 0 {
			for j := range i {
				out.at[j] = out.at[i].Add(time.Duration(j-i) * usual)
			}
			continue
		}
		from := known[k-1]
		for j := from + 1; j < i; j++ {
			out.at[j] = out.at[from].Add(out.at[i].Sub(out.at[from]) * time.Duration(j-from) / time.Duration(i-from))
		}
	}
	last := known[len(known)-1]
	for j := last + 1; j < n; j++ {
		out.at[j] = out.at[last].Add(time.Duration(j-last) * usual)
	}
	return out
}

// usual is the median distance of two successive moments where the clock did not
// go back.
func (l *timeline) usual(known []int) time.Duration {
	var gaps []time.Duration
	for k := 1; k < len(known); k++ {
		if d := l.at[known[k]].Sub(l.at[known[k-1]]); d >= 0 {
			gaps = append(gaps, d/time.Duration(known[k]-known[k-1]))
		}
	}
	if len(gaps) == 0 {
		return time.Second
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// warnings say what was done to the times of n moments, which noun names.
func (l *timeline) warnings(n int, noun string) (out []snapshot.Warning) {
	switch {
	case n < 2:
	case l.none:
		out = append(out, warning(WithoutTimes, "%d of %s carry no time: all are judged by their order alone, growth has no rate", l.placed, count(n, noun)))
	case l.placed > 0:
		out = append(out, warning(WithoutTimes, "%d of %s carry no time, or one that cannot be: placed between their neighbours", l.placed, count(n, noun)))
	}
	if l.steps > 0 {
		out = append(out, warning(ClockStepped, "the clock was set %s while this was recorded: the order is that of the taking, and the distance there is taken for the usual one", count(l.steps, "time")))
	}
	return out
}

// A running program collects at least every forcedPeriod (runtime.forcegcperiod),
// unless GOGC is off: what it collected bounds how long it ran.
const (
	forcedPeriod = 2 * time.Minute
	leastJump    = 5 * forcedPeriod // in less, periodic collections are too few to tell
	muchLonger   = 10               // times the usual distance
)

// forward takes out of the times of a run's snapshots what its clock went forward:
// a distance far above the usual one in which the program collected less than half
// as often as it must.
func (l *timeline) forward(run *snapshot.Run) {
	if l.none || run.Target.GOGC < 0 {
		return
	}
	all := make([]int, len(l.at))
	for i := range all {
		all[i] = i
	}
	usual, shift := l.usual(all), time.Duration(0)
	for i := len(l.at) - 1; i > 0; i-- { // the last one stays, the others move up to it
		gap := l.at[i].Sub(l.at[i-1]) // both where they were recorded
		l.at[i] = l.at[i].Add(shift)
		if gap >= leastJump && gap > muchLonger*usual && ran(run.Snapshots[i-1], run.Snapshots[i], gap) < gap/2 {
			shift += gap - usual
			l.steps++
		}
	}
	if len(l.at) > 0 {
		l.at[0] = l.at[0].Add(shift)
	}
}

// ran is how long a program may have run between two snapshots by its collections,
// all of gap where they do not tell.
func ran(a, b *snapshot.Snapshot, gap time.Duration) time.Duration {
	x, ok1 := a.Counters.Get("NumGC")
	y, ok2 := b.Counters.Get("NumGC")
	if !ok1 || !ok2 || y < x || y-x >= uint64(gap/forcedPeriod) {
		return gap
	}
	return time.Duration(y-x) * forcedPeriod
}

// inSequence mends the times of a bundle's snapshots, whose order their numbers tell.
func inSequence(run *snapshot.Run) {
	at := make([]time.Time, len(run.Snapshots))
	for i, s := range run.Snapshots {
		at[i] = s.Time
	}
	l := straighten(at)
	l.forward(run)
	for i, s := range run.Snapshots {
		s.Time = l.at[i]
	}
	run.Warnings = append(run.Warnings, l.warnings(len(at), "snapshot")...)
}

// place mends the times of loose pieces: those that lack one are put between their
// neighbours by name, and where the names tell an order in which no allocation is
// taken back, and the times do not, the clock went back. More than half without a
// time: timed is false, and the names alone give the order.
func (r *looseReader) place() (timed bool, warnings []snapshot.Warning) {
	var kinds [pieceKinds][]*loosePiece
	missing := 0
	for _, p := range r.pieces {
		kinds[p.kind] = append(kinds[p.kind], p)
		if p.time.IsZero() {
			missing++
		}
	}
	byName := func(a, b *loosePiece) int { return naturally(a.name(), b.name()) }
	for _, pieces := range kinds {
		slices.SortFunc(pieces, byName)
	}
	if 2*missing > len(r.pieces) {
		for _, p := range r.pieces {
			p.time = time.Time{}
		}
		l := timeline{none: true, placed: missing}
		return false, l.warnings(len(r.pieces), "profile")
	}
	stepped := clockWentBack(kinds[heapPiece])
	var all timeline
	for _, pieces := range kinds {
		var at []time.Time
		untimed := 0
		for _, p := range pieces {
			at = append(at, p.time)
			if p.time.IsZero() {
				untimed++
			}
		}
		l := straighten(at)
		if l.none || !stepped && (untimed == 0 || l.placed > untimed || l.steps > 0) {
			continue // nothing is to be mended, or the names tell no order
		}
		all.placed, all.steps = all.placed+l.placed, max(all.steps, l.steps)
		for i, p := range pieces {
			if stepped || p.time.IsZero() {
				p.time = l.at[i]
			}
		}
	}
	stems := map[string]time.Time{}
	for _, p := range r.pieces {
		if !p.time.IsZero() {
			stems[stem(p.name())] = p.time
		}
	}
	r.drop(WithoutTimes, func(p *loosePiece) bool {
		if p.time.IsZero() { // that of the profile beside it, if any
			p.time = stems[stem(p.name())]
		}
		return p.time.IsZero()
	})
	return true, all.warnings(len(r.pieces), "profile")
}

// clockWentBack reports that heap profiles, which come in the order of their names,
// allocate ever more in that order and not in that of their times.
func clockWentBack(heaps []*loosePiece) bool {
	rising := func(in []*loosePiece) bool {
		return slices.IsSortedFunc(in, func(a, b *loosePiece) int {
			switch x, y := a.allocated(), b.allocated(); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	}
	if !rising(heaps) {
		return false
	}
	timed := slices.DeleteFunc(slices.Clone(heaps), func(p *loosePiece) bool { return p.time.IsZero() })
	slices.SortStableFunc(timed, func(a, b *loosePiece) int { return a.time.Compare(b.time) })
	return !rising(timed)
}

// allocated is what a heap profile says was allocated since the program began.
func (p *loosePiece) allocated() (bytes int64) {
	for _, s := range p.heap.Samples {
		bytes += s.AllocBytes
	}
	return bytes
}
