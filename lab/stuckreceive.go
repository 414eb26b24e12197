package lab

import (
	fixedstuckreceive "github.com/heapdrift/heapdrift/fixed/stuckreceive"
	leakystuckreceive "github.com/heapdrift/heapdrift/leakscenarios/stuckreceive"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func stuckreceive(name string) Scenario {
	return Scenario{
		Name:   name,
		Kind:   KindGoroutine,
		Story:  "A worker for each document ranges over a channel that nobody closes.",
		stream: corpus.DefaultGenerator(303),
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "goroutine",
				AllocatedAt:     "leakscenarios/stuckreceive.(*Stage)",
				DefectAt:        "leakscenarios/stuckreceive.(*Stage)",
				GoroutinesPerOp: 1,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error { a.pipeline.Embedder = leakystuckreceive.New(embed.Hasher{}); return nil },
			Fixed: func(a *assembly) error { a.pipeline.Embedder = fixedstuckreceive.New(embed.Hasher{}); return nil },
		},
	}
}
