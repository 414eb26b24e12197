package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Limits are the budgets of one scenario; nil where none is named. None may be
// negative.
type Limits struct {
	LiveBytesPerOp      *float64 // bytes that stay live after each operation
	LiveObjectsPerOp    *float64 // objects, likewise
	GoroutinesPerOp     *float64 // goroutines, likewise
	BytesPerSecond      *float64 // growth of the live heap with time
	AllocatedBytesPerOp *float64 // bytes allocated by each operation, kept or not
	PeakLiveHeap        *float64 // bytes; the highest that any snapshot or probe saw
	RSSPeak             *float64 // bytes; likewise
	P99                 *float64 // milliseconds from the intended time, of the steady phase
	ErrorRate           *float64 // share of the steady phase's operations, in 0..1
}

// Names of the budgets, as the configuration has them.
const (
	NameLiveBytes   = "live_bytes_per_op"
	NameLiveObjects = "live_objects_per_op"
	NameGoroutines  = "goroutines_per_op"
	NameBytesSecond = "bytes_per_second"
	NameAllocated   = "allocated_bytes_per_op"
	NamePeakHeap    = "peak_live_heap"
	NameRSSPeak     = "rss_peak"
	NameP99         = "p99"
	NameErrorRate   = "error_rate"

	// NameGoroutinesSecond is implied where operations are not known; the
	// configuration cannot name it.
	NameGoroutinesSecond = "goroutines_per_second"
)

// Quantity prints a value in one of the units of a budget: "80.4 B/op", "400
// MiB", "0.0090 goroutines/op", "1.2 %" of a share.
func Quantity(v float64, unit string) string {
	switch per, bytes := strings.CutPrefix(unit, "B"); {
	case bytes:
		return report.Bytes(v) + per
	case unit == "":
		return report.Number(100*v) + " %"
	}
	return report.Number(v) + " " + unit
}

// Measurement prints an estimate in the unit of a budget, with its bounds where
// it has both and they say something: "80.4 B/op [79.1, 81.7]"; "not known" for
// nil.
func Measurement(i *stats.Interval, unit string) string {
	if i == nil {
		return "not known"
	}
	what, _, ok := strings.Cut(unit, "/")
	switch {
	case !ok:
		return Quantity(i.Estimate, unit)
	case what != "goroutines" || !i.Finite() || i.Lo == i.Hi:
		return report.Rate(i, unit)
	}
	return fmt.Sprintf("%s [%s, %s]", Quantity(i.Estimate, unit), report.Number(i.Lo), report.Number(i.Hi))
}

// quantity is what a growth budget is about.
type quantity struct {
	name, unit string
	total      string // of the result
	kind       detect.Kind
	per        detect.Per
	clean      float64         // clean limit in the unit, 0 where there is none
	limit      *float64        // nil: none is named
	before     *stats.Interval // growth in the baseline; nil: not known
}

// growths are the quantities in the order of their budgets.
func (j *judge) growths() []quantity {
	clean, seconds := j.Result.Clean, 1.0
	if j.Result.HasOps() { // the clean limits are per operation
		seconds = j.opsPerSecond()
	}
	before := cmp.Or(j.Baseline, &Entry{})
	return []quantity{
		{NameLiveBytes, "B/op", series.LiveBytes, detect.KindHeap, detect.PerOp, clean.Bytes, j.Limits.LiveBytesPerOp, before.LiveBytes},
		{NameLiveObjects, "objects/op", series.LiveObjects, detect.KindHeap, detect.PerOp, clean.Objects, j.Limits.LiveObjectsPerOp, before.LiveObjects},
		{NameGoroutines, "goroutines/op", series.Goroutines, detect.KindGoroutine, detect.PerOp, clean.Goroutines, j.Limits.GoroutinesPerOp, before.Goroutines},
		{NameBytesSecond, "B/s", series.LiveBytes, detect.KindHeap, detect.PerSecond, seconds * clean.Bytes, j.Limits.BytesPerSecond, before.BytesSecond},
		{NameGoroutinesSecond, "goroutines/s", series.Goroutines, detect.KindGoroutine, detect.PerSecond, seconds * clean.Goroutines, nil, before.GoroutinesSecond},
	}
}

// totalOf is the total of the result that a budget of growth is about; empty of
// another budget.
func (j *judge) totalOf(budget string) string {
	for _, q := range j.quantities {
		if q.name == budget {
			return q.total
		}
	}
	return ""
}

func (j *judge) opsPerSecond() float64 {
	if j.Result.Seconds > 0 {
		return float64(j.Result.Ops) / j.Result.Seconds
	}
	return 0
}

// budgets judges every limit, and those that are implied.
func (j *judge) budgets() {
	ops := j.Result.HasOps()
	for _, q := range j.quantities {
		switch {
		case q.limit != nil:
			j.rows = append(j.rows, j.growth(q, *q.limit, false))
		case q.name == NameLiveObjects && ops:
			if limit, asked := j.objects(); asked {
				j.rows = append(j.rows, j.growth(q, limit, true))
			}
		case q.name == NameLiveBytes && ops && j.heap == nil,
			q.name == NameGoroutines && ops,
			q.name == NameBytesSecond && !ops && j.heap == nil,
			q.name == NameGoroutinesSecond && !ops && j.Limits.GoroutinesPerOp == nil:
			j.rows = append(j.rows, j.growth(q, 0, true))
		}
	}
	for _, p := range j.points() {
		if p.limit != nil {
			j.rows = append(j.rows, p.judge())
		}
	}
}

// onePointer is the size of an object that holds one pointer, bytes: the least
// there is. The usual small ones take detect.SmallestObject.
const onePointer = 8

// objects is the budget of live objects where none is named, and whether there
// is one: for comparing with a baseline, and where objects leak and bytes, which
// are noisier, do not show it. It follows from that of bytes: as many objects as
// those bytes could be.
func (j *judge) objects() (limit float64, asked bool) {
	if j.heap != nil {
		if limit = *j.heap; j.Limits.LiveBytesPerOp == nil && j.opsPerSecond() > 0 {
			limit /= j.opsPerSecond()
		}
	}
	o, b := j.Result.Total(series.LiveObjects), j.Result.Total(series.LiveBytes)
	leaks := o != nil && o.Verdict == detect.Leak
	compared := j.Baseline != nil && j.Baseline.LiveObjects != nil
	if g := b.In(detect.PerOp); g != nil {
		switch {
		case g.Lo > limit && b.Verdict == detect.Leak:
			leaks = false // bytes show it
		case g.Hi <= limit:
			return limit / onePointer, leaks || compared
		}
	}
	return limit / detect.SmallestObject, leaks || compared
}

// growth judges one quantity by its interval and the detector's verdict on it.
func (j *judge) growth(q quantity, limit float64, implied bool) Budget {
	b := Budget{Name: q.name, Unit: q.unit, Limit: limit, Implied: implied, Allowed: math.Max(limit, q.clean), State: BudgetUndecided}
	t := j.Result.Total(q.total)
	now := t.In(q.per)
	if now.IsZero() {
		b.Why = "it is not known: " + j.unknown(t, q)
		return b
	}
	b.Measured = now
	verdict := t.Verdict
	if b.Baseline = q.before; b.Baseline != nil {
		b.Status = compare(b.Measured, b.Baseline, j.margin(q, b.Baseline))
	}
	lo, hi, silenced := j.without(q, now)
	shown := verdict == detect.Leak || verdict == detect.Suspect
	proved := shown && t != nil && j.fails(t.Proof)
	show := Measurement(b.Measured, q.unit)
	switch {
	case silenced && lo <= limit && j.allSilenced(q.kind):
		b.Suppressed, b.State, b.Status = true, BudgetKept, StatusNone
		b.Why = fmt.Sprintf("%s, of which suppressions cover all that is shown to grow", show)
	case proved && lo > limit:
		b.State, b.Suppressed = BudgetBroken, silenced
		b.Why = fmt.Sprintf("%s is above the budget of %s", show, Quantity(limit, q.unit))
		if silenced {
			b.Why += ", with what is suppressed taken off"
		}
	case b.Status == StatusWorse && proved && !silenced:
		b.State = BudgetBroken
		b.Why = fmt.Sprintf("%s is more than the baseline's %s", show, Measurement(b.Baseline, q.unit))
	case shown && !proved && lo > limit:
		b.Suppressed = silenced
		b.Why = fmt.Sprintf("%s is above the budget of %s: %s", show, Quantity(limit, q.unit), growthAlone)
	case shown && !proved && b.Status == StatusWorse && !silenced:
		b.Why = fmt.Sprintf("%s is more than the baseline's %s: %s", show, Measurement(b.Baseline, q.unit), growthAlone)
	case b.Status == StatusWorse && verdict.AsksAttention() && !silenced:
		b.Why = fmt.Sprintf("%s is more than the baseline's %s, but may end (%s): run longer, or with a longer warm-up, to tell", show, Measurement(b.Baseline, q.unit), verdict)
	case verdict == detect.Backlog && !(hi <= b.Allowed):
		b.Why = fmt.Sprintf("%s grew under load and went away in the drain: work queues up; lower the rate, or bound the queue", show)
	case verdict == detect.Stable || hi <= b.Allowed:
		b.State, b.Suppressed = BudgetKept, silenced
		b.Why = fmt.Sprintf("%s, at most %s", show, Quantity(b.Allowed, q.unit))
	case verdict == detect.Plateau:
		b.State = BudgetKept
		b.Why = fmt.Sprintf("%s over the whole, and flat at its end", show)
	case verdict == detect.Growing && lo > limit:
		b.Why = fmt.Sprintf("%s is above the budget of %s, but may end, as a cache does that fills: run longer, with a longer warm-up, or over the same content again (passes: 2)", show, Quantity(limit, q.unit))
	default:
		b.Why = fmt.Sprintf("%s: neither above the budget of %s nor bounded by %s; run longer, or at a higher rate", show, Quantity(limit, q.unit), Quantity(b.Allowed, q.unit))
	}
	if b.Status == StatusWorse && !verdict.AsksAttention() {
		b.Status = StatusSame // an interval alone: the growth is not shown
	}
	return b
}

// unknown says why a quantity has no interval.
func (j *judge) unknown(t *detect.Total, q quantity) string {
	if t != nil && q.per != detect.PerSecond && !j.Result.HasOps() {
		return "operations are not counted; give a load, or ops_metric, the name of a counter in the target's /metrics"
	}
	if t != nil && len(t.Reasons) > 0 {
		return report.Sentence(append(report.Why(t.Reasons[:1], report.Operator), "run it longer"))
	}
	return "the target does not serve it; `heapdrift doctor` says what is missing"
}

// without takes the growth of what is suppressed off an interval, each bound as
// wide as it may be. A suppressed finding whose size is unknown may be all of
// it.
func (j *judge) without(q quantity, now *stats.Interval) (lo, hi float64, silenced bool) {
	lo, hi = now.Lo, now.Hi
	for i := range j.found {
		f := &j.found[i]
		if f.Suppressed == nil || f.Kind != q.kind {
			continue
		}
		silenced = true
		of := f.Bytes
		switch {
		case q.kind == detect.KindGoroutine:
			of = f.Goroutines
		case q.name == NameLiveObjects:
			of = f.Objects
		}
		g := of.On(detect.PerOp)
		if g == nil || !g.Finite() {
			lo = math.Inf(-1)
			continue
		}
		k := 1.0
		if q.per == detect.PerSecond {
			k = j.opsPerSecond()
		}
		lo -= g.Hi * k
		hi -= math.Max(0, g.Lo) * k
	}
	return lo, hi, silenced
}

// allSilenced reports that every finding of a kind is suppressed.
func (j *judge) allSilenced(kind detect.Kind) bool {
	return !slices.ContainsFunc(j.found, func(f Finding) bool { return f.Kind == kind && f.Suppressed == nil })
}

// margin is the least difference to the baseline that counts, in the unit of a
// quantity: the detector's tolerance, or a tenth of what was there.
func (j *judge) margin(q quantity, before *stats.Interval) float64 {
	m := float64(j.Tolerance)
	switch {
	case q.kind == detect.KindGoroutine:
		m = 0
	case q.total == series.LiveObjects:
		m /= detect.SmallestObject
	}
	if q.per == detect.PerSecond {
		m *= j.opsPerSecond()
	}
	if before != nil {
		m = math.Max(m, detect.SameShare*math.Abs(before.Estimate))
	}
	return m
}

// compare says how growth changed. With d the difference of the estimates, and
// h and k the halves of the two intervals that face each other, the interval of
// the difference is d ± √(h² + k²): as of independent normal errors, each
// interval being one of 95 %. Worse and better need it to leave 0 out, and d above
// margin.
func compare(now, before *stats.Interval, margin float64) Status {
	if now == nil || before == nil || !now.Finite() || !before.Finite() {
		return StatusSame
	}
	switch d := now.Estimate - before.Estimate; {
	case d > margin && d > math.Hypot(now.Estimate-now.Lo, before.Hi-before.Estimate):
		return StatusWorse
	case -d > margin && -d > math.Hypot(now.Hi-now.Estimate, before.Estimate-before.Lo):
		return StatusBetter
	}
	return StatusSame
}

// point is a quantity of which there is one value. Bytes allocated have an
// interval, and all of it must lie on one side.
type point struct {
	name, unit string
	limit      *float64        // nil: none is named
	measured   *stats.Interval // nil: not known
	unknown    string          // what would make it known
}

// points are in the order of their budgets.
func (j *judge) points() []point {
	const noLoad = "there is no load of heapdrift's own to measure it by"
	single := func(v float64, known bool) *stats.Interval {
		if !known {
			return nil
		}
		return &stats.Interval{Estimate: v, Lo: math.Inf(-1), Hi: math.Inf(1)}
	}
	allocated, unknown := j.Result.Total("allocated_bytes"), "the target serves no TotalAlloc"
	if allocated != nil {
		unknown = j.unknown(allocated, quantity{})
	}
	perOp := allocated.In(detect.PerOp)
	if perOp.IsZero() {
		perOp = nil
	}
	peak, load := j.Run.Peak, &j.Run.Load
	latency := cmp.Or(load.Latency, &snapshot.Latency{})
	counted := load.Source == "heapdrift" && load.Completed != 0
	return []point{
		{NameAllocated, "B/op", j.Limits.AllocatedBytesPerOp, perOp, unknown},
		{NamePeakHeap, "B", j.Limits.PeakLiveHeap, single(float64(peak.LiveBytes), peak.LiveBytes != 0), "no snapshot and no probe has the live heap"},
		{NameRSSPeak, "B", j.Limits.RSSPeak, single(float64(peak.RSS), peak.RSS != 0), "the target's resident set is only known of a command that heapdrift starts on Linux, and from process_resident_memory_bytes of its /metrics"},
		{NameP99, "ms", j.Limits.P99, single(latency.P99, load.Latency != nil), noLoad},
		{NameErrorRate, "", j.Limits.ErrorRate, single(float64(load.Errors)/float64(load.Completed), counted), noLoad},
	}
}

// judge holds a point against its limit.
func (p *point) judge() Budget {
	m, limit := p.measured, *p.limit
	b := Budget{Name: p.name, Unit: p.unit, Limit: limit, Allowed: limit, State: BudgetUndecided, Measured: m}
	switch show, most := Measurement(m, p.unit), Quantity(limit, p.unit); {
	case m == nil:
		b.Why = "it is not known: " + p.unknown
	case m.Finite() && m.Lo <= limit && m.Hi > limit:
		b.Why = fmt.Sprintf("%s is on both sides of the budget of %s; run longer, or give it room", show, most)
	case m.Estimate > limit:
		b.State = BudgetBroken
		b.Why = fmt.Sprintf("%s is above the budget of %s", show, most)
	default:
		b.State = BudgetKept
		b.Why = fmt.Sprintf("%s, at most %s", show, most)
	}
	return b
}
