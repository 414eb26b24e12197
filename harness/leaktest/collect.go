package leaktest

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// collector runs collections and leaves nothing behind.
type collector struct {
	pending []metrics.Sample // finalizers queued and executed, cleanups queued and executed
	live    []metrics.Sample
}

func newCollector() *collector {
	return &collector{
		pending: []metrics.Sample{
			{Name: "/gc/finalizers/queued:finalizers"}, {Name: "/gc/finalizers/executed:finalizers"},
			{Name: "/gc/cleanups/queued:cleanups"}, {Name: "/gc/cleanups/executed:cleanups"},
		},
		live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}},
	}
}

// mostPending is how long finalizers and cleanups are waited for.
const mostPending = 20 * time.Millisecond

// collect runs two collections, and lets finalizers and cleanups run between
// them: what these and sync.Pool hold needs the second.
func (c *collector) collect() {
	runtime.GC()
	for wait := newBackoff(mostPending); c.queued() && wait.next(); {
	}
	runtime.GC()
}

// queued reports that finalizers or cleanups are still to run.
func (c *collector) queued() bool {
	metrics.Read(c.pending)
	n := func(i int) uint64 {
		if c.pending[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return c.pending[i].Value.Uint64()
	}
	return n(0) > n(1) || n(2) > n(3)
}

// marked is the live heap of the last collection, whoever asked for it, in
// bytes: a bound that is cheap to look at between operations.
func (c *collector) marked() uint64 {
	metrics.Read(c.live)
	if c.live[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return c.live[0].Value.Uint64()
}

// backoff paces the waiting for what must come by itself: at first it only
// yields, then sleeps longer and longer, until its time is over.
type backoff struct {
	end   time.Time
	tries int
	pause time.Duration
}

func newBackoff(most time.Duration) *backoff {
	return &backoff{end: time.Now().Add(most), pause: 50 * time.Microsecond}
}

// yields before the first sleep.
const yields = 10

// next waits a moment. It reports false when the time is over.
func (b *backoff) next() bool {
	left := time.Until(b.end)
	if left <= 0 {
		return false
	}
	if b.tries++; b.tries <= yields {
		runtime.Gosched()
		return true
	}
	time.Sleep(min(b.pause, left))
	b.pause = min(2*b.pause, 50*time.Millisecond)
	return true
}
