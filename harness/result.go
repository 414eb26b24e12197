package harness

import (
	"time"

	"github.com/heapdrift/heapdrift/harness/latency"
)

// Counts is what became of the arrivals. All of them: Sent + Shed + Queued.
type Counts struct {
	Sent      int64 // operations started
	Completed int64 // operations ended, errors included
	Errors    int64 // of the completed
	Shed      int64 // arrivals given up: the queue was full, or the run ended while they waited
	InFlight  int64 // Sent - Completed
	Queued    int64 // arrivals that wait
}

func (c Counts) add(o Counts) Counts {
	return Counts{
		Sent: c.Sent + o.Sent, Completed: c.Completed + o.Completed, Errors: c.Errors + o.Errors,
		Shed: c.Shed + o.Shed, InFlight: c.InFlight + o.InFlight, Queued: c.Queued + o.Queued,
	}
}

// Latency is what a distribution of latencies amounts to. Each counts from the
// arrival's intended time to the operation's end, failed ones included.
type Latency = latency.Summary

// Result is what a run did.
type Result struct {
	Phases []PhaseResult // in order; each pass of the steady phase is one; only those that began
	Steady PhaseResult   // the passes together
	Counts Counts        // of the whole run

	MaxInFlight int64 // the most operations that ran at once

	// Valid: at least 99.5 % of the arrivals intended for the steady phase were
	// started by its end. Otherwise Reason says in a sentence why: the target
	// is slow, the cap too small, or this machine too slow. Figures per
	// operation still hold.
	Valid  bool
	Reason string

	// Interrupted: the context was done before the plan was. The counts are of
	// what happened until then.
	Interrupted bool

	// Ended says in a sentence why the steady phase ended before its time
	// (Plan.Abort, Load.Finish); empty: it did not.
	Ended string

	ErrorClasses  map[string]int64  // see ErrorClass; classes beyond 64 are "other"
	ErrorExamples map[string]string // the text of one error of each class

	MarksSkipped int   // marks that were due while the one before still ran
	Unquiesced   int   // marks for which quiescing took longer than its timeout
	Abandoned    int64 // operations that did not return though their context was cancelled

	// Lag is the largest lateness of the pacer itself: it woke up so long after
	// an arrival's intended time. It is part of that arrival's latency.
	Lag time.Duration

	// StartLag is how long after its intended time the steady phase's operations
	// were started by the pacer and its workers when a worker was free: of
	// those that came first in what a worker took.
	StartLag Latency
}

// PhaseResult is one phase or pass. The counts and latencies are those of the
// arrivals intended in it, whenever their operations ended.
type PhaseResult struct {
	Phase Phase
	Pass  int // 1, 2, … within steady, 0 elsewhere and for the passes together

	// Start and End are wall times; its last mark lies before End.
	Start, End time.Time
	Active     time.Duration // time in it on the intended clock: holds are not part of it

	Counts  Counts
	Latency Latency

	Windows []Window // of warm-up and steady, in order

	AchievedRate float64 // arrivals per second that were started by its end; arrivals/Active
	IntendedRate float64 // arrivals per second that its pacer asked for
}
