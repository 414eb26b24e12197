package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// RefusedError says that not one operation succeeded: what was measured is a
// service that refuses work, which no verdict may call clean.
type RefusedError struct {
	Operations int64            // completed, all of them with an error
	Classes    map[string]int64 // of the errors
	URL        string           // of the load, where known
}

func (e *RefusedError) Error() string {
	if e.Operations == 0 {
		return "no operation completed at all" + e.at() + ": there is nothing that a verdict could be about; " +
			"see that the load's address answers, and that one operation takes less than the run"
	}
	return fmt.Sprintf("all %s operations%s failed: %s: the verdict would be about a service that refuses work; "+
		"see that the load's address, method and body are right", thousands(e.Operations), e.at(), classList(e.Classes, e.Operations))
}

func (e *RefusedError) at() string {
	if e.URL == "" {
		return ""
	}
	return " on " + e.URL
}

// failing watches for a load of which everything fails. The zero value is
// ready.
type failing struct{ since time.Time }

// A load is given up when so many operations in so long a time all failed: a
// service may need moments until it is ready, but not the whole run.
const (
	hopelessAfter      = 10 * time.Second
	hopelessOperations = 20
)

// hopeless reports, at a moment, whether to give up.
func (f *failing) hopeless(now time.Time, c harness.Counts) bool {
	if c.Sent == 0 {
		return false
	}
	if f.since.IsZero() {
		f.since = now
	}
	return c.Completed >= hopelessOperations && c.Errors == c.Completed && now.Sub(f.since) >= hopelessAfter
}

// conclude closes the recording and asks for the verdict.
func (s *session) conclude(ctx context.Context, res *harness.Result, cause error) (*Outcome, error) {
	s.report.update(func(e *Event) { e.Phase, e.Pass, e.Done, e.Total = PhaseJudge, 0, 0, 0 })
	s.stopLooks()
	out := &Outcome{Run: &s.rec.run, Load: res, Died: died(cause), Interrupted: ctx.Err() != nil && !s.cfg.endless()}
	if !s.cfg.Temporary {
		out.Bundle = s.bundle.Dir()
	}
	if out.Died != nil {
		s.report.warn(WarnTargetDied, "%v; the verdict is about the time before", out.Died)
	} else if out.Interrupted {
		s.report.warn(WarnInterrupted, "interrupted: the verdict is about what was captured until then")
	}
	var refused *RefusedError
	if s.load != nil {
		refused = s.refused(res, cause)
		if w := failureWarning(s.load.Counts(), classes(res)); w != "" && refused == nil {
			s.report.warn(WarnOperationsFailed, "%s", w)
		}
		if w := s.unlikeWarning(s.load.Counts()); w != "" {
			s.report.warn(WarnAnswersDiffer, "%s", w)
		}
		if res != nil && !res.Valid && res.Reason != "" && refused == nil {
			s.report.warn(WarnLoadNotValid, "%s", res.Reason)
		}
	}
	if n := s.rec.lost; n > 0 {
		s.report.warn(WarnSnapshotsFailed, "%d of %d snapshots failed and are left out", n, n+s.rec.kept)
	}
	for _, w := range missingWarnings(s.rec.run.Snapshots) {
		s.report.warn(WarnPieceMissing, "%s", w)
	}
	switch {
	case out.Died != nil:
		s.rec.run.Failed = out.Died.Error()
	case refused != nil:
		s.rec.run.Failed = refused.Error()
	}
	if s.rec.run.Ended = s.endedEarly(res); s.rec.run.Ended != "" {
		s.report.warn(WarnEndedEarly, "%s", s.rec.run.Ended)
	}
	if s.load != nil && s.rec.run.Ended == "" {
		s.rec.run.Ended = s.astray(s.load.Counts())
	}
	s.describe(res)
	if err := s.bundle.SetHeader(s.header(res)); err != nil {
		s.report.warn(WarnHeaderNotKept, "the bundle's run.json could not be written: %v", err)
	}
	s.rec.run.Warnings = s.report.all()
	out.Result = s.cfg.Analyze(&s.rec.run, s.cfg.Detect)
	if s.missedRate(out.Result, res) {
		out.Result.Verdict = detect.RunInconclusive
		s.report.warn(WarnRateMissed, "the load missed its rate, and with --strict-rate that is no clean run; lower the rate, or leave --strict-rate out")
	}
	if refused != nil && out.Result.Verdict == detect.RunLeak {
		s.report.warn(WarnRefused, "%v", refused)
		refused = nil
	}
	out.Result.Warn(detected(s.report.all())...) // what came after the run was handed over
	s.concludeLooks(out)
	if refused != nil {
		return out, refused
	}
	return out, nil
}

// refused tells whether not one operation of a load that had its time
// succeeded.
func (s *session) refused(res *harness.Result, cause error) *RefusedError {
	c := s.load.Counts()
	var gaveUp *RefusedError
	switch {
	case errors.As(cause, &gaveUp):
	case died(cause) != nil || c.Sent == 0, cause != nil && c.Completed == 0:
		return nil // another reason is said already
	case c.Completed > c.Errors:
		return nil
	}
	e := &RefusedError{Operations: c.Completed, Classes: classes(res)}
	if s.cfg.Target == nil && s.cfg.Load != nil {
		e.URL = s.cfg.Load.URL
	}
	return e
}

// offerWarnings says what a target lacks that a verdict needs. kept is for the
// report; told is said at once only, since the snapshots will say it again if
// it stays so.
func offerWarnings(o *capture.Offer) (kept, told []string) {
	for _, f := range o.Missing() {
		s := fmt.Sprintf("the target offers no %s, which %s: %s", f.Piece, f.For, f.Detail)
		if f.Remedy != "" {
			s += "; " + f.Remedy
		}
		switch {
		case !f.Needed:
		case f.Piece == capture.PieceSites && o.Target.MemProfileRate > 0: // none yet
		case f.Piece == capture.PieceGC:
			kept = append(kept, s)
		default:
			told = append(told, s)
		}
	}
	return kept, told
}

// failureShare is the share of failed operations from which on a report must
// say so.
const failureShare = 0.01

func failureWarning(c harness.Counts, classes map[string]int64) string {
	if c.Completed == 0 || float64(c.Errors) < failureShare*float64(c.Completed) {
		return ""
	}
	return fmt.Sprintf("%s of %s operations failed (%s): the verdict is about a service that refuses part of its work",
		thousands(c.Errors), thousands(c.Completed), classList(classes, c.Errors))
}

// unlikeWarning says that successes may have been no work: a login page is one.
func (s *session) unlikeWarning(c harness.Counts) string {
	if s.unlike == nil {
		return ""
	}
	u, done := s.unlike(), c.Completed-c.Errors
	if u.All == 0 || float64(u.All) < failureShare*float64(done) {
		return ""
	}
	return fmt.Sprintf("%s of %s answers were redirected, or are unlike the first (one was %s): see that the load still does the work it is meant to do",
		thousands(u.All), thousands(done), u.Example)
}

// astray says that most of the load did other work than was asked for, so that the
// run is not about that; "" if it did not.
func (s *session) astray(c harness.Counts) string {
	if s.unlike == nil {
		return ""
	}
	u, done := s.unlike(), c.Completed-c.Errors
	if 2*u.Astray <= done {
		return ""
	}
	return fmt.Sprintf("most answers (%s of %s) are another page than was asked for (one was %s): give the load what lets it in, or that page's address",
		thousands(u.Astray), thousands(done), u.Example)
}

// missedRate reports a clean run of a load that missed its rate, where that shall
// not count as clean.
func (s *session) missedRate(r *detect.Result, res *harness.Result) bool {
	return s.cfg.StrictRate && res != nil && !res.Valid && r.Verdict == detect.RunClean
}

// describe fills in the run's target and load.
func (s *session) describe(res *harness.Result) {
	s.rec.run.Target = s.targetNow()
	s.rec.run.Load = s.loadInfo(res)
	s.rec.run.Source = s.bundle.Dir()
	rate := s.rec.run.Target.MemProfileRate
	if len(s.cfg.Command) > 0 && s.cfg.MemProfileRate > 0 && rate > 0 && rate != int64(s.cfg.MemProfileRate) {
		s.report.warn(WarnOwnSamplingRate, "the program sets its own sampling rate of %d bytes in place of the %d that was asked for; remove runtime.MemProfileRate from it to see smaller sites",
			rate, s.cfg.MemProfileRate)
	}
}

func (s *session) targetNow() snapshot.Target {
	info := s.target.describe(&s.cfg)
	if info.Limit == 0 {
		info.Limit = s.cfg.Detect.Limit
	}
	for _, snap := range slices.Backward(s.rec.run.Snapshots) {
		if snap.Heap != nil {
			info.MemProfileRate = snap.Heap.Period
			break
		}
	}
	return info
}

func (s *session) header(res *harness.Result) capture.Header {
	h := capture.Header{
		Started: s.started, Target: s.targetNow(), Load: s.loadInfo(res),
		Phases: slices.Clone(s.rec.spans), Failed: s.rec.run.Failed, Ended: s.rec.run.Ended,
		Pacing: &capture.Pacing{Every: s.cfg.Plan.Every.Seconds(), Seed: s.cfg.Plan.Seed},
	}
	for _, w := range s.report.all() {
		h.Warnings = append(h.Warnings, sentence(w, report.Script))
	}
	if res != nil {
		h.Phases, h.Windows, h.ErrorClasses = spansOf(res), windowsOf(res), res.ErrorClasses
	}
	return h
}

// spansOf are the phases as the load ran them.
func spansOf(res *harness.Result) []snapshot.PhaseSpan {
	var out []snapshot.PhaseSpan
	for _, p := range res.Phases {
		out = append(out, snapshot.PhaseSpan{Phase: snapshot.Phase(p.Phase), Pass: p.Pass, Start: p.Start, End: p.End})
	}
	return out
}

// windowsOf are the load's latencies over time.
func windowsOf(res *harness.Result) []capture.Window {
	var out []capture.Window
	for _, p := range res.Phases {
		for _, w := range p.Windows {
			out = append(out, capture.Window{
				Phase: snapshot.Phase(p.Phase), Pass: p.Pass, From: w.Start.Seconds(), To: w.End.Seconds(),
				Completed: w.Completed, Errors: w.Errors, Latency: Millis(w.Latency),
			})
		}
	}
	return out
}

func classes(res *harness.Result) map[string]int64 {
	if res == nil {
		return nil
	}
	return res.ErrorClasses
}

// classList names the errors, the most frequent first, with counts unless one
// class is all there is.
func classList(m map[string]int64, total int64) string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if m[names[i]] != m[names[j]] {
			return m[names[i]] > m[names[j]]
		}
		return names[i] < names[j]
	})
	if len(names) == 1 && m[names[0]] == total {
		return names[0]
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", name, thousands(m[name]))
	}
	if len(names) == 0 {
		return "of unknown kind"
	}
	return strings.Join(names, ", ")
}

// missingWarnings names what most snapshots under load lacked, each thing once.
func missingWarnings(snaps []*snapshot.Snapshot) []string {
	var order []string
	count, n := map[string]int{}, 0
	for _, s := range snaps {
		if s.Phase == snapshot.PhaseIdle {
			continue
		}
		n++
		for _, m := range s.Missing {
			if count[m]++; count[m] == 1 {
				order = append(order, m)
			}
		}
	}
	var out []string
	for _, m := range order {
		if 2*count[m] > n {
			out = append(out, fmt.Sprintf("in %d of %d snapshots: %s", count[m], n, m))
		}
	}
	return out
}

// thousands prints 1234567 as 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
