package session

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// Event is one thing to show while a run goes on: about once a second, and
// whenever there is something to say.
type Event struct {
	Time  time.Time
	Phase string // "start", then the load's phases or "watch", then "judge"
	Pass  int
	Done  time.Duration // of the phase
	Total time.Duration // of the phase; 0: not known

	Counts  harness.Counts
	Latency harness.Latency // of the phase so far

	// Of the last snapshot or probe; 0: not known.
	Snapshots  int
	LiveBytes  uint64
	Goroutines int64
	RSS        uint64

	// Failing says, in a sentence, why the last snapshot could not be taken;
	// empty if it was. Restarts counts how often the target was started anew.
	Failing  string
	Restarts int

	// Message is a sentence that is news; Warning says that it is bad news.
	Message string
	Warning bool
}

// The phases of an Event that are none of the load's.
const (
	PhaseStart = "start"
	PhaseWatch = "watch" // someone else's load
	PhaseJudge = "judge"
)

// reporter gives events to one listener, one at a time, each with the whole
// state. It also keeps the warnings, each once. It is safe for concurrent use.
type reporter struct {
	to func(Event)

	mu       sync.Mutex
	state    Event
	warnings []snapshot.Warning
}

func newReporter(to func(Event)) *reporter {
	return &reporter{to: to, state: Event{Phase: PhaseStart}}
}

// update changes the state and tells it.
func (r *reporter) update(change func(*Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
	r.tell("", false)
}

// enter tells of a phase, if it is another than before.
func (r *reporter) enter(phase string, pass int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Phase == phase && r.state.Pass == pass {
		return
	}
	r.state.Phase, r.state.Pass, r.state.Done, r.state.Total = phase, pass, 0, 0
	r.tell("", false)
}

// note changes the state and waits for the next update to tell it.
func (r *reporter) note(change func(*Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}

func (r *reporter) message(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(s, false)
}

// tellWarning tells bad news that the report will not need.
func (r *reporter) tellWarning(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(s, true)
}

// warn keeps a warning for the report, and tells it if it is new.
func (r *reporter) warn(code, format string, args ...any) {
	w := snapshot.Warning{Code: code, Text: fmt.Sprintf(format, args...)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.warnings, w) {
		return
	}
	if len(r.warnings) < mostWarnings { // they name ports and times: of a run without end there is no end of them
		r.warnings = append(r.warnings, w)
	}
	r.tell(sentence(w, report.Operator), true)
}

// mostWarnings is how many the report keeps; what comes later is only told.
const mostWarnings = 64

// all returns the warnings so far.
func (r *reporter) all() []snapshot.Warning {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.warnings)
}

// tell must be called with mu held.
func (r *reporter) tell(message string, warning bool) {
	if r.to == nil {
		return
	}
	e := r.state
	e.Time, e.Message, e.Warning = time.Now(), message, warning
	r.to(e)
}
