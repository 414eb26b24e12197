//go:build unix

package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/heapdrift/heapdrift/harness"
)

// tableHeap is the live heap of the load itself, after a collection, at the
// end of runs of a million and of a hundred million operations. The run of an
// hour on a simulated clock is a test: TestMemoryIsFlatOverAnHour.
func tableHeap(ctx context.Context) error {
	fmt.Println("Live heap of the load after operations that do nothing, in one process")
	w := table("operations", "live heap", "took", "")
	var first uint64
	for _, n := range []int64{1e6, 1e7, 1e8} {
		begin := time.Now()
		live, err := heapAfter(ctx, n)
		if err != nil {
			return err
		}
		last := ""
		if first == 0 {
			first = live
		} else {
			grew := int64(live) - int64(first)
			last = fmt.Sprintf("  %+.1f KiB;", float64(grew)/1024) + verdict(grew <= 1<<20, "≤ 1 MiB more")
		}
		fmt.Fprintf(w, "%d\t%.1f KiB\t%.1f s\t%s\n", n, float64(live)/1024, time.Since(begin).Seconds(), last)
	}
	return w.Flush()
}

// heapAfter runs n operations as fast as they go and returns the live heap
// while the load still holds all that it holds.
func heapAfter(ctx context.Context, n int64) (live uint64, err error) {
	const rate = 2e7 // more than can be done: the rest waits, with its time
	l, err := harness.New(harness.TargetFunc(func(context.Context, harness.Op) error { return nil }), harness.Plan{
		Rate: harness.Rate{From: rate, To: rate}, Steady: time.Duration(float64(n) / rate * 1e9), Drain: time.Millisecond,
		Queue: int(n), QuiesceTimeout: 2 * time.Minute,
		OnMark: func(_ context.Context, m harness.Mark) error {
			if !m.Last {
				return nil
			}
			runtime.GC()
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			live = s.HeapAlloc
			return nil
		},
	})
	if err != nil {
		return 0, err
	}
	res, err := l.Run(ctx)
	if err == nil && res.Counts.Completed != n {
		err = fmt.Errorf("%d of %d operations were carried out", res.Counts.Completed, n)
	}
	return live, err
}
