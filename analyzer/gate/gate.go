// Package gate turns judged runs into one answer for CI: which budgets are
// kept, what changed against a baseline, what is suppressed, whether a planted
// leak was seen, and the exit code. It is pure: results of detect in, a Report
// out; it knows no file, no clock and no network. docs/GATE.md says by which
// rules it decides.
package gate

import (
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Schema names the format that a Report encodes to.
const Schema = "heapdrift/gate/v1"

// Report is what one call of the gate came to. It is complete when Settle has
// been called; every output format is made from it alone. Its JSON form is the
// type itself: what is not known is absent, and lists are always there.
type Report struct {
	Schema string `json:"schema"` // Schema
	State  State  `json:"state"`  // the worst of the scenarios'
	// ExitCode is that of the process: 0 passed, 1 failed (or what --fail-code
	// says), 3 undecided, 4 error.
	ExitCode     int           `json:"exit_code"`
	Config       string        `json:"config,omitempty"`   // path of the configuration, as it was given
	Baseline     string        `json:"baseline,omitempty"` // path of the baseline; empty: none is named
	Seed         string        `json:"seed,omitempty"`     // hexadecimal, as --seed takes it
	FailOn       detect.Proof  `json:"fail_on,omitempty"`  // what growth must be to fail; empty: growth
	Scenarios    []Scenario    `json:"scenarios"`          // in the order of the configuration
	Suppressions []Suppression `json:"suppressions"`       // all of the configuration
	// Problems are failures that belong to no one scenario, in sentences: an
	// expired suppression (fails), an interrupted gate (undecided).
	Problems []Problem `json:"problems"`
	Warnings []string  `json:"warnings"` // of the whole gate, in sentences; those of a scenario are its own
	Seconds  float64   `json:"seconds"`  // wall time of the whole gate
}

// State is what became of a scenario, or of the whole gate.
type State string

// The states, worst first: an error never reads as a pass, and a failure that
// is proved is told even where something else broke.
const (
	Failed    State = "failed"    // a budget is broken, or growth is new against the baseline: exit code 1
	Errored   State = "error"     // could not be measured, or the canary was not seen: exit code 4
	Undecided State = "undecided" // the run does not tell: exit code 3
	Passed    State = "passed"    // every budget is kept: exit code 0
)

// Problem is one sentence with the state that it makes.
type Problem struct {
	State State  `json:"state"`
	Text  string `json:"text"`
}

// Scenario is one scenario of the configuration with its judgement.
type Scenario struct {
	Name    string   `json:"name"`
	State   State    `json:"state"`
	Summary string   `json:"summary"` // one sentence: what decided
	Budgets []Budget `json:"budgets"` // in a fixed order: growth first, then points
	// Findings are the sites and goroutine groups to speak of: those of the run
	// that leak or may, worst first, then those that are gone since the baseline.
	Findings []Finding     `json:"findings"`
	Baseline *BaselineUsed `json:"baseline,omitempty"` // nil: the configuration names none
	Canary   *Canary       `json:"canary,omitempty"`   // nil: none was asked for
	// Problem says why there is no judgement: the target is dead, the canary
	// was not seen. Empty unless State is Errored or a dead target had failed
	// before.
	Problem  string           `json:"problem,omitempty"`
	Warnings []string         `json:"warnings"`
	Attempts int              `json:"attempts"`         // runs that were made; more than 1 only after an undecided one
	Bundle   string           `json:"bundle,omitempty"` // folder of the last run's recording; empty: not kept
	Repro    string           `json:"repro"`            // command line that runs this scenario alone, with the same seed
	Seconds  float64          `json:"seconds"`          // wall time, all attempts and the canary together
	Module   string           `json:"module,omitempty"` // path of the program's main module, where its binary told it
	Run      *report.Document `json:"run,omitempty"`    // the last run's whole report; nil: nothing could be judged
}

// BudgetState is what became of a budget.
type BudgetState string

// The states of a budget, worst first.
const (
	BudgetBroken    BudgetState = "broken"
	BudgetUndecided BudgetState = "undecided"
	BudgetKept      BudgetState = "kept"
)

// Budget is one limit of a scenario beside what was measured.
type Budget struct {
	Name  string  `json:"name"`  // the key in the configuration, as live_bytes_per_op
	Unit  string  `json:"unit"`  // "B/op", "objects/op", "goroutines/op", "B/s", "B", "ms", or "" for a share in 0..1
	Limit float64 `json:"limit"` // in Unit
	// Implied says that the configuration does not name it: live bytes and
	// goroutines have a budget of 0 wherever it names no other.
	Implied bool `json:"implied,omitempty"`
	// Growth has an interval (95 %), which decides; of the other budgets (peaks,
	// p99, error rate) Measured has the one value and no bounds. Nil: unknown.
	Measured *stats.Interval `json:"measured,omitempty"`
	Baseline *stats.Interval `json:"baseline,omitempty"` // of the same quantity; nil: none
	// Status compares growth with the baseline; empty: there is none. A worse
	// one is broken, whatever its limit.
	Status Status `json:"status,omitempty"`
	// Allowed is the limit, or the clean limit where that is larger: an upper
	// bound below it keeps the budget. In Unit.
	Allowed float64     `json:"allowed"`
	State   BudgetState `json:"state"`
	// Suppressed says that a suppression takes part: the budget is judged by
	// what the suppressed findings leave of the growth.
	Suppressed bool   `json:"suppressed,omitempty"`
	Why        string `json:"why"` // one sentence, with the remedy where it is not kept
}

// Status is how something compares with the baseline.
type Status string

// The statuses. Comparison is of intervals: worse and better need one of the
// difference that leaves 0 out.
const (
	StatusNew    Status = "new"    // not in the baseline
	StatusWorse  Status = "worse"  // grows faster
	StatusSame   Status = "same"   // not shown to differ
	StatusBetter Status = "better" // grows more slowly
	StatusGone   Status = "gone"   // in the baseline, and not in this run
	StatusNone   Status = ""       // there is no baseline
)

// Finding is one site or goroutine group of a run. Those that are Gone hold
// what the baseline knows: function, place, and Before, no more.
type Finding struct {
	report.Finding
	Status Status `json:"status,omitempty"`
	// Before is its growth in the baseline, in the unit of its kind: B/op of a
	// heap finding, goroutines/op of a group.
	Before *stats.Interval `json:"before,omitempty"`
	// Fails says that this finding makes the scenario fail: it leaks, and no
	// suppression and no budget covers it. Opens says that it leaves the
	// scenario undecided.
	Fails bool `json:"fails,omitempty"`
	Opens bool `json:"opens,omitempty"`
	// Suppressed is the rule that silences it; nil: none. One that has expired
	// silences nothing.
	Suppressed *Suppression `json:"suppressed,omitempty"`
}

// Growth is the finding's measured growth in the unit of its kind, and the
// unit: "B/op" of a heap finding, "goroutines/op" of a group; nil where
// unknown.
func (f *Finding) Growth() (*stats.Interval, string) {
	return growthOf(&f.Finding.Finding)
}

func growthOf(f *detect.Finding) (*stats.Interval, string) {
	if i := f.Goroutines.On(detect.PerOp); i != nil && f.Kind == detect.KindGoroutine {
		return i, "goroutines/op"
	}
	return f.Bytes.On(detect.PerOp), "B/op"
}

// Suppression is one rule of the configuration and what it did.
type Suppression struct {
	Site    string           `json:"site"`    // glob over the culprit's function: * is any text
	Reason  string           `json:"reason"`  // never empty
	Expires string           `json:"expires"` // the last day that it holds, YYYY-MM-DD, UTC
	State   SuppressionState `json:"state"`
	// DaysLeft until it expires: 0 on its last day, negative once it has.
	DaysLeft int `json:"days_left"`
	Matched  int `json:"matched"` // findings that it silenced, over all scenarios
	// Position in the configuration, "heapdrift.yaml:12:5".
	Position string `json:"position,omitempty"`
}

// SuppressionState says what is to be said of a suppression.
type SuppressionState string

// The states. A rule that expires soon or was not used is warned of; one that
// has expired fails the gate.
const (
	SuppressionActive   SuppressionState = "active"
	SuppressionExpiring SuppressionState = "expiring" // within 14 days
	SuppressionUnused   SuppressionState = "unused"   // silenced nothing in a gate that ran every scenario
	SuppressionExpired  SuppressionState = "expired"
)

// BaselineUsed says what a scenario was compared with.
type BaselineUsed struct {
	Found    bool   `json:"found"` // false: the file has no entry for this scenario, Go version and architecture
	Key      Key    `json:"key"`
	Reason   string `json:"reason,omitempty"`   // why it was recorded
	Recorded string `json:"recorded,omitempty"` // day, YYYY-MM-DD
	Go       string `json:"go,omitempty"`       // exact version that it was recorded with
}

// Key is what a baseline is kept by.
type Key struct {
	Scenario string `json:"scenario"`
	Go       string `json:"go"`   // the release without its patch: go1.26; empty where the target did not tell
	Arch     string `json:"arch"` // as amd64
}

// Canary is what became of the leak that was planted first.
type Canary struct {
	Found bool `json:"found"`
	// Injected is what the planted leak keeps, bytes per operation; Limit is the
	// budget that it lies above.
	Injected float64         `json:"injected_bytes_per_op"`
	Limit    float64         `json:"limit_bytes_per_op"`
	Measured *stats.Interval `json:"measured,omitempty"` // B/op; nil: the run could not tell
	Why      string          `json:"why"`                // one sentence; with the remedy where it was not found
	Seconds  float64         `json:"seconds"`
}
