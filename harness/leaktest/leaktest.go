// Package leaktest finds leaks in a package's own tests: a function that keeps
// memory or goroutines with every call, goroutines that outlive a test, objects
// that are still reachable when they should be gone, and what a benchmark leaves
// behind.
//
//	func TestMain(m *testing.M) { leaktest.Main(m) }
//
//	func TestQuoteKeepsNothing(t *testing.T) {
//		c := NewCache()
//		leaktest.Run(t, func(ctx context.Context, i int) error { return c.Quote(ctx, i) },
//			leaktest.Warmup(2000), leaktest.MaxPerOp(0.5))
//	}
//
// [Run] counts exactly: it calls the function many times, lets two collections
// run now and then, and reads live bytes, live objects and goroutines. The
// verdict is that of analyzer/detect, the same as for a service under load; the
// sampled heap profile only says where. A test that cannot tell fails as
// inconclusive: it never passes for lack of evidence.
//
// All of it measures the whole process, so nothing of it works in a parallel
// test, and the tests are refused there.
//
// The package needs the standard library, google/pprof/profile and the pure
// part of heapdrift, nothing else.
package leaktest

import (
	"runtime"
	"testing"
)

// SampleRate is the rate at which Main has the heap sampled: one object in
// about so many bytes. Run lowers it further while it looks for a site.
const SampleRate = 4096

// Main runs a package's tests with the heap sampled closely enough to name the
// line that leaks. Call it from TestMain, and nothing that allocates before it:
//
//	func TestMain(m *testing.M) { leaktest.Main(m) }
//
// A lower rate that was chosen elsewhere (GODEBUG=memprofilerate, go test
// -memprofilerate) stays. Without Main, [Run] decides as well as with it, for it
// counts exactly, but leaves the rate as it is, and seldom knows the site.
func Main(m *testing.M) {
	if runtime.MemProfileRate > SampleRate {
		runtime.MemProfileRate = SampleRate
	}
	m.Run()
}
