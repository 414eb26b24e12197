package model

import (
	"math"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// maxMoments bounds a timeline. Past it every second moment is dropped, so that
// those that stay are of equal distance; between half of it and all of it stay.
const maxMoments = 360

// moment is what a snapshot says of the whole process. Unknown numbers are NaN.
type moment struct {
	at      time.Time
	nth     int     // of all snapshots of the target
	seconds float64 // since the first snapshot
	piece   int     // how many restarts came before
	phase   snapshot.Phase
	pass    int
	ops     float64
	live    float64 // bytes after the collection
	objects float64
	rss     float64
	goal    float64 // heap size at which the next collection begins, bytes
	stacks  float64 // bytes
	routine float64 // goroutines
	profile bool    // it has a heap profile
	gcCPU   float64 // 0..1 of the CPU since the process began
	p99     float64 // ms, of the phase so far
}

// timeline holds the moments of a target, the last one always among them.
// Everything that has a value per moment is thinned along with it.
type timeline struct {
	moments []moment
	stride  int // every how many snapshots are kept
	seen    int // snapshots so far
}

// thinning says which moments stay: those with keep[i]. It is nil where all do.
type thinning []bool

// add appends a moment. replaced says that it takes the place of the last one,
// which was only kept for being the last; else keep says what is to stay of
// those before it.
func (l *timeline) add(m moment) (keep thinning, replaced bool) {
	l.stride = max(1, l.stride)
	m.nth = l.seen
	l.seen++
	if n := len(l.moments); n > 0 && l.moments[n-1].nth%l.stride != 0 {
		l.moments[n-1] = m
		return nil, true
	}
	if len(l.moments) >= maxMoments {
		l.stride *= 2
		keep = make(thinning, len(l.moments))
		for i, old := range l.moments {
			keep[i] = old.nth%l.stride == 0
		}
		l.moments = thin(l.moments, keep)
	}
	l.moments = append(l.moments, m)
	return keep, false
}

// thin keeps what keep says, in place.
func thin[T any](v []T, keep thinning) []T {
	if keep == nil {
		return v
	}
	out := v[:0]
	for i := range v {
		if i < len(keep) && keep[i] {
			out = append(out, v[i])
		}
	}
	return out
}

// extend appends y as the timeline was extended: thinned first, replacing the
// last value where the moment replaced the last moment.
func extend(v []float32, y float64, keep thinning, replaced bool) []float32 {
	v = thin(v, keep)
	if replaced && len(v) > 0 {
		v[len(v)-1] = float32(y)
		return v
	}
	return append(v, float32(y))
}

// index of the last moment that is not later than t; −1 where all are.
func (l *timeline) index(t time.Time) int {
	lo, hi := 0, len(l.moments)
	for lo < hi {
		mid := (lo + hi) / 2
		if l.moments[mid].at.After(t) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo - 1
}

// column is one number of the moments up to the end-th.
func (l *timeline) column(end int, of func(*moment) float64) []float64 {
	out := make([]float64, end)
	for i := range out {
		out[i] = of(&l.moments[i])
	}
	return out
}

// momentOf reads a snapshot.
func momentOf(s *snapshot.Snapshot, first time.Time, piece int) moment {
	counter := func(name string) float64 {
		if v, ok := s.Counters.Get(name); ok {
			return float64(v)
		}
		return math.NaN()
	}
	m := moment{
		at: s.Time, seconds: s.Time.Sub(first).Seconds(), piece: piece, phase: s.Phase, pass: s.Pass,
		ops: math.NaN(), live: math.NaN(), objects: math.NaN(), rss: math.NaN(), routine: math.NaN(),
		profile: s.Heap != nil,
		goal:    counter("NextGC"), stacks: counter("StackInuse"), gcCPU: math.NaN(), p99: math.NaN(),
	}
	if s.Ops != nil {
		m.ops = float64(*s.Ops)
	}
	if v, ok := s.Counters.LiveBytes(); ok {
		m.live = float64(v)
	} else if s.Heap != nil {
		m.live = 0
		for i := range s.Heap.Samples {
			m.live += float64(s.Heap.Samples[i].InuseBytes)
		}
	}
	if v, ok := s.Counters.LiveObjects(); ok {
		m.objects = float64(v)
	}
	if s.RSS != nil {
		m.rss = float64(*s.RSS)
	}
	if s.Goroutines != nil {
		m.routine = float64(s.Goroutines.Total)
	}
	if s.Counters.GCCPUFraction > 0 {
		m.gcCPU = s.Counters.GCCPUFraction
	}
	if s.Load != nil && s.Load.Latency != nil {
		m.p99 = s.Load.Latency.P99
	}
	return m
}
