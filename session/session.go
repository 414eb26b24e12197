package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// Outcome is what a run came to. Result is never nil; its warnings are those of
// the run and of the judgement.
type Outcome struct {
	Run    *snapshot.Run
	Result *detect.Result
	Bundle string          // folder; empty if it was temporary
	Load   *harness.Result // nil without a load of ours
	// Interrupted says that ctx ended the run; what was captured until then
	// was judged.
	Interrupted bool
	// Died says that the target ended or stopped answering in the middle of
	// the run: exit code 4, unless the verdict is a leak.
	Died error
}

// finalPatience bounds the last snapshot of an interrupted run.
const finalPatience = 5 * time.Second

// session is one run under way.
type session struct {
	cfg    Config
	report *reporter
	target *target
	bundle *capture.Bundle
	rec    *recorder
	load   *harness.Load         // nil: someone else's
	unlike func() harness.Unlike // of its successes; nil: not HTTP
	fails  failing
	live   liveLooks

	observer *observer // nil: nobody
	started  time.Time

	stop context.CancelCauseFunc // ends the load with a cause
}

// Run does a whole run. The error is a *ConfigError for what cannot be run, a
// *capture.TargetError or *RefusedError where nothing could be judged, or the
// cause of ctx's end before the target was ready. Beside a *RefusedError the
// outcome is not nil.
func Run(ctx context.Context, cfg Config) (_ *Outcome, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, started: time.Now(), observer: startObserver(cfg.Observe)}
	defer s.observer.close()
	s.report = newReporter(both(cfg.Progress, s.observer))
	if !cfg.passive() {
		done, err := s.plan()
		if err != nil {
			return nil, err
		}
		defer done()
	}
	quiet, err := s.startLooks()
	if err != nil {
		return nil, err
	}
	defer quiet()
	kept, err := createBundle(&s.cfg, s.report)
	if err != nil {
		return nil, err
	}
	s.bundle = kept.Bundle
	defer func() {
		if s.cfg.Temporary || s.rec == nil { // nothing observed: nothing left behind
			kept.remove()
		}
	}()
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	closed := false
	defer func() {
		if !closed {
			s.target.close(ctx)
		}
	}()
	res, cause, err := s.drive(ctx)
	if err != nil {
		return nil, err
	}
	closed = true
	if err := s.target.close(ctx); err != nil && s.target.proc != nil {
		s.report.warn(WarnCommandEndedBadly, "the command did not end well: %v", err)
	}
	return s.conclude(ctx, res, cause)
}

// both tells events to a listener and to an observer; either may be nil.
func both(to func(Event), o *observer) func(Event) {
	switch {
	case o == nil:
		return to
	case to == nil:
		return o.event
	}
	return func(e Event) {
		to(e)
		o.event(e)
	}
}

// plan makes the load. done frees it.
func (s *session) plan() (done func(), err error) {
	done = func() {}
	t := s.cfg.Target
	if t == nil {
		load := *s.cfg.Load
		if load.MaxConns == 0 {
			load.MaxConns = s.cfg.Plan.MaxInFlight
		}
		h, err := harness.NewHTTP(load)
		if err != nil {
			return nil, &ConfigError{err.Error()}
		}
		t, done, s.unlike = h, h.Close, h.Unlike
	}
	p := s.cfg.Plan
	p.Scatter = true
	p.OnMark = func(ctx context.Context, m harness.Mark) error {
		return s.mark(ctx, moment{phase: snapshot.Phase(m.Phase), pass: m.Pass, last: m.Last})
	}
	p.OnProgress = s.progress
	if s.load, err = harness.New(t, p); err != nil {
		done()
		return nil, &ConfigError{err.Error()}
	}
	return done, nil
}

// reach opens the target and prepares for its snapshots, again and again where
// it is awaited. On an error nothing is left running.
func (s *session) reach(ctx context.Context) error {
	const most = 10 * time.Second
	for wait := time.Second; ; wait = min(2*wait, most) {
		var err error
		if s.target, err = open(ctx, &s.cfg, s.report); err == nil {
			if err = s.prepare(ctx); err == nil {
				s.report.note(func(e *Event) { e.Failing = "" })
				return nil
			}
			s.target.close(ctx)
		}
		var target *capture.TargetError
		if !s.cfg.Await || !errors.As(err, &target) {
			return err
		}
		if wait == time.Second {
			s.report.tellWarning(err.Error() + "; trying again")
		}
		s.report.update(func(e *Event) { e.Failing = err.Error() })
		if sleep(ctx, wait) != nil {
			return fmt.Errorf("the target never answered: %w", err)
		}
	}
}

// prepare asks what the target offers and sets up the recorder.
func (s *session) prepare(ctx context.Context) error {
	ctx, end := s.target.watch(ctx)
	defer end()
	offer, err := s.target.client.Offer(ctx)
	if err != nil {
		return s.target.explain(ctx, err)
	}
	s.target.locate()
	kept, told := offerWarnings(offer)
	for _, w := range told {
		s.report.tellWarning(w)
	}
	for _, w := range kept {
		s.report.warn(WarnTargetLacks, "%s", w)
	}
	rec := newRecorder(&s.cfg, s.target, s.bundle, s.report)
	rec.probed = s.observer.probe
	if s.cfg.OpsMetric != "" {
		if rec.metric, err = s.operations(ctx); err != nil {
			return s.target.explain(ctx, err)
		}
	}
	s.rec = rec
	if s.load != nil {
		s.rec.counts = s.load.Counts
		s.rec.load = s.loadSoFar
	}
	h := s.header(nil)
	h.Unfinished = s.load != nil
	return s.bundle.SetHeader(h)
}

// operations returns how the target's counter of operations is read. It has a
// connection of its own: it is read while an answer of the other is under way.
func (s *session) operations(ctx context.Context) (func(context.Context) (float64, error), error) {
	at := s.cfg.Pprof
	if at.URL == "" {
		at.URL = s.target.client.Target().Pprof
	}
	c, err := capture.New(at)
	if err != nil {
		return nil, &ConfigError{err.Error()}
	}
	s.target.also = c
	if _, err := c.Metric(ctx, s.cfg.OpsMetric); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (float64, error) { return c.Metric(ctx, s.cfg.OpsMetric) }, nil
}

func newRecorder(cfg *Config, t *target, b *capture.Bundle, report *reporter) *recorder {
	r := &recorder{
		source: t.client, sink: b, report: report, timeout: cfg.SnapshotTimeout, patience: cfg.RestartPatience,
		pid: t.pid, in: snapshot.NewInterner(), endures: cfg.Watch,
	}
	if cfg.Watch {
		r.most = mostWatched
		if cfg.Temporary { // nobody would read it, and it has no end
			r.sink = nowhere{}
		}
	}
	// Snapshots that are far apart are asked for again in between, so that a
	// dead target is noticed before three of them have gone by.
	if again := min(cfg.Plan.Every/4, 15*time.Second); again >= time.Second {
		r.retry = []time.Duration{again, again}
	}
	return r
}

// drive runs the phases. cause says why it ended early, nil if it did not.
func (s *session) drive(ctx context.Context) (res *harness.Result, cause, err error) {
	watched, end := s.target.watch(ctx)
	defer end()
	watched, s.stop = context.WithCancelCause(watched)
	defer s.stop(nil)

	probing, quiet := context.WithCancel(watched)
	var wg sync.WaitGroup
	wg.Go(func() { s.rec.probeEvery(probing, s.cfg.ProbeEvery) })
	if s.load != nil {
		wg.Go(func() { s.passOn(probing) })
		res, err = s.load.Run(watched)
	} else {
		err = s.watchOnly(watched)
	}
	quiet()
	wg.Wait()

	if watched.Err() != nil {
		cause, err = context.Cause(watched), nil
	}
	if errors.Is(cause, errDecided) { // the end that was asked for
		s.final(ctx, cause)
		cause = nil
	}
	var gone *goneError
	if errors.As(err, &gone) {
		cause, err = gone, nil
	}
	if err != nil {
		return res, nil, fmt.Errorf("run the load: %w", err)
	}
	if cause != nil {
		s.final(ctx, cause)
	}
	return res, cause, nil
}

// final takes a last snapshot of a target that is still there although the run
// has been ended.
func (s *session) final(ctx context.Context, cause error) {
	if died(cause) != nil {
		return
	}
	s.report.message("taking a last snapshot")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalPatience)
	defer cancel()
	// The phase goes on: calling it a drain would claim that the target had
	// time to come to rest.
	m := moment{last: true}
	if n := len(s.rec.spans); n > 0 {
		m.phase, m.pass = s.rec.spans[n-1].Phase, s.rec.spans[n-1].Pass
	}
	s.rec.retry = nil
	if err := s.rec.once(ctx, m); err != nil {
		s.report.warn(WarnNoLastSnapshot, "no last snapshot: %v", err)
	}
}

// died returns the error of a target that is gone, nil for other causes.
func died(cause error) error {
	var (
		gone *goneError
		dead *diedError
	)
	if errors.As(cause, &gone) || errors.As(cause, &dead) {
		return cause
	}
	return nil
}

// mark takes the snapshot of a mark. It ends the load if the target is gone or
// refuses everything.
func (s *session) mark(ctx context.Context, m moment) error {
	if m.phase == snapshot.PhaseUnknown {
		s.report.enter(PhaseWatch, 0)
	} else {
		s.report.enter(string(m.phase), m.pass)
	}
	err := s.rec.take(ctx, m)
	s.report.update(func(e *Event) {
		if s.load != nil {
			e.Counts = s.load.Counts()
		}
	})
	if err != nil {
		if died(err) != nil {
			s.stop(err)
		}
		return err
	}
	if s.load != nil && s.fails.hopeless(time.Now(), s.load.Counts()) {
		err := &RefusedError{Operations: s.load.Counts().Completed}
		s.stop(err)
		return err
	}
	s.look(m)
	return nil
}

// passOn asks the load for the snapshots that somebody wants now.
func (s *session) passOn(ctx context.Context) {
	for {
		select {
		case <-s.cfg.SnapshotNow:
			s.load.MarkNow()
		case <-ctx.Done():
			return
		}
	}
}
