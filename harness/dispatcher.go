package harness

import (
	"context"
	"maps"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/harness/latency"
)

const (
	// handOff is how much waiting work, by the recent length of operations, is
	// worth waking another worker for. A target that takes 50 ns a call is
	// served by one worker; anything that could block gets a worker each.
	handOff = 100 * time.Microsecond
	// slowOp is the length assumed of an operation as long as nothing better is
	// known.
	slowOp = time.Millisecond
	// Operations that last took less than quickOp are timed so many together:
	// reading the clock takes as long as half of all the rest. All of them get
	// the time at which the last ended, so that a latency is never told too low.
	quickOp  = time.Microsecond
	together = 4
	// maxClaim is how many arrivals a worker takes at once at most.
	maxClaim = 256
	// maxErrorClasses bounds the error classes of a run; more become "other".
	maxErrorClasses = 64
)

// dispatcher hands arrivals to workers. Releasing arrivals never blocks: the
// lock is only ever held for a few instructions.
type dispatcher struct {
	target   Target
	ctx      context.Context // of the operations
	now      func() time.Duration
	max      int64 // workers, and so operations in flight
	queueMax int64
	latency  *latency.Recorder
	startLag *latency.Tally // of the steady phase

	lead *lead // nil: arrivals are released when they are due

	mu      sync.Mutex
	queue   queue
	idle    []*worker // the last to become idle is the first to be woken
	workers int64     // created and not ended
	waking  int64     // woken or created, not yet at the queue
	claims  []*worker // that have taken arrivals and not come back
	opTime  time.Duration
	closed  bool
	atRest  chan struct{} // non-nil while someone waits for nothing queued or in flight
	ended   chan struct{} // closed when closed and no worker is left

	seq                           int64 // the next that has no arrival yet
	sent, completed, errors, shed int64 // without what workers have in hand
	inFlight, maxInFlight         int64 // workers at work
	classes                       map[string]int64
	examples                      map[string]string
}

type worker struct {
	number int
	wake   chan struct{} // capacity 1; closed to end it
	seen   map[string]bool
	claim  claim
}

// describe returns the class of err, and its text where this worker meets the
// class for the first time: formatting each error of a storm would cost more
// than the load.
func (w *worker) describe(err error) (class, example string) {
	class = ErrorClass(err)
	if w.seen[class] || len(w.seen) > maxErrorClasses {
		return class, ""
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[class] = true
	return class, err.Error()
}

func newDispatcher(t Target, p Plan, shards int, now func() time.Duration) *dispatcher {
	return &dispatcher{
		target: t, now: now, ctx: context.Background(),
		max: int64(p.MaxInFlight), queueMax: int64(p.Queue),
		latency: latency.NewRecorder(shards), startLag: latency.NewTally(), opTime: slowOp,
		ended: make(chan struct{}), classes: map[string]int64{}, examples: map[string]string{},
		lead: newLead(p.Precise),
	}
}

// release lets n arrivals of s go, from the pacer's number first on, and sheds
// what finds no room.
func (d *dispatcher) release(s *stream, origin time.Duration, first, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.takeBack(false) || d.queue.n > 0 {
		// What was released last time is still there: whatever operations
		// took before, they no longer do.
		d.opTime = slowOp
	}
	room := max(d.queueMax+d.max-d.inFlight-d.queued(), 0)
	accepted := min(n, room)
	s.due += n
	s.shed += n - accepted
	d.shed += n - accepted
	if accepted > 0 {
		d.queue.push(segment{stream: s, origin: origin, first: first, n: accepted, seq: d.seq})
		d.seq += accepted
	}
	want := d.queue.n
	if d.opTime < handOff {
		want = min(want, 1+want*int64(d.opTime)/int64(handOff))
	}
	for want -= d.waking; want > 0; want-- {
		if k := len(d.idle); k > 0 {
			w := d.idle[k-1]
			d.idle = d.idle[:k-1]
			w.wake <- struct{}{} // has room: an idle worker has been woken at most once
		} else if d.workers < d.max {
			w := &worker{number: int(d.workers), wake: make(chan struct{}, 1)}
			d.workers++
			go d.work(w)
		} else {
			return
		}
		d.waking++
	}
}

// waiting returns how many arrivals wait.
func (d *dispatcher) waiting() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queued()
}

func (d *dispatcher) work(w *worker) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, labelLoad)))
	d.mu.Lock()
	d.waking--
	for d.start(w) {
		d.carryOut(w)
		d.mu.Lock()
		d.fold(w)
	}
}

// carryOut carries out the operations of w's claim.
func (d *dispatcher) carryOut(w *worker) {
	c := &w.claim
	op := Op{Phase: c.stream.phase, Pass: c.stream.pass}
	begin := d.now()
	if d.lead != nil {
		begin = d.lead.await(d.now, begin, c.intended(c.first), c.fresh)
	}
	c.lag = begin - c.intended(c.first)
	var did, timed int64 // operations of the claim
	for {
		i := c.next.Add(1) - 1
		if i >= c.size { // also when the rest was taken back
			if did > timed {
				c.time(timed, did, begin, d.now(), nil)
			}
			return
		}
		number := c.first + i
		op.Seq, op.Index = c.seq+i, number-c.stream.first
		if d.lead != nil && i > 0 {
			begin = d.lead.await(d.now, begin, c.intended(number), false)
		}
		err := d.target.Do(d.ctx, op)
		did = i + 1
		if err == nil && c.quick && did-timed < together {
			continue
		}
		end := d.now()
		took := c.time(timed, did, begin, end, err)
		begin, timed = end, did
		if err != nil {
			class, example := w.describe(err)
			d.mu.Lock()
			d.fold(w)
			d.fail(c.stream, class, example)
			d.opTime += (took - d.opTime) / 8
			d.mu.Unlock()
		}
	}
}

// fold counts what w has carried out since the last time. The lock is held.
func (d *dispatcher) fold(w *worker) {
	c, s := &w.claim, w.claim.stream
	n := int64(len(c.latencies))
	if n == 0 {
		return
	}
	d.latency.Record(w.number, s.tally, c.latencies)
	if c.folded == 0 && c.fresh && s.phase == PhaseSteady {
		d.startLag.Record(c.lag)
	}
	c.latencies = c.latencies[:0]
	c.folded += n
	d.sent += n
	s.sent += n
	d.completed += n
	s.completed += n
	if c.served > 0 {
		mean := c.service / time.Duration(c.served)
		d.opTime += (mean - d.opTime) / 8
		s.served += c.served
		s.service += c.service
		if s.quickest == 0 || c.quickest < s.quickest {
			s.quickest = c.quickest
		}
		c.served, c.service, c.quickest = 0, 0, 0
	}
}

// fail counts that one of the operations folded failed. The lock is held.
func (d *dispatcher) fail(s *stream, class, example string) {
	d.errors++
	s.errors++
	if _, known := d.classes[class]; !known && len(d.classes) >= maxErrorClasses {
		class = "other"
	}
	d.classes[class]++
	if d.examples[class] == "" {
		d.examples[class] = example
	}
}

// start waits for arrivals and claims them for w. It is called with the lock
// held and returns without it. It reports false when the worker shall end.
func (d *dispatcher) start(w *worker) bool {
	if w.claim.stream != nil {
		d.endClaim(w)
	}
	fresh := false
	for d.queue.n == 0 {
		d.tellAtRest()
		if d.closed {
			d.leave()
			return false
		}
		d.idle = append(d.idle, w)
		d.mu.Unlock()
		_, woken := <-w.wake
		d.mu.Lock()
		if woken {
			d.waking--
		}
		fresh = true
	}
	want := int64(1)
	if d.opTime < handOff {
		want = min(int64(handOff/max(d.opTime, 1)), maxClaim)
	}
	w.claim.begin(d.queue.pop(want))
	w.claim.fresh = fresh
	w.claim.quick = d.lead == nil && d.opTime < quickOp
	d.claims = append(d.claims, w)
	d.inFlight++
	d.maxInFlight = max(d.maxInFlight, d.inFlight)
	d.mu.Unlock()
	return true
}

// tellAtRest tells whoever waits that nothing is left. The lock is held.
func (d *dispatcher) tellAtRest() {
	if d.atRest != nil && d.queue.n == 0 && d.inFlight == 0 {
		close(d.atRest)
		d.atRest = nil
	}
}

// leave ends a worker. The lock is held and given up.
func (d *dispatcher) leave() {
	d.workers--
	if d.workers == 0 {
		close(d.ended)
	}
	d.mu.Unlock()
}

// awaitRest waits until nothing is queued or in flight, at most so long, or
// until ctx is done, and reports whether it came to that. Arrivals must not be
// released meanwhile.
func (d *dispatcher) awaitRest(ctx context.Context, timeout time.Duration) bool {
	d.mu.Lock()
	if d.queue.n == 0 && d.inFlight == 0 {
		d.mu.Unlock()
		return true
	}
	if d.atRest == nil {
		d.atRest = make(chan struct{})
	}
	atRest := d.atRest
	d.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-atRest:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// shedQueue gives up what waits.
func (d *dispatcher) shedQueue() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takeBack(true)
	for d.queue.n > 0 {
		g := &d.queue.ring[d.queue.head]
		g.stream.shed += g.n
		d.shed += g.n
		d.queue.n -= g.n
		*g = segment{}
		d.queue.head = (d.queue.head + 1) % len(d.queue.ring)
		d.queue.len--
	}
	d.tellAtRest()
}

// close ends the idle workers now and the others after their operation. The
// channel is closed when all have ended.
func (d *dispatcher) close() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, w := range d.idle {
		close(w.wake)
	}
	d.idle = nil
	if d.workers == 0 {
		close(d.ended)
	}
	return d.ended
}

func (d *dispatcher) counts() Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	started, ended := d.inHand(nil)
	return Counts{
		Sent: d.sent + started, Completed: d.completed + ended, Errors: d.errors, Shed: d.shed,
		InFlight: d.sent + started - d.completed - ended, Queued: d.queued(),
	}
}

func (d *dispatcher) countsOf(s *stream) Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	started, ended := d.inHand(s)
	c := Counts{Sent: s.sent + started, Completed: s.completed + ended, Errors: s.errors, Shed: s.shed}
	c.InFlight, c.Queued = c.Sent-c.Completed, s.due-c.Sent-c.Shed
	return c
}

func (d *dispatcher) maxInFlightSeen() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.maxInFlight
}

func (d *dispatcher) errorClasses() (counts map[string]int64, examples map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.classes), maps.Clone(d.examples)
}

// startedBy returns how many arrivals of s have been started at the time now,
// which is now; those that have only just begun to wait count as started.
func (d *dispatcher) startedBy(now time.Duration, s *stream) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takeBack(true)
	return s.due - s.shed - d.queue.olderThan(now-borderSlack, s)
}

// evidence returns what the validity of the streams' load is judged on.
func (d *dispatcher) evidence(now time.Duration, streams []*stream) evidence {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takeBack(true)
	e := evidence{saturated: d.maxInFlight >= d.max}
	var served int64
	var service time.Duration
	for _, s := range streams {
		e.intended += s.due
		e.started += s.due - s.shed - d.queue.olderThan(now-borderSlack, s)
		served += s.served
		service += s.service
		if s.quickest > 0 && (e.quickest == 0 || s.quickest < e.quickest) {
			e.quickest = s.quickest
		}
	}
	if served > 0 {
		e.mean = service / time.Duration(served)
	}
	return e
}
