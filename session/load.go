package session

import (
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// loadInfo is the load as the report prints it: of the steady phase.
func (s *session) loadInfo(res *harness.Result) snapshot.LoadInfo {
	var info snapshot.LoadInfo
	if s.load != nil {
		info.Source = "heapdrift"
		info.Rate = s.cfg.Plan.Rate.Mean()
		info.Quiesced = s.cfg.Plan.Quiesce
		info.Contents = contents(s.cfg.Load)
	}
	if s.cfg.OpsMetric != "" {
		info.Source = "metrics"
	}
	if res == nil {
		return info
	}
	st := res.Steady
	valid := res.Valid
	info.Sent, info.Completed, info.Errors, info.Shed = st.Counts.Sent, st.Counts.Completed, st.Counts.Errors, st.Counts.Shed
	info.Achieved, info.MaxInFlight, info.Valid, info.Reason = st.AchievedRate, res.MaxInFlight, &valid, res.Reason
	info.Seconds = st.Active.Seconds()
	info.Latency = Millis(st.Latency)
	return info
}

// contents is how many different requests a load asks in turn; 0 not known.
func contents(l *harness.HTTPConfig) int {
	if l == nil || l.BodyFunc != nil {
		return 0
	}
	return max(1, len(l.Bodies), len(l.Requests))
}

// loadSoFar is the load beside one snapshot.
func (s *session) loadSoFar() *snapshot.Load {
	c := s.load.Counts()
	return &snapshot.Load{
		Rate: s.cfg.Plan.Rate.Mean(),
		Sent: c.Sent, Completed: c.Completed, Errors: c.Errors, Shed: c.Shed,
		Latency: Millis(s.load.Latency()),
	}
}

func (s *session) progress(p harness.Progress) {
	lat := s.load.Latency()
	s.report.update(func(e *Event) {
		e.Phase, e.Pass, e.Done, e.Total = string(p.Phase), p.Pass, p.Elapsed, p.Total
		e.Counts, e.Latency = p.Counts, lat
	})
}

// Millis are the quantiles in milliseconds; nil where nothing was measured.
func Millis(l harness.Latency) *snapshot.Latency {
	if l.N == 0 {
		return nil
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return &snapshot.Latency{P50: ms(l.P50), P90: ms(l.P90), P99: ms(l.P99), P999: ms(l.P999), Max: ms(l.Max)}
}
