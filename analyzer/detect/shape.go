package detect

import (
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
	shapeBody      = "HTTP body not closed"

	guessed = " (a guess)"
)

// document gives a finding the page that explains it, relative to the project.
func (f *Finding) document() {
	switch strings.TrimSuffix(f.Shape, guessed) {
	case shapeClosure, shapeGoroutine:
		f.Docs = "docs/closure.md"
	case shapeStuck:
		f.Docs = "docs/stuckreceive.md"
	case shapeSubslice:
		f.Docs = "docs/subslice.md"
	case shapeContainer:
		f.Docs = "docs/shapes.md#growing-container"
	case shapeLabels:
		f.Docs = "docs/shapes.md#label-cardinality"
	case shapeTimer:
		f.Docs = "docs/shapes.md#timer-or-ticker"
	case shapeContext:
		f.Docs = "docs/shapes.md#context-children"
	case shapeBody:
		f.Docs = "docs/shapes.md#http-body-not-closed"
	}
	if f.Verdict == Churn {
		f.Docs = "docs/churn.md"
	}
}

// Frames of net/http's client: what makes a connection and what reads from it.
const (
	clientReader = "net/http.(*persistConn).readLoop"
	clientWriter = "net/http.(*persistConn).writeLoop"
	clientDial   = "net/http.(*Transport).dialConn"
	clientCall   = "net/http.(*Transport).roundTrip"
)

// unreadBody reports goroutines, or others that grow like them, that read the
// connections of net/http's client and wait in a select: for the body of a response
// to be read to its end or closed. The reader of an idle connection waits for I/O.
func (g *group) unreadBody() bool {
	if g.Verdict.Rank() > Growing.Rank() {
		return false
	}
	return slices.ContainsFunc(append(slices.Clip(g.with), g), func(x *group) bool {
		return x.series.Root == clientReader && x.series.Reason == "select"
	})
}

// clientConnection reports a frame that makes a connection of net/http's client, or
// that sends a request over it: the connection holds both until the body is closed.
func clientConnection(f snapshot.Frame) bool {
	return slices.Contains([]string{clientReader, clientWriter, clientDial, clientCall}, f.Function)
}

// A habit is a way to leak that the frames of an allocation betray.
type habit struct {
	shape string
	code  Code
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
			shapeLabels, SeriesPerLabel,
			within("github.com/prometheus/client_golang/prometheus", "go.opentelemetry.io/otel/sdk/metric", "go.opentelemetry.io/otel/attribute"),
		},
		{
			shapeContext, ContextNotEnded,
			function("context.(*cancelCtx).propagateCancel", "context.WithCancel", "context.WithCancelCause", "context.WithTimeout", "context.WithTimeoutCause", "context.WithDeadline",
				"context.WithDeadlineCause", "context.withCancel", "context.AfterFunc", "context.(*cancelCtx).Done"),
		},
		{
			shapeTimer, TimerNotStopped,
			function("time.NewTicker", "time.NewTimer", "time.AfterFunc", "time.After", "time.Tick", "time.newTimer"),
		},
	}
}

// guessShape names what a heap finding looks like where its parts have told
// nothing better, with the evidence.
func (f *Finding) guessShape() {
	if f.Shape != "" || len(f.Stack) == 0 || f.Verdict.Rank() > Growing.Rank() {
		return
	}
	for _, h := range habits() {
		// Near the allocation: what lies at the root tells whose request it was.
		near := f.Stack[:min(len(f.Stack), shallowStack)]
		if i := slices.IndexFunc(near, h.frame); i >= 0 {
			f.Shape = h.shape + guessed
			f.because(h.code, Values{Function: f.Stack[i].Function})
			return
		}
	}
	if b := f.buffers; b != nil && b.aboutWhole() {
		f.Shape = shapeSubslice + guessed
		f.because(LargeBuffers, Values{Bytes: b.size, Rate: b.perOp})
	}
}

// buffers are the large objects that a site keeps.
type buffers struct {
	size  float64 // mean, bytes
	perOp float64 // kept
	sd    float64 // of perOp, by sampling
	read  bool    // the standard library made them of what it read
}

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
func (j *judgement) buffersAt(x *site) *buffers {
	work := j.workOver(x.at)
	if !j.run.HasOps || !(work > 0) {
		return nil
	}
	least, read := float64(largeObject), false
	if st := x.series.Stack.Frames; len(st) > 0 && readers(st[0]) {
		least, read = largeBuffer, true
	}
	first, end := x.first(), x.end()
	var n, variance, bytes, all float64
	for _, z := range x.series.Sizes() {
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
func (b *buffers) aboutWhole() bool {
	whole := math.Max(1, math.Round(b.perOp))
	switch {
	case whole > mostWhole || b.sd > aboutOnce*whole:
		return false
	case b.read:
		return b.perOp >= leastRead
	}
	return math.Abs(b.perOp-whole) <= aboutOnce*whole
}
