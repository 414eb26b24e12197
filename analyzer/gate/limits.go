package gate

import (
	"fmt"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/report"
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

// Units of the budgets.
const (
	unitBytesPerOp      = "B/op"
	unitObjectsPerOp    = "objects/op"
	unitGoroutinesPerOp = "goroutines/op"
	unitBytesPerSecond  = "B/s"
	unitGoroutinesPerS  = "goroutines/s"
	unitBytes           = "B"
	unitMilliseconds    = "ms"
	unitShare           = ""
)

// Quantity prints a value in one of the units of a budget: "80.4 B/op", "400
// MiB", "0.0090 goroutines/op", "1.2 %" of a share.
func Quantity(v float64, unit string) string {
	switch unit {
	case unitBytesPerOp:
		return report.Bytes(v) + "/op"
	case unitBytesPerSecond:
		return report.Bytes(v) + "/s"
	case unitBytes:
		return report.Bytes(v)
	case unitShare:
		return report.Number(100*v) + " %"
	}
	return report.Number(v) + " " + unit
}

// Measurement prints an estimate in the unit of a budget, with its bounds where
// it has both and they say something: "80.4 B/op [79.1, 81.7]"; "not known" for
// nil.
func Measurement(i *report.Interval, unit string) string {
	if i == nil {
		return "not known"
	}
	what, _, ok := strings.Cut(unit, "/")
	switch {
	case !ok:
		return Quantity(i.Estimate, unit)
	case what != "goroutines" || i.Lo == nil || i.Hi == nil || *i.Lo == *i.Hi:
		return report.Rate(i, unit)
	}
	return fmt.Sprintf("%s [%s, %s]", Quantity(i.Estimate, unit), report.Number(*i.Lo), report.Number(*i.Hi))
}

// growth are those with an interval, in their order.
func (l *Limits) growth() []named {
	return []named{
		{NameLiveBytes, unitBytesPerOp, l.LiveBytesPerOp},
		{NameLiveObjects, unitObjectsPerOp, l.LiveObjectsPerOp},
		{NameGoroutines, unitGoroutinesPerOp, l.GoroutinesPerOp},
		{NameBytesSecond, unitBytesPerSecond, l.BytesPerSecond},
	}
}

// points are those with one value, in their order.
func (l *Limits) points() []named {
	return []named{
		{NameAllocated, unitBytesPerOp, l.AllocatedBytesPerOp},
		{NamePeakHeap, unitBytes, l.PeakLiveHeap},
		{NameRSSPeak, unitBytes, l.RSSPeak},
		{NameP99, unitMilliseconds, l.P99},
		{NameErrorRate, unitShare, l.ErrorRate},
	}
}

type named struct {
	name, unit string
	limit      *float64
}

// heap is the growth of the live heap that is allowed by name, in bytes per
// operation or per second; nil where neither is named.
func (l *Limits) heap() *float64 {
	if l.LiveBytesPerOp != nil {
		return l.LiveBytesPerOp
	}
	return l.BytesPerSecond
}

// Check refuses negative limits; the configuration's reader has done so with a
// position.
func (l *Limits) Check() error {
	for _, n := range append(l.growth(), l.points()...) {
		if n.limit != nil && !(*n.limit >= 0) {
			return fmt.Errorf("the budget %s is %v; give 0 or more", n.name, *n.limit)
		}
	}
	return nil
}
