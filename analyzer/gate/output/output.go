// Package output writes a gate's report in the formats that people and CI
// systems read. It is pure: a gate.Report in, bytes out. What a program under
// test or a configuration named is printed without what could steer a terminal.
package output

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Options shape the formats that have a choice. The zero value prints text
// without colour, and files as the compiler named them within their module.
type Options struct {
	// Color asks for colour codes in text. The caller has made sure that w is a
	// terminal and that NO_COLOR is not set.
	Color bool
	// Root is the repository's folder, absolute: code hosts want files relative
	// to it. Empty: not known.
	Root string
	// Time is when the gate ended; zero: it is left out.
	Time time.Time
	// Version of heapdrift; empty: it is left out.
	Version string
}

// Write writes the report in a format: text, json, markdown, junit, sarif,
// github.
func Write(w io.Writer, format string, r *gate.Report, o Options) error {
	switch format {
	case "text":
		return report.Write(w, asText(r, o.Color), "the gate's report as text")
	case "json": // in the schema heapdrift/gate/v1
		return report.Encode(w, r, "the gate's report as JSON")
	case "markdown":
		return report.Write(w, asMarkdown(r), "the gate's report as Markdown")
	case "junit":
		return junit(w, r, o)
	case "sarif":
		return report.Encode(w, asSARIF(r, o), "the gate's report as SARIF")
	case "github":
		return report.Write(w, asAnnotations(r, o.Root), "the gate's annotations")
	}
	return fmt.Errorf("the gate has no format %q", format)
}

// looks are how the formats show a state: in words, as the head of a line of
// text with its SGR code, as a mark in Markdown, as a level of SARIF and as a
// workflow command. What passes is told where it is suppressed.
var looks = map[gate.State]struct{ said, head, sgr, mark, level, command string }{
	gate.Failed:    {"failed", "✗ FAILED", "1;31", "❌", "error", "error"},
	gate.Errored:   {"not measured", "! ERROR", "1;31", "❌", "error", "error"},
	gate.Undecided: {"undecided", "? undecided", "33", "⚠", "warning", "warning"},
	gate.Passed:    {"passed", "✓ passed", "32", "✅", "note", "notice"},
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
			parts = append(parts, fmt.Sprintf("%d %s", n, looks[s].said))
		}
	}
	said := report.Plural(float64(len(r.Scenarios)), "scenario")
	if len(parts) > 0 {
		said += ": " + strings.Join(parts, ", ")
	}
	if r.Seconds > 0 {
		said += " in " + report.Duration(r.Seconds)
	}
	return said
}

// warnings are those of the whole gate, then those of each scenario.
func warnings(r *gate.Report) []string {
	all := slices.Clone(r.Warnings)
	for _, s := range r.Scenarios {
		for _, w := range s.Warnings {
			all = append(all, s.Name+": "+w)
		}
	}
	return all
}

// problem is what a scenario's summary does not say; empty where it is the summary.
func problem(s *gate.Scenario) string {
	if s.Problem == s.Summary {
		return ""
	}
	return s.Problem
}

// shown are the findings that people are told of: of a scenario that passed, only
// those that are suppressed or gone.
func shown(s *gate.Scenario) []*gate.Finding {
	var out []*gate.Finding
	for i := range s.Findings {
		if f := &s.Findings[i]; s.State != gate.Passed || f.Suppressed != nil || f.Status == gate.StatusGone {
			out = append(out, f)
		}
	}
	return out
}

func suppression(x *gate.Suppression) string {
	return fmt.Sprintf("suppressed until %s: %s", x.Expires, x.Reason)
}
