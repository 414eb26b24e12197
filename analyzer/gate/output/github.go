package output

import (
	"fmt"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

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
