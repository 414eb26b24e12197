package lab

import (
	"time"

	fixedcontext "github.com/heapdrift/heapdrift/fixed/context"
	leakycontext "github.com/heapdrift/heapdrift/leakscenarios/context"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func contextChildren(name string) Scenario {
	const limit = 30 * time.Second // no document comes near it
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "Each document gets a context of its own under the service's, and nobody cancels it: the service's keeps them all.",
		stream: corpus.DefaultGenerator(404),
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "context.With", // the document's context, and what it needs to have one itself
				DefectAt:    "leakscenarios/context.(*Stage)",
				BytesPerOp:  keptContext,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				a.pipeline.Embedder = leakycontext.New(a.ctx, embed.Hasher{}, limit)
				return nil
			},
			Fixed: func(a *assembly) error {
				a.pipeline.Embedder = fixedcontext.New(a.ctx, embed.Hasher{}, limit)
				return nil
			},
		},
	}
}

// keptContext is what the service's context keeps of each document: its
// context (80 bytes), that one's channel (96) and map of children (48 and a
// group of eight slots, 144), and its entry in the service's own map: 17 bytes a
// slot, of which between half and seven eighths are filled. Measured with Go 1.26.
const keptContext = 80 + 96 + 48 + 144 + 26
