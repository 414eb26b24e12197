package report_test

import (
	"log"
	"os"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// A run that keeps nothing, in one line for people.
func ExampleText() {
	run := &snapshot.Run{}
	for i := range 21 {
		ops := int64(i) * 1000
		run.Snapshots = append(run.Snapshots, &snapshot.Snapshot{
			Meta: snapshot.Meta{
				Time:  time.Date(2026, 11, 23, 10, 0, 10*i, 0, time.UTC),
				Ops:   &ops,
				Phase: snapshot.PhaseSteady,
			},
			Counters: snapshot.Counters{Values: map[string]uint64{
				"HeapAlloc": 8<<20 + uint64(i*7%5*64), "Mallocs": 50_000, "Frees": 0,
			}},
			Goroutines: &snapshot.Goroutines{Total: 12},
		})
	}
	result := detect.Analyze(run, detect.DefaultConfig())
	if err := report.Text(os.Stdout, run, result, report.TextOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// clean  20,000 ops: keeps less than 0.1 B/op (850 KiB/day) and 0.00024
	//        goroutines/op
	//      limit 64 B/op and 0.01 goroutines/op; a leak of ≥ 1.9 B/op or ≥ 0.008
	//      goroutines/op (90 %) would have been seen
}
