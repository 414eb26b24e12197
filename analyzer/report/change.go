package report

import (
	"io"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
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
	Schema    string        `json:"schema"`
	Change    detect.Change `json:"change"`
	Axis      string        `json:"axis"` // "op" or "s"
	Before    Side          `json:"before"`
	After     Side          `json:"after"`
	Totals    []ChangeRow   `json:"totals"`
	Sites     []ChangeRow   `json:"sites"`     // what is worse first
	Unchanged int           `json:"unchanged"` // other sites and groups
	Why       []string      `json:"why"`
	Warnings  []string      `json:"warnings"`
}

// Side is one of the runs: what it was and what it was judged to be.
type Side struct {
	Verdict detect.RunVerdict `json:"verdict"`
	Target  Target            `json:"target"`
	Run     Run               `json:"run"`
}

// ChangeRow is one quantity in both runs: bytes, objects or goroutines per Axis.
type ChangeRow struct {
	ID         string           `json:"id"`
	Kind       detect.Kind      `json:"kind"` // "total", "heap" or "goroutine"
	Function   string           `json:"function,omitempty"`
	File       string           `json:"file,omitempty"`
	Line       int              `json:"line,omitempty"`
	Stack      []snapshot.Frame `json:"stack,omitempty"` // leaf first
	WaitReason string           `json:"wait_reason,omitempty"`
	Change     detect.Change    `json:"change"`
	Before     *Interval        `json:"before,omitempty"`
	After      *Interval        `json:"after,omitempty"`
	Difference *Interval        `json:"difference,omitempty"` // after less before
	P          *float64         `json:"p,omitempty"`          // two-sided
	DF         *float64         `json:"df,omitempty"`
	Margin     *float64         `json:"margin,omitempty"` // a difference within ± this is "same"
	Was        detect.Verdict   `json:"was,omitempty"`    // verdict in the first run
	Is         detect.Verdict   `json:"is,omitempty"`     // verdict in the second run
	Why        string           `json:"why"`
}

// NewChange makes the document of a comparison, which is only read.
func NewChange(c *Changed) *ChangeDocument {
	d := &ChangeDocument{
		Schema: ChangeSchema, Change: c.Change, Axis: c.axis(),
		Before: side(c.Before, c.Comparison.Before), After: side(c.After, c.Comparison.After),
		Totals: rowsOf(c.Totals), Sites: rowsOf(c.Sites), Unchanged: c.Unchanged,
		Why: list(c.Why), Warnings: list(c.warnings()),
	}
	return d
}

func (c *Changed) axis() string {
	if c.PerOp {
		return "op"
	}
	return "s"
}

func side(run *snapshot.Run, res *detect.Result) Side {
	d := New(run, res)
	return Side{Verdict: d.Verdict, Target: d.Target, Run: d.Run}
}

// warnings of the comparison, then those of either run.
func (c *Changed) warnings() []string {
	out := append([]string(nil), c.Warnings...)
	for _, s := range []struct {
		name string
		run  *snapshot.Run
		res  *detect.Result
	}{{"first run: ", c.Before, c.Comparison.Before}, {"second run: ", c.After, c.Comparison.After}} {
		for _, w := range warnings(s.run, s.res) {
			out = append(out, s.name+w)
		}
	}
	return out
}

func rowsOf(rows []detect.Compared) []ChangeRow {
	out := make([]ChangeRow, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		row := ChangeRow{
			ID: r.ID, Kind: r.Kind, File: r.File, Line: r.Line, Stack: r.Stack, WaitReason: r.WaitReason,
			Change: r.Change, Before: interval(r.Before), After: interval(r.After), Difference: interval(r.Difference),
			Margin: known(r.Margin), Was: r.Was, Is: r.Is, Why: r.Why,
		}
		if r.Kind != detect.KindTotal {
			row.Function = r.Function
		}
		if row.Difference != nil {
			row.P, row.DF = finite(&r.P), known(r.DF)
		}
		out = append(out, row)
	}
	return out
}

// ChangeJSON writes a comparison as one indented JSON object.
func ChangeJSON(w io.Writer, c *Changed) error { return encode(w, NewChange(c)) }
