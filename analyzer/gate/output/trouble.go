package output

import (
	"fmt"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// trouble is one thing that keeps a gate from passing, or would but for a
// suppression, with its place in the source: what annotations and SARIF list.
type trouble struct {
	scenario *gate.Scenario // nil: of the whole gate
	rule     string         // one of rules
	state    gate.State     // what it makes of the gate; Passed for a suppressed finding
	message  string         // one sentence or two, without markup
	at       place
	finding  *gate.Finding // nil: none
	budget   *gate.Budget  // nil: none
}

// Rules of the troubles: the ids that code hosts keep alerts by.
const (
	ruleHeap      = "heap-growth"
	ruleGoroutine = "goroutine-growth"
	ruleBudget    = "budget"
	ruleUndecided = "undecided"
	ruleError     = "not-measured"
	ruleGate      = "gate"
)

// troubles lists them in the order of the scenarios. A budget that findings
// explain is told with those, where they make the scenario fail.
func troubles(r *gate.Report, root string) []trouble {
	var out []trouble
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		out = append(out, ofScenario(r, s, root)...)
	}
	for _, p := range r.Problems {
		at, _ := placeOf(r, nil, nil, root)
		out = append(out, trouble{rule: ruleGate, state: p.State, message: p.Text, at: at})
	}
	return out
}

func ofScenario(r *gate.Report, s *gate.Scenario, root string) []trouble {
	var out []trouble
	told := map[detect.Kind]bool{}
	for i := range s.Findings {
		f := &s.Findings[i]
		state := gate.Passed
		switch {
		case f.Suppressed != nil && !f.Fails && !f.Opens:
		case f.Fails:
			state = gate.Failed
			told[f.Kind] = true
		case f.Opens:
			state = gate.Undecided
		default:
			continue
		}
		rule := ruleHeap
		if f.Kind == detect.KindGoroutine {
			rule = ruleGoroutine
		}
		at, _ := placeOf(r, s, f, root)
		out = append(out, trouble{scenario: s, rule: rule, state: state, message: findingText(s, f), at: at, finding: f})
	}
	for i := range s.Budgets {
		b := &s.Budgets[i]
		at, _ := placeOf(r, s, nil, root)
		t := trouble{scenario: s, rule: ruleBudget, state: gate.Failed, message: budgetText(s, b), at: at, budget: b}
		switch b.State {
		case gate.BudgetBroken:
			if kind, ok := growthOf(b); ok && told[kind] {
				continue
			}
		case gate.BudgetUndecided:
			t.rule, t.state = ruleUndecided, gate.Undecided
		default:
			continue
		}
		out = append(out, t)
	}
	at, _ := placeOf(r, s, nil, root)
	if s.Problem != "" {
		out = append(out, trouble{scenario: s, rule: ruleError, state: gate.Errored, message: s.Name + ": " + s.Problem, at: at})
	}
	if len(out) == 0 && s.State != gate.Passed { // never silent about what did not pass
		rule := map[gate.State]string{gate.Failed: ruleBudget, gate.Undecided: ruleUndecided, gate.Errored: ruleError}[s.State]
		out = append(out, trouble{scenario: s, rule: rule, state: s.State, message: s.Name + ": " + s.Summary, at: at})
	}
	return out
}

// growthOf is the kind of findings that explain a budget of growth.
func growthOf(b *gate.Budget) (detect.Kind, bool) {
	switch b.Name {
	case gate.NameLiveBytes, gate.NameLiveObjects, gate.NameBytesSecond:
		return detect.KindHeap, true
	case gate.NameGoroutines:
		return detect.KindGoroutine, true
	}
	return "", false
}

// findingText says what grows where, how much, and since when.
func findingText(s *gate.Scenario, f *gate.Finding) string {
	what := "memory that is kept"
	if f.Kind == detect.KindGoroutine {
		what = "goroutines that do not end"
	}
	text := fmt.Sprintf("%s: %s in %s", s.Name, what, report.ShortFunction(f.Function))
	if f.WaitReason != "" {
		text += " [" + f.WaitReason + "]"
	}
	if now, unit := f.Growth(); now != nil {
		text += ": " + gate.Measurement(now, unit)
	}
	if f.Verdict != detect.Leak {
		text += " (" + report.Word(f.Verdict) + ")"
	}
	text += since(f)
	if len(f.HeldBy) > 0 {
		text += "; retained by " + report.Sentence(f.HeldBy)
	}
	if x := f.Suppressed; x != nil {
		text += fmt.Sprintf("; suppressed until %s: %s", x.Expires, x.Reason)
	}
	return text
}

// since says how a finding compares with the baseline, "" where there is none.
func since(f *gate.Finding) string {
	before := "the baseline"
	if f.Before != nil {
		_, unit := f.Growth()
		before = gate.Measurement(f.Before, unit) + " in the baseline"
	}
	switch f.Status {
	case gate.StatusNew:
		return ", new in this change"
	case gate.StatusWorse:
		return ", worse than " + before
	case gate.StatusBetter:
		return ", better than " + before
	case gate.StatusSame:
		return ", the same as " + before
	case gate.StatusGone:
		return ", gone since " + before
	}
	return ""
}

func budgetText(s *gate.Scenario, b *gate.Budget) string {
	return fmt.Sprintf("%s: %s is %s, budget %s: %s", s.Name, b.Name, gate.Measurement(b.Measured, b.Unit), gate.Quantity(b.Limit, b.Unit), b.Why)
}
