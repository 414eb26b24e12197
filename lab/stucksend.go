package lab

import (
	"context"
	"errors"

	fixedstucksend "github.com/heapdrift/heapdrift/fixed/stucksend"
	leakystucksend "github.com/heapdrift/heapdrift/leakscenarios/stucksend"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func stucksend(name string) Scenario {
	stream := corpus.DefaultGenerator(404)
	senders := mean(stream.Document, stuckSenders)
	return Scenario{
		Name:   name,
		Kind:   KindGoroutine,
		Story:  "While the model server is down the collector of a document's vectors returns at the first error, and the senders of all others wait for ever.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "goroutine",
				AllocatedAt:     "leakscenarios/stucksend.(*Stage)",
				DefectAt:        "leakscenarios/stucksend.(*Stage).send",
				BytesPerOp:      senders * stuckSender,
				GoroutinesPerOp: senders,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				a.pipeline.Embedder = leakystucksend.New(downServer{}, embed.Hasher{})
				return nil
			},
			Fixed: func(a *assembly) error {
				a.pipeline.Embedder = fixedstucksend.New(downServer{}, embed.Hasher{})
				return nil
			},
		},
	}
}

// downServer is a model server that cannot be reached: every document goes to
// the fallback, and every one leaks.
type downServer struct{}

var errDown = errors.New("the model server cannot be reached")

func (downServer) Vector(context.Context, string) (embed.Vector, error) { return nil, errDown }

// stuckSenders is how many goroutines stay of one document: those of all
// chunks but the one whose error was received.
func stuckSenders(doc pipeline.Document) int { return max(0, chunkCount(doc)-1) }

// stuckSender is what a goroutine that waits to send has in the heap: the
// runtime's own record of it, what it was started with, and its place in the
// channel's queue. Its stack is not in the heap. Measured with Go 1.26.
const stuckSender = 622
