package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Markdown writes the report as a comment on a pull request, or a step summary,
// shows it: a heading a scenario, what is broken first.
func Markdown(w io.Writer, r *gate.Report) error {
	var b strings.Builder
	for i := range r.Scenarios {
		if i > 0 {
			b.WriteByte('\n')
		}
		mdScenario(&b, &r.Scenarios[i])
	}
	if len(r.Scenarios) == 0 {
		b.WriteString("### " + mark(r.State) + " heapdrift: " + string(r.State) + "\n")
	}
	var notes []string
	for _, p := range r.Problems {
		notes = append(notes, mark(p.State)+" "+report.Markup(p.Text))
	}
	for _, s := range r.Warnings {
		notes = append(notes, "⚠ "+report.Markup(s))
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, "  \n") + "\n")
	}
	if len(r.Scenarios) > 1 {
		b.WriteString("\n" + mark(r.State) + " " + tally(r) + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the gate's report as Markdown: %w", err)
	}
	return nil
}

func mark(s gate.State) string {
	switch s {
	case gate.Failed, gate.Errored:
		return "❌"
	case gate.Undecided:
		return "⚠"
	}
	return "✅"
}

func mdScenario(b *strings.Builder, s *gate.Scenario) {
	fmt.Fprintf(b, "### %s heapdrift: %s: %s\n", mark(s.State), heading(s), report.Markup(s.Name))
	if s.State != gate.Failed || !growthBroken(s) {
		b.WriteString(report.Markup(s.Summary) + "\n")
	}
	if s.Problem != "" && !strings.Contains(s.Summary, s.Problem) {
		b.WriteString(report.Markup(s.Problem) + "\n")
	}
	if s.State != gate.Passed {
		mdBudgets(b, s)
	}
	mdFindings(b, s)
	var checks []string
	if s.Canary != nil {
		if s.Canary.Found {
			checks = append(checks, "✅ canary found")
		} else {
			checks = append(checks, "❌ canary not found: "+report.Markup(s.Canary.Why))
		}
	}
	var kept []string
	for _, x := range s.Budgets {
		if x.State == gate.BudgetKept && !x.Implied {
			kept = append(kept, report.Markup(x.Name))
		}
	}
	if len(kept) > 0 {
		checks = append(checks, "✅ "+strings.Join(kept, ", "))
	}
	for _, w := range s.Warnings {
		checks = append(checks, "⚠ "+report.Markup(w))
	}
	if len(checks) > 0 {
		b.WriteString("\n" + strings.Join(checks, " · ") + "\n")
	}
	if s.State != gate.Passed && s.Repro != "" {
		b.WriteString("\nrepro: " + report.Code(s.Repro) + "\n")
	}
}

// heading says in two words what became of a scenario.
func heading(s *gate.Scenario) string {
	switch s.State {
	case gate.Passed:
		return "passed"
	case gate.Undecided:
		return "undecided"
	case gate.Errored:
		return "not measured"
	}
	heap, goroutines := false, false
	for i := range s.Budgets {
		if kind, ok := growthOf(&s.Budgets[i]); ok && s.Budgets[i].State == gate.BudgetBroken {
			heap, goroutines = heap || kind == detect.KindHeap, goroutines || kind == detect.KindGoroutine
		}
	}
	for i := range s.Findings {
		if f := &s.Findings[i]; f.Fails {
			heap, goroutines = heap || f.Kind == detect.KindHeap, goroutines || f.Kind == detect.KindGoroutine
		}
	}
	switch {
	case heap && goroutines:
		return "heap and goroutine growth"
	case heap:
		return "heap growth"
	case goroutines:
		return "goroutine growth"
	}
	return "budget broken"
}

func growthBroken(s *gate.Scenario) bool {
	for i := range s.Budgets {
		if _, ok := growthOf(&s.Budgets[i]); ok && s.Budgets[i].State == gate.BudgetBroken {
			return true
		}
	}
	return false
}

// mdBudgets tells each budget that is not kept in a line:
// "**+80.4 B/op** [79.1, 81.7], baseline 0.3 B/op [0, 0.9], budget 2 B/op".
func mdBudgets(b *strings.Builder, s *gate.Scenario) {
	for i := range s.Budgets {
		x := &s.Budgets[i]
		if x.State == gate.BudgetKept {
			continue
		}
		now := gate.Measurement(x.Measured, x.Unit)
		head, rest, cut := strings.Cut(now, " [")
		if cut {
			rest = " [" + rest
		}
		if _, ok := growthOf(x); ok && x.Measured != nil && x.Measured.Estimate > 0 && !strings.HasPrefix(head, "+") {
			head = "+" + head
		}
		line := "**" + report.Markup(head) + "**" + report.Markup(rest)
		if _, ok := growthOf(x); !ok {
			line = report.Markup(x.Name) + " " + line
		}
		if x.Baseline != nil {
			line += ", baseline " + report.Markup(gate.Measurement(x.Baseline, x.Unit))
			if x.Status != gate.StatusNone {
				line += " (" + string(x.Status) + ")"
			}
		}
		line += ", budget " + report.Markup(gate.Quantity(x.Limit, x.Unit))
		if x.State == gate.BudgetUndecided {
			line += ": undecided, " + report.Markup(x.Why)
		}
		b.WriteString(line + "  \n")
	}
}

// mdFindings is the table of sites.
func mdFindings(b *strings.Builder, s *gate.Scenario) {
	compared := s.Baseline != nil && s.Baseline.Found
	wrote := false
	for i := range s.Findings {
		f := &s.Findings[i]
		if s.State == gate.Passed && f.Suppressed == nil && f.Status != gate.StatusGone {
			continue
		}
		if !wrote {
			wrote = true
			if compared {
				b.WriteString("\n| site | growth | base | first seen |\n|---|--:|--:|---|\n")
			} else {
				b.WriteString("\n| site | growth |\n|---|--:|\n")
			}
		}
		name := report.ShortFunction(f.Function)
		if f.WaitReason != "" {
			name += " [" + report.Printable(f.WaitReason) + "]"
		}
		glyph := report.Glyph(f.Verdict)
		now, unit := f.Growth()
		size := "–"
		if now != nil {
			size = gate.Measurement(now, unit)
		}
		if f.Status == gate.StatusGone {
			glyph = "✓"
		}
		cell := glyph + " " + report.Code(name)
		if at := report.Place(f.Function, f.File, f.Line, s.Module); at != "" {
			cell += " " + report.Markup(at)
		}
		if x := f.Suppressed; x != nil {
			cell += fmt.Sprintf(" suppressed until %s: %s", report.Markup(x.Expires), report.Markup(x.Reason))
		}
		if !compared {
			fmt.Fprintf(b, "| %s | %s |\n", cell, report.Markup(size))
			continue
		}
		before := "–"
		if f.Before != nil {
			before = gate.Measurement(f.Before, unit)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell, report.Markup(size), report.Markup(before), seen(f.Status))
	}
}

func seen(s gate.Status) string {
	switch s {
	case gate.StatusNew:
		return "this change"
	case gate.StatusGone:
		return "gone"
	case gate.StatusNone:
		return ""
	}
	return "before, " + string(s)
}
