package detect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// A habit is a way to leak that the frames of an allocation betray. It is a
// guess: the same frames allocate in healthy programs. What makes it worth
// saying is that this site is found to keep memory.
type habit struct {
	shape string
	says  string // what is usually behind it, and what mends it
	frame func(snapshot.Frame) bool
}

// habits in the order of how much they tell.
func habits() []habit {
	function := func(names ...string) func(snapshot.Frame) bool {
		return func(f snapshot.Frame) bool { return slices.Contains(names, f.Function) }
	}
	within := func(prefixes ...string) func(snapshot.Frame) bool {
		return func(f snapshot.Frame) bool {
			p := series.Package(f.Function)
			return slices.ContainsFunc(prefixes, func(prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") })
		}
	}
	return []habit{
		{
			"label cardinality", "a metrics library makes a series for each new set of label values and keeps it: look for a label that holds an id, an address or a path",
			within("github.com/prometheus/client_golang/prometheus", "go.opentelemetry.io/otel/sdk/metric", "go.opentelemetry.io/otel/attribute"),
		},
		{
			"timer or ticker", "a ticker runs until it is stopped, and a timer keeps what its function holds until it fires: defer its Stop",
			function("time.NewTicker", "time.NewTimer", "time.AfterFunc", "time.After", "time.Tick", "time.newTimer"),
		},
		{
			"context children", "a context with a cancel function is kept by its parent until it is cancelled: defer the cancel function",
			function("context.(*cancelCtx).propagateCancel", "context.WithCancel", "context.WithCancelCause", "context.WithTimeout", "context.WithTimeoutCause", "context.WithDeadline", "context.WithDeadlineCause", "context.withCancel", "context.(*cancelCtx).Done"),
		},
	}
}

// Large objects kept about once per operation are whole buffers of which a part
// may be all that is wanted.
const (
	largeObject = 4 << 10
	aboutOnce   = 0.2
)

// shape names what a heap finding looks like where its parts have told nothing
// better, with the evidence.
func (f *Finding) shape() {
	if f.Shape != "" || len(f.Stack) == 0 || rank(f.Verdict) > rank(Growing) {
		return
	}
	for _, h := range habits() {
		// Near the allocation: what lies at the root tells whose request it was.
		near := f.Stack[:min(len(f.Stack), shallow)]
		if i := slices.IndexFunc(near, h.frame); i >= 0 {
			f.Shape = h.shape + " (a guess)"
			f.Why = append(f.Why, fmt.Sprintf("%s is on the way to the allocation: %s", f.Stack[i].Function, h.says))
			return
		}
	}
	if f.ObjectsPerOp != nil && f.BytesPerOp != nil {
		n := f.ObjectsPerOp.Estimate
		whole := math.Round(n)
		if whole >= 1 && whole <= 4 && math.Abs(n-whole) <= aboutOnce*whole && f.BytesPerOp.Estimate/n >= largeObject {
			f.Shape = "sub-slice of a large buffer (a guess)"
			f.Why = append(f.Why, fmt.Sprintf("objects of %.0f bytes on the average are kept about %.0f an operation: where only a part of each is wanted, copy that part (docs/subslice.md)", f.BytesPerOp.Estimate/n, whole))
		}
	}
}

// shallow is how many frames from the allocation a habit is looked for.
const shallow = 8
