package model

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Bounds of what is kept beside the timeline.
const (
	maxEvents   = 200
	maxProbes   = 720
	maxLooks    = 120
	maxFindings = 6000 // of all looks together
)

// target is what is known of one process.
type target struct {
	name     string
	state    State
	title    string
	tick     time.Duration
	now      time.Time // of the last news
	info     snapshot.Target
	load     *Load
	progress *Progress
	plan     []Step

	line    timeline
	first   time.Time // of the first snapshot
	piece   int
	cut     series.Continuity
	heap    *sites
	groups  *sites
	cost    float64 // seconds that snapshots took
	peakRSS uint64

	looks  []look
	probes []Probe
	every  int // how many probes one stands for
	passed int // probes since the last that was kept
	events []Event

	version int // goes up with whatever is drawn
}

// look is a judgement and when it was made.
type look struct {
	at  time.Time
	res *detect.Result
}

func newTarget(name string) *target {
	return &target{name: name, state: StateConnecting, heap: newSites(detect.KindHeap), groups: newSites(detect.KindGoroutine), every: 1}
}

// apply takes in an update.
func (t *target) apply(u Update, module string) {
	t.version++
	if u.Time.After(t.now) {
		t.now = u.Time
	}
	if u.State != StateUnchanged {
		t.state = u.State
	}
	if u.Title != "" {
		t.title = report.Printable(u.Title)
	}
	if u.Tick > 0 {
		t.tick = u.Tick
	}
	if u.Load != nil {
		t.load = u.Load
	}
	if len(u.Plan) > 0 {
		t.plan = u.Plan
	}
	for _, e := range u.Events {
		t.event(e)
	}
	if u.Progress != nil {
		t.enter(u.Progress, u.Time)
	}
	if u.Run != nil {
		t.ingest(u.Run, module)
	}
	for _, p := range u.Probes {
		t.probe(p)
	}
	if u.Result != nil {
		t.judged(u.Result)
	}
}

// event keeps an event; the same one twice within seconds is one.
func (t *target) event(e Event) {
	if e.Text = report.Printable(e.Text); e.Text == "" {
		return
	}
	if e.Time.IsZero() {
		e.Time = t.now
	}
	for i := len(t.events) - 1; i >= 0 && e.Time.Sub(t.events[i].Time).Abs() < 2*time.Second; i-- {
		if t.events[i].Text == e.Text {
			return
		}
	}
	i := len(t.events)
	for i > 0 && t.events[i-1].Time.After(e.Time) {
		i--
	}
	t.events = slices.Insert(t.events, i, e)
	if len(t.events) > maxEvents {
		drop := slices.IndexFunc(t.events, func(e Event) bool { return e.Severity == Info })
		if drop < 0 {
			drop = 0
		}
		t.events = slices.Delete(t.events, drop, drop+1)
	}
}

// enter notes the progress, and a new phase as an event.
func (t *target) enter(p *Progress, at time.Time) {
	if was := t.progress; p.Note == "" && p.Phase != snapshot.PhaseUnknown && was != nil && (was.Phase != p.Phase || was.Pass != p.Pass) {
		t.event(Event{Time: at, Text: phaseName(p.Phase, p.Pass, t.passes()) + " begins"})
	}
	t.progress = p
}

// passes is how many steady passes the plan has.
func (t *target) passes() int {
	n := 0
	for _, s := range t.plan {
		if s.Phase == snapshot.PhaseSteady {
			n++
		}
	}
	return n
}

// phaseName is "warm-up", "steady 2"; the number only where there are several.
func phaseName(p snapshot.Phase, pass, passes int) string {
	switch {
	case p == snapshot.PhaseWarmup:
		return "warm-up"
	case p == snapshot.PhaseSteady && (passes > 1 || pass > 1):
		return fmt.Sprintf("steady %d", pass)
	}
	return report.Printable(string(p))
}

// ingest reads the snapshots that are later than all before.
func (t *target) ingest(run *snapshot.Run, module string) {
	t.info = run.Target
	if module == "" {
		module = run.Target.Module
	}
	t.peakRSS = max(t.peakRSS, run.Peak.RSS)
	if l := run.Load; t.load == nil && l.Completed > 0 {
		t.load = &Load{Source: l.Source, Load: snapshot.Load{
			Rate: l.Rate, Sent: l.Sent, Completed: l.Completed, Errors: l.Errors, Shed: l.Shed, Latency: l.Latency,
		}}
	}
	from := len(run.Snapshots)
	for from > 0 && (t.line.seen == 0 || run.Snapshots[from-1].Time.After(t.last().at)) {
		from--
	}
	for _, s := range run.Snapshots[from:] {
		if t.line.seen == 0 || s.Time.After(t.last().at) {
			t.take(s, module)
		}
	}
}

// last moment; the zero one before there is any.
func (t *target) last() moment {
	if n := len(t.line.moments); n > 0 {
		return t.line.moments[n-1]
	}
	return moment{}
}

// take reads one snapshot. O(its samples + sites).
func (t *target) take(s *snapshot.Snapshot, module string) {
	if t.line.seen == 0 {
		t.first = s.Time
	}
	if why := t.cut.Next(s); why != "" {
		t.piece++
		t.event(Event{Time: s.Time, Severity: Warning, Text: why})
	}
	if s.Time.After(t.now) {
		t.now = s.Time
	}
	m := momentOf(s, t.first, t.piece)
	if s.Cost != nil && s.Cost.Seconds > 0 {
		t.cost += s.Cost.Seconds
	}
	if s.RSS != nil {
		t.peakRSS = max(t.peakRSS, *s.RSS)
	}
	keep, replaced := t.line.add(m)
	t.heap.begin(s.Heap != nil, keep, replaced)
	if s.Heap != nil {
		for i := range s.Heap.Samples {
			if x := &s.Heap.Samples[i]; x.InuseBytes > 0 && x.Stack != nil {
				t.heap.add(t.heap.of(x.Stack, t.line.moments, module), x.Stack, float64(x.InuseBytes), float64(x.InuseObjects), module)
			}
		}
		t.heap.end(len(s.Heap.Samples))
	}
	t.groups.begin(s.Goroutines != nil, keep, replaced)
	if s.Goroutines != nil {
		for i := range s.Goroutines.Samples {
			if x := &s.Goroutines.Samples[i]; x.Stack != nil {
				t.groups.add(t.groups.of(x.Stack, t.line.moments, module), x.Stack, 0, float64(x.Count), module)
			}
		}
		t.groups.end(len(s.Goroutines.Samples))
	}
}

// judged keeps a look, and tells of a verdict that changed.
func (t *target) judged(res *detect.Result) {
	at := t.last().at
	if at.IsZero() {
		at = t.now
	}
	var was detect.RunVerdict
	if n := len(t.looks); n > 0 {
		if t.looks[n-1].res == res {
			return
		}
		was = t.looks[n-1].res.Verdict
		if t.looks[n-1].at.Equal(at) {
			t.looks = t.looks[:n-1]
		}
	}
	t.looks = append(t.looks, look{at, res})
	switch {
	case res.Verdict == was:
	case was == "" && res.Verdict != detect.RunInconclusive:
		severity := Info
		if res.Verdict == detect.RunLeak {
			severity = Alarm
		}
		t.event(Event{Time: at, Severity: severity, Text: "verdict: " + string(res.Verdict)})
	case res.Verdict == detect.RunLeak:
		t.event(Event{Time: at, Severity: Alarm, Text: "look confirmed: leak"})
	case was == detect.RunLeak:
		t.event(Event{Time: at, Severity: Warning, Text: "no longer a leak: " + string(res.Verdict)})
	case was != "":
		t.event(Event{Time: at, Text: "verdict: " + string(res.Verdict)})
	}
	t.boundLooks()
}

// boundLooks drops every second look but the last while there are too many, or
// too much in them.
func (t *target) boundLooks() {
	for len(t.looks) > 1 {
		findings := 0
		for _, l := range t.looks {
			findings += len(l.res.Findings)
		}
		if len(t.looks) <= maxLooks && findings <= maxFindings {
			return
		}
		kept := t.looks[:0]
		for i, l := range t.looks {
			if i%2 == 0 || i == len(t.looks)-1 {
				kept = append(kept, l)
			}
		}
		if len(kept) == len(t.looks) {
			kept = append(kept[:0], t.looks[len(t.looks)-1])
		}
		clear(t.looks[len(kept):])
		t.looks = kept
	}
}

// probe keeps a probe, each standing for more of them as they get many.
func (t *target) probe(p Probe) {
	if n := len(t.probes); n > 0 && !p.Time.After(t.probes[n-1].Time) {
		return
	}
	t.peakRSS = max(t.peakRSS, p.RSS)
	if t.passed++; t.passed < t.every && len(t.probes) > 0 {
		t.probes[len(t.probes)-1] = p
		return
	}
	t.passed = 0
	if len(t.probes) >= maxProbes {
		keep := t.probes[:0]
		for i, q := range t.probes {
			if i%2 == 1 {
				keep = append(keep, q)
			}
		}
		t.probes, t.every = keep, 2*t.every
	}
	t.probes = append(t.probes, p)
}

// clone is a copy that no update reaches, for a picture that stands still.
func (t *target) clone() *target {
	c := *t
	c.line.moments = slices.Clone(t.line.moments)
	c.heap, c.groups = t.heap.clone(), t.groups.clone()
	c.looks, c.probes, c.events = slices.Clone(t.looks), slices.Clone(t.probes), slices.Clone(t.events)
	return &c
}

// lookAt is the judgement as it stood at a time; nil before the first.
func (t *target) lookAt(at time.Time) *detect.Result {
	for i := len(t.looks) - 1; i >= 0; i-- {
		if !t.looks[i].at.After(at) {
			return t.looks[i].res
		}
	}
	return nil
}

// costShare is the part of the time, 0..1, that the target was asked for
// snapshots; NaN where unknown.
func (t *target) costShare() float64 {
	if s := t.last().seconds; t.cost > 0 && s > 0 {
		return t.cost / s
	}
	return math.NaN()
}
