package gate

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// quantity is what a growth budget is about.
type quantity struct {
	name, unit string
	total      string // of the result
	kind       detect.Kind
	perSecond  bool
	clean      float64 // clean limit in the unit, 0 where there is none
}

func (j *judge) quantity(name, unit string) quantity {
	q := quantity{name: name, unit: unit, kind: detect.KindHeap}
	switch name {
	case NameLiveObjects:
		q.total, q.clean = "live_objects", j.Result.Clean.Objects
	case NameGoroutines, NameGoroutinesSecond:
		q.total, q.clean, q.kind = "goroutines", j.Result.Clean.Goroutines, detect.KindGoroutine
	case NameLiveBytes, NameBytesSecond:
		q.total, q.clean = "live_bytes", j.Result.Clean.Bytes
	}
	q.perSecond = name == NameBytesSecond || name == NameGoroutinesSecond
	if q.perSecond && j.Result.HasOps { // the clean limit is one per operation
		q.clean *= j.opsPerSecond()
	}
	return q
}

func (j *judge) opsPerSecond() float64 {
	if j.Result.Seconds > 0 {
		return float64(j.Result.Ops) / j.Result.Seconds
	}
	return 0
}

// budgets judges every limit, and those that are implied.
func (j *judge) budgets() {
	for _, n := range j.Limits.growth() {
		switch {
		case n.limit != nil:
			j.rows = append(j.rows, j.growth(j.quantity(n.name, n.unit), *n.limit, false))
		case n.name == NameLiveObjects && j.Result.HasOps:
			if limit, asked := j.objects(); asked {
				j.rows = append(j.rows, j.growth(j.quantity(n.name, n.unit), limit, true))
			}
		case n.name == NameLiveBytes && j.heap == nil && j.Result.HasOps,
			n.name == NameGoroutines && j.Result.HasOps,
			n.name == NameBytesSecond && j.heap == nil && !j.Result.HasOps:
			j.rows = append(j.rows, j.growth(j.quantity(n.name, n.unit), 0, true))
		}
	}
	if !j.Result.HasOps && j.Limits.GoroutinesPerOp == nil {
		j.rows = append(j.rows, j.growth(j.quantity(NameGoroutinesSecond, unitGoroutinesPerS), 0, true))
	}
	for _, n := range j.Limits.points() {
		if n.limit != nil {
			j.rows = append(j.rows, j.point(n, *n.limit))
		}
	}
}

// What an object takes at the least, bytes: of the usual small ones, and of
// those that hold one pointer.
const (
	smallObject    = 16
	smallestObject = 8
)

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
	o, b := j.Result.Total("live_objects"), j.Result.Total("live_bytes")
	leaks := o != nil && o.Verdict == detect.Leak
	if b != nil && b.PerOp != nil {
		switch {
		case b.PerOp.Lo > limit && b.Verdict == detect.Leak:
			leaks = false // bytes show it
		case b.PerOp.Hi <= limit:
			return limit / smallestObject, leaks || j.Baseline != nil && j.Baseline.LiveObjects != nil
		}
	}
	return limit / smallObject, leaks || j.Baseline != nil && j.Baseline.LiveObjects != nil
}

// growth judges one quantity by its interval and the detector's verdict on it.
func (j *judge) growth(q quantity, limit float64, implied bool) Budget {
	b := Budget{Name: q.name, Unit: q.unit, Limit: limit, Implied: implied, Allowed: math.Max(limit, q.clean), State: BudgetUndecided}
	t := j.Result.Total(q.total)
	var now *stats.Interval
	if t != nil {
		if now = t.PerOp; q.perSecond {
			now = t.PerSecond
		}
	}
	b.Measured = report.NewInterval(now)
	if b.Measured == nil || now == nil {
		b.Why = "it is not known: " + j.unknown(t, q)
		return b
	}
	verdict := t.Verdict
	if j.Baseline != nil {
		b.Baseline = j.Baseline.total(q.name)
		if b.Baseline != nil {
			b.Status = compare(b.Measured, b.Baseline, j.margin(q, b.Baseline))
		}
	}
	lo, hi, silenced := j.without(q, now)
	proved := verdict == detect.Leak || verdict == detect.Suspect
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
	case b.Status == StatusWorse && report.AsksAttention(verdict) && !silenced:
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
	if b.Status == StatusWorse && !report.AsksAttention(verdict) {
		b.Status = StatusSame // an interval alone: the growth is not shown
	}
	return b
}

// unknown says why a quantity has no interval.
func (j *judge) unknown(t *detect.Total, q quantity) string {
	if t != nil && !q.perSecond && !j.Result.HasOps {
		return "operations are not counted; give a load, or ops_metric, the name of a counter in the target's /metrics"
	}
	if t != nil && len(t.Why) > 0 {
		return t.Why[0] + "; run it longer"
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
		g := f.BytesPerOp
		switch {
		case q.kind == detect.KindGoroutine:
			g = f.GoroutinesPerOp
		case q.name == NameLiveObjects:
			g = f.ObjectsPerOp
		}
		if g == nil || g.Hi == nil || g.Lo == nil {
			lo = math.Inf(-1)
			continue
		}
		k := 1.0
		if q.perSecond {
			k = j.opsPerSecond()
		}
		lo -= *g.Hi * k
		hi -= math.Max(0, *g.Lo) * k
	}
	return lo, hi, silenced
}

// allSilenced reports that every finding of a kind is suppressed.
func (j *judge) allSilenced(kind detect.Kind) bool {
	for i := range j.found {
		if f := &j.found[i]; f.Kind == kind && f.Suppressed == nil {
			return false
		}
	}
	return true
}

// margin is the least difference to the baseline that counts, in the unit of a
// quantity: the detector's tolerance, or a tenth of what was there.
func (j *judge) margin(q quantity, before *report.Interval) float64 {
	m := j.Tolerance
	switch {
	case q.kind == detect.KindGoroutine:
		m = 0
	case q.total == "live_objects":
		m /= smallObject
	}
	if q.perSecond {
		m *= j.opsPerSecond()
	}
	if before != nil {
		m = math.Max(m, sameShare*math.Abs(before.Estimate))
	}
	return m
}

// sameShare is the part of the growth before that a difference may have and be
// called none, as in `heapdrift compare`.
const sameShare = 0.1

// compare says how growth changed. With d the difference of the estimates, and
// h and k the halves of the two intervals that face each other, the interval of
// the difference is d ± √(h² + k²): as of independent normal errors, each
// interval being one of 95 %. Worse and better need it to leave 0 out, and d above
// margin.
func compare(now, before *report.Interval, margin float64) Status {
	if now == nil || before == nil || now.Lo == nil || now.Hi == nil || before.Lo == nil || before.Hi == nil {
		return StatusSame
	}
	switch d := now.Estimate - before.Estimate; {
	case d > margin && d > math.Hypot(now.Estimate-*now.Lo, *before.Hi-before.Estimate):
		return StatusWorse
	case -d > margin && -d > math.Hypot(*now.Hi-now.Estimate, before.Estimate-*before.Lo):
		return StatusBetter
	}
	return StatusSame
}

// point judges a quantity of which there is one value. Bytes allocated have an
// interval, and all of it must lie on one side.
func (j *judge) point(n named, limit float64) Budget {
	b := Budget{Name: n.name, Unit: n.unit, Limit: limit, Allowed: limit, State: BudgetUndecided}
	why := ""
	b.Measured, why = j.value(n.name)
	switch m := b.Measured; {
	case m == nil:
		b.Why = "it is not known: " + why
	case m.Lo != nil && m.Hi != nil && *m.Lo <= limit && *m.Hi > limit:
		b.Why = fmt.Sprintf("%s is on both sides of the budget of %s; run longer, or give it room", Measurement(m, n.unit), Quantity(limit, n.unit))
	case m.Estimate > limit:
		b.State = BudgetBroken
		b.Why = fmt.Sprintf("%s is above the budget of %s", Measurement(m, n.unit), Quantity(limit, n.unit))
	default:
		b.State = BudgetKept
		b.Why = fmt.Sprintf("%s, at most %s", Measurement(m, n.unit), Quantity(limit, n.unit))
	}
	return b
}

// value is the measured value of a point; why says what would make it known.
func (j *judge) value(name string) (v *report.Interval, why string) {
	run, noLoad := j.Run, "there is no load of heapdrift's own to measure it by"
	one := func(v float64) *report.Interval { return &report.Interval{Estimate: v} }
	switch name {
	case NameAllocated:
		t := j.Result.Total("allocated_bytes")
		if t == nil {
			return nil, "the target serves no TotalAlloc"
		}
		if t.PerOp == nil {
			return nil, j.unknown(t, quantity{})
		}
		return report.NewInterval(t.PerOp), ""
	case NamePeakHeap:
		if run.Peak.LiveBytes == 0 {
			return nil, "no snapshot and no probe has the live heap"
		}
		return one(float64(run.Peak.LiveBytes)), ""
	case NameRSSPeak:
		if run.Peak.RSS == 0 {
			return nil, "the target's resident set is only known of a command that heapdrift starts on Linux, and from process_resident_memory_bytes of its /metrics"
		}
		return one(float64(run.Peak.RSS)), ""
	case NameP99:
		if run.Load.Latency == nil {
			return nil, noLoad
		}
		return one(run.Load.Latency.P99), ""
	}
	if run.Load.Source != "heapdrift" || run.Load.Completed == 0 {
		return nil, noLoad
	}
	return one(float64(run.Load.Errors) / float64(run.Load.Completed)), ""
}
