package output

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// asMarkdown is the report as a comment on a pull request, or a step summary,
// shows it: a heading a scenario, what is broken first.
func asMarkdown(r *gate.Report) string {
	var b strings.Builder
	for i := range r.Scenarios {
		if i > 0 {
			b.WriteByte('\n')
		}
		mdScenario(&b, &r.Scenarios[i])
	}
	if len(r.Scenarios) == 0 {
		b.WriteString("### " + looks[r.State].mark + " heapdrift: " + string(r.State) + "\n")
	}
	var notes []string
	for _, p := range r.Problems {
		notes = append(notes, looks[p.State].mark+" "+report.Markup(p.Text))
	}
	for _, s := range r.Warnings {
		notes = append(notes, "⚠ "+report.Markup(s))
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, "  \n") + "\n")
	}
	if len(r.Scenarios) > 1 {
		b.WriteString("\n" + looks[r.State].mark + " " + tally(r) + "\n")
	}
	return b.String()
}

func mdScenario(b *strings.Builder, s *gate.Scenario) {
	fmt.Fprintf(b, "### %s heapdrift: %s: %s\n", looks[s.State].mark, heading(s), report.Markup(s.Name))
	if s.State != gate.Failed || !slices.ContainsFunc(s.Budgets, growthBroken) {
		b.WriteString(report.Markup(s.Summary) + "\n")
	}
	if beside := problem(s); beside != "" {
		b.WriteString(report.Markup(beside) + "\n")
	}
	if s.State != gate.Passed {
		mdBudgets(b, s)
	}
	mdFindings(b, s)
	var checks []string
	switch c := s.Canary; {
	case c == nil:
	case c.Found:
		checks = append(checks, "✅ canary found")
	default:
		checks = append(checks, "❌ canary not found: "+report.Markup(c.Why))
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
	if s.State != gate.Failed {
		return looks[s.State].said
	}
	grow := map[detect.Kind]bool{}
	for _, b := range s.Budgets {
		if growthBroken(b) {
			grow[growthOf(&b)] = true
		}
	}
	for i := range s.Findings {
		if f := &s.Findings[i]; f.Fails {
			grow[f.Kind] = true
		}
	}
	return cmp.Or(report.WhatGrows(grow), "budget broken")
}

func growthBroken(b gate.Budget) bool {
	return growthOf(&b) != "" && b.State == gate.BudgetBroken
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
		if growthOf(x) != "" && x.Measured != nil && x.Measured.Estimate > 0 {
			now = "+" + now
		}
		head, rest, cut := strings.Cut(now, " [")
		if cut {
			rest = " [" + rest
		}
		line := "**" + report.Markup(head) + "**" + report.Markup(rest)
		if growthOf(x) == "" {
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
	head := "\n| site | growth |\n|---|--:|\n"
	compared := s.Baseline != nil && s.Baseline.Found
	if compared {
		head = "\n| site | growth | base | first seen |\n|---|--:|--:|---|\n"
	}
	for i, f := range shown(s) {
		if i == 0 {
			b.WriteString(head)
		}
		now, unit := f.Growth()
		size, before := "–", "–"
		if now != nil {
			size = gate.Measurement(now, unit)
		}
		if f.Before != nil {
			before = gate.Measurement(f.Before, unit)
		}
		glyph := report.Glyph(f.Verdict)
		if f.Status == gate.StatusGone {
			glyph = "✓"
		}
		cell := glyph + " " + report.Code(report.NameOf(f.Function, f.WaitReason))
		if at := report.Place(f.Function, f.File, f.Line, s.Module); at != "" {
			cell += " " + report.Markup(at)
		}
		if known := report.HowKnown(f.Proof); known != "" {
			cell += " (" + known + ")"
		}
		if x := f.Suppressed; x != nil {
			cell += " " + report.Markup(suppression(x))
		}
		if !compared {
			fmt.Fprintf(b, "| %s | %s |\n", cell, report.Markup(size))
			continue
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
