package gate

import (
	"fmt"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/report"
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

// points are those with one value, in their order.
func (l *Limits) points() []named {
	return []named{
		{NameAllocated, "B/op", l.AllocatedBytesPerOp},
		{NamePeakHeap, "B", l.PeakLiveHeap},
		{NameRSSPeak, "B", l.RSSPeak},
		{NameP99, "ms", l.P99},
		{NameErrorRate, "", l.ErrorRate},
	}
}

type named struct {
	name, unit string
	limit      *float64
}
