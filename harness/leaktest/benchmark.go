package leaktest

import (
	"runtime"
	"testing"
)

// Units that Report adds to a benchmark's line.
const (
	retainedBytes   = "retained-B/op"
	retainedObjects = "retained-objects/op"
)

// Report adds to a benchmark what each operation leaves behind in the process:
// retained-B/op and retained-objects/op, from the exact counters, before and
// after, over b.N. benchstat compares them like any other. Call it right before
// the loop, b.Loop's or that over b.N; its collections are outside of the timer:
//
//	func BenchmarkQuote(b *testing.B) {
//		c := NewCache()
//		leaktest.Report(b, c)
//		for b.Loop() {
//			c.Quote()
//		}
//	}
//
// What only the benchmark's own variables hold is gone with them when it is
// measured, and counts as freed: name in keep what shall stay, as c here. What
// comes once, the first operation's initialisation for instance, is spread over
// all operations; less than 8 KiB in fewer than 16 objects in all reads as 0.
func Report(b *testing.B, keep ...any) {
	b.Helper()
	on := timing(b)
	if on {
		b.StopTimer()
	}
	m := newCollector()
	var before, after runtime.MemStats
	b.Cleanup(func() { // registered before the first reading: it allocates
		m.collect()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(keep)
		bytes, objects := retained(&before, &after)
		n := float64(max(1, b.N))
		b.ReportMetric(bytes/n, retainedBytes)
		b.ReportMetric(objects/n, retainedObjects)
	})
	m.collect()
	m.collect() // the first may have woken what allocates once
	runtime.ReadMemStats(&before)
	if on {
		b.StartTimer()
	}
}

// What the runtime may make for itself meanwhile: a thread, with what belongs to
// it, is 5.6 KB in 7 objects.
const (
	noiseBytes   = 8 << 10
	noiseObjects = 16
)

// retained is the growth between two readings, 0 where both are within the
// noise, or less: a benchmark that frees what was there before retains nothing.
func retained(before, after *runtime.MemStats) (bytes, objects float64) {
	bytes = float64(after.HeapAlloc) - float64(before.HeapAlloc)
	objects = float64(after.Mallocs-after.Frees) - float64(before.Mallocs-before.Frees)
	if bytes < noiseBytes && objects < noiseObjects {
		return 0, 0
	}
	return max(0, bytes), max(0, objects)
}

// timing reports whether the benchmark's timer runs: then it moves. The clock
// may be as coarse as a millisecond.
func timing(b *testing.B) bool {
	first := b.Elapsed()
	for range 1 << 20 {
		if b.Elapsed() != first {
			return true
		}
	}
	return false
}
