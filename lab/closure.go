package lab

import (
	fixedclosure "github.com/heapdrift/heapdrift/fixed/closure"
	leakyclosure "github.com/heapdrift/heapdrift/leakscenarios/closure"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func closure(name string) Scenario {
	stream := corpus.DefaultGenerator(101)
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "A goroutine sleeps for an hour before it audits a document, and its closure keeps the document's embeddings.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt:     "pipeline/embed.Hasher",
				DefectAt:        "leakscenarios/closure.(*Stage)",
				BytesPerOp:      mean(stream.Document, keptByClosure),
				GoroutinesPerOp: 1,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				a.pipeline.Embedder = leakyclosure.New(embed.Hasher{}, a.ledger.add)
				return nil
			},
			Fixed: func(a *assembly) error {
				a.pipeline.Embedder = fixedclosure.New(embed.Hasher{}, a.ledger.add)
				return nil
			},
		},
	}
}

// keptByClosure is what the leaky closure keeps of one document: its vectors,
// and the goroutine that sleeps on them.
func keptByClosure(doc pipeline.Document) int {
	n := chunkCount(doc)
	return n*allocated(4*embed.Dimensions) + // the vectors
		allocated(n*sliceHeader) + // the slice of them
		sleepingGoroutine
}

// sleepingGoroutine is what a goroutine in time.Sleep has in the heap: the
// runtime's own record of it, its timer, the closure, and its places in the
// runtime's lists. Its stack, 2 KiB, is not in the heap. Measured with Go 1.26.
const sleepingGoroutine = 620
