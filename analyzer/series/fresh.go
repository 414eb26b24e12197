package series

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Freshness follows snapshots one by one, as they come, and tells which of their
// pieces measured nothing: counters that no running program has, counters that a
// forced collection must move and that did not, and, where no counters show that the
// target itself answered, profiles that were served before. A cache between target
// and recorder answers so. The zero value has seen nothing.
type Freshness struct {
	counters   snapshot.Counters
	heap       *snapshot.Heap
	goroutines *snapshot.Goroutines
}

// Next takes the next snapshot and returns a copy of what of it was measured. Code
// says what is wrong with it, the gravest first: Implausible, Stale or NotCollected;
// "" for nothing, and why says it in words. Counters that are NotCollected stay
// where a collection was made all the same: what they call live includes garbage.
func (f *Freshness) Next(s *snapshot.Snapshot) (measured *snapshot.Snapshot, code, why string) {
	kept := *s
	note := func(c, format string, args ...any) {
		if code == "" {
			code, why = c, fmt.Sprintf(format, args...)
		}
	}
	answered := false // the counters show that the target itself did
	if name := s.Counters.Implausible(); name != "" {
		v, _ := s.Counters.Get(name)
		note(Implausible, "%s = %d cannot be", name, v)
		kept.Counters = snapshot.Counters{}
	} else if !s.Counters.Empty() {
		switch name := unmoved(f.counters, s.Counters); name {
		case "":
			answered = true
		case "NumForcedGC":
			answered = true
			note(NotCollected, "no collection was forced for it: its live bytes include garbage")
		case "NumGC":
			answered = true
			note(NotCollected, "no collection was made for it: what it counts is garbage, and is left out")
			kept.Counters = snapshot.Counters{}
		default:
			v, _ := s.Counters.Get(name)
			note(Stale, "%s is %d as in the snapshot before, and asking would have moved it", name, v)
			kept.Counters = snapshot.Counters{}
		}
		f.counters = s.Counters
	}
	if g := s.Goroutines; g != nil && g.Total >= maxGoroutines {
		note(Implausible, "%d goroutines cannot be", g.Total)
		kept.Goroutines = nil
	}
	if !answered && sameHeap(f.heap, s.Heap) {
		note(Stale, "the heap profile is that of %s again", clock(s.Heap.Time))
		kept.Heap = nil
	}
	if !answered && sameGoroutines(f.goroutines, kept.Goroutines) {
		note(Stale, "the goroutine profile is that of %s again", clock(s.Goroutines.Time))
		kept.Goroutines = nil
	}
	f.heap, f.goroutines = cmp.Or(kept.Heap, f.heap), cmp.Or(kept.Goroutines, f.goroutines)
	return &kept, code, why
}

// maxGoroutines is more than any machine has memory for: each has a stack of 2 KiB.
const maxGoroutines = 1 << 40

// unmoved names the counter that did not move although the target was asked for a
// collection in between; "" where all did, or none is known. Asking allocates, so
// Mallocs moves. A collection that was under way when one was asked for is finished
// and another made: NumGC moves even where that is not counted as forced.
func unmoved(before, now snapshot.Counters) string {
	moved := func(name string) (moved, known bool) {
		x, ok1 := before.Get(name)
		y, ok2 := now.Get(name)
		return x != y, ok1 && ok2
	}
	collected, ok := moved("NumGC")
	if !ok { // these are no MemStats: nothing says what should move them
		return ""
	}
	if allocated, ok := moved("Mallocs"); ok && !allocated {
		return "Mallocs"
	}
	forced, ok := moved("NumForcedGC")
	switch {
	case !ok || forced: // what does not count them may never have forced one
		return ""
	case collected:
		return "NumForcedGC"
	}
	return "NumGC"
}

// sameHeap reports that two heap profiles are one: a profile carries the time at
// which it was made.
func sameHeap(a, b *snapshot.Heap) bool {
	return a != nil && b != nil && !b.Time.IsZero() && a.Time.Equal(b.Time) &&
		slices.EqualFunc(a.Samples, b.Samples, func(x, y snapshot.HeapSample) bool {
			x.Stack, y.Stack = nil, nil // interned apart while recording
			return x == y
		})
}

func sameGoroutines(a, b *snapshot.Goroutines) bool {
	return a != nil && b != nil && !b.Time.IsZero() && a.Time.Equal(b.Time) && a.Total == b.Total
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// measured leaves out what measured nothing of all snapshots, and the snapshots of
// which nothing remains. unsound is how many had such a piece.
func measured(all []*snapshot.Snapshot) (kept []*snapshot.Snapshot, unsound int, warnings []snapshot.Warning) {
	var seen Freshness
	counts, first := map[string]int{}, map[string]string{}
	for i, s := range all {
		left, code, why := seen.Next(s)
		if code != "" {
			unsound++
			if counts[code]++; counts[code] == 1 {
				first[code] = fmt.Sprintf("the first is snapshot %d: %s", i, why)
			}
			if left.Counters.Empty() && left.Heap == nil && left.Goroutines == nil && left.Leaked == nil {
				continue
			}
		}
		kept = append(kept, left)
	}
	for _, x := range []struct{ code, what string }{
		{Implausible, "hold what cannot be, which is left out"},
		{Stale, "repeat what was served before, which is left out: something between, as a cache, answers for the target"},
		{NotCollected, "were taken without a collection: serve heap?gc=1 through net/http/pprof, and ask for it"},
	} {
		if n := counts[x.code]; n > 0 {
			warnings = append(warnings, snapshot.Warning{Code: x.code, Text: fmt.Sprintf("%d of %d snapshots %s (%s)", n, len(all), x.what, first[x.code])})
		}
	}
	return kept, unsound, warnings
}
