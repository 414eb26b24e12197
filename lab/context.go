package lab

import (
	"time"

	fixedcontext "github.com/heapdrift/heapdrift/fixed/context"
	leakycontext "github.com/heapdrift/heapdrift/leakscenarios/context"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func contextChildren(name string) Scenario {
	const (
		limit      = 30 * time.Second // no document comes near it
		begin, end = 450, 2700        // operations of the usual run
	)
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "Each document gets a context of its own under the service's, and nobody cancels it: the service's keeps them all.",
		stream: corpus.DefaultGenerator(1111),
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "context.With", // the document's context, and what it needs to have one itself
				DefectAt:    "leakscenarios/context.(*Stage)",
				BytesPerOp:  (keptByContext(end) - keptByContext(begin)) / (end - begin),
				Kept:        keptByContext,
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

// keptByContext is what the service's context keeps after so many documents:
// the context of each, with the channel and the map of children that it made when
// it had one itself, and its entry in the service's own map.
func keptByContext(ops int64) float64 {
	const each = 80 + 112 + 48 + 208
	return each*float64(ops) + mapGroups(ops, contextSlot)
}

// contextSlot is what a slot of a map[canceler]struct{} takes: two words, and
// one that keeps the address of nothing within the slot.
const contextSlot = 24
