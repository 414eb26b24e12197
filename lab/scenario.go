package lab

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
)

// Variant is one side of a pair.
type Variant string

// The variants.
const (
	Leaky Variant = "leaky"
	Fixed Variant = "fixed"
)

// ParseVariant reads a variant's name.
func ParseVariant(s string) (Variant, error) {
	switch v := Variant(s); v {
	case Leaky, Fixed:
		return v, nil
	}
	return "", fmt.Errorf("variant %q is unknown: it is leaky or fixed", s)
}

// The kinds of scenarios.
const (
	KindHeap      = "heap"      // keeps memory
	KindGoroutine = "goroutine" // keeps goroutines, and what they hold
	KindBacklog   = "backlog"   // keeps what it has not got round to
	KindChurn     = "churn"     // keeps nothing, allocates much
	KindPeak      = "peak"      // keeps nothing, needs much at a time
	KindPlateau   = "plateau"   // keeps the most that it ever needed
	KindControl   = "control"   // healthy: there is no leaky variant
)

// Scenario is one pair, or a control. Its JSON form is what `lab list` prints.
type Scenario struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Story string `json:"story"` // the defect, or what is healthy about a control, in a sentence
	Truth Truth  `json:"truth"`

	// Load is what the scenario needs otherwise than the usual load.
	Load Load `json:"-"`

	stream stream
	// swap puts the variant's part into the assembly. A control has none that
	// is Leaky.
	swap map[Variant]func(*assembly) error
}

// stream makes documents: a fresh one for every seq, and the same whenever it
// is asked for. A corpus.Generator is one.
type stream interface {
	Document(seq int64) pipeline.Document
}

// Load is a load; what is zero is as usual.
type Load struct {
	// From and To are operations a second at the start and at the end of the
	// steady phase, a ramp between them; To zero is From. Steps are rates of
	// equally long parts of it instead.
	From, To float64
	Steps    []float64

	Warmup, Steady, Drain time.Duration
	Every                 time.Duration // between snapshots; zero with a Steady: a twentieth of it
	Probe                 time.Duration // between light probes, which keep the peak of the live heap
	MaxInFlight           int           // operations at once
	// Unheld has snapshots taken in the middle of the load: arrivals go on, and
	// what is in flight shows.
	Unheld bool
}

// UsualLoad is that of every scenario which asks for no other.
func UsualLoad() Load {
	return Load{
		From: 150, Warmup: 3 * time.Second, Steady: 15 * time.Second, Drain: 3 * time.Second,
		Every: 750 * time.Millisecond, MaxInFlight: 16,
	}
}

// judged are the operations between which the growth under a load of an even
// rate is judged: those of its steady phase.
func (l Load) judged() (begin, end int64) {
	ops := func(d time.Duration) int64 { return int64(l.From * d.Seconds()) }
	return ops(l.Warmup), ops(l.Warmup + l.Steady)
}

// usualSlope is the growth per operation, under the usual load, of what keeps so
// much after so many operations.
func usualSlope(kept func(ops int64) float64) float64 {
	begin, end := UsualLoad().judged()
	return (kept(end) - kept(begin)) / float64(end-begin)
}

// Variants are those that the scenario has, in the order in which they run.
func (s Scenario) Variants() []Variant {
	if s.swap[Leaky] == nil {
		return []Variant{Fixed}
	}
	return []Variant{Leaky, Fixed}
}

// Document is the document with which operation seq loads the scenario: fresh
// for every seq, and the same whenever it is asked for.
func (s Scenario) Document(seq int64) pipeline.Document { return s.stream.Document(seq) }

// Body is Document as the body of POST /ingest.
func (s Scenario) Body(seq int64) []byte { return bodyOf(s.Document(seq)) }

func bodyOf(doc pipeline.Document) []byte {
	body, err := json.Marshal(doc)
	if err != nil {
		// Four strings cannot fail to become JSON.
		panic(fmt.Sprintf("encode document %s: %v", doc.ID, err))
	}
	return body
}
