package leaktest

import (
	"flag"
	"math"
	"runtime"
	"testing"
	"time"
)

// benchtime is what -benchtime is while the test runs.
func benchtime(t *testing.T, v string) {
	t.Helper()
	f := flag.Lookup("test.benchtime")
	old := f.Value.String()
	if err := f.Value.Set(v); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(old); err != nil {
			t.Error(err)
		}
	})
}

// bench runs a benchmark and returns what Report adds.
func bench(t *testing.T, fn func(b *testing.B)) (r testing.BenchmarkResult, bytes, objects float64) {
	t.Helper()
	r = testing.Benchmark(fn)
	bytes, ok1 := r.Extra[retainedBytes]
	objects, ok2 := r.Extra[retainedObjects]
	if !ok1 || !ok2 {
		t.Fatalf("the benchmark reports %v, want %s and %s", r.Extra, retainedBytes, retainedObjects)
	}
	return r, bytes, objects
}

func TestReportCountsWhatABenchmarkLeavesBehind(t *testing.T) {
	benchtime(t, "20000x")
	var c chainOf
	var garbage *node
	for _, x := range []struct {
		name string
		fn   func(b *testing.B)
		want float64 // bytes per operation; objects are a sixteenth
	}{
		{"b.Loop that keeps", func(b *testing.B) {
			Report(b)
			for b.Loop() {
				c.keep(1)
			}
		}, 16},
		{"b.N that keeps", func(b *testing.B) {
			Report(b)
			for range b.N {
				c.keep(1)
			}
		}, 16},
		{"b.Loop that keeps nothing", func(b *testing.B) {
			Report(b)
			for b.Loop() {
				garbage = &node{}
			}
		}, 0},
		{"a variable of the benchmark, not named", func(b *testing.B) {
			var own chainOf
			Report(b)
			for b.Loop() {
				own.keep(1)
			}
		}, 0},
		{"a variable of the benchmark, named", func(b *testing.B) {
			own := new(chainOf)
			Report(b, own)
			for b.Loop() {
				own.keep(1)
			}
		}, 16},
		{"b.RunParallel that keeps nothing", func(b *testing.B) {
			Report(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_ = new(node)
				}
			})
		}, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			r, bytes, objects := bench(t, x.fn)
			if r.N != 20000 {
				t.Fatalf("%d operations, want 20000", r.N)
			}
			if math.Abs(bytes-x.want) > 0.5 || math.Abs(objects-x.want/16) > 0.03 {
				t.Errorf("%d operations: %.4f B/op and %.4f objects/op, want %v and %v", r.N, bytes, objects, x.want, x.want/16)
			}
		})
	}
	c.head, garbage = nil, nil
	_ = garbage
}

func TestReportIsOutsideOfTheTimer(t *testing.T) {
	benchtime(t, "1x")
	large := make([]*node, 2_000_000) // takes milliseconds to collect
	for i := range large {
		large[i] = &node{}
	}
	for name, fn := range map[string]func(b *testing.B){
		"b.N": func(b *testing.B) {
			Report(b, large)
			for range b.N {
			}
		},
		"b.Loop": func(b *testing.B) {
			Report(b, large)
			for b.Loop() {
			}
		},
	} {
		// The least of a few: a machine that is busy may pause in the time.
		least := 1.0
		for range 5 {
			began := time.Now()
			r, _, _ := bench(t, fn)
			least = min(least, r.T.Seconds()/time.Since(began).Seconds())
		}
		if least > 0.1 {
			t.Errorf("%s: an empty operation took %.0f %% of the time: the collections are in it", name, 100*least)
		}
	}
}

func TestReportLeavesAStoppedTimerStopped(t *testing.T) {
	benchtime(t, "1x")
	testing.Benchmark(func(b *testing.B) {
		b.StopTimer()
		if timing(b) {
			t.Error("a stopped timer is taken for a running one")
		}
		Report(b)
		if timing(b) {
			t.Error("Report started a timer that the benchmark had stopped")
		}
		b.StartTimer()
		if !timing(b) {
			t.Error("a running timer is taken for a stopped one")
		}
		Report(b)
		if !timing(b) {
			t.Error("Report left the timer stopped")
		}
		for range b.N {
		}
	})
}

func TestRetainedIsNothingWithinTheNoise(t *testing.T) {
	for _, c := range []struct {
		name                   string
		bytes, objects         int64
		wantBytes, wantObjects float64
	}{
		{"nothing", 0, 0, 0, 0},
		{"a thread of the runtime", 5576, 7, 0, 0},
		{"small objects", 1600, 100, 1600, 100},
		{"one large object", 1 << 20, 1, 1 << 20, 1},
		{"less than before", -5000, -100, 0, 0},
		{"fewer bytes in more objects", -5000, 100, 0, 100},
	} {
		before := runtime.MemStats{HeapAlloc: 1 << 20, Mallocs: 1000, Frees: 500}
		after := before
		after.HeapAlloc += uint64(c.bytes)
		after.Mallocs += uint64(c.objects)
		if b, o := retained(&before, &after); b != c.wantBytes || o != c.wantObjects {
			t.Errorf("%s: %v bytes and %v objects, want %v and %v", c.name, b, o, c.wantBytes, c.wantObjects)
		}
	}
}
