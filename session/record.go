package session

import (
	"context"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Recording is what Record kept.
type Recording struct {
	Bundle    string // folder
	Snapshots int
	Warnings  []snapshot.Warning
}

// Record takes snapshots of a running target, every cfg.Plan.Every, and keeps
// them in a bundle without a load or a verdict, until cfg.Plan.Steady is over
// or ctx ends, whichever is first; a Steady of 0 leaves it to ctx. Of cfg only
// Pprof, Plan.Every, Plan.Steady, OpsMetric, Out, Name, Progress, ProbeEvery
// and the timeouts count. Memory does not grow with the recording's length.
//
// The end of ctx is no error. A target that stops answering is: a
// *capture.TargetError, beside the recording of the time before.
func Record(ctx context.Context, cfg Config) (*Recording, error) {
	endless := cfg.Plan.Steady == 0
	if endless {
		cfg.Plan.Steady = time.Hour // only so that check has something to look at
	}
	cfg.Load, cfg.Target, cfg.Command, cfg.Temporary = nil, nil, nil, false
	if cfg.Pprof.URL == "" {
		return nil, &ConfigError{"nothing to record: give the target's pprof address"}
	}
	if cfg.Plan.Every == 0 && endless {
		cfg.Plan.Every = defaultRecordEvery
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	total := cfg.Plan.Steady
	if endless {
		total = 0
	}
	s := &session{cfg: cfg, report: newReporter(cfg.Progress), started: time.Now()}
	kept, err := createBundle(&s.cfg, s.report)
	if err != nil {
		return nil, err
	}
	s.bundle = kept.Bundle
	defer func() {
		if s.rec == nil {
			kept.remove()
		}
	}()
	if s.target, err = open(ctx, &s.cfg, s.report); err != nil {
		return nil, err
	}
	defer s.target.close(ctx)
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	s.rec.drop = true
	cause := s.recordUntil(ctx, total)

	if err := s.bundle.SetHeader(s.header(nil)); err != nil {
		s.report.warn(WarnHeaderNotKept, "the bundle's run.json could not be written: %v", err)
	}
	out := &Recording{Bundle: s.bundle.Dir(), Snapshots: s.rec.kept, Warnings: s.report.all()}
	switch gone := died(cause); {
	case gone != nil:
		return out, &capture.TargetError{URL: s.target.client.Target().Pprof, Problem: gone.Error(),
			Remedy: "what was recorded until then is in " + out.Bundle, Err: gone}
	case cause != nil && ctx.Err() == nil:
		return out, cause
	}
	return out, nil
}

// defaultRecordEvery is the distance of snapshots in a recording without an
// end.
const defaultRecordEvery = 10 * time.Second

// recordUntil takes the snapshots and returns why it ended, nil for the end of
// total.
func (s *session) recordUntil(ctx context.Context, total time.Duration) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.stop = cancel
	var wg sync.WaitGroup
	wg.Go(func() { s.rec.probeEvery(inner, s.cfg.ProbeEvery) })
	err := watchEvery(inner, s.cfg.Plan, total, s.cfg.SnapshotNow, func(ctx context.Context, last bool) error {
		return s.mark(ctx, moment{last: last})
	}, func(done time.Duration) {
		s.report.update(func(e *Event) { e.Phase, e.Done, e.Total = PhaseWatch, done, total })
	})
	cancel(nil)
	wg.Wait()
	if err != nil && died(err) == nil && ctx.Err() != nil {
		err = ctx.Err()
		s.final(ctx, err)
	}
	return err
}
