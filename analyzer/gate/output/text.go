package output

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Text writes the report for people: one line a scenario that passed, more of
// those that did not, and one line for the whole.
func Text(w io.Writer, r *gate.Report, o Options) error {
	t := &text{o: o}
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
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("write the gate's report as text: %w", err)
	}
	return nil
}

type text struct {
	b strings.Builder
	o Options
}

func (t *text) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

// head is the glyph and the word of a state, coloured where that was asked
// for.
func (t *text) head(s gate.State) string {
	word, sgr := "✓ passed", "32"
	switch s {
	case gate.Failed:
		word, sgr = "✗ FAILED", "1;31"
	case gate.Errored:
		word, sgr = "! ERROR", "1;31"
	case gate.Undecided:
		word, sgr = "? undecided", "33"
	}
	if !t.o.Color {
		return word
	}
	return "\x1b[" + sgr + "m" + word + "\x1b[0m"
}

func (t *text) scenario(s *gate.Scenario) {
	summary := s.Summary
	if s.Problem != "" && !strings.Contains(summary, s.Problem) {
		summary = strings.TrimPrefix(summary+"; "+s.Problem, "; ")
	}
	t.line(t.head(s.State) + "  " + report.Printable(s.Name) + ": " + report.Printable(summary))
	if s.Canary != nil && (s.State != gate.Passed || !s.Canary.Found) {
		mark := "✓"
		if !s.Canary.Found {
			mark = "✗"
		}
		t.line("  " + mark + " canary: " + report.Printable(s.Canary.Why))
	}
	if s.State != gate.Passed {
		t.budgets(s)
	}
	for i := range s.Findings {
		if f := &s.Findings[i]; s.State != gate.Passed || f.Suppressed != nil || f.Status == gate.StatusGone {
			t.finding(s, f)
		}
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
	rows := make([][]string, 0, len(s.Budgets))
	for _, b := range s.Budgets {
		mark := "✓"
		switch b.State {
		case gate.BudgetBroken:
			mark = "✗"
		case gate.BudgetUndecided:
			mark = "?"
		}
		base := ""
		if b.Baseline != nil {
			base = "baseline " + gate.Measurement(b.Baseline, b.Unit)
			if b.Status != gate.StatusNone {
				base += ": " + string(b.Status)
			}
		}
		rows = append(rows, []string{"  " + mark + " " + b.Name, "budget " + gate.Quantity(b.Limit, b.Unit), gate.Measurement(b.Measured, b.Unit), base})
	}
	t.columns(rows)
}

// columns pads cells to the widest of their column.
func (t *text) columns(rows [][]string) {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r {
			b.WriteString(c)
			b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+3))
		}
		t.line(b.String())
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
	line := fmt.Sprintf("  %s %s   %s", glyph, size, report.ShortFunction(f.Function))
	if place := report.Place(f.Function, f.File, f.Line, s.Module); place != "" {
		line += "   " + place
	}
	if f.Status != gate.StatusNone {
		line += "   " + string(f.Status)
	}
	t.line(line)
	if x := f.Suppressed; x != nil {
		t.line(fmt.Sprintf("      suppressed until %s: %s", report.Printable(x.Expires), report.Printable(x.Reason)))
	}
}

// tally is the last line: how many scenarios are in which state.
func tally(r *gate.Report) string {
	count := map[gate.State]int{}
	for _, s := range r.Scenarios {
		count[s.State]++
	}
	var parts []string
	for _, s := range []gate.State{gate.Failed, gate.Errored, gate.Undecided, gate.Passed} {
		if n := count[s]; n > 0 {
			word := string(s)
			if s == gate.Errored {
				word = "not measured"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	n := len(r.Scenarios)
	what := "scenarios"
	if n == 1 {
		what = "scenario"
	}
	said := fmt.Sprintf("%d %s", n, what)
	if len(parts) > 0 {
		said += ": " + strings.Join(parts, ", ")
	}
	if r.Seconds > 0 {
		said += " in " + report.Duration(r.Seconds)
	}
	return said
}
