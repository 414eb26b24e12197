package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/session/metrics"
)

// errDecided ends the watching of somebody else's load.
var errDecided = errors.New("it is decided that the target leaks")

// looking judges the run while it goes on, for an abort on a leak and for the
// metrics. The zero value does nothing.
type looking struct {
	looks   *detect.Looks
	abort   bool
	metrics *metrics.Metrics // may be nil
	ended   string           // why the run was ended early
}

// startLooking makes what the configuration asks for. done is to be called at
// the end.
func (s *session) startLooking() (done func(), err error) {
	done = func() {}
	s.looking.abort = s.cfg.AbortOnLeak
	if s.cfg.MetricsAddr != "" {
		m := metrics.New()
		where, stop, err := m.Serve(s.cfg.MetricsAddr)
		if err != nil {
			return nil, &ConfigError{err.Error() + "; give another address, as in --metrics-addr 127.0.0.1:9464"}
		}
		s.report.message("metrics at http://" + where + "/metrics")
		if s.load != nil {
			m.SetLoad(s.load, s.cfg.Plan.Rate.Mean())
		}
		s.looking.metrics, done = m, stop
	}
	if s.looking.abort || s.looking.metrics != nil {
		s.looking.looks = detect.NewLooks(s.cfg.Detect, int(s.cfg.Plan.Steady/s.cfg.Plan.Every)+1)
	}
	return done, nil
}

// look judges the run so far, at a mark. It ends the load, or with errDecided
// the watching, once a leak is confirmed.
func (s *session) look(m moment) error {
	l := &s.looking
	if l.looks == nil || m.phase != snapshot.PhaseSteady && m.phase != snapshot.PhaseUnknown {
		return nil
	}
	s.rec.mu.Lock()
	run := s.rec.run
	s.rec.mu.Unlock()
	if len(run.Snapshots) == 0 {
		return nil
	}
	run.Target, run.Load = s.targetNow(), s.loadInfo(nil)
	res := l.looks.Look(&run)
	if l.metrics != nil {
		if live, ok := run.Snapshots[len(run.Snapshots)-1].Counters.LiveBytes(); ok {
			l.metrics.SetLive(live)
		}
		l.metrics.SetResult(res)
	}
	if !l.abort || l.ended != "" || m.last || res.Verdict != detect.RunLeak {
		return nil
	}
	l.ended = fmt.Sprintf("the run was ended early, after %d snapshots and %s: a leak was found at two looks in a row (--abort-on leak)",
		len(run.Snapshots), time.Since(s.started).Round(time.Second))
	s.report.message(l.ended)
	if s.load == nil {
		return errDecided
	}
	s.load.Finish(l.ended)
	return nil
}

// concludeLooking tells the final result.
func (s *session) concludeLooking(r *detect.Result) {
	if s.looking.metrics != nil {
		s.looking.metrics.SetResult(r)
	}
}

// endDecided is the end of a watching that a confirmed leak cut short: it takes
// the last snapshot, and is no error.
func (s *session) endDecided(ctx context.Context, err error) error {
	if !errors.Is(err, errDecided) {
		return err
	}
	s.final(ctx, err)
	return nil
}

// endedEarly says why the run ended before its time; "" if it did not.
func (s *session) endedEarly(res *harness.Result) string {
	if res != nil && res.Ended != "" {
		return res.Ended
	}
	return s.looking.ended
}
