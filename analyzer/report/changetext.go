package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// changeGlyph goes before the word of a change; it is one column wide.
func changeGlyph(c detect.Change) string {
	switch c {
	case detect.Worse, detect.Appeared:
		return "▲"
	case detect.Better, detect.Gone:
		return "▼"
	case detect.Same:
		return "="
	}
	return "?"
}

func (c *Changed) sgr() string {
	switch c.Change {
	case detect.Worse:
		return "1;31"
	case detect.Better:
		return "32"
	case detect.Undecided:
		return "33"
	}
	return ""
}

// ChangeText writes a comparison for people: the change in all, then a table of
// the totals and of the sites that changed, at most TextOptions.MaxFindings.
func ChangeText(w io.Writer, c *Changed, o TextOptions) error {
	t := &text{o: o}
	word := string(c.Change)
	if s := c.sgr(); s != "" {
		word = t.head(word, s)
	}
	t.line(word + "  " + c.sentence())
	limit := o.MaxFindings
	if limit <= 0 {
		limit = 10
	}
	rows, more := c.table(), 0
	if most := len(rows) - len(c.Sites) + limit; len(rows) > most {
		rows, more = rows[:most], len(rows)-most
	}
	var width [5]int
	for _, r := range rows {
		for k, s := range r.cells {
			width[k] = max(width[k], utf8.RuneCountInString(s))
		}
	}
	t.line("")
	for _, r := range rows {
		line := ""
		for k, s := range r.cells {
			if k > 0 && k < 4 { // numbers to the right
				line += strings.Repeat(" ", width[k]-utf8.RuneCountInString(s)) + s + "   "
				continue
			}
			line += pad(s, width[k]) + "   "
		}
		t.line(line)
	}
	if more > 0 {
		t.line(fmt.Sprintf("%s… and %d more (all of them with --format json)", indent, more))
	}
	if n := c.Unchanged; n > 0 {
		t.line(indent + unchanged(n))
	}
	for _, s := range c.Why {
		t.line("note: " + printable(s))
	}
	for _, s := range c.warnings() {
		t.prose("warning: ", printable(s))
	}
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("write the comparison as text: %w", err)
	}
	return nil
}

// ChangeMarkdown writes a comparison as a comment on a pull request shows it.
func ChangeMarkdown(w io.Writer, c *Changed) error {
	var b strings.Builder
	mark := map[detect.Change]string{detect.Worse: "❌", detect.Better: "✅", detect.Same: "✅"}[c.Change]
	if c.Comparison.After.Verdict == detect.RunLeak {
		mark = "❌"
	}
	if mark == "" {
		mark = "⚠"
	}
	fmt.Fprintf(&b, "### %s heapdrift: %s\n%s\n\n", mark, c.Change, escape(c.sentence()))
	for i, r := range c.table() {
		cells := make([]string, len(r.cells))
		for k, s := range r.cells {
			cells[k] = escape(s)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|--:|--:|--:|---|\n")
		}
	}
	if c.Unchanged > 0 {
		b.WriteString("\n" + unchanged(c.Unchanged) + "\n")
	}
	for _, s := range append(append([]string(nil), c.Why...), c.warnings()...) {
		b.WriteString("\n- " + escape(s))
	}
	if len(c.Why)+len(c.warnings()) > 0 {
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the comparison as Markdown: %w", err)
	}
	return nil
}

// sentence is the headline: "live heap 213 B/op less [209, 217]; first run leak,
// second run clean".
func (c *Changed) sentence() string {
	s := ""
	for i := range c.Totals {
		r := &c.Totals[i]
		if r.ID == "live_bytes" && r.Difference != nil && allFinite(r.Difference.Estimate) {
			s = "live heap " + difference(r.Difference, quantityBytes) + " per " + c.axis() + "; "
		}
	}
	return s + fmt.Sprintf("first run %s (%s), second run %s (%s)",
		c.Comparison.Before.Verdict, span(c.Before, c.Comparison.Before),
		c.Comparison.After.Verdict, span(c.After, c.Comparison.After))
}

// unchanged counts the sites and groups that are not shown.
func unchanged(n int) string {
	s := "1 other site or group"
	if n != 1 {
		s = Count(float64(n)) + " other sites and groups"
	}
	return s + " of goroutines without a change to speak of"
}

// changeLine is a row of the table: name, before, after, difference, change.
type changeLine struct{ cells [5]string }

func (c *Changed) table() []changeLine {
	per := "/" + c.axis()
	out := []changeLine{{[5]string{"", "before" + per, "after" + per, "difference" + per, ""}}}
	names := map[string]string{
		"live_bytes": "live heap", "live_objects": "live objects", "goroutines": "goroutines",
		"stack_bytes": "stacks", "rss_bytes": "RSS", "allocated_bytes": "allocated",
	}
	for i := range c.Totals {
		r := &c.Totals[i]
		name := names[r.ID]
		if name == "" {
			name = r.ID
		}
		q := quantityBytes
		switch r.ID {
		case "live_objects":
			q = quantityObjects
		case "goroutines":
			q = quantityGoroutines
		}
		out = append(out, c.line(r, name, q))
	}
	for i := range c.Sites {
		r := &c.Sites[i]
		q, name := quantityBytes, shortFunction(r.Function)
		if r.Kind == detect.KindGoroutine {
			q = quantityGoroutines
		}
		if r.WaitReason != "" {
			name += " [" + printable(r.WaitReason) + "]"
		}
		module := c.After.Target.Module
		if at := place(r.Function, r.File, r.Line, module); at != "" {
			name += " " + at
		}
		out = append(out, c.line(r, name, q))
	}
	return out
}

func (c *Changed) line(r *detect.Compared, name string, q quantity) changeLine {
	change := changeGlyph(r.Change) + " " + string(r.Change)
	if r.Change == detect.Undecided && r.Why != "" {
		change += ": " + printable(r.Why)
	}
	return changeLine{[5]string{name, estimate(r.Before, q), estimate(r.After, q), difference(r.Difference, q), change}}
}

// estimate prints a number without its bounds; "–" where there is none.
func estimate(i *stats.Interval, q quantity) string {
	switch {
	case i == nil || !allFinite(i.Estimate):
		return "–"
	case q != quantityBytes:
		return Number(i.Estimate)
	case math.Abs(i.Estimate) < 0.005:
		return "0 B"
	}
	return Bytes(i.Estimate)
}

// difference prints an estimate with its sign and its interval, to the digits
// that the interval leaves.
func difference(i *stats.Interval, q quantity) string {
	if i == nil || !allFinite(i.Estimate) {
		return "–"
	}
	size := math.Abs(i.Estimate)
	if i.Finite() {
		size = math.Max(size, (i.Hi-i.Lo)/2)
	}
	u := unit{"", 1}
	if q == quantityBytes {
		u = unitOf(size)
	}
	n := decimals(size / u.size)
	s := digits(i.Estimate/u.size, n)
	if i.Estimate > 0 && strings.Trim(s, "0.") != "" {
		s = "+" + s
	}
	if u.name != "" {
		s += " " + u.name
	}
	if i.Finite() {
		s += " [" + digits(i.Lo/u.size, n) + ", " + digits(i.Hi/u.size, n) + "]"
	}
	return s
}
