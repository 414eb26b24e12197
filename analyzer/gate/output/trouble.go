package output

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
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
		out = append(out, ofScenario(r, &r.Scenarios[i], root)...)
	}
	for _, p := range r.Problems {
		out = append(out, trouble{rule: ruleGate, state: p.State, message: p.Text, at: configPlace(r.Config, root)})
	}
	return out
}

func ofScenario(r *gate.Report, s *gate.Scenario, root string) []trouble {
	var out []trouble
	config := configPlace(r.Config, root)
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
		at := config
		if file := relative(f.Function, f.File, s.Module, root); file != "" {
			at = place{file, max(1, f.Line)}
		}
		out = append(out, trouble{scenario: s, rule: rule, state: state, message: findingText(s, f), at: at, finding: f})
	}
	for i := range s.Budgets {
		b := &s.Budgets[i]
		t := trouble{scenario: s, rule: ruleBudget, state: gate.Failed, message: budgetText(s, b), at: config, budget: b}
		switch b.State {
		case gate.BudgetBroken:
			if told[growthOf(b)] {
				continue
			}
		case gate.BudgetUndecided:
			t.rule, t.state = ruleUndecided, gate.Undecided
		default:
			continue
		}
		out = append(out, t)
	}
	if s.Problem != "" {
		out = append(out, trouble{scenario: s, rule: ruleError, state: gate.Errored, message: s.Name + ": " + s.Problem, at: config})
	}
	if len(out) == 0 && s.State != gate.Passed { // never silent about what did not pass
		rule := map[gate.State]string{gate.Failed: ruleBudget, gate.Undecided: ruleUndecided, gate.Errored: ruleError}[s.State]
		out = append(out, trouble{scenario: s, rule: rule, state: s.State, message: s.Name + ": " + s.Summary, at: config})
	}
	return out
}

// growthOf is the kind of findings that explain a budget of growth; empty of
// another budget.
func growthOf(b *gate.Budget) detect.Kind {
	switch b.Name {
	case gate.NameLiveBytes, gate.NameLiveObjects, gate.NameBytesSecond:
		return detect.KindHeap
	case gate.NameGoroutines:
		return detect.KindGoroutine
	}
	return ""
}

// findingText says what grows where, how much, and since when.
func findingText(s *gate.Scenario, f *gate.Finding) string {
	what := "memory that is kept"
	if f.Kind == detect.KindGoroutine {
		what = "goroutines that do not end"
	}
	text := fmt.Sprintf("%s: %s in %s", s.Name, what, report.NameOf(f.Function, f.WaitReason))
	if now, unit := f.Growth(); now != nil {
		text += ": " + gate.Measurement(now, unit)
	}
	switch known := report.HowKnown(f.Proof); {
	case f.Verdict != detect.Leak:
		text += " (" + report.Word(f.Verdict) + ")"
	case known != "":
		text += " (" + known + ")"
	}
	text += since(f)
	if by := report.Held(f.Finding.Finding.HeldBy, report.Operator); len(by) > 0 {
		text += "; retained by " + report.Sentence(by)
	}
	if x := f.Suppressed; x != nil {
		text += "; " + suppression(x)
	}
	return text
}

// since says how a finding compares with the baseline, "" where there is none.
func since(f *gate.Finding) string {
	if f.Status == gate.StatusNew {
		return ", new in this change"
	}
	said := map[gate.Status]string{
		gate.StatusWorse: ", worse than ", gate.StatusBetter: ", better than ", gate.StatusSame: ", the same as ", gate.StatusGone: ", gone since ",
	}[f.Status]
	switch {
	case said == "":
		return ""
	case f.Before == nil:
		return said + "the baseline"
	}
	_, unit := f.Growth()
	return said + gate.Measurement(f.Before, unit) + " in the baseline"
}

func budgetText(s *gate.Scenario, b *gate.Budget) string {
	return fmt.Sprintf("%s: %s is %s, budget %s: %s", s.Name, b.Name, gate.Measurement(b.Measured, b.Unit), gate.Quantity(b.Limit, b.Unit), b.Why)
}

// place is a file with a line, as a code host wants them: relative to the
// repository, with slashes.
type place struct {
	File string
	Line int // 1 at the least
}

// configPlace is where a trouble is put that has no file, or one outside of the
// repository: a code host shows no result without a place.
func configPlace(config, root string) place {
	config = slashed(cmp.Or(config, "heapdrift.yaml"))
	return place{strings.TrimPrefix(cmp.Or(below(config, root), config), "/"), 1}
}

// relative is a source file's path in the repository at root: that of the
// compiler where it lies below root; else, of a build elsewhere or with
// -trimpath, that of the package within its module. "" where neither is so.
func relative(function, file, module, root string) string {
	file = slashed(file)
	if in := below(file, root); in != "" {
		return in
	}
	if module == "" || file == "" {
		return ""
	}
	if in, ok := strings.CutPrefix(file, module+"/"); ok { // -trimpath
		return in
	}
	pkg := series.Package(function)
	if pkg == "main" {
		return ""
	}
	switch in, ok := strings.CutPrefix(pkg, module); {
	case ok && in == "":
		return path.Base(file)
	case ok && strings.HasPrefix(in, "/") && strings.HasSuffix(path.Dir(file), in):
		return in[1:] + "/" + path.Base(file)
	}
	return ""
}

// below is file relative to root, "" where it is not below it.
func below(file, root string) string {
	if root = strings.TrimSuffix(slashed(root), "/"); root == "" {
		return ""
	}
	in, ok := strings.CutPrefix(file, root+"/")
	if !ok || in != path.Clean(in) || strings.HasPrefix(in, "../") {
		return ""
	}
	return in
}

func slashed(s string) string { return strings.ReplaceAll(s, `\`, "/") }

// uri escapes a path for a URI; slashes stay. A relative one whose first part
// has a colon would be taken for a scheme, so it begins with "./".
func uri(file string) string { return (&url.URL{Path: file}).String() }

// asAnnotations are workflow commands, one line each, that GitHub Actions turns
// into annotations at the lines of a pull request: errors for what fails or
// could not be measured, warnings for what is undecided, notices for what is
// suppressed. The last line, no command, says what the gate came to.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
func asAnnotations(r *gate.Report, root string) string {
	var b strings.Builder
	for _, t := range troubles(r, root) {
		title := "heapdrift"
		switch t.rule {
		case ruleHeap, ruleGoroutine, ruleUndecided:
			title += ": " + strings.ReplaceAll(t.rule, "-", " ")
		}
		fmt.Fprintf(&b, "::%s file=%s,line=%d,title=%s::%s\n", looks[t.state].command, property(t.at.File), t.at.Line, property(title), data(t.message))
	}
	for _, w := range warnings(r) {
		fmt.Fprintf(&b, "::warning title=heapdrift::%s\n", data(w))
	}
	return b.String() + "heapdrift: " + string(r.State) + ", " + tally(r) + "\n"
}

// data escapes the message of a command, property one of its properties. What
// is not printable is replaced first: a line break would begin a command.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(report.Printable(s))
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}
