package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/lab"
)

func (a *app) labList() *cobra.Command {
	format := flags.Text
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios and their truth",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			switch scenarios := lab.Scenarios(); format {
			case flags.JSON:
				e := json.NewEncoder(a.out) // out keeps the error
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(scenarios)
			case flags.Markdown:
				scenarioTable(a.out, scenarios, func(name string) string { return name })
			default:
				for _, s := range scenarios {
					fmt.Fprintf(a.out, "%s\n%25s %s\n", strings.TrimRight(fmt.Sprintf("%-14s %-10s %s", s.Name, s.Kind, effect(s.Truth.Leaky)), " "), "", s.Story)
				}
			}
			return nil
		},
	}
	cmd.Flags().Var(&format, "format", "format of the list")
	return cmd
}

// scenarioTable writes scenarios as a Markdown table; shown is how a name is
// written. Errors of writing are w's to keep.
func scenarioTable(w io.Writer, scenarios []lab.Scenario, shown func(name string) string) {
	fmt.Fprintf(w, "| scenario | the defect | what it does | verdict on it |\n|---|---|---|---|\n")
	for _, s := range scenarios {
		verdict := s.Truth.Leaky.Run + ", fixed: " + s.Truth.Fixed.Run
		does := effect(s.Truth.Leaky)
		if s.Kind == lab.KindControl {
			verdict, does = s.Truth.Fixed.Run, "nothing wrong: a control"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", shown(s.Name), strings.ReplaceAll(s.Story, "|", "\\|"), does, verdict)
	}
}

// effect is what a leaky variant does, in numbers.
func effect(t lab.LeakyTruth) string {
	var parts []string
	say := func(known float64, format string, args ...any) {
		if known > 0 {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	say(t.BytesPerOp, "keeps %s/op", report.Bytes(t.BytesPerOp))
	say(t.GoroutinesPerOp, "leaves %s goroutines/op", report.Number(t.GoroutinesPerOp))
	say(t.PeakTimes, "peak of live heap × %g or more", t.PeakTimes)
	say(t.AllocatedTimes, "allocates × %g or more", t.AllocatedTimes)
	say(t.HighWater, "keeps %s for good", report.Bytes(t.HighWater))
	if len(parts) == 0 && t.Finding != "" {
		parts = append(parts, t.Finding)
	}
	return strings.Join(parts, ", ")
}
