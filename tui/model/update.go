package model

import (
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Update is news of one target. What is zero or nil is not news: it leaves what
// was known as it is. The sender never changes what it sent, nor anything that
// it points to; the model keeps no snapshot of Run, only numbers and stacks.
type Update struct {
	// Source names the target among several; the sender's choice, shown in the
	// overview. The first update of a new name adds a target.
	Source string
	// Time of the news, on the target's clock axis: the wall clock live, the
	// recording's time in a replay.
	Time  time.Time
	State State  // StateUnchanged: as before
	Title string // what is being done, for the top line: "run closure/leaky", "watch"
	// Tick is the time between two snapshots as planned; 0: not known.
	Tick time.Duration

	// Run is the run so far. Snapshots that are not later than the last one seen
	// are passed over, so it may hold all of them or only the new ones; a replay
	// sends one update for each snapshot, in order, with the look at it.
	Run *snapshot.Run
	// Result is the latest judgement of the run so far (detect.Looks), or the
	// final one (detect.Analyze), which alone has a power statement.
	Result *detect.Result

	Load     *Load
	Progress *Progress
	Plan     []Step
	Probes   []Probe // light probes since the last update, in order of time
	Events   []Event // since the last update, in order of time
}

// State is how a target stands. Frozen is no state of a target: it is the
// picture's (Do(ActionFreeze)).
type State int

// The states.
const (
	StateUnchanged   State = iota
	StateConnecting        // not yet seen
	StateLive              // news comes in
	StateUnreachable       // it was there and does not answer now
	StateEnded             // no more news will come; the verdict stands
	StateReplay            // a recording
)

// Load is what the load generator, or the target's counter of operations, says.
type Load struct {
	snapshot.Load
	Source   string // as snapshot.LoadInfo.Source
	InFlight int64
}

// Progress is where the run stands.
type Progress struct {
	Phase snapshot.Phase // PhaseUnknown: someone else's load
	Pass  int            // 1, 2, … within steady
	Done  time.Duration  // of the phase
	Total time.Duration  // of the phase; 0 unknown
	// Note is a word for what is none of the load's phases: "starting",
	// "judging"; it is shown instead of the phase.
	Note string
}

// Step is one phase of the plan, in order.
type Step struct {
	Phase snapshot.Phase
	Pass  int
}

// Probe is the resident set between snapshots; 0 is unknown.
type Probe struct {
	Time time.Time
	RSS  uint64
}

// Event is something that happened, as a sentence.
type Event struct {
	Time     time.Time
	Severity Severity
	Text     string
}

// Severity of an event.
type Severity int

// The severities.
const (
	Info    Severity = iota // a phase began, a snapshot was asked for
	Warning                 // unreachable, interrupted, restarted
	Alarm                   // a leak was confirmed, the target died
)
