package lab

import (
	fixedsubslice "github.com/heapdrift/heapdrift/fixed/subslice"
	leakysubslice "github.com/heapdrift/heapdrift/leakscenarios/subslice"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

func subslice(name string) Scenario {
	stream := corpus.DefaultGenerator(202)
	stream.Untitled = true // only a title that is a view of the text can keep it
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "An index of titles is keyed by views of the documents' text, and so keeps every document whole.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "pipeline/feed.JSON",
				DefectAt:    "leakscenarios/subslice.(*Reader)",
				BytesPerOp:  mean(stream.Document, keptBySubslice),
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error { a.reader = leakysubslice.New(); return nil },
			Fixed: func(a *assembly) error { a.reader = fixedsubslice.New(); return nil },
		},
	}
}

// keptBySubslice is what the leaky index of titles keeps of one document.
func keptBySubslice(doc pipeline.Document) int {
	return allocated(len(doc.Text)) + // the text that the title is a view of
		allocated(len(doc.ID)) +
		titleEntry
}

// titleEntry is what one entry of a map[string]string takes: 33 bytes a slot,
// of which between half and seven eighths are filled. Measured with Go 1.26.
const titleEntry = 50
