package gate

import "slices"

// rank orders states: what wins is later.
func (s State) rank() int {
	return slices.Index([]State{Passed, Undecided, Errored, Failed}, s)
}

// Worst is the state that wins: failed > error > undecided > passed. Of none it
// is Passed.
func Worst(states ...State) State {
	w := Passed
	for _, s := range states {
		if s.rank() > w.rank() {
			w = s
		}
	}
	return w
}

// The exit codes of the states.
const (
	CodePassed    = 0
	CodeFailed    = 1
	CodeUndecided = 3
	CodeErrored   = 4
)

// Settling says how Settle ends a report.
type Settling struct {
	Rules *Rules // nil: none
	// Whole says that every scenario of the configuration was to be run: a rule
	// that silenced nothing is then unused.
	Whole bool
	// FailCode is the exit code of a failed gate.
	FailCode int
}

// Settle completes a report whose scenarios and problems are all in: the state
// of the suppressions, the state of the whole and the exit code. A report
// without a scenario is undecided: it never reads as a pass.
func (r *Report) Settle(o Settling) {
	r.Schema = Schema
	judged := len(r.Scenarios) > 0
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		judged = judged && s.Run != nil
		s.Budgets, s.Findings, s.Warnings = some(s.Budgets), some(s.Findings), some(s.Warnings)
	}
	rules, problems, warnings := o.Rules.settle(r.Scenarios, o.Whole && judged)
	r.Suppressions = rules
	r.Problems = some(append(r.Problems, problems...))
	r.Warnings = some(append(r.Warnings, warnings...))
	r.Scenarios = some(r.Scenarios)

	r.State = Passed
	if len(r.Scenarios) == 0 {
		r.State = Undecided
	}
	for _, s := range r.Scenarios {
		r.State = Worst(r.State, s.State)
	}
	for _, p := range r.Problems {
		r.State = Worst(r.State, p.State)
	}
	switch r.State {
	case Failed:
		r.ExitCode = o.FailCode
	case Errored:
		r.ExitCode = CodeErrored
	case Undecided:
		r.ExitCode = CodeUndecided
	default:
		r.ExitCode = CodePassed
	}
}

// some makes nil an empty list, so that readers may iterate without asking.
func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
