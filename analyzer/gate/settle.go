package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
)

// CodeFailed is the exit code of a failed gate, where no other is asked for.
const CodeFailed = 1

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
		s.Budgets, s.Findings, s.Warnings = report.List(s.Budgets), report.List(s.Findings), report.List(s.Warnings)
	}
	rules, problems, warnings := o.Rules.settle(r.Scenarios, o.Whole && judged)
	r.Suppressions = rules
	r.Problems = report.List(append(r.Problems, problems...))
	r.Warnings = report.List(append(r.Warnings, warnings...))
	r.Scenarios = report.List(r.Scenarios)

	states := []State{Passed}
	if len(r.Scenarios) == 0 {
		states = []State{Undecided}
	}
	for _, s := range r.Scenarios {
		states = append(states, s.State)
	}
	for _, p := range r.Problems {
		states = append(states, p.State)
	}
	order := []State{Passed, Undecided, Errored, Failed}
	r.State = slices.MaxFunc(states, func(a, b State) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	r.ExitCode = map[State]int{Passed: 0, Failed: o.FailCode, Undecided: 3, Errored: 4}[r.State]
}

// expiresSoon is how many days before its end a suppression is warned of.
const expiresSoon = 14

// Rules are the suppressions of a configuration on one day. The nil Rules
// silence nothing.
type Rules struct {
	rules []Suppression
}

// NewRules prepares suppressions for a day, of which only the UTC date counts.
// The rules are copied; Site, Reason, Expires and Position are taken from them.
// An error names the rule that lacks a reason or a day.
func NewRules(rules []Suppression, today time.Time) (*Rules, error) {
	r := &Rules{rules: make([]Suppression, 0, len(rules))}
	day := today.UTC().Truncate(24 * time.Hour)
	for _, s := range rules {
		s.State, s.Matched = SuppressionActive, 0
		if strings.TrimSpace(s.Site) == "" || strings.TrimSpace(s.Reason) == "" {
			return nil, fmt.Errorf("the suppression of %q lacks a site or a reason: both are mandatory", s.Site)
		}
		end, err := time.Parse(time.DateOnly, s.Expires)
		if err != nil {
			return nil, fmt.Errorf("the suppression of %q expires on %q, which is no day; write it as 2027-03-31", s.Site, s.Expires)
		}
		s.DaysLeft = int(end.Sub(day).Hours() / 24)
		switch {
		case s.DaysLeft < 0:
			s.State = SuppressionExpired
		case s.DaysLeft <= expiresSoon:
			s.State = SuppressionExpiring
		}
		r.rules = append(r.rules, s)
	}
	return r, nil
}

// match returns the first rule that holds for a function, nil where none does.
func (r *Rules) match(function string) *Suppression {
	if r == nil {
		return nil
	}
	for i := range r.rules {
		if s := &r.rules[i]; s.State != SuppressionExpired && series.Matches(s.Site, function) {
			used := *s
			return &used
		}
	}
	return nil
}

// settle gives every rule its last word. all says that every scenario was run
// and judged: only then is a rule without a match unused.
func (r *Rules) settle(scenarios []Scenario, all bool) (rules []Suppression, problems []Problem, warnings []string) {
	if r == nil {
		return []Suppression{}, nil, nil
	}
	for _, sc := range scenarios {
		for _, f := range sc.Findings {
			for i := range r.rules {
				if s := f.Suppressed; s != nil && s.Site == r.rules[i].Site && s.Position == r.rules[i].Position {
					r.rules[i].Matched++
				}
			}
		}
	}
	for i := range r.rules {
		s := &r.rules[i]
		what := fmt.Sprintf("the suppression of %s (%s)", s.Site, s.Reason)
		if s.Position != "" {
			what = s.Position + ": " + what
		}
		switch {
		case s.State == SuppressionExpired:
			problems = append(problems, Problem{Failed, fmt.Sprintf("%s expired on %s: mend the leak, or give it a new day with a new reason", what, s.Expires)})
		case s.Matched == 0 && all:
			s.State = SuppressionUnused
			warnings = append(warnings, what+" silenced nothing: take it out")
		case s.State == SuppressionExpiring:
			warnings = append(warnings, fmt.Sprintf("%s expires in %s, on %s", what, report.Plural(float64(s.DaysLeft), "day"), s.Expires))
		}
	}
	return append([]Suppression{}, r.rules...), problems, warnings
}
