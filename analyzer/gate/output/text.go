package output

import (
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// asText is the report for people: one line a scenario that passed, more of those
// that did not, and one line for the whole.
func asText(r *gate.Report, color bool) string {
	t := &text{color: color}
	for i := range r.Scenarios {
		t.scenario(&r.Scenarios[i])
	}
	for _, p := range r.Problems {
		t.line(t.head(p.State) + "  " + report.Printable(p.Text))
	}
	for _, s := range r.Warnings {
		t.line("warning: " + report.Printable(s))
	}
	t.line(t.head(r.State) + "  " + tally(r))
	return t.b.String()
}

type text struct {
	b     strings.Builder
	color bool
}

func (t *text) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

func (t *text) head(s gate.State) string {
	l := looks[s]
	if !t.color {
		return l.head
	}
	return "\x1b[" + l.sgr + "m" + l.head + "\x1b[0m"
}

func (t *text) scenario(s *gate.Scenario) {
	summary := s.Summary
	if beside := problem(s); beside != "" {
		summary = strings.TrimPrefix(summary+"; "+beside, "; ")
	}
	t.line(t.head(s.State) + "  " + report.Printable(s.Name) + ": " + report.Printable(summary))
	if s.Canary != nil && (s.State != gate.Passed || !s.Canary.Found) {
		mark := map[bool]string{true: "✓", false: "✗"}[s.Canary.Found]
		t.line("  " + mark + " canary: " + report.Printable(s.Canary.Why))
	}
	if s.State != gate.Passed {
		t.budgets(s)
	}
	for _, f := range shown(s) {
		t.finding(s, f)
	}
	for _, w := range s.Warnings {
		t.line("  warning: " + report.Printable(w))
	}
	if s.State == gate.Passed {
		return
	}
	if s.Bundle != "" {
		t.line("  recording: " + report.Printable(s.Bundle) + "   next: heapdrift analyze " + report.Printable(s.Bundle))
	}
	t.line("  repro: " + report.Printable(s.Repro))
}

// budgets are lines in columns: state, name, limit, measured, baseline.
func (t *text) budgets(s *gate.Scenario) {
	marks := map[gate.BudgetState]string{gate.BudgetBroken: "✗", gate.BudgetUndecided: "?", gate.BudgetKept: "✓"}
	rows := make([][]string, 0, len(s.Budgets))
	for _, b := range s.Budgets {
		base := ""
		if b.Baseline != nil {
			base = "baseline " + gate.Measurement(b.Baseline, b.Unit)
			if b.Status != gate.StatusNone {
				base += ": " + string(b.Status)
			}
		}
		rows = append(rows, []string{"  " + marks[b.State] + " " + b.Name, "budget " + gate.Quantity(b.Limit, b.Unit), gate.Measurement(b.Measured, b.Unit), base})
	}
	for _, line := range report.Columns(rows) {
		t.line(line)
	}
}

func (t *text) finding(s *gate.Scenario, f *gate.Finding) {
	glyph := report.Glyph(f.Verdict)
	now, unit := f.Growth()
	size := "no size"
	if now != nil {
		size = gate.Measurement(now, unit)
	}
	if f.Status == gate.StatusGone {
		glyph, size = "-", "was "+gate.Measurement(f.Before, unit)
		if f.Kind == detect.KindGoroutine {
			size = "was " + gate.Measurement(f.Before, "goroutines/op")
		}
	}
	t.line("  " + report.Spaced(glyph+" "+size, report.ShortFunction(f.Function),
		report.Place(f.Function, f.File, f.Line, s.Module), string(f.Status), report.HowKnown(f.Proof)))
	if x := f.Suppressed; x != nil {
		t.line("      " + report.Printable(suppression(x)))
	}
}
