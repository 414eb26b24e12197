package leaktest

import (
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// answer is what is to say of one budget, or of all.
type answer int

// The answers, in the order of their weight. The zero value is "kept".
const (
	kept answer = iota
	open        // neither kept nor broken: inconclusive
	broken
)

// outcome is a run held against the limits.
type outcome struct {
	answer   answer // the worst of the budgets
	budgets  []budget
	res      *detect.Result
	findings []detect.Finding // those that are not allowed
	allowed  []permitted
	unused   []*allowed
}

// permitted is a finding with what allows it.
type permitted struct {
	detect.Finding
	by *allowed
}

// budget is one quantity held against its limit.
type budget struct {
	name   string  // as in the report
	limit  float64 // above it a leak breaks the budget
	clean  float64 // up to it the budget is kept; not below limit
	answer answer
	total  *detect.Total // nil where it is not known
	rest   bool          // within the limit after what is allowed
}

// detectConfig is what the analysis is told of the limits, for so many judged
// operations.
func (c *config) detectConfig(module string, ops float64) detect.Config {
	d := detect.DefaultConfig()
	few := 0.0
	if !c.bytesSet {
		few = min(mostFew, fewBytes/max(1, ops))
	}
	fewObjects := few / detect.SmallestObject
	if c.objectsSet {
		fewObjects = 0
	}
	d.Tolerance = detect.BytesPerOp(min(c.bytes, c.objects*detect.SmallestObject)) // the limits of the budgets come after
	d.TolerancePerSecond = 0                                                       // the rate of a loop is nobody's rate
	d.Clean = detect.CleanLimit{
		Bytes:      max(c.bytes, leastBytes, few),
		Objects:    max(c.objects, leastObjects, fewObjects),
		Goroutines: max(c.goroutines, leastGorouts),
	}
	d.Module = module
	return d
}

// weigh has a run judged and holds the result against the limits.
func (c *config) weigh(run *snapshot.Run) *outcome {
	d := c.detectConfig(run.Target.Module, judgedOps(run))
	o := &outcome{res: detect.Analyze(run, d)}
	used := map[*allowed]bool{}
	for _, f := range o.res.Findings {
		if a := accepting(c.allowed, f.Stack); a != nil {
			used[a] = true
			o.allowed = append(o.allowed, permitted{f, a})
			continue
		}
		o.findings = append(o.findings, f)
	}
	for i := range c.allowed {
		if a := &c.allowed[i]; !used[a] {
			o.unused = append(o.unused, a)
		}
	}
	o.budgets = []budget{
		o.bytes(budget{name: series.LiveBytes, limit: c.bytes, clean: d.Clean.Bytes}),
		o.objects(budget{name: series.LiveObjects, limit: c.objects, clean: d.Clean.Objects}, c.objectsSet),
		o.goroutines(budget{name: series.Goroutines, limit: c.goroutines, clean: d.Clean.Goroutines}, c.goroutSet),
	}
	for _, b := range o.budgets {
		o.answer = max(o.answer, b.answer)
	}
	return o
}

// slackened is how many times as much a look must have kept before for the next
// one to be no proof: each is short, and what fills exponentially looks like a
// line over less than its time constant.
const slackened = 1.5

// keeps is the growth of live bytes per operation, 0 where it is not known.
func (o *outcome) keeps() float64 {
	if growth := o.res.Total(series.LiveBytes).In(detect.PerOp); growth != nil {
		return growth.Estimate
	}
	return 0
}

// reopen takes the proof of heap growth back: it is undecided.
func (o *outcome) reopen() {
	o.answer = kept
	for i := range o.budgets {
		b := &o.budgets[i]
		if b.answer == broken && b.name != series.Goroutines {
			b.answer = open
		}
		o.answer = max(o.answer, b.answer)
	}
}

// judgedOps is the number of operations between the first and the last snapshot
// that is judged.
func judgedOps(run *snapshot.Run) float64 {
	first, last := int64(-1), int64(0)
	for _, i := range series.WindowOf(run.Snapshots).Judged {
		ops := run.Snapshots[i].Ops
		if ops == nil {
			continue
		}
		if first < 0 {
			first = *ops
		}
		last = *ops
	}
	return float64(last - max(0, first))
}

// bytes judges live bytes. They decide: a site may grow while the process does
// not.
func (o *outcome) bytes(b budget) budget {
	b.total = o.res.Total(b.name)
	b.answer = b.heldAgainstTotal()
	return o.less(b, detect.KindHeap, func(f *detect.Finding) *detect.Rate { return f.Bytes })
}

// objects judges live objects. Without a limit of their own they only break
// the test, and what bytes cannot decide is not theirs to say.
func (o *outcome) objects(b budget, set bool) budget {
	b.total = o.res.Total(b.name)
	b.answer = b.heldAgainstTotal()
	if !set && b.answer == open {
		b.answer = kept
	}
	return o.less(b, detect.KindHeap, func(f *detect.Finding) *detect.Rate { return f.Objects })
}

// goroutines judges their number. Without a limit any leak of them breaks the
// test, however slow.
func (o *outcome) goroutines(b budget, set bool) budget {
	b.total = o.res.Total(b.name)
	b.answer = b.heldAgainstTotal()
	if b.total != nil && !set {
		switch b.total.Verdict {
		case detect.Leak:
			b.answer = broken
		case detect.Suspect, detect.Growing:
			b.answer = max(b.answer, open)
		}
	}
	return o.less(b, detect.KindGoroutine, func(f *detect.Finding) *detect.Rate { return f.Goroutines })
}

// growth is that of the total per operation, nil where it is not known.
func (b *budget) growth() *stats.Interval { return b.total.In(detect.PerOp) }

// shown is the limit to print: what it is held against.
func (b *budget) shown() float64 {
	if b.answer == broken {
		return b.limit
	}
	return b.clean
}

// heldAgainstTotal holds the total's interval against the limits: broken where it leaks and
// the lower end is above, kept where the upper end is not.
func (b *budget) heldAgainstTotal() answer {
	t, growth := b.total, b.growth()
	switch {
	case growth == nil:
		return open
	case t.Verdict == detect.Leak && growth.Lo > b.limit:
		return broken
	case t.Verdict == detect.Stable, t.Verdict == detect.Plateau, growth.Hi <= b.clean:
		return kept
	}
	return open
}

// less takes out what is allowed: a budget that is not kept is kept all the
// same if the allowed findings may make all of what is above the limit, and
// nothing else of its kind was found.
func (o *outcome) less(b budget, kind detect.Kind, of func(*detect.Finding) *detect.Rate) budget {
	growth := b.growth()
	if b.answer == kept || growth == nil {
		return b
	}
	allowance, any := 0.0, false
	for i := range o.allowed {
		f := &o.allowed[i].Finding
		if f.Kind != kind {
			continue
		}
		any = true
		if iv := of(f).On(detect.PerOp); iv != nil {
			allowance += iv.Hi
		} else {
			allowance = math.Inf(1) // its size is not known
		}
	}
	if !any {
		return b
	}
	for i := range o.findings {
		f := &o.findings[i]
		if f.Kind != kind || len(f.Stack) == 0 {
			continue
		}
		// What the runtime allocates for itself, as one sample of its tables, takes
		// no allowance back unless it is proved.
		if f.Verdict == detect.Leak || !runtimeAlone(f) && (f.Verdict == detect.Suspect || f.Verdict == detect.Growing) {
			return b
		}
	}
	if growth.Lo-allowance <= b.clean {
		b.answer, b.rest = kept, true
	}
	return b
}

// runtimeAlone reports memory that the runtime allocates for itself.
func runtimeAlone(f *detect.Finding) bool {
	return f.Kind == detect.KindHeap && !slices.ContainsFunc(f.Stack, func(fr snapshot.Frame) bool {
		first, _, _ := strings.Cut(strings.TrimPrefix(series.Package(fr.Function), "internal/"), "/")
		return first != "runtime"
	})
}
