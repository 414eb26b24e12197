// Package detect decides: it takes the series of a run and returns a verdict,
// findings sorted worst first, and what the run could not have seen. It is
// pure: no clock, no file, no network. METHOD.md specifies it.
package detect

import (
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Verdict is the judgement of one total or one finding.
type Verdict string

// The verdicts, worst first.
const (
	Leak    Verdict = "leak"    // all gates pass, or proved
	Suspect Verdict = "suspect" // strong evidence with one gate open, or by share only
	Growing Verdict = "growing" // grew; too short to tell a filling cache from a leak
	Backlog Verdict = "backlog" // grew under load, went away in the drain
	Churn   Verdict = "churn"   // allocates much, keeps nothing
	Plateau Verdict = "plateau" // grew, then flat
	Stable  Verdict = "stable"  // the slope is bounded below the clean limit
	Unknown Verdict = ""        // not known, or not bounded: neither growth nor its absence shown
)

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

// Trend is the rank test over the tail of a series. P is one-sided, for growth.
type Trend struct {
	Tau, P float64
	N      int
}

// Total is one exactly known quantity of the process over the run. Nil
// intervals are unknown.
type Total struct {
	Name      string          // as in the report: live_bytes, live_objects, goroutines, …
	PerOp     *stats.Interval // nil where operations are not known
	PerSecond *stats.Interval
	Verdict   Verdict
	Trend     *Trend
	Why       []string // the gates, in sentences
	// First and Last are the values at the ends of the judged tail.
	First, Last float64
}

// Finding is one thing to say about one site, one goroutine group, or growth
// that no site explains.
type Finding struct {
	ID       string // hash of kind and function stack: stable across builds
	Kind     Kind
	Verdict  Verdict
	Function string // culprit
	File     string
	Line     int
	Stack    []snapshot.Frame // leaf first; empty for (unattributed)

	WaitReason string // of goroutines: "chan receive", …
	// CreatedBy is the go statement that began the goroutines; no Function where
	// it is not known.
	CreatedBy snapshot.Frame
	Shape     string // e.g. "closure retention"; empty where none was seen
	Docs      string // the page of the project that explains it, as docs/closure.md; empty for none

	BytesPerOp      *stats.Interval
	ObjectsPerOp    *stats.Interval
	GoroutinesPerOp *stats.Interval
	BytesPerSecond  *stats.Interval // where operations are unknown
	AllocPerOp      *stats.Interval // bytes allocated per operation, kept or not

	LiveBytes float64 // at the last snapshot, estimated; 0 for goroutines without it
	Count     float64 // goroutines, or live objects, at the last snapshot
	Share     float64 // of the exact growth of live bytes, of churn of all allocated bytes, 0..1; 0 unknown
	Trend     *Trend
	Why       []string
	Warnings  []string
	HeldBy    []string
	// Parts are the ids of the sites that a finding stands for, its own among
	// them; empty where it is one site.
	Parts []string

	buffers *buffers // the large objects that the site keeps; nil for none
}

// Names of findings that stand for no single site.
const (
	Unattributed  = "(unattributed)"
	OutsideGoHeap = "(outside the Go heap)"
)

// Power says what a leak must have been to be found with probability
// Confidence in this run; nil where the run could not bound it.
type Power struct {
	BytesPerOp, GoroutinesPerOp         *float64 // per operation, where known
	BytesPerSecond, GoroutinesPerSecond *float64
	// SiteBytes is the growth, per operation where known, else per second, that
	// a site which frees nothing must have had to be named as a leak of its own.
	SiteBytes *float64
	// Busiest is the site that would have needed the most, because it allocates
	// and frees so much; nil where none needed notably more than SiteBytes.
	Busiest    *SitePower
	Confidence float64
}

// Forecast says when the limit is reached if growth goes on.
type Forecast struct {
	Limit          LimitKind
	LimitBytes     int64
	SecondsToLimit stats.Interval
	Assumes        string // what is taken for granted, a sentence; empty for nothing
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
}

// Result is the judgement of a run.
type Result struct {
	Verdict   RunVerdict
	Totals    []Total
	Findings  []Finding // worst first
	Power     *Power
	Forecast  *Forecast
	Clean     CleanLimit
	HasOps    bool    // the axis is operations; else seconds
	Snapshots int     // all
	Judged    int     // in the tail that was judged
	Ops       int64   // over the steady phase (over all, where phases are unknown)
	Seconds   float64 // likewise
	Warnings  []string
}

// Total returns the named total, nil where unknown.
func (r *Result) Total(name string) *Total {
	for i := range r.Totals {
		if r.Totals[i].Name == name {
			return &r.Totals[i]
		}
	}
	return nil
}
