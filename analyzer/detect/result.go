// Package detect decides: it takes the series of a run and returns a verdict,
// findings sorted worst first, and what the run could not have seen. It is
// pure: no clock, no file, no network, and no sentence for people: package
// report words its reasons.
//
// Evidence (evidence.go) is measured once for each series; rules (rules.go) are
// three ordered tables of which the first that applies decides; what needs more
// than one series is in reconcile.go; the numbers are in thresholds.go.
// docs/METHOD.md says the same in prose, section by section.
package detect

import (
	"encoding/json"
	"math"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Verdict is the judgement of one total or one finding.
type Verdict string

// The verdicts, worst first.
const (
	Leak    Verdict = "leak"    // all tests pass, or proved
	Suspect Verdict = "suspect" // strong evidence with one test open, or by share only
	Growing Verdict = "growing" // grew; too short to tell a filling cache from a leak
	Backlog Verdict = "backlog" // grew under load, went away in the drain
	Churn   Verdict = "churn"   // allocates much, keeps nothing
	Plateau Verdict = "plateau" // grew, then flat
	Stable  Verdict = "stable"  // the slope is bounded below the clean limit
	Unknown Verdict = ""        // not known, or not bounded: neither growth nor its absence shown
)

// Rank orders verdicts: 0 is the worst.
func (v Verdict) Rank() int {
	for i, w := range []Verdict{Leak, Suspect, Growing, Backlog, Churn, Plateau, Stable} {
		if v == w {
			return i
		}
	}
	return 7
}

// AsksAttention reports the verdicts that keep a run from being clean.
func (v Verdict) AsksAttention() bool { return v.Rank() <= Backlog.Rank() }

// RunVerdict is the judgement of the whole run.
type RunVerdict string

// The run verdicts.
const (
	RunLeak         RunVerdict = "leak"
	RunClean        RunVerdict = "clean"
	RunInconclusive RunVerdict = "inconclusive"
)

// Kind says what a finding counts.
type Kind string

// The kinds of findings.
const (
	KindHeap      Kind = "heap"
	KindGoroutine Kind = "goroutine"
)

// Per is the unit of work that growth is told by.
type Per string

// The units of work: completed operations, or seconds where those are not known, or
// snapshots where no time is known either: then there is no rate.
const (
	PerOp       Per = "op"
	PerSecond   Per = "s"
	PerSnapshot Per = "snapshot"
)

// Rate is growth per unit of work. It encodes as its interval.
type Rate struct {
	stats.Interval
	Per Per
}

// On is the interval where growth is told by p; nil where it is not, or not known.
func (r *Rate) On(p Per) *stats.Interval {
	if r == nil || r.Per != p || !finite(r.Estimate) {
		return nil
	}
	return &r.Interval
}

// IsZero leaves rates per second out of a finding's encoding: report/v1 has no
// field for them.
func (r *Rate) IsZero() bool { return r.On(PerOp) == nil }

// Trend is the rank test over the tail of a series. P is one-sided, for growth.
type Trend struct {
	Tau, P float64
	N      int
}

// MarshalJSON leaves out what is not a number.
func (t Trend) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Tau *float64 `json:"tau,omitempty"`
		P   *float64 `json:"p,omitempty"`
		N   int      `json:"n"`
	}{stats.Printable(t.Tau), stats.Printable(t.P), t.N})
}

// Total is one exactly known quantity of the process over the run.
type Total struct {
	Name         string  // as in the report: live_bytes, live_objects, goroutines, …
	Growth       *Rate   // nil where it is not known
	OpsPerSecond float64 // observed over its judged snapshots; 0 where operations are not known
	Verdict      Verdict
	Trend        *Trend
	Proof        Proof           // of a leak
	Exponent     *stats.Interval // c of growth like a + b·work^c, 98 %; nil where it was not fitted
	Reasons      []Reason
	Tests        []Test
	Bound        *Bound // what shows its absence; nil where nothing does
	// BesideAllowed is the upper bound of what it may have grown by beside the
	// findings of Config.Allow, per unit of work, where those may make all that is
	// shown to grow: then it does not decide the run. Else nil.
	BesideAllowed *float64
	// First and Last are the values at the ends of the judged tail.
	First, Last float64
}

// In is the growth in the given unit of work, nil where it is not known.
func (t *Total) In(p Per) *stats.Interval {
	if t == nil || t.Growth == nil {
		return nil
	}
	if t.Growth.Per == PerOp && p == PerSecond {
		if !(t.OpsPerSecond > 0) || !finite(t.Growth.Estimate) {
			return nil
		}
		s := t.Growth.Scale(t.OpsPerSecond)
		return &s
	}
	return t.Growth.On(p)
}

// MarshalJSON encodes a total as report/v1 has it. Verdict is absent where
// neither growth nor its absence was shown.
func (t Total) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		PerOp     *stats.Interval `json:"per_op,omitzero"`
		PerSecond *stats.Interval `json:"per_second,omitzero"`
		Verdict   Verdict         `json:"verdict,omitempty"`
		Proof     Proof           `json:"proof,omitempty"`
		Beside    *float64        `json:"beside_allowed,omitempty"`
		Exponent  *stats.Interval `json:"exponent,omitempty"`
		Reasons   []Reason        `json:"reasons,omitempty"`
		Tests     []Test          `json:"tests,omitempty"`
		Bound     *Bound          `json:"bound,omitempty"`
	}{t.In(PerOp), t.In(PerSecond), t.Verdict, t.Proof, stats.PrintableAt(t.BesideAllowed), t.Exponent, t.Reasons, t.Tests, t.Bound})
}

// Bound is the one-sided 95 % bound of growth that made a total stable or a
// plateau: of all judged snapshots, of their last half, or of the last pass, as its
// test says.
type Bound struct {
	Test      string   `json:"test"`
	PerOp     *float64 `json:"per_op,omitempty"`     // nil where operations are not known
	PerSecond *float64 `json:"per_second,omitempty"` // at the observed rate of operations
	Limit     float64  `json:"limit"`                // per operation, per second where operations are not known
}

// In is the bound per unit of work, NaN where it is not known.
func (b *Bound) In(p Per) float64 {
	v := b.PerSecond
	if p == PerOp {
		v = b.PerOp
	}
	if v == nil {
		return math.NaN()
	}
	return *v
}

// Finding is one thing to say about one site, one goroutine group, or growth
// that no site explains. It encodes as report/v1 has it, but for the sentences.
type Finding struct {
	ID       string           `json:"id"` // hash of kind and function stack: stable across builds
	Kind     Kind             `json:"kind"`
	Verdict  Verdict          `json:"verdict,omitempty"`
	Proof    Proof            `json:"proof,omitempty"`   // of a leak
	Allowed  string           `json:"allowed,omitempty"` // the pattern of Config.Allow that holds for it: it does not decide the run
	Function string           `json:"function"`          // culprit
	File     string           `json:"file,omitempty"`
	Line     int              `json:"line,omitempty"`
	Stack    []snapshot.Frame `json:"stack"` // leaf first; empty for (unattributed)

	WaitReason string `json:"wait_reason,omitempty"` // of goroutines: "chan receive", …
	// CreatedBy is the go statement that began the goroutines; nil where it is
	// not known.
	CreatedBy *snapshot.Frame `json:"created_by,omitempty"`
	Shape     string          `json:"shape,omitempty"` // e.g. "closure retention"; empty where none was seen
	Docs      string          `json:"docs,omitempty"`  // the page of the project that explains it, as docs/closure.md

	Bytes      *Rate `json:"bytes_per_op,omitzero"`
	Objects    *Rate `json:"objects_per_op,omitzero"`
	Goroutines *Rate `json:"goroutines_per_op,omitzero"`
	Allocated  *Rate `json:"allocated_bytes_per_op,omitzero"` // kept or not

	LiveBytes Bytes    `json:"live_bytes,omitzero"` // at the last snapshot, estimated; 0 for goroutines without it
	Count     Count    `json:"count,omitzero"`      // goroutines, or live objects, at the last snapshot
	Share     Share    `json:"share,omitzero"`      // of the exact growth of live bytes, of churn of all allocated bytes; 0 unknown
	Trend     *Trend   `json:"trend,omitempty"`
	Reasons   []Reason `json:"reasons,omitempty"`
	Tests     []Test   `json:"tests,omitempty"`
	// Cause is the id of the finding above that this one is told to have its cause
	// with; empty for none.
	Cause  string   `json:"cause,omitempty"`
	HeldBy []Holder `json:"-"`
	// Parts are the ids of the sites that a finding stands for, its own among
	// them; empty where it is one site.
	Parts []string `json:"-"`

	buffers *buffers // the large objects that the site keeps; nil for none
}

// Holder is a group of goroutines that keeps what a site allocates.
type Holder struct {
	Goroutines Count
	WaitReason string // empty where they run
	Function   string // where they are
	Root       string // the function they began as
	CreatedBy  string // the function that began them; empty where it is not known or that of Root
	Stuck      bool   // they are a leak themselves
}

// Names of findings that stand for no single site.
const (
	Unattributed  = "(unattributed)"
	RuntimeItself = "(runtime)" // stacks of the runtime's frames alone
	OutsideGoHeap = "(outside the Go heap)"
)

// Power says what a leak must have been to be found with probability
// Confidence in this run; nil where the run could not bound it.
type Power struct {
	// Bytes is of objects of up to ObjectsUpTo bytes, LargeBytes of those of LargeLeak
	// bytes each. nil: not bounded.
	Bytes, LargeBytes, Goroutines *float64 // per unit of work
	ObjectsUpTo                   int
	// SiteBytes is the growth that a site which frees nothing must have had to be
	// named as a leak of its own.
	SiteBytes *float64
	// Busiest is the site that would have needed the most, because it allocates
	// and frees so much; nil where none needed notably more than SiteBytes.
	Busiest    *SitePower
	Per        Per
	Confidence float64
}

// MarshalJSON encodes as report/v1 has it: growth per second has no field there.
func (p Power) MarshalJSON() ([]byte, error) {
	var out struct {
		BytesPerOp      *float64   `json:"bytes_per_op,omitempty"`
		ObjectsUpTo     int        `json:"objects_up_to,omitempty"` // bytes, of BytesPerOp
		LargePerOp      *float64   `json:"bytes_per_op_in_64_kib_objects,omitempty"`
		GoroutinesPerOp *float64   `json:"goroutines_per_op,omitempty"`
		Confidence      *float64   `json:"confidence,omitempty"`
		SiteBytesPerOp  *float64   `json:"site_bytes_per_op,omitempty"`
		BusiestSite     *SitePower `json:"busiest_site,omitempty"`
	}
	out.Confidence = notZero(p.Confidence)
	if b := p.Busiest; b != nil && finite(b.Bytes) {
		out.BusiestSite = b
	}
	if p.Per == PerOp {
		out.BytesPerOp, out.GoroutinesPerOp, out.SiteBytesPerOp = stats.PrintableAt(p.Bytes), stats.PrintableAt(p.Goroutines), stats.PrintableAt(p.SiteBytes)
		if out.LargePerOp = stats.PrintableAt(p.LargeBytes); out.BytesPerOp != nil {
			out.ObjectsUpTo = p.ObjectsUpTo
		}
	}
	return json.Marshal(out)
}

// SitePower is what a leak at one site that also frees must have been to be named.
type SitePower struct {
	Function   string // culprit of the site
	File       string
	Line       int
	Bytes      float64 // growth per unit of work
	Per        Per
	Confidence float64
}

// MarshalJSON encodes as report/v1 has it.
func (p SitePower) MarshalJSON() ([]byte, error) {
	var out struct {
		Function       string   `json:"function"`
		File           string   `json:"file,omitempty"`
		Line           int      `json:"line,omitempty"`
		BytesPerOp     *float64 `json:"bytes_per_op,omitempty"`
		BytesPerSecond *float64 `json:"bytes_per_second,omitempty"`
		Confidence     *float64 `json:"confidence,omitempty"`
	}
	out.Function, out.File, out.Line, out.Confidence = p.Function, p.File, p.Line, notZero(p.Confidence)
	if p.Per == PerOp {
		out.BytesPerOp = stats.Printable(p.Bytes)
	} else {
		out.BytesPerSecond = stats.Printable(p.Bytes)
	}
	return json.Marshal(out)
}

// Forecast says when the limit is reached if growth goes on. It encodes as
// report/v1 has it, but for the sentence of what is assumed.
type Forecast struct {
	Limit          LimitKind      `json:"limit,omitempty"`
	LimitBytes     int64          `json:"limit_bytes,omitempty"`
	SecondsToLimit stats.Interval `json:"seconds_to_limit,omitzero"`
	Assumption     *Reason        `json:"-"` // what is taken for granted; nil for nothing
}

// LimitKind says whose limit a forecast is held against.
type LimitKind string

// The limits.
const (
	LimitGiven  LimitKind = "given"      // by the user, as --limit
	LimitCgroup LimitKind = "cgroup"     // of the process's control group: there it is killed
	LimitGo     LimitKind = "GOMEMLIMIT" // of the runtime: from there on the collector runs all the time
)

// CleanLimit is what "stable" was held against, per operation (per second
// where operations are unknown).
type CleanLimit struct {
	Bytes, Objects, Goroutines float64
	// BytesPerSecond, where it is not 0, is held against live bytes at the observed
	// rate of operations in place of Bytes.
	BytesPerSecond float64
}

// at is the limit at a rate of operations per second: Bytes is what BytesPerSecond
// allows. With a rate of 0 operations are not known, and work is seconds.
func (c CleanLimit) at(rate float64) CleanLimit {
	switch {
	case c.BytesPerSecond > 0 && rate > 0:
		c.Bytes = c.BytesPerSecond / rate
	case c.BytesPerSecond > 0:
		c.Bytes = c.BytesPerSecond
	}
	return c
}

// Window is the part of a run that was judged: from the first to the last
// judged snapshot.
type Window struct {
	From, To  time.Time
	Snapshots int
	Work      float64 // operations, or seconds, in between
	// Phased says that the load's phases tell where the warm-up ended.
	Phased bool
}

// Holds reports whether a moment lies in the window.
func (w Window) Holds(at time.Time) bool {
	return w.Snapshots > 0 && !at.Before(w.From) && !at.After(w.To)
}

// Result is the judgement of a run.
type Result struct {
	Verdict   RunVerdict
	Proof     Proof    // of a run that leaks: proved where anything that leaks is
	Reasons   []Reason // of Proof
	Totals    []Total
	Findings  []Finding // worst first
	Power     *Power
	Forecast  *Forecast
	Clean     CleanLimit
	Per       Per     // the axis
	Snapshots int     // all
	Window    Window  // the judged ones
	Ops       int64   // over the steady phase (over all, where phases are unknown)
	Seconds   float64 // likewise
	Warnings  []Warning
}

// HasOps reports that the axis is operations.
func (r *Result) HasOps() bool { return r.Per == PerOp }

// Total returns the named total, nil where unknown.
func (r *Result) Total(name string) *Total {
	for i := range r.Totals {
		if r.Totals[i].Name == name {
			return &r.Totals[i]
		}
	}
	return nil
}

// Warn adds warnings, each once.
func (r *Result) Warn(all ...Warning) {
	for _, w := range all {
		if !w.in(r.Warnings) {
			r.Warnings = append(r.Warnings, w)
		}
	}
}

// notZero is a figure that an encoder leaves out where it is 0.
func notZero(v float64) *float64 {
	if v == 0 {
		return nil
	}
	return stats.Printable(v)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
