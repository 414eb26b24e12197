package lab

import (
	"time"

	fixedcontext "github.com/heapdrift/heapdrift/fixed/context"
	leakycontext "github.com/heapdrift/heapdrift/leakscenarios/context"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func contextChildren(name string) Scenario {
	const limit = 30 * time.Second // no chunk comes near it
	stream := corpus.DefaultGenerator(1111)
	chunks := mean(stream.Document, chunkCount)
	kept := func(ops int64) float64 { return keptByContext(chunks * float64(ops)) }
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "Each chunk gets a context of its own under the service's, and nobody cancels it: the service's keeps them all.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "context.With", // the chunk's context, and what it needs to have one itself
				DefectAt:    "leakscenarios/context.(*Stage)",
				BytesPerOp:  usualSlope(kept),
				Kept:        kept,
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

// keptByContext is what the service's context keeps after so many chunks: the
// context of each, with the channel and the map of children that it made when it
// had one itself, and its entry in the service's own map.
func keptByContext(chunks float64) float64 {
	const each = 80 + 112 + 48 + 208
	return each*chunks + mapGroups(int64(chunks), contextSlot)
}

// contextSlot is what a slot of a map[canceler]struct{} takes: two words, and
// one that keeps the address of nothing within the slot.
const contextSlot = 24
