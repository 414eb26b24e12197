package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// ChangeSchema names the format that ChangeDocument encodes to.
const ChangeSchema = "heapdrift/compare/v1"

// Changed is two runs with what changed between them.
type Changed struct {
	Before, After *snapshot.Run
	*detect.Comparison
}

// ChangeDocument is a comparison of two runs as JSON has it
// (docs/compare.md). All growth is per Axis.
type ChangeDocument struct {
	Schema    string          `json:"schema"`
	Change    detect.Change   `json:"change"`
	Axis      detect.Per      `json:"axis"`
	Before    Side            `json:"before"`
	After     Side            `json:"after"`
	Totals    []ChangeRow     `json:"totals"`
	Sites     []ChangeRow     `json:"sites"`     // what is worse first
	Unchanged int             `json:"unchanged"` // other sites and groups
	Reasons   []detect.Reason `json:"reasons"`   // of Change
	Why       []string        `json:"why"`       // the same in sentences
	Warnings  []string        `json:"warnings"`
	Codes     []detect.Code   `json:"warning_codes"` // of Warnings, one each
}

// Side is one of the runs: what it was and what it was judged to be.
type Side struct {
	Verdict detect.RunVerdict `json:"verdict"`
	Target  Target            `json:"target"`
	Run     Run               `json:"run"`
}

// ChangeRow is one quantity in both runs, with the reasons in a sentence.
type ChangeRow struct {
	detect.Compared
	Why string `json:"why"`
}

// NewChange makes the document of a comparison, which is only read.
func NewChange(c *Changed) *ChangeDocument {
	said, codes := c.warnings(Script)
	return &ChangeDocument{
		Schema: ChangeSchema, Change: c.Change, Axis: c.Per,
		Before: side(c.Before, c.Comparison.Before), After: side(c.After, c.Comparison.After),
		Totals: rowsOf(c.Totals), Sites: rowsOf(c.Sites), Unchanged: c.Unchanged,
		Reasons: List(c.Reasons), Why: List(Why(c.Reasons, Script)), Warnings: List(said), Codes: List(codes),
	}
}

// ChangeJSON writes a comparison as one indented JSON object.
func ChangeJSON(w io.Writer, c *Changed) error {
	return Encode(w, NewChange(c), "the comparison as JSON")
}

func side(run *snapshot.Run, res *detect.Result) Side {
	d := New(run, res)
	return Side{Verdict: d.Verdict, Target: d.Target, Run: d.Run}
}

// warnings of the comparison, then those of either run.
func (c *Changed) warnings(r Reader) (said []string, codes []detect.Code) {
	add := func(of string, ws []detect.Warning) {
		s, k := warnings(ws, r)
		for i := range s {
			said, codes = append(said, of+s[i]), append(codes, k[i])
		}
	}
	add("", c.Warnings)
	add("first run: ", c.Comparison.Before.Warnings)
	add("second run: ", c.Comparison.After.Warnings)
	return said, codes
}

func rowsOf(rows []detect.Compared) []ChangeRow {
	out := make([]ChangeRow, len(rows))
	for i, r := range rows {
		r.P, r.DF, r.Reasons = stats.PrintableAt(r.P), stats.PrintableAt(r.DF), List(r.Reasons)
		r.Margin = *cmp.Or(stats.Printable(r.Margin), new(float64))
		out[i] = ChangeRow{r, Sentence(Why(r.Reasons, Script))}
	}
	return out
}

// ChangeText writes a comparison for people: the change in all, then a table of
// the totals and of the sites that changed, at most TextOptions.MaxFindings.
func ChangeText(w io.Writer, c *Changed, o TextOptions) error {
	t := newText(o)
	sgr := map[detect.Change]string{detect.Worse: "1;31", detect.Better: "32", detect.Undecided: "33"}[c.Change]
	t.line(t.head(string(c.Change), sgr) + "  " + c.headline())
	t.line("")
	rows := c.table(t.o.Reader)
	more := max(0, len(c.Sites)-t.o.MaxFindings)
	for _, line := range Columns(rows[:len(rows)-more], 1, 2, 3) {
		t.line(line)
	}
	for _, l := range hidden(more) {
		t.line(l)
	}
	if n := c.Unchanged; n > 0 {
		t.line(indent + unchanged(n))
	}
	for _, s := range Why(c.Reasons, t.o.Reader) {
		t.line("note: " + s)
	}
	said, _ := c.warnings(t.o.Reader)
	for _, s := range said {
		t.prose("warning: ", s)
	}
	return Write(w, t.b.String(), "the comparison as text")
}

// ChangeMarkdown writes a comparison as a comment on a pull request shows it.
func ChangeMarkdown(w io.Writer, c *Changed) error {
	var b strings.Builder
	mark := "⚠"
	switch {
	case c.Change == detect.Worse || c.Comparison.After.Verdict == detect.RunLeak:
		mark = "❌"
	case c.Change == detect.Better || c.Change == detect.Same:
		mark = "✅"
	}
	fmt.Fprintf(&b, "### %s heapdrift: %s\n%s\n\n", mark, c.Change, Markup(c.headline()))
	for i, row := range c.table(Operator) {
		for k, s := range row {
			row[k] = Markup(s)
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|--:|--:|--:|---|\n")
		}
	}
	if c.Unchanged > 0 {
		b.WriteString("\n" + unchanged(c.Unchanged) + "\n")
	}
	said, _ := c.warnings(Operator)
	notes := slices.Concat(Why(c.Reasons, Operator), said)
	for _, s := range notes {
		b.WriteString("\n- " + Markup(s))
	}
	if len(notes) > 0 {
		b.WriteByte('\n')
	}
	return Write(w, b.String(), "the comparison as Markdown")
}

// headline is "live heap 213 B/op less [209, 217]; first run leak, second run
// clean".
func (c *Changed) headline() string {
	s := ""
	for i := range c.Totals {
		r := &c.Totals[i]
		if r.ID == "live_bytes" && !r.Difference.IsZero() {
			s = "live heap " + difference(r.Difference, true) + " per " + string(c.Per) + "; "
		}
	}
	return s + fmt.Sprintf("first run %s (%s), second run %s (%s)",
		c.Comparison.Before.Verdict, span(c.Before, c.Comparison.Before, true),
		c.Comparison.After.Verdict, span(c.After, c.Comparison.After, true))
}

// unchanged counts the sites and groups that are not shown.
func unchanged(n int) string {
	s := "1 other site or group"
	if n != 1 {
		s = Count(float64(n)) + " other sites and groups"
	}
	return s + " of goroutines without a change to speak of"
}

// table has the columns name, before, after, difference, change; the sites come
// last.
func (c *Changed) table(reader Reader) [][]string {
	per := "/" + string(c.Per)
	out := [][]string{{"", "before" + per, "after" + per, "difference" + per, ""}}
	add := func(r *detect.Compared, name string, bytes bool) {
		glyph := map[detect.Change]string{
			detect.Worse: "▲", detect.Appeared: "▲", detect.Better: "▼", detect.Gone: "▼", detect.Same: "=",
		}[r.Change]
		change := cmp.Or(glyph, "?") + " " + string(r.Change)
		if why := Why(r.Reasons, reader); r.Change == detect.Undecided && len(why) > 0 {
			change += ": " + Sentence(why)
		}
		out = append(out, []string{name, estimate(r.Before, bytes), estimate(r.After, bytes), difference(r.Difference, bytes), change})
	}
	names := map[string]string{
		"live_bytes": "live heap", "live_objects": "live objects", "stack_bytes": "stacks",
		"rss_bytes": "RSS", "allocated_bytes": "allocated",
	}
	for i := range c.Totals {
		r := &c.Totals[i]
		add(r, cmp.Or(names[r.ID], r.ID), r.ID != "live_objects" && r.ID != "goroutines")
	}
	for i := range c.Sites {
		r := &c.Sites[i]
		name := NameOf(r.Function, r.WaitReason)
		if at := Place(r.Function, r.File, r.Line, c.After.Target.Module); at != "" {
			name += " " + at
		}
		add(r, name, r.Kind != detect.KindGoroutine)
	}
	return out
}

// estimate prints a number without its bounds; "–" where there is none.
func estimate(i *stats.Interval, bytes bool) string {
	switch {
	case i.IsZero():
		return "–"
	case !bytes:
		return Number(i.Estimate)
	case math.Abs(i.Estimate) < 0.005:
		return "0 B"
	}
	return Bytes(i.Estimate)
}

// difference prints an estimate with its sign and its interval, to the digits
// that the interval leaves.
func difference(i *stats.Interval, bytes bool) string {
	if i.IsZero() {
		return "–"
	}
	size := math.Abs(i.Estimate)
	if i.Finite() {
		size = math.Max(size, (i.Hi-i.Lo)/2)
	}
	u := unit{"", 1}
	if bytes {
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
	return s + bounds(i, u, n)
}
