package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// GitHub writes workflow commands, one line each, that GitHub Actions turns
// into annotations at the lines of a pull request: errors for what fails or
// could not be measured, warnings for what is undecided, notices for what is
// suppressed. The last line, no command, says what the gate came to.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
func GitHub(w io.Writer, r *gate.Report, o Options) error {
	var b strings.Builder
	for _, t := range troubles(r, o.Root) {
		kind, title := "error", "heapdrift"
		switch t.state {
		case gate.Undecided:
			kind = "warning"
		case gate.Passed:
			kind = "notice"
		}
		switch t.rule {
		case ruleHeap, ruleGoroutine:
			title += ": " + strings.ReplaceAll(t.rule, "-", " ")
		case ruleUndecided:
			title += ": undecided"
		}
		fmt.Fprintf(&b, "::%s file=%s,line=%d,title=%s::%s\n", kind, property(t.at.File), t.at.Line, property(title), data(t.message))
	}
	for _, s := range r.Warnings {
		fmt.Fprintf(&b, "::warning title=heapdrift::%s\n", data(s))
	}
	for i := range r.Scenarios {
		for _, s := range r.Scenarios[i].Warnings {
			fmt.Fprintf(&b, "::warning title=heapdrift::%s\n", data(r.Scenarios[i].Name+": "+s))
		}
	}
	b.WriteString("heapdrift: " + string(r.State) + ", " + tally(r) + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the gate's annotations: %w", err)
	}
	return nil
}

// data escapes the message of a command, property one of its properties. What
// is not printable is replaced first: a line break would begin a command.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(report.Printable(s))
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}
