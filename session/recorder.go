package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// source is the part of capture.Client that a recorder needs.
type source interface {
	Snapshot(context.Context, capture.Options) (*snapshot.Raw, error)
	Probe(context.Context, int) (capture.ProbePoint, error)
}

// sink is the part of capture.Bundle that a recorder needs.
type sink interface {
	Add(*snapshot.Raw) (string, error)
	Probe(capture.ProbePoint) error
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

// Add does nothing.
func (nowhere) Add(*snapshot.Raw) (string, error) { return "", nil }

// Probe does nothing.
func (nowhere) Probe(capture.ProbePoint) error { return nil }

// failuresInARow is how many snapshots must fail one after the other, over at
// least Config.RestartPatience, before the target counts as gone.
const failuresInARow = 3

// goneError says that the target stopped answering while it was observed.
type goneError struct {
	failures int
	cause    error
}

func (e *goneError) Error() string {
	return fmt.Sprintf("the target stopped answering: %d snapshots in a row failed, the last one so: %v", e.failures, e.cause)
}
func (e *goneError) Unwrap() error { return e.cause }

// recorder takes snapshots, keeps them in the bundle as served and in memory
// parsed, with shared stacks. Nothing in it grows with operations.
type recorder struct {
	source  source
	sink    sink
	report  *reporter
	timeout time.Duration // of one snapshot
	retry   []time.Duration
	// patience is how long snapshots must fail before the target is gone.
	patience time.Duration
	pid      func() int            // of the target; 0: unknown
	load     func() *snapshot.Load // nil: no load of ours
	counts   func() harness.Counts // likewise
	// metric reads the target's own counter of operations; nil: counts tell.
	metric func(context.Context) (float64, error)

	mu     sync.Mutex // one request at a time: a probe beside a snapshot would show in it
	in     *snapshot.Interner
	failed int       // snapshots in a row
	since  time.Time // the first of them

	fresh series.Freshness // of what the target answers
	told  map[string]bool  // codes of what was wrong with it

	drop bool // keep snapshots in the bundle alone
	kept int  // snapshots in the bundle

	// endures: a target that stops answering is waited for.
	endures bool
	lost    int                      // snapshots that failed
	probed  func(capture.ProbePoint) // nil: nobody wants to know
	// thinning keeps memory flat however long the run.
	thinning
	prev      *snapshot.Snapshot // the last one; nil before the first, and with drop
	restarted time.Time          // of the first snapshot since the target was last started anew

	run   snapshot.Run // Snapshots and Peak
	spans []snapshot.PhaseSpan
}

// moment is what a recorder must know of a snapshot beforehand.
type moment struct {
	phase snapshot.Phase
	pass  int
	last  bool // also take goroutineleak
}

// take takes one snapshot. A failure is a warning and nil, until there are
// too many in a row: then a *goneError. A cancelled ctx is returned as it is.
func (r *recorder) take(ctx context.Context, m moment) error {
	r.enter(m)
	for try := 0; ; try++ {
		err := r.once(ctx, m)
		if err == nil {
			r.answered()
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.failed++; r.failed == 1 {
			r.since = time.Now()
		}
		r.report.note(func(e *Event) { e.Failing = err.Error() })
		if r.endures {
			r.miss(err)
			return nil
		}
		if r.failed >= failuresInARow && time.Since(r.since) >= r.patience {
			return &goneError{r.failed, err}
		}
		r.report.warn(WarnSnapshotFailed, "a snapshot failed and is left out: %v", err)
		if try >= len(r.retry) || !unreachable(err) {
			return nil
		}
		if err := sleep(ctx, r.retry[try]); err != nil {
			return err
		}
	}
}

// answered ends a row of failures.
func (r *recorder) answered() {
	if r.failed > 0 {
		r.report.note(func(e *Event) { e.Failing = "" })
		if r.endures {
			r.report.message("the target answers again, after " + time.Since(r.since).Round(time.Second).String())
		}
	}
	r.failed = 0
}

// miss leaves a snapshot out of a watched target that will be asked again.
func (r *recorder) miss(err error) {
	r.lost++
	if r.failed == 1 {
		r.report.tellWarning(fmt.Sprintf("no snapshot: %v; trying again", err))
	}
}

// once takes one snapshot or says why not.
func (r *recorder) once(ctx context.Context, m moment) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.timeout
	if r.failed > 0 { // a target that hangs is not given the whole time again
		limit = max(limit/3, min(limit, time.Second))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no whole snapshot within %s", limit))
	defer cancel()

	opt := capture.Options{Leak: m.last, Dump: m.last, PID: r.pid()}
	var metricErr error
	switch {
	case r.metric != nil:
		opt.Ops = func() int64 {
			v, err := r.metric(ctx)
			if err == nil && !(v >= 0 && v <= 1<<53) {
				err = fmt.Errorf("the counter's value %g is no count of operations", v)
			}
			if err != nil {
				metricErr = err
				return 0
			}
			return int64(v)
		}
	case r.counts != nil:
		opt.Ops = func() int64 { return r.counts().Completed }
	}
	var inFlight *int64
	if r.counts != nil {
		n := r.counts().InFlight
		inFlight = &n
	}
	raw, err := r.source.Snapshot(ctx, opt)
	if err != nil {
		return err
	}
	if metricErr != nil {
		raw.Ops = nil
		raw.Missing = append(raw.Missing, fmt.Sprintf("no operation count: %v", metricErr))
		r.report.warn(WarnNoOperationCount, "a snapshot has no operation count: %v", metricErr)
	}
	raw.Phase, raw.Pass, raw.InFlight = m.phase, m.pass, inFlight
	if raw.PID == 0 {
		raw.PID = opt.PID
	}
	if r.load != nil {
		raw.Load = r.load()
	}
	return r.keep(raw)
}

// keep writes a snapshot to the bundle and adds it to the run. What cannot be
// parsed is in the bundle all the same.
func (r *recorder) keep(raw *snapshot.Raw) error {
	if _, err := r.sink.Add(raw); err != nil {
		r.report.warn(WarnSnapshotNotKept, "a snapshot could not be kept in the bundle: %v; the verdict goes on without it on disk", err)
	}
	r.kept++
	s, err := raw.Parse(r.in)
	if err != nil {
		return err
	}
	left, code, why := r.fresh.Next(s)
	if code != "" {
		r.unsound(code, why)
	}
	if r.drop {
		r.in = snapshot.NewInterner()
	} else {
		r.noteBreak(left)
		r.run.Snapshots = r.add(r.run.Snapshots, s)
	}
	live, _ := left.Counters.LiveBytes()
	var rss uint64
	if s.RSS != nil {
		rss = *s.RSS
	}
	r.peak(live, rss)
	r.report.note(func(e *Event) {
		e.Snapshots = r.kept
		e.LiveBytes = live
		if s.Goroutines != nil {
			e.Goroutines = s.Goroutines.Total
		}
	})
	return nil
}

// unsound tells, the first time, of a snapshot that measured nothing or garbage. The
// judgement counts them.
func (r *recorder) unsound(code, why string) {
	if r.told == nil {
		r.told = map[string]bool{}
	}
	if !r.told[code] {
		r.told[code] = true
		r.report.tellWarning(fmt.Sprintf("a snapshot is no evidence: %s", why))
	}
}

// noteBreak tells of a target that was started anew. It must be called with mu
// held.
func (r *recorder) noteBreak(s *snapshot.Snapshot) {
	prev := r.prev
	r.prev = s
	if prev == nil {
		return
	}
	why := series.Break(prev, s)
	if why == "" {
		return
	}
	r.restarted = s.Time
	r.report.note(func(e *Event) { e.Restarts++ })
	r.report.tellWarning(why + "; a new series begins")
}

// peak must be called with mu held.
func (r *recorder) peak(live, rss uint64) {
	r.run.Peak.LiveBytes = max(r.run.Peak.LiveBytes, live)
	r.run.Peak.RSS = max(r.run.Peak.RSS, rss)
	if rss > 0 {
		r.report.note(func(e *Event) { e.RSS = rss })
	}
}

// enter notes that a phase has begun.
func (r *recorder) enter(m moment) {
	now := time.Now()
	if n := len(r.spans); n > 0 {
		last := &r.spans[n-1]
		if last.Phase == m.phase && last.Pass == m.pass {
			return
		}
		last.End = now
	}
	r.spans = append(r.spans, snapshot.PhaseSpan{Phase: m.phase, Pass: m.pass, Start: now})
}

// probe reads live heap and RSS without a collection, between snapshots. It
// reports whether it is worth to ask again.
func (r *recorder) probe(ctx context.Context) bool {
	if !r.mu.TryLock() { // a snapshot is being taken: it tells the same
		return true
	}
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, min(r.timeout, 5*time.Second))
	defer cancel()
	p, err := r.source.Probe(ctx, r.pid())
	if err != nil {
		return true // whether the target is gone is for the snapshots to find out
	}
	if p.Empty() {
		return false // no source for a probe
	}
	if err := r.sink.Probe(p); err != nil {
		r.report.warn(WarnProbeNotKept, "a probe could not be kept in the bundle: %v", err)
	}
	r.peak(p.LiveBytes, p.RSS)
	if r.probed != nil {
		r.probed(p)
	}
	return true
}

// probeEvery probes until ctx ends.
func (r *recorder) probeEvery(ctx context.Context, every time.Duration) {
	if every <= 0 {
		return
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if !r.probe(ctx) {
				return
			}
		}
	}
}

// sleep waits, or returns the cause of the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
