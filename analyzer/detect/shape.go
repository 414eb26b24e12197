package detect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// The shapes that a finding may have, as the report prints them. What is only
// read off frames and sizes has guessed behind it: the same are in healthy
// programs. What makes it worth saying is that the site is found to keep memory.
const (
	shapeClosure   = "closure retention"
	shapeGoroutine = "goroutine retention"
	shapeStuck     = "stuck goroutine"
	shapeContainer = "growing container"
	shapeLabels    = "label cardinality"
	shapeTimer     = "timer or ticker"
	shapeContext   = "context children"
	shapeSubslice  = "sub-slice of a large buffer"

	guessed = " (a guess)"
)

// page is where a shape is explained, relative to the project; "" for none.
func page(shape string) string {
	switch strings.TrimSuffix(shape, guessed) {
	case shapeClosure, shapeGoroutine:
		return "docs/closure.md"
	case shapeStuck:
		return "docs/stuckreceive.md"
	case shapeSubslice:
		return "docs/subslice.md"
	case shapeContainer:
		return "docs/shapes.md#growing-container"
	case shapeLabels:
		return "docs/shapes.md#label-cardinality"
	case shapeTimer:
		return "docs/shapes.md#timer-or-ticker"
	case shapeContext:
		return "docs/shapes.md#context-children"
	}
	return ""
}

// churnPage explains what allocates and keeps nothing.
const churnPage = "docs/churn.md"

// documented gives each finding the page that explains it.
func documented(all []Finding) {
	for i := range all {
		if all[i].Docs = page(all[i].Shape); all[i].Verdict == Churn {
			all[i].Docs = churnPage
		}
	}
}

// A habit is a way to leak that the frames of an allocation betray.
type habit struct {
	shape string
	says  string // what is usually behind it, and what mends it
	frame func(snapshot.Frame) bool
}

// habits in the order of how much they tell: a context with a deadline makes a
// timer, so what is a context's goes first.
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
			shapeLabels, "a metrics library makes a series for each new set of label values and keeps it: look for a label that holds an id, an address or a path",
			within("github.com/prometheus/client_golang/prometheus", "go.opentelemetry.io/otel/sdk/metric", "go.opentelemetry.io/otel/attribute"),
		},
		{
			shapeContext, "a context with a cancel function is kept by its parent until it is cancelled: defer the cancel function",
			function("context.(*cancelCtx).propagateCancel", "context.WithCancel", "context.WithCancelCause", "context.WithTimeout", "context.WithTimeoutCause", "context.WithDeadline",
				"context.WithDeadlineCause", "context.withCancel", "context.AfterFunc", "context.(*cancelCtx).Done"),
		},
		{
			shapeTimer, "a ticker runs until it is stopped, and a timer keeps what its function holds until it fires: defer its Stop",
			function("time.NewTicker", "time.NewTimer", "time.AfterFunc", "time.After", "time.Tick", "time.newTimer"),
		},
	}
}

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
			f.Shape = h.shape + guessed
			f.Why = append(f.Why, fmt.Sprintf("%s is on the way to the allocation: %s", f.Stack[i].Function, h.says))
			return
		}
	}
	if b := f.buffers; b != nil && f.aboutWhole() {
		f.Shape = shapeSubslice + guessed
		f.Why = append(f.Why, fmt.Sprintf("of large objects, %.0f bytes on the average, %.2g are kept an operation: where only a part of each is wanted, copy that part", b.size, b.perOp))
	}
}

// shallow is how many frames from the allocation a habit is looked for.
const shallow = 8

// buffers are the large objects that a site keeps.
type buffers struct {
	size  float64 // mean, bytes
	perOp float64 // kept
	sd    float64 // of perOp, by sampling
	read  bool    // the standard library made them of what it read
}

// Large objects kept about once per operation are whole buffers of which a part
// may be all that is wanted. Where the standard library made them while reading,
// joining or decoding, they are text or bytes of all sizes, of which the large ones
// need not come with every operation; what the program makes itself is more often
// kept whole, as a vector is.
const (
	largeObject = 16 << 10 // bytes
	largeBuffer = 1 << 10
	aboutOnce   = 0.2 // of a whole number, and the most that sampling may leave open
	leastRead   = 0.5 // an operation, of what was read
	mostWhole   = 4   // an operation
	mainPart    = 0.5 // of the site's growth that must be theirs
)

// readers are the packages of the standard library that make buffers of what they
// read. A function of the user's own that converts or makes is not told apart.
func readers(f snapshot.Frame) bool {
	p := series.Package(f.Function)
	first, _, _ := strings.Cut(p, "/")
	return series.Standard(f) && slices.Contains([]string{"io", "bufio", "bytes", "strings", "os", "encoding", "compress", "mime", "net", "archive"}, first)
}

// buffersAt sums up the large objects that a site kept over the judged snapshots;
// nil where they are not the main part of its growth. Size by size the net of the
// sampled objects counts, each for w/s of them: the mean of all objects would mix
// in the small ones that come with each large one.
func (a *analysis) buffersAt(x *siteMeasure) *buffers {
	work := a.workOver(x.at)
	if !a.r.HasOps || !(work > 0) {
		return nil
	}
	least, read := float64(largeObject), false
	if st := x.site.Stack.Frames; len(st) > 0 && readers(st[0]) {
		least, read = largeBuffer, true
	}
	first, end := x.at[0], x.at[len(x.at)-1]
	var n, variance, bytes, all float64
	for _, z := range x.site.Sizes() {
		net := z.Samples[end] - z.Samples[first]
		all += net * z.Weight
		if size := float64(z.Size); size >= least {
			n += net * z.Weight / size
			variance += math.Abs(net) * (z.Weight / size) * (z.Weight / size)
			bytes += net * z.Weight
		}
	}
	if !(n > 0) || bytes < mainPart*all {
		return nil
	}
	return &buffers{size: bytes / n, perOp: n / work, sd: math.Sqrt(variance) / work, read: read}
}

// aboutWhole reports that about a whole number of the large objects is kept an
// operation, and that enough are sampled to say so.
func (f *Finding) aboutWhole() bool {
	b := f.buffers
	whole := math.Max(1, math.Round(b.perOp))
	switch {
	case whole > mostWhole || b.sd > aboutOnce*whole:
		return false
	case b.read:
		return b.perOp >= leastRead
	}
	return math.Abs(b.perOp-whole) <= aboutOnce*whole
}
