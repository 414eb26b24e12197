package harness

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"time"
)

const (
	// batch is the least time between two looks at the pacer: above 1/batch
	// arrivals a second they come in batches. A sleep costs 30 to 40 µs of CPU on a
	// virtual machine, and the runtime rounds it to about this anyway.
	batch = time.Millisecond
	// preciseBatch is the same with Plan.Precise.
	preciseBatch = 50 * time.Microsecond
	// crowd arrivals within crowdBatch, that is 500,000 a second, are let go
	// once in a crowdBatch: the two threads that each batch wakes up would
	// otherwise take half as much CPU time as the operations.
	crowd      = 1000
	crowdBatch = 2 * time.Millisecond
	// backlogTick is how often the pacer looks after a backlog that no worker
	// may be awake for.
	backlogTick = time.Millisecond
	// interruptWait is how long an interrupted run waits for what is in flight
	// before it cancels it.
	interruptWait = 2 * time.Second
	// abandonWait is how long operations have to return once cancelled.
	abandonWait = time.Second
)

// run is the state of Run, all of it owned by Run's goroutine.
type run struct {
	*Load
	spans       []span
	markDone    chan error // capacity 1; the result of the mark that runs beside the arrivals
	marking     bool
	nextMark    time.Duration // on the steady clock
	hasMark     bool
	skipped     int
	unquiesced  int
	lag         time.Duration
	interrupted bool
	window      windowing
	sleeper     sleeper

	schedBefore *metrics.Float64Histogram
	evidence    evidence
}

// span is a phase or pass in the making.
type span struct {
	PhaseResult
	stream  *stream // nil: no arrivals
	started int64   // arrivals started by its end
	from    time.Duration
	ended   bool
}

func (r *run) phases(ctx context.Context) error {
	for _, phase := range []func(context.Context) error{r.idlePhase, r.warmupPhase, r.steadyPhase, r.drainPhase} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := phase(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) idlePhase(ctx context.Context) error {
	if r.plan.IdleMarks == 0 {
		return nil
	}
	r.clock.begin(PhaseIdle, 0, r.plan.idle())
	r.open(PhaseIdle, 0, nil)
	last := time.Duration(0)
	for i := range r.plan.IdleMarks + r.plan.RestMarks {
		at := time.Duration(i) * r.plan.IdleEvery
		if i >= r.plan.IdleMarks { // a late mark does not cost the distance
			at = last + r.plan.RestEvery
		}
		if err := r.sleepUntil(ctx, at); err != nil {
			return err
		}
		last = r.clock.elapsed()
		if err := r.mark(ctx, Mark{Phase: PhaseIdle, Quiesced: !r.plan.Rate.Zero()}); err != nil {
			return err
		}
	}
	r.close()
	return nil
}

func (r *run) warmupPhase(ctx context.Context) error {
	if r.plan.Warmup == 0 {
		return nil
	}
	r.clock.begin(PhaseWarmup, 0, r.plan.Warmup)
	r.open(PhaseWarmup, 0, r.warmup)
	var sent int64
	if err := r.arrive(ctx, r.warmup, &sent, r.plan.Warmup); err != nil {
		return err
	}
	r.close()
	return nil
}

func (r *run) steadyPhase(ctx context.Context) error {
	r.schedBefore = schedLatencies()
	r.clock.begin(PhaseSteady, 1, r.plan.Steady)
	r.nextMark, r.hasMark = 0, r.plan.OnMark != nil
	var sent int64
	for i, s := range r.passes {
		s.first = sent
		r.clock.enter(s.pass)
		r.open(PhaseSteady, s.pass, s)
		end := r.plan.passEnd(s.pass)
		err := r.arrive(ctx, s, &sent, end)
		ended := errors.Is(err, errFinished)
		if ended {
			end = r.clock.elapsed()
		} else if err != nil {
			return err
		}
		r.measure()
		if i == len(r.passes)-1 || ended {
			if err := r.finalMark(ctx, s.pass, end); err != nil {
				return err
			}
		} else if r.hasMark && r.nextMark <= end {
			if err := r.steadyMark(ctx, s.pass); err != nil {
				return err
			}
		}
		r.close()
		if ended {
			break
		}
	}
	return nil
}

func (r *run) drainPhase(ctx context.Context) error {
	if r.plan.Drain > 0 {
		r.clock.begin(PhaseDrain, 0, r.plan.Drain)
		r.open(PhaseDrain, 0, nil)
		r.clock.hold(0)
	}
	if !r.d.awaitRest(ctx, r.plan.QuiesceTimeout) {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.d.shedQueue()
	}
	if r.plan.Drain == 0 {
		return nil
	}
	r.clock.resume()
	step := min(r.plan.Every, r.plan.Drain/3)
	for at, last := time.Duration(0), false; !last; {
		if err := r.sleepUntil(ctx, at); err != nil {
			return err
		}
		last = at == r.plan.Drain
		c := r.Counts()
		m := Mark{Phase: PhaseDrain, Last: last, Quiesced: !r.plan.Rate.Zero() && c.InFlight+c.Queued == 0}
		if err := r.mark(ctx, m); err != nil {
			return err
		}
		if at = r.plan.Drain; step > 0 {
			at = (r.clock.elapsed()/step + 1) * step
		}
		if at > r.plan.Drain-step/2 {
			at = r.plan.Drain
		}
	}
	r.close()
	return nil
}

// arrive lets the arrivals of s go until the phase's clock reads until, and
// makes the marks that fall due before. sent is how many the phase has had.
// When it returns nil, all arrivals intended before until have been released.
func (r *run) arrive(ctx context.Context, s *stream, sent *int64, until time.Duration) error {
	sleep, done := r.sleeper.begin(r.plan.Precise)
	defer done()
	finishing, asked := r.finishing, r.asked
	if s.phase != PhaseSteady {
		finishing, asked = nil, nil
	}
	for {
		select {
		case <-finishing: // before what fell due during a mark
			return errFinished
		default:
		}
		elapsed, origin := r.clock.read()
		atMark := r.hasMark && r.nextMark < until && elapsed >= r.nextMark
		ahead := r.d.lead.now()
		limit := min(elapsed+ahead, until-1)
		if atMark && r.quiesces() {
			limit = min(limit, r.nextMark-1) // what is intended later waits for the clock
		}
		if n := due(s.pacer, limit, *sent) - *sent; n > 0 {
			r.lag = max(r.lag, elapsed-intended(s.pacer, *sent))
			r.d.release(s, origin, *sent, n)
			*sent += n
		} else {
			r.d.release(s, origin, *sent, 0) // looks after a backlog
		}
		if atMark {
			if err := r.steadyMark(ctx, s.pass); err != nil {
				return err
			}
			continue
		}
		if elapsed >= until {
			return ctx.Err()
		}
		wait := min(until, r.window.end) - elapsed
		if wait <= 0 {
			r.closeWindow(elapsed)
			continue
		}
		least := r.sleeper.least
		if next, stop := s.pacer.Pace(elapsed, *sent); !stop {
			if after, stop := s.pacer.Pace(elapsed, *sent+crowd); !stop && after-next < crowdBatch && !r.plan.Precise {
				least = crowdBatch
			}
			wait = min(wait, max(next-ahead, least))
		}
		if r.hasMark {
			wait = min(wait, max(r.nextMark-elapsed, 0))
		}
		if tick := max(backlogTick, least); wait > tick && r.d.waiting() > 0 {
			wait = tick
		}
		select {
		case <-sleep(wait):
		case err := <-r.markDone:
			r.marking = false
			if err != nil {
				return err
			}
		case <-asked:
			if r.hasMark {
				r.nextMark = min(r.nextMark, r.clock.elapsed())
			}
		case <-finishing:
			return errFinished
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errFinished says that the steady phase is to end before its time.
var errFinished = errors.New("the steady phase is finished")

// sleepUntil waits until the phase's clock, which must not be held, reads at.
func (r *run) sleepUntil(ctx context.Context, at time.Duration) error {
	timer := time.NewTimer(max(at-r.clock.elapsed(), 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// open begins a span.
func (r *run) open(phase Phase, pass int, s *stream) {
	s0 := span{PhaseResult: PhaseResult{Phase: phase, Pass: pass, Start: time.Now()}, stream: s}
	if phase == PhaseSteady {
		s0.from = r.plan.passEnd(pass - 1) // the clock goes on between passes
	}
	r.spans = append(r.spans, s0)
	if s != nil {
		r.current.Store(s)
		r.d.latency.Switch(s.tally)
		r.openWindow(r.clock.elapsed())
	}
}

// measure sums up what the last span's arrivals have come to. Its time on the
// clock ends here.
func (r *run) measure() {
	last := &r.spans[len(r.spans)-1]
	if last.ended {
		return
	}
	last.ended = true
	last.Active = r.clock.elapsed() - last.from
	switch last.Phase {
	case PhaseWarmup:
		last.Active = min(last.Active, r.plan.Warmup)
	case PhaseSteady:
		last.Active = min(last.Active, r.plan.passEnd(last.Pass)-last.from)
	}
	if last.stream == nil {
		return
	}
	r.closeWindow(last.from + last.Active)
	last.started = r.d.startedBy(r.d.now(), last.stream)
	if last.Phase == PhaseSteady {
		r.evidence = r.d.evidence(r.d.now(), r.passes[:last.Pass])
		r.evidence.schedule = medianSince(r.schedBefore, schedLatencies())
	}
}

// close ends the last span.
func (r *run) close() {
	r.measure()
	r.spans[len(r.spans)-1].End = time.Now()
}

// windUp ends what is still going on, in bounded time but for a mark that does
// not honour its context.
func (r *run) windUp(cancelOps context.CancelFunc) {
	if n := len(r.spans); n > 0 && r.spans[n-1].End.IsZero() {
		r.close() // before the queue is shed: what waits now did not start in time
	}
	r.d.shedQueue()
	if r.interrupted {
		r.d.awaitRest(context.Background(), interruptWait)
	}
	cancelOps()
	timer := time.NewTimer(abandonWait)
	defer timer.Stop()
	select {
	case <-r.d.close():
	case <-timer.C:
	}
	if r.marking {
		<-r.markDone
		r.marking = false
	}
}

func (r *run) result() *Result {
	res := &Result{
		Counts: r.Counts(), MaxInFlight: r.d.maxInFlightSeen(), Interrupted: r.interrupted,
		MarksSkipped: r.skipped, Unquiesced: r.unquiesced, Lag: r.lag,
		Valid: true,
	}
	res.Abandoned = res.Counts.InFlight
	if reason := r.reason.Load(); reason != nil {
		res.Ended = *reason
	}
	res.ErrorClasses, res.ErrorExamples = r.d.errorClasses()
	merged := newStream(PhaseSteady, 0, nil)
	for _, s := range r.spans {
		if s.stream != nil {
			s.Counts = r.d.countsOf(s.stream)
			s.Latency = r.d.latency.Summary(s.stream.tally)
			s.rates(s.started)
		}
		res.Phases = append(res.Phases, s.PhaseResult)
		if s.Phase != PhaseSteady {
			continue
		}
		if res.Steady.Phase == "" {
			res.Steady = PhaseResult{Phase: PhaseSteady, Start: s.Start}
		}
		res.Steady.End = s.End
		res.Steady.Active += s.Active
		res.Steady.Counts = res.Steady.Counts.add(s.Counts)
		res.Steady.Windows = append(res.Steady.Windows, s.Windows...)
		merged.tally.Add(s.stream.tally)
	}
	res.StartLag = r.d.startLag.Summary()
	res.Steady.Latency = merged.tally.Summary()
	res.Steady.rates(r.evidence.started)
	if res.Steady.Phase == "" {
		res.Valid, res.Reason = false, "the run ended before its steady phase"
		return res
	}
	e := r.evidence
	e.rate, e.max = res.Steady.IntendedRate, int64(r.plan.MaxInFlight)
	res.Valid, res.Reason = e.judge()
	return res
}

func (p *PhaseResult) rates(started int64) {
	if s := p.Active.Seconds(); s > 0 {
		p.AchievedRate = float64(started) / s
		p.IntendedRate = float64(p.Counts.Sent+p.Counts.Shed+p.Counts.Queued) / s
	}
}

// wrapMark says which mark failed.
func wrapMark(m Mark, err error) error {
	where := string(m.Phase)
	if m.Pass > 0 {
		where = fmt.Sprintf("%s, pass %d", m.Phase, m.Pass)
	}
	return fmt.Errorf("mark in phase %s: %w", where, err)
}
