package lab

import (
	fixedlabels "github.com/heapdrift/heapdrift/fixed/labels"
	leakylabels "github.com/heapdrift/heapdrift/leakscenarios/labels"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

func labels(name string) Scenario {
	stream := corpus.DefaultGenerator(707)
	stream.Prefix = "https://news.example/article"
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "A Prometheus histogram is labelled by the document's address, and keeps a series for every document.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "client_golang/prometheus.(*MetricVec)",
				DefectAt:    "leakscenarios/labels.(*Reader).Read",
				BytesPerOp:  histogramSeries,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				r := leakylabels.New()
				a.reader, a.collectors = r, append(a.collectors, r.Collector())
				return nil
			},
			Fixed: func(a *assembly) error {
				r := fixedlabels.New()
				a.reader, a.collectors = r, append(a.collectors, r.Collector())
				return nil
			},
		},
	}
}

// histogramSeries is what one series of a histogram with 24 buckets and one
// label of 41 bytes takes in client_golang 1.25, its place in the vector's map
// included. Measured with Go 1.26, the mean over 20,000 of them.
const histogramSeries = 1658
