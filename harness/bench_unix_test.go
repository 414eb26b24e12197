//go:build unix

package harness

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkOpenLoop puts a function that does nothing under an open-loop load,
// as many operations as b.N says at the given rate, and reports what the load
// costs: CPU time of the whole process and allocations for each operation, the
// share of the arrivals that were started in time, and the 99th percentile from
// the intended time. ns/op is the distance of the arrivals, not a cost.
func BenchmarkOpenLoop(b *testing.B) {
	for _, rate := range []float64{1e3, 200e3, 1e6} {
		b.Run(fmt.Sprintf("%.0fk", rate/1e3), func(b *testing.B) {
			var done atomic.Int64
			l, err := New(TargetFunc(func(context.Context, Op) error { done.Add(1); return nil }), Plan{
				Rate: Rate{rate, rate}, Steady: time.Duration(float64(b.N) / rate * 1e9),
			})
			if err != nil {
				b.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			cpu := cpuTime(b)
			b.ResetTimer()
			res, err := l.Run(b.Context())
			b.StopTimer()
			cpu = cpuTime(b) - cpu
			runtime.ReadMemStats(&after)
			if err != nil {
				b.Fatal(err)
			}
			n := float64(max(res.Counts.Completed, 1))
			b.ReportMetric(float64(cpu)/n, "cpu-ns/op")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "mallocs/op")
			b.ReportMetric(100*res.Steady.AchievedRate/rate, "%rate")
			b.ReportMetric(float64(res.Steady.Latency.P99)/1e3, "p99-µs")
		})
	}
}

// cpuTime returns what this process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
