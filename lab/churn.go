package lab

import (
	fixedchurn "github.com/heapdrift/heapdrift/fixed/churn"
	leakychurn "github.com/heapdrift/heapdrift/leakscenarios/churn"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func churn(name string) Scenario {
	return Scenario{
		Name:   name,
		Kind:   KindChurn,
		Story:  "Words are joined by turning the text so far into bytes and back for each of them, without room to spare.",
		stream: corpus.DefaultGenerator(1010),
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "clean", Finding: "churn", Kind: "heap",
				AllocatedAt: "leakscenarios/churn.plain", DefectAt: "leakscenarios/churn.(*Stage)",
				AllocatedTimes: 3,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error { a.pipeline.Embedder = leakychurn.New(embed.Hasher{}); return nil },
			Fixed: func(a *assembly) error { a.pipeline.Embedder = fixedchurn.New(embed.Hasher{}); return nil },
		},
	}
}
