package harness

import (
	"sync/atomic"
	"time"
)

// claim is the consecutive arrivals that a worker has taken and carries out
// one after the other. Where operations take next to nothing, taking them
// one by one would cost more than they do; a claim is worth handOff at most.
//
// What the worker has not started can be taken back: should an operation
// suddenly take long, those behind it do not wait for it. The worker only ever
// adds to next; who takes back swaps in something above n. Either sees what
// the other did.
type claim struct {
	segment              // written under the dispatcher's lock; n, which shrinks when the rest is taken back, is read under it too
	size    int64        // n as it was at first
	next    atomic.Int64 // arrivals started; above n: no more are to be
	folded  int64        // of them counted; guarded by the lock
	seen    int64        // of next, when last looked at; guarded by the lock

	// The worker's own, since the last fold.
	latencies []time.Duration
	served    int64
	service   time.Duration
	quickest  time.Duration

	quick bool          // operations take next to nothing
	fresh bool          // the worker had been waiting for it
	lag   time.Duration // from the intended time of the first to its start
}

// begin takes over arrivals.
func (c *claim) begin(g segment) {
	c.segment, c.size = g, g.n
	c.folded, c.seen = 0, -1
	c.next.Store(0)
}

// started returns how many of the claim have been started.
func (c *claim) started() int64 { return min(c.next.Load(), c.n) }

// time tells the latencies of the operations from number from up to number to of
// the claim, which took from begin to end together and the last of which may have
// failed. It returns what each took in the mean.
func (c *claim) time(from, to int64, begin, end time.Duration, err error) time.Duration {
	for i := from; i < to; i++ {
		c.latencies = append(c.latencies, end-c.intended(c.first+i))
	}
	n := to - from
	mean := (end - begin) / time.Duration(n)
	if err != nil {
		n--
	}
	c.served += n
	c.service += mean * time.Duration(n)
	if n > 0 && (c.quickest == 0 || mean < c.quickest) {
		c.quickest = max(mean, 1)
	}
	return mean
}

// endClaim takes w off the list. The lock is held.
func (d *dispatcher) endClaim(w *worker) {
	for i, x := range d.claims {
		if x == w {
			last := len(d.claims) - 1
			d.claims[i], d.claims[last] = d.claims[last], nil
			d.claims = d.claims[:last]
			break
		}
	}
	w.claim.segment = segment{}
	d.inFlight--
}

// takeBack takes back what workers have claimed and not started, of all if so
// asked, else of those that are still where they were the last time. It reports
// whether there was any. The lock is held.
func (d *dispatcher) takeBack(all bool) (any bool) {
	for _, w := range d.claims {
		c := &w.claim
		started := c.started()
		if started == c.n || !all && started != c.seen {
			c.seen = started
			continue
		}
		started = min(c.next.Swap(maxClaim+1), c.n)
		if rest := c.n - started; rest > 0 {
			d.queue.pushFront(segment{stream: c.stream, origin: c.origin, first: c.first + started, n: rest, seq: c.seq + started})
			any = true
		}
		c.n = started
	}
	return any
}

// inHand returns how many operations of s, of all if it is nil, workers have
// started and ended that are not folded yet. The lock is held.
func (d *dispatcher) inHand(s *stream) (started, ended int64) {
	for _, w := range d.claims {
		if c := &w.claim; s == nil || c.stream == s {
			n := c.started() - c.folded
			started += n
			ended += max(n-1, 0)
		}
	}
	return started, ended
}

// queued returns how many arrivals wait. The lock is held.
func (d *dispatcher) queued() int64 {
	n := d.queue.n
	for _, w := range d.claims {
		n += w.claim.n - w.claim.started()
	}
	return n
}
