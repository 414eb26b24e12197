//go:build unix

package harness

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkOpenLoop puts a function that does nothing under an open-loop load,
// as many operations as b.N says at the given rate. ns/op is the distance of the
// arrivals, not a cost; see measure for the costs.
func BenchmarkOpenLoop(b *testing.B) {
	for _, rate := range []float64{1e3, 200e3, 1e6} {
		b.Run(fmt.Sprintf("%.0fk", rate/1e3), func(b *testing.B) {
			measure(b, TargetFunc(func(context.Context, Op) error { return nil }), rate)
		})
	}
}

// BenchmarkOpenLoopHTTP is the same over HTTP, server and client in this
// process.
func BenchmarkOpenLoopHTTP(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	for _, rate := range []float64{1e3, 5e3} {
		b.Run(fmt.Sprintf("%.0fk", rate/1e3), func(b *testing.B) {
			target, err := NewHTTP(HTTPConfig{URL: s.URL})
			if err != nil {
				b.Fatal(err)
			}
			defer target.Close()
			measure(b, target, rate)
		})
	}
}

// measure runs the load and reports CPU time of the whole process and
// allocations for each operation, the share of the arrivals that were started
// in time, the error in their count, and the 99th percentile from the intended
// time.
func measure(b *testing.B, target Target, rate float64) {
	b.Helper()
	l, err := New(target, Plan{Rate: Rate{From: rate, To: rate}, Steady: time.Duration(float64(b.N) / rate * 1e9)})
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
	if res.Counts.Errors > 0 {
		b.Errorf("%d errors: %v", res.Counts.Errors, res.ErrorExamples)
	}
	n := float64(max(res.Counts.Completed, 1))
	b.ReportMetric(float64(cpu)/n, "cpu-ns/op")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "mallocs/op")
	b.ReportMetric(100*res.Steady.AchievedRate/rate, "%rate")
	b.ReportMetric(100*(n-float64(b.N))/float64(b.N), "%count-error")
	b.ReportMetric(float64(res.Steady.Latency.P99)/1e3, "p99-µs")
}

// cpuTime returns what this process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
