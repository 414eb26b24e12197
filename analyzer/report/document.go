// Package report renders a judged run: as JSON in the schema
// heapdrift/report/v1, as text for a terminal, and as Markdown for a pull
// request. It is pure: a run and its result in, bytes out.
//
// In the JSON, what is not known is absent, never 0; lists are always there,
// empty where there is nothing to say; no number is ever NaN or infinite: an
// infinite bound of an interval is left out, and so is an interval without an
// estimate.
package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Schema names the format that Document encodes to.
const Schema = "heapdrift/report/v1"

// Document is the report as JSON has it. Pointers are nil where unknown.
type Document struct {
	Schema   string            `json:"schema"`
	Verdict  detect.RunVerdict `json:"verdict"`
	Target   Target            `json:"target"`
	Run      Run               `json:"run"`
	Totals   Totals            `json:"totals"`
	Power    *Power            `json:"power,omitempty"`
	Forecast *Forecast         `json:"forecast,omitempty"`
	Findings []Finding         `json:"findings"` // worst first
	Warnings []string          `json:"warnings"`
}

// Target is the process that was observed.
type Target struct {
	Name           string `json:"name,omitempty"`
	GoVersion      string `json:"go_version,omitempty"`
	PID            int    `json:"pid,omitempty"`
	MemProfileRate int64  `json:"memprofilerate,omitempty"` // bytes a sample
}

// Run says what was recorded.
type Run struct {
	Snapshots int      `json:"snapshots"`
	Ops       *int64   `json:"ops,omitempty"`
	Seconds   *float64 `json:"seconds,omitempty"`
	Load      *Load    `json:"load,omitempty"`
	Peak      *Peak    `json:"peak,omitempty"`
}

// Load is the steady phase's load. Sent, Errors and Shed are known only where
// heapdrift drove the load itself.
type Load struct {
	Rate         *float64          `json:"rate,omitempty"` // intended, per second
	Sent         *int64            `json:"sent,omitempty"`
	Completed    *int64            `json:"completed,omitempty"`
	Errors       *int64            `json:"errors,omitempty"`
	Shed         *int64            `json:"shed,omitempty"`
	AchievedRate *float64          `json:"achieved_rate,omitempty"` // per second
	MaxInFlight  *int64            `json:"max_in_flight,omitempty"`
	Valid        *bool             `json:"valid,omitempty"`
	LatencyMS    *snapshot.Latency `json:"latency_ms,omitempty"` // milliseconds
}

// Peak holds maxima over the run, in bytes.
type Peak struct {
	LiveBytes *uint64 `json:"live_bytes,omitempty"`
	RSSBytes  *uint64 `json:"rss_bytes,omitempty"`
}

// Totals are the exactly known quantities of the process.
type Totals struct {
	LiveBytes      *Total `json:"live_bytes,omitempty"`
	LiveObjects    *Total `json:"live_objects,omitempty"`
	Goroutines     *Total `json:"goroutines,omitempty"`
	StackBytes     *Total `json:"stack_bytes,omitempty"`
	RSSBytes       *Total `json:"rss_bytes,omitempty"`
	AllocatedBytes *Total `json:"allocated_bytes,omitempty"`
}

// Total is the growth of one quantity; Verdict is absent where neither growth
// nor its absence was shown.
type Total struct {
	PerOp     *Interval      `json:"per_op,omitempty"`
	PerSecond *Interval      `json:"per_second,omitempty"`
	Verdict   detect.Verdict `json:"verdict,omitempty"`
}

// Interval is an estimate with its bounds; an infinite bound is absent.
type Interval struct {
	Estimate float64  `json:"estimate"`
	Lo       *float64 `json:"lo,omitempty"`
	Hi       *float64 `json:"hi,omitempty"`
}

// Power says what a leak must have been to be found with probability
// Confidence.
type Power struct {
	BytesPerOp      *float64 `json:"bytes_per_op,omitempty"`
	GoroutinesPerOp *float64 `json:"goroutines_per_op,omitempty"`
	Confidence      *float64 `json:"confidence,omitempty"`
	// SiteBytesPerOp is what a site that frees nothing must have kept to be named,
	// BusiestSite what the one must have that churns most.
	SiteBytesPerOp *float64   `json:"site_bytes_per_op,omitempty"`
	BusiestSite    *SitePower `json:"busiest_site,omitempty"`
}

// Forecast says when the memory limit is reached if growth goes on. Limit is whose
// limit it is; Assumes what is taken for granted, in a sentence.
type Forecast struct {
	Limit          detect.LimitKind `json:"limit,omitempty"`
	Assumes        string           `json:"assumes,omitempty"`
	LimitBytes     int64            `json:"limit_bytes,omitempty"`
	SecondsToLimit *Interval        `json:"seconds_to_limit,omitempty"`
}

// Finding is one site or group, or growth that no site explains.
type Finding struct {
	ID              string           `json:"id"`
	Kind            detect.Kind      `json:"kind"`
	Verdict         detect.Verdict   `json:"verdict,omitempty"`
	Function        string           `json:"function"`
	File            string           `json:"file,omitempty"`
	Line            int              `json:"line,omitempty"`
	Stack           []snapshot.Frame `json:"stack"` // leaf first
	WaitReason      string           `json:"wait_reason,omitempty"`
	CreatedBy       *snapshot.Frame  `json:"created_by,omitempty"` // the go statement that began the goroutines
	Shape           string           `json:"shape,omitempty"`
	Docs            string           `json:"docs,omitempty"` // the project's page that explains it
	BytesPerOp      *Interval        `json:"bytes_per_op,omitempty"`
	ObjectsPerOp    *Interval        `json:"objects_per_op,omitempty"`
	GoroutinesPerOp *Interval        `json:"goroutines_per_op,omitempty"`
	AllocPerOp      *Interval        `json:"allocated_bytes_per_op,omitempty"` // kept or not
	LiveBytes       *float64         `json:"live_bytes,omitempty"`
	Count           *float64         `json:"count,omitempty"`
	Share           *float64         `json:"share,omitempty"`
	Trend           *Trend           `json:"trend,omitempty"`
	Why             []string         `json:"why"`
	Warnings        []string         `json:"warnings"`
	HeldBy          []string         `json:"held_by"`
}

// Trend is the rank test over the tail of the series.
type Trend struct {
	Tau *float64 `json:"tau,omitempty"`
	P   *float64 `json:"p,omitempty"`
	N   int      `json:"n"`
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
		Run: Run{
			Snapshots: res.Snapshots,
			Seconds:   known(res.Seconds),
			Load:      load(run.Load),
			Peak:      peak(run.Peak),
		},
		Totals: Totals{
			LiveBytes:      total(res.Total("live_bytes")),
			LiveObjects:    total(res.Total("live_objects")),
			Goroutines:     total(res.Total("goroutines")),
			StackBytes:     total(res.Total("stack_bytes")),
			RSSBytes:       total(res.Total("rss_bytes")),
			AllocatedBytes: total(res.Total("allocated_bytes")),
		},
		Findings: make([]Finding, 0, len(res.Findings)),
		Warnings: warnings(run, res),
	}
	if res.HasOps {
		ops := res.Ops
		d.Run.Ops = &ops
	}
	if p := res.Power; p != nil && (p.BytesPerOp != nil || p.GoroutinesPerOp != nil) {
		d.Power = &Power{
			BytesPerOp: finite(p.BytesPerOp), GoroutinesPerOp: finite(p.GoroutinesPerOp),
			Confidence:     known(p.Confidence),
			SiteBytesPerOp: finite(p.SiteBytes), BusiestSite: sitePower(p.Busiest, res.HasOps),
		}
	}
	if f := res.Forecast; f != nil {
		d.Forecast = &Forecast{Limit: f.Limit, Assumes: f.Assumes, LimitBytes: f.LimitBytes, SecondsToLimit: interval(&f.SecondsToLimit)}
	}
	for i := range res.Findings {
		d.Findings = append(d.Findings, finding(&res.Findings[i]))
	}
	return d
}

func finding(f *detect.Finding) Finding {
	out := Finding{
		ID: f.ID, Kind: f.Kind, Verdict: f.Verdict,
		Function: f.Function, File: f.File, Line: f.Line,
		Stack:      list(f.Stack),
		WaitReason: f.WaitReason, Shape: f.Shape, Docs: f.Docs,
		BytesPerOp:      interval(f.BytesPerOp),
		ObjectsPerOp:    interval(f.ObjectsPerOp),
		GoroutinesPerOp: interval(f.GoroutinesPerOp),
		AllocPerOp:      interval(f.AllocPerOp),
		LiveBytes:       known(math.Round(f.LiveBytes)),
		Count:           known(math.Round(f.Count)),
		Share:           known(f.Share),
		Why:             list(f.Why), Warnings: list(f.Warnings), HeldBy: list(f.HeldBy),
	}
	if f.CreatedBy.Function != "" {
		out.CreatedBy = &f.CreatedBy
	}
	if t := f.Trend; t != nil {
		out.Trend = &Trend{Tau: finite(&t.Tau), P: finite(&t.P), N: t.N}
	}
	return out
}

func total(t *detect.Total) *Total {
	if t == nil {
		return nil
	}
	out := &Total{PerOp: interval(t.PerOp), PerSecond: interval(t.PerSecond), Verdict: t.Verdict}
	if *out == (Total{}) {
		return nil
	}
	return out
}

func load(l snapshot.LoadInfo) *Load {
	if l == (snapshot.LoadInfo{}) {
		return nil
	}
	// Counts of a load that heapdrift drove are known even where they are 0.
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
		Valid: l.Valid,
	}
	if l.MaxInFlight > 0 {
		n := l.MaxInFlight
		out.MaxInFlight = &n
	}
	if q := l.Latency; q != nil && allFinite(q.P50, q.P90, q.P99, q.P999, q.Max) {
		out.LatencyMS = &snapshot.Latency{
			P50: round(q.P50), P90: round(q.P90), P99: round(q.P99), P999: round(q.P999), Max: round(q.Max),
		}
	}
	if *out == (Load{}) {
		return nil
	}
	return out
}

func peak(p snapshot.Peak) *Peak {
	if p == (snapshot.Peak{}) {
		return nil
	}
	out := &Peak{}
	if p.LiveBytes > 0 {
		out.LiveBytes = &p.LiveBytes
	}
	if p.RSS > 0 {
		out.RSSBytes = &p.RSS
	}
	return out
}

// warnings are those of reading and of judging, each once, and why the load is
// not valid.
func warnings(run *snapshot.Run, res *detect.Result) []string {
	all := slices.Concat(run.Warnings, res.Warnings)
	if v := run.Load.Valid; v != nil && !*v && run.Load.Reason != "" &&
		!slices.ContainsFunc(all, func(w string) bool { return strings.HasSuffix(w, run.Load.Reason) }) {
		all = append(all, run.Load.Reason)
	}
	out := make([]string, 0, len(all))
	for _, w := range all {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// list makes nil an empty list, so that readers may iterate without asking.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// NewInterval is an interval as reports have it: rounded, without infinite
// bounds; nil where there is no estimate.
func NewInterval(i *stats.Interval) *Interval { return interval(i) }

func interval(i *stats.Interval) *Interval {
	if i == nil || !allFinite(i.Estimate) {
		return nil
	}
	return &Interval{Estimate: round(i.Estimate), Lo: finite(&i.Lo), Hi: finite(&i.Hi)}
}

// finite is nil where f is nil, NaN or infinite.
func finite(f *float64) *float64 {
	if f == nil || !allFinite(*f) {
		return nil
	}
	r := round(*f)
	return &r
}

// known is nil where f is 0 (the zero value of "not known"), NaN or infinite.
func known(f float64) *float64 {
	if f == 0 {
		return nil
	}
	return finite(&f)
}

func allFinite(fs ...float64) bool {
	for _, f := range fs {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return true
}

// round keeps nine significant digits: more than any measurement here has,
// and few enough that reports are the same on every architecture.
func round(f float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 9, 64), 64)
	if err != nil || r == 0 { // r == 0 also for -0, which JSON would show
		return 0
	}
	return r
}
