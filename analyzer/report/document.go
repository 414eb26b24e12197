// Package report renders a judged run: as JSON in the schema
// heapdrift/report/v1, as text for a terminal, and as Markdown for a pull
// request. Every sentence that people read of a verdict is made here
// (sentences.go). It is pure: a run and its result in, bytes out.
//
// In the JSON, what is not known is absent, never 0; lists are always there,
// empty where there is nothing to say; no number is ever NaN or infinite: an
// infinite bound of an interval is left out, and so is an interval without an
// estimate.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Schema names the format that Document encodes to.
const Schema = "heapdrift/report/v1"

// Document is the report as JSON has it. Pointers are nil where unknown.
type Document struct {
	Schema   string                   `json:"schema"`
	Verdict  detect.RunVerdict        `json:"verdict"`
	Proof    detect.Proof             `json:"proof,omitempty"`   // of a leak: growth or proved
	Reasons  []detect.Reason          `json:"reasons,omitempty"` // of Proof
	Why      []string                 `json:"why,omitempty"`     // the same in sentences; of an inconclusive run what is not known
	Next     []string                 `json:"next,omitempty"`    // what would decide an inconclusive run, the first thing first
	Target   Target                   `json:"target"`
	Run      Run                      `json:"run"`
	Totals   map[string]*detect.Total `json:"totals"` // by name; those of which something is known
	Power    *detect.Power            `json:"power,omitempty"`
	Forecast *Forecast                `json:"forecast,omitempty"`
	Findings []Finding                `json:"findings"` // worst first
	Warnings []string                 `json:"warnings"`
	Codes    []detect.Code            `json:"warning_codes"` // of Warnings, one each
}

// Target is the process that was observed: what of it is the reader's.
type Target struct {
	Name           string `json:"name,omitempty"`
	GoVersion      string `json:"go_version,omitempty"`
	PID            int    `json:"pid,omitempty"`
	MemProfileRate int64  `json:"memprofilerate,omitempty"` // bytes a sample
}

// Run says what was recorded.
type Run struct {
	Snapshots int           `json:"snapshots"`
	Ops       *int64        `json:"ops,omitempty"`
	Seconds   *float64      `json:"seconds,omitempty"`
	Load      *Load         `json:"load,omitempty"`
	Peak      snapshot.Peak `json:"peak,omitzero"`
}

// Load is the steady phase's load. It is no snapshot.LoadInfo, which encodes for
// bundles: there 0 is left out, and here a count of 0 is known where heapdrift
// drove the load, and absent where the load was external.
type Load struct {
	Rate         *float64          `json:"rate,omitempty"` // intended, per second
	Sent         *int64            `json:"sent,omitempty"`
	Completed    *int64            `json:"completed,omitempty"`
	Errors       *int64            `json:"errors,omitempty"`
	Shed         *int64            `json:"shed,omitempty"`
	AchievedRate *float64          `json:"achieved_rate,omitempty"` // per second
	MaxInFlight  int64             `json:"max_in_flight,omitempty"`
	Valid        *bool             `json:"valid,omitempty"`
	LatencyMS    *snapshot.Latency `json:"latency_ms,omitempty"` // milliseconds
}

// Forecast is the detector's with its assumption in a sentence.
type Forecast struct {
	detect.Forecast
	Assumes string `json:"assumes,omitempty"`
}

// Finding is the detector's with its reasons in sentences.
type Finding struct {
	detect.Finding
	Why      []string `json:"why"`
	Warnings []string `json:"warnings"` // empty: a finding has none
	HeldBy   []string `json:"held_by"`
}

// NewFinding makes the finding of a report.
func NewFinding(f *detect.Finding) Finding {
	out := Finding{Finding: *f, Why: List(FindingWhy(f, Script)), Warnings: []string{}, HeldBy: List(Held(f.HeldBy, Script))}
	out.Stack = List(f.Stack)
	return out
}

// New makes the report of a judged run. Neither argument may be nil; both are
// only read, and the Document shares their slices.
func New(run *snapshot.Run, res *detect.Result) *Document {
	d := &Document{
		Schema:  Schema,
		Verdict: res.Verdict,
		Target: Target{
			Name: run.Target.Name, GoVersion: run.Target.GoVersion,
			PID: run.Target.PID, MemProfileRate: run.Target.MemProfileRate,
		},
		Run:      Run{Snapshots: res.Snapshots, Seconds: known(res.Seconds), Load: load(run.Load), Peak: run.Peak},
		Totals:   map[string]*detect.Total{},
		Findings: make([]Finding, 0, len(res.Findings)),
	}
	if res.HasOps() {
		d.Run.Ops = &res.Ops
	}
	for i := range res.Totals {
		t := &res.Totals[i]
		if !t.In(detect.PerOp).IsZero() || !t.In(detect.PerSecond).IsZero() || t.Verdict != detect.Unknown {
			d.Totals[t.Name] = t
		}
	}
	if p := res.Power; p != nil && res.HasOps() && (p.Bytes != nil || p.Goroutines != nil) {
		d.Power = p
	}
	if f := res.Forecast; f != nil {
		d.Forecast = &Forecast{Forecast: *f, Assumes: assumption(f, Script)}
	}
	for i := range res.Findings {
		d.Findings = append(d.Findings, NewFinding(&res.Findings[i]))
	}
	if res.Verdict == detect.RunInconclusive {
		var open []said
		open, d.Next = undecided(run, res, Script)
		for _, s := range open {
			d.Why = append(d.Why, s.full)
		}
	} else if s := Proof(res, Script); s != "" {
		d.Proof, d.Reasons, d.Why = res.Proof, res.Reasons, []string{s}
	}
	d.Warnings, d.Codes = warnings(res.Warnings, Script)
	d.Warnings, d.Codes = List(d.Warnings), List(d.Codes)
	return d
}

// JSON writes the report as one indented JSON object and a newline.
func JSON(w io.Writer, run *snapshot.Run, res *detect.Result) error {
	return Encode(w, New(run, res), "the report as JSON")
}

// Encode writes v, which is called what, as indented JSON and a newline.
func Encode(w io.Writer, v any, what string) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// Write writes a text, which is called what.
func Write(w io.Writer, text, what string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

func load(l snapshot.LoadInfo) *Load {
	count := func(n int64) *int64 {
		if n == 0 && l.Source != "heapdrift" {
			return nil
		}
		return &n
	}
	out := &Load{
		Rate: known(l.Rate), AchievedRate: known(l.Achieved),
		Sent: count(l.Sent), Completed: count(l.Completed),
		Errors: count(l.Errors), Shed: count(l.Shed),
		MaxInFlight: max(0, l.MaxInFlight), Valid: l.Valid,
	}
	if q := l.Latency; q != nil && stats.Finite(q.P50, q.P90, q.P99, q.P999, q.Max) {
		nine := func(v float64) float64 { return *stats.Printable(v) }
		out.LatencyMS = &snapshot.Latency{P50: nine(q.P50), P90: nine(q.P90), P99: nine(q.P99), P999: nine(q.P999), Max: nine(q.Max)}
	}
	if *out == (Load{}) {
		return nil
	}
	return out
}

// List makes nil an empty list, so that readers may iterate without asking.
func List[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// known is nil where v is 0 (the zero value of "not known"), NaN or infinite.
func known(v float64) *float64 {
	if v == 0 {
		return nil
	}
	return stats.Printable(v)
}
