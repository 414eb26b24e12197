package detect

import (
	"fmt"
	"testing"
)

// BenchmarkAnalyze gives the time per snapshot of a whole judgement, and what
// part of it the power statement takes.
func BenchmarkAnalyze(b *testing.B) {
	for _, n := range []int{14, 20, 60} {
		run := families()[1].healthy(seeded("benchmark", n), n).run()
		b.Run(fmt.Sprintf("%d snapshots", n), func(b *testing.B) {
			for b.Loop() {
				Analyze(run, DefaultConfig())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(run.Snapshots)), "µs/snapshot")
		})
		b.Run(fmt.Sprintf("%d snapshots without power", n), func(b *testing.B) {
			for b.Loop() {
				judge(run, DefaultConfig())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(run.Snapshots)), "µs/snapshot")
		})
	}
}
