package session

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/session/metrics"
)

// errDecided ends the watching of somebody else's load.
var errDecided = errors.New("it is decided that the target leaks")

// liveLooks judges the run while it goes on, for an abort on a leak, the metrics
// and the observer. A look at thousands of sites takes its time: it runs beside
// the snapshots, and of those that came meanwhile the next look sees the last.
// The zero value does nothing.
type liveLooks struct {
	looks    *detect.Looks
	abort    bool
	metrics  *metrics.Metrics // may be nil
	observer *observer        // may be nil

	wake, stop, done chan struct{} // of the goroutine; wake has capacity 1
	over             atomic.Bool   // no abort any more: the steady phase has ended
	ended            atomic.Pointer[string]

	mu   sync.Mutex
	next *snapshot.Run // to be looked at; nil: seen
}

// endlessLooks is how many looks are planned where a run has no planned end.
const endlessLooks = 360

// startLooks makes what the configuration asks for. done is to be called at
// the end; it waits.
func (s *session) startLooks() (done func(), err error) {
	l := &s.live
	l.abort, l.observer = s.cfg.AbortOnLeak, s.observer
	quiet := func() {}
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
		l.metrics, quiet = m, stop
	}
	if !l.abort && l.metrics == nil && l.observer == nil {
		return quiet, nil
	}
	planned := endlessLooks
	if s.cfg.Plan.Steady > 0 {
		planned = int(s.cfg.Plan.Steady/s.cfg.Plan.Every) + 1
	}
	l.looks = detect.NewLooks(s.cfg.Detect, planned)
	l.wake, l.stop, l.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go s.lookOn()
	return func() {
		s.stopLooks()
		quiet()
	}, nil
}

// stopLooks waits for the look that is under way; none follows. It may be
// called twice, by one goroutine.
func (s *session) stopLooks() {
	l := &s.live
	if l.looks == nil {
		return
	}
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	<-l.done
}

// look hands out the run so far, at a mark, and has it judged.
func (s *session) look(m moment) {
	l := &s.live
	if l.looks == nil {
		return
	}
	run := s.soFar()
	if len(run.Snapshots) == 0 {
		return
	}
	run.Target, run.Load = s.targetNow(), s.loadInfo(nil)
	l.observer.run(run, slices.Clone(s.rec.spans))
	if l.metrics != nil {
		if live, ok := run.Snapshots[len(run.Snapshots)-1].Counters.LiveBytes(); ok {
			l.metrics.SetLive(live)
		}
	}
	if m.last || m.phase == snapshot.PhaseDrain {
		l.over.Store(true)
	}
	if m.phase != snapshot.PhaseSteady && m.phase != snapshot.PhaseUnknown {
		return
	}
	l.mu.Lock()
	l.next = run
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// soFar is the run as it is now: a copy that later snapshots do not change. Of
// a watched target that was started anew it is what came since.
func (s *session) soFar() *snapshot.Run {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	run := s.rec.run
	run.Snapshots = slices.Clip(run.Snapshots)
	if s.cfg.Watch {
		from, _ := slices.BinarySearchFunc(run.Snapshots, s.rec.restarted, func(x *snapshot.Snapshot, at time.Time) int { return x.Time.Compare(at) })
		run.Snapshots = run.Snapshots[from:]
	}
	return &run
}

// lookOn judges until it is stopped.
func (s *session) lookOn() {
	l := &s.live
	defer close(l.done)
	for {
		select {
		case <-l.stop:
			return
		case <-l.wake:
		}
		select {
		case <-l.stop: // the whole run is about to be judged
			return
		default:
		}
		l.mu.Lock()
		run := l.next
		l.mu.Unlock()
		res := l.looks.Look(run)
		if l.metrics != nil {
			l.metrics.SetResult(res)
		}
		l.observer.result(run, res, false)
		if l.abort && res.Verdict == detect.RunLeak && !l.over.Load() && l.ended.Load() == nil {
			s.endDecided(len(run.Snapshots))
		}
	}
}

// endDecided ends the load, or the watching, after so many snapshots.
func (s *session) endDecided(snapshots int) {
	why := fmt.Sprintf("the run was ended early, after %d snapshots and %s: a leak was found at two looks in a row (--abort-on leak)",
		snapshots, time.Since(s.started).Round(time.Second))
	s.live.ended.Store(&why)
	s.report.message(why)
	if s.load != nil {
		s.load.Finish(why)
		return
	}
	s.stop(errDecided)
}

// concludeLooks tells the final result.
func (s *session) concludeLooks(out *Outcome) {
	run, res := *out.Run, *out.Result // the outcome is its receiver's to change
	res.Warnings = slices.Clip(res.Warnings)
	if s.live.metrics != nil {
		s.live.metrics.SetResult(&res)
	}
	s.live.observer.result(&run, &res, true)
}

// endedEarly says why the run ended before its time; "" if it did not.
func (s *session) endedEarly(res *harness.Result) string {
	if res != nil && res.Ended != "" {
		return res.Ended
	}
	if why := s.live.ended.Load(); why != nil {
		return *why
	}
	return ""
}
