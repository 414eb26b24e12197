package lab

import (
	"github.com/prometheus/client_golang/prometheus"

	fixedappendonly "github.com/heapdrift/heapdrift/fixed/appendonly"
	leakyappendonly "github.com/heapdrift/heapdrift/leakscenarios/appendonly"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

func appendonly(name string) Scenario {
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "A history that is only ever appended to holds the mean vector of every document, to tell how far the latest have drifted.",
		stream: corpus.DefaultGenerator(505),
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "leakscenarios/appendonly.mean",
				DefectAt:    "leakscenarios/appendonly.(*Stage).remember",
				BytesPerOp:  float64(allocated(4*embed.Dimensions) + historyItem),
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				stage := leakyappendonly.New(embed.Hasher{})
				a.pipeline.Embedder = stage
				a.collectors = append(a.collectors, driftGauge(stage.Drift))
				return nil
			},
			Fixed: func(a *assembly) error {
				stage := fixedappendonly.New(embed.Hasher{})
				a.pipeline.Embedder = stage
				a.collectors = append(a.collectors, driftGauge(stage.Drift))
				return nil
			},
		},
	}
}

// driftGauge shows the drift beside the service's other metrics.
func driftGauge(drift func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "processor_embedding_drift",
		Help: "How far the latest documents lie from all before, as 1 - cosine.",
	}, drift)
}

// historyItem is what an item of the history takes beside its vector: itself,
// and its place in the slice, which append enlarges by a quarter at a time.
const historyItem = 32 + 9
