package detect_test

import (
	"fmt"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// moment is a snapshot of exact counters alone, after so many operations.
func moment(i int, ops int64, liveBytes, liveObjects uint64) *snapshot.Snapshot {
	return &snapshot.Snapshot{
		Meta: snapshot.Meta{
			Time:  time.Date(2026, 11, 23, 10, 0, 10*i, 0, time.UTC),
			Ops:   &ops,
			Phase: snapshot.PhaseSteady,
		},
		Counters: snapshot.Counters{Values: map[string]uint64{
			"HeapAlloc": liveBytes, "Mallocs": liveObjects, "Frees": 0,
		}},
	}
}

// A run may come from anywhere: here, from counters that a program wrote down
// every ten seconds. Two objects of 40 bytes stay with every operation.
func ExampleAnalyze() {
	run := &snapshot.Run{}
	for i := range 21 {
		ops := int64(i) * 1000
		jitter := uint64(i * 7 % 5 * 64) // what is in use at the moment
		run.Snapshots = append(run.Snapshots, moment(i, ops, 8<<20+uint64(ops)*80+jitter, 50_000+uint64(ops)*2))
	}
	result := detect.Analyze(run, detect.DefaultConfig())
	live := result.Total(series.LiveBytes)
	fmt.Println(result.Verdict)
	growth := live.In(detect.PerOp)
	fmt.Printf("%.1f B/op [%.1f, %.1f]\n", growth.Estimate, growth.Lo, growth.Hi)
	for _, f := range result.Findings {
		fmt.Println(f.Verdict, f.Function)
	}
	// Output:
	// leak
	// 80.0 B/op [79.6, 80.0]
	// leak (unattributed)
}
