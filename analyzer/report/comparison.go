package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Judged is a run with its result.
type Judged struct {
	Run    *snapshot.Run
	Result *detect.Result
}

// Comparison is a scenario's two variants held against its truth. Leaky is nil
// for a control, which has none; Fixed is nil where it could not be run.
type Comparison struct {
	Scenario string
	Leaky    *Judged
	Fixed    *Judged
	Pass     bool
	// Undecided says that nothing contradicts the truth, but a run was
	// inconclusive.
	Undecided bool
	Mismatch  []string // what contradicts the truth, in sentences
	Truth     *TrueSizes
}

// TrueSizes is what the leaky variant was held against, where its truth states
// sizes; what is 0 is not stated.
type TrueSizes struct {
	BytesPerOp      float64 `json:"bytes_per_op,omitempty"`
	GoroutinesPerOp float64 `json:"goroutines_per_op,omitempty"`
}

// comparisonDocument is a Comparison as JSON has it.
type comparisonDocument struct {
	Scenario string     `json:"scenario"`
	Truth    *TrueSizes `json:"truth,omitempty"`
	Leaky    *Document  `json:"leaky,omitempty"`
	Fixed    *Document  `json:"fixed,omitempty"`
	Pass     bool       `json:"pass"`
	Mismatch []string   `json:"mismatch"`
}

func (c *Comparison) document() comparisonDocument {
	d := comparisonDocument{Scenario: c.Scenario, Truth: c.Truth, Pass: c.Pass, Mismatch: List(c.Mismatch)}
	if c.Leaky != nil {
		d.Leaky = New(c.Leaky.Run, c.Leaky.Result)
	}
	if c.Fixed != nil {
		d.Fixed = New(c.Fixed.Run, c.Fixed.Result)
	}
	return d
}

// ComparisonJSON writes one comparison as a JSON object.
func ComparisonJSON(w io.Writer, c *Comparison) error {
	return Encode(w, c.document(), "the comparison as JSON")
}

// ComparisonsJSON writes several as a JSON array, empty for none.
func ComparisonsJSON(w io.Writer, cs []*Comparison) error {
	ds := make([]comparisonDocument, 0, len(cs))
	for _, c := range cs {
		ds = append(ds, c.document())
	}
	return Encode(w, ds, "the comparisons as JSON")
}

// ComparisonsText writes comparisons for people: each variant's report under a
// heading, then one line that says whether the truth was met.
func ComparisonsText(w io.Writer, cs []*Comparison, o TextOptions) error {
	t := newText(o)
	for i, c := range cs {
		if i > 0 {
			t.line("")
		}
		c.text(t)
	}
	if len(cs) > 1 {
		t.line("")
		t.line(countOutcomes(cs))
	}
	return Write(w, t.b.String(), "the comparison as text")
}

// countOutcomes tells the outcomes: "17 scenarios: 16 pass, 1 undecided (cache)".
func countOutcomes(cs []*Comparison) string {
	var undecided, failed []string
	for _, c := range cs {
		switch {
		case c.Pass:
		case c.Undecided:
			undecided = append(undecided, Printable(c.Scenario))
		default:
			failed = append(failed, Printable(c.Scenario))
		}
	}
	s := fmt.Sprintf("%d scenarios: %d pass", len(cs), len(cs)-len(undecided)-len(failed))
	if n := len(undecided); n > 0 {
		s += fmt.Sprintf(", %d undecided (%s)", n, strings.Join(undecided, ", "))
	}
	if n := len(failed); n > 0 {
		s += fmt.Sprintf(", %d FAIL (%s)", n, strings.Join(failed, ", "))
	}
	return s
}

func (c *Comparison) text(t *text) {
	for _, v := range c.variants() {
		t.line("── " + Printable(c.Scenario) + "/" + v.name)
		t.report(v.Run, v.Result)
		t.line("")
	}
	glyph, word, sgr := c.outcome()
	t.line(t.head(glyph+" "+word, sgr) + c.summary())
	for _, m := range c.Mismatch {
		t.line(indent + Printable(m))
	}
}

// ComparisonsMarkdown writes comparisons as a table, then each variant's report.
func ComparisonsMarkdown(w io.Writer, cs []*Comparison) error {
	var b strings.Builder
	b.WriteString("| scenario | leaky | fixed | as it should be |\n|---|---|---|---|\n")
	for _, c := range cs {
		verdict := map[string]string{"leaky": "", "fixed": ""}
		for _, v := range c.variants() {
			verdict[v.name] = string(v.Result.Verdict)
		}
		glyph, word, _ := c.outcome()
		fmt.Fprintf(&b, "| %s | %s | %s | %s %s |\n", Markup(c.Scenario), verdict["leaky"], verdict["fixed"], glyph, word)
	}
	for _, c := range cs {
		for _, m := range c.Mismatch {
			fmt.Fprintf(&b, "\n- %s: %s\n", Markup(c.Scenario), Markup(m))
		}
		for _, v := range c.variants() {
			b.WriteString("\n" + markdown(v.Run, v.Result, c.Scenario+"/"+v.name))
		}
	}
	return Write(w, b.String(), "the comparison as Markdown")
}

type variant struct {
	name string
	*Judged
}

func (c *Comparison) variants() []variant {
	var out []variant
	if c.Leaky != nil {
		out = append(out, variant{"leaky", c.Leaky})
	}
	if c.Fixed != nil {
		out = append(out, variant{"fixed", c.Fixed})
	}
	return out
}

func (c *Comparison) outcome() (glyph, word, sgr string) {
	switch {
	case c.Pass:
		return "✓", "pass", "32"
	case c.Undecided:
		return "?", "undecided", "33"
	}
	return "✗", "FAIL", "1;31"
}

// Line is the outcome in one line: "✓ pass  closure: leaky is leak, fixed is
// clean, as it should be".
func (c *Comparison) Line() string {
	glyph, word, _ := c.outcome()
	return glyph + " " + word + c.summary()
}

// summary says what the variants were judged to be: "  closure: leaky is leak,
// fixed is clean, as it should be".
func (c *Comparison) summary() string {
	var parts []string
	for _, v := range c.variants() {
		parts = append(parts, v.name+" is "+string(v.Result.Verdict))
	}
	s := "  " + Printable(c.Scenario) + ": " + strings.Join(parts, ", ")
	switch {
	case c.Pass:
		return s + ", as it should be"
	case c.Undecided:
		return s + "; not decided: run it longer (--for)"
	}
	return s + "; this contradicts the scenario's truth"
}
