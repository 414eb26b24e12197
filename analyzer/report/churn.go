package report

import (
	"fmt"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// mostChurn is how many places that churn the text names.
const mostChurn = 3

// churning are the places that allocate much per operation and keep nothing: they
// are no leak and leave the verdict alone. more counts those beyond mostChurn.
func churning(res *detect.Result) (shown []*detect.Finding, more int) {
	for i := range res.Findings {
		f := &res.Findings[i]
		switch {
		case f.Verdict != detect.Churn || f.AllocPerOp == nil || !allFinite(f.AllocPerOp.Estimate):
		case len(shown) == mostChurn:
			more++
		default:
			shown = append(shown, f)
		}
	}
	return shown, more
}

// churn names them in the text, a line each.
func (t *text) churn() {
	shown, more := churning(t.res)
	for _, f := range shown {
		line := glyph(f.Verdict) + " " + word(f.Verdict) + "   " + churns(f) + "   " + shortFunction(f.Function)
		if at := place(f.Function, f.File, f.Line, t.run.Target.Module); at != "" {
			line += "   " + at
		}
		t.line(line)
	}
	if more > 0 {
		t.line(fmt.Sprintf("%s… and %d more (all of them with --format json)", indent, more))
	}
}

// churnList names them in Markdown.
func churnList(b *strings.Builder, run *snapshot.Run, res *detect.Result) {
	shown, more := churning(res)
	for i, f := range shown {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "- churn: %s %s: %s\n", code(shortFunction(f.Function)), escape(place(f.Function, f.File, f.Line, run.Target.Module)), churns(f))
	}
	if more > 0 {
		fmt.Fprintf(b, "- … and %d more\n", more)
	}
}

// churns is how much a place allocates: "312 KiB/op [300, 320] allocated, 41 %
// of all".
func churns(f *detect.Finding) string {
	s := rate(f.AllocPerOp, quantityBytes, "op", false) + " allocated"
	if f.Share > 0 && allFinite(f.Share) {
		s += fmt.Sprintf(", %s %% of all", Count(100*f.Share))
	}
	return s
}
