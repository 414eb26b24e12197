package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// bySize gives a run exact size classes: objects(i, size) live objects of each
// at snapshot i.
func bySize(run *snapshot.Run, objects func(i int, size uint32) float64) *snapshot.Run {
	for i, s := range run.Snapshots {
		s.Counters.BySize = []snapshot.SizeClass{{}}
		for _, size := range []uint32{16, 64, 256, 1024, 4096} {
			n := uint64(objects(i, size))
			s.Counters.BySize = append(s.Counters.BySize, snapshot.SizeClass{Size: size, Mallocs: 1_000_000*uint64(i+1) + n, Frees: 1_000_000 * uint64(i+1)})
		}
	}
	return run
}

// still serves the same profile at every snapshot.
func still(n int, samples ...snapshot.HeapSample) []*snapshot.Heap {
	var out []*snapshot.Heap
	for range n {
		out = append(out, &snapshot.Heap{Period: 512 << 10, Samples: samples})
	}
	return out
}

func sampleOf(st *snapshot.Stack, size, inUse, born int64) snapshot.HeapSample {
	scale := 1 / -math.Expm1(-float64(size)/(512<<10))
	return snapshot.HeapSample{
		Stack: st, Size: size,
		InuseObjects: int64(float64(inUse) * scale), InuseBytes: int64(float64(inUse*size) * scale),
		AllocObjects: int64(float64(born) * scale), AllocBytes: int64(float64(born*size) * scale),
	}
}

// 2,000 objects of 1000 bytes kept over 10,000 operations: at the default
// sampling rate that is four samples, and here none of them fell into the judged
// part.
func TestTheSizeClassNamesWhatTheProfileDoesNot(t *testing.T) {
	t.Parallel()
	keep := at(2, "example.com/app.Keep", "example.com/app.Handle", handler)
	busy := at(3, "example.com/app.Parse", "example.com/app.Handle", handler)
	small := at(4, "example.com/app.Index", "example.com/app.Handle", handler)
	twin := at(5, "example.com/app.Twin", "example.com/app.Handle", handler)
	grows := func(i int, size uint32) float64 {
		if size == 1024 {
			return 5000 + 100*float64(i)
		}
		return 20_000
	}
	for _, c := range []struct {
		name    string
		heap    []*snapshot.Heap
		want    string // the site named; "" none
		classes bool
	}{
		{"the one site that keeps that size", still(20, sampleOf(keep, 1000, 2, 2), sampleOf(busy, 1000, 1, 40), sampleOf(small, 64, 3, 3)), "example.com/app.Keep", true},
		{"of two alike neither", still(20, sampleOf(keep, 1000, 2, 2), sampleOf(twin, 900, 2, 2)), "", true},
		{"one holds by far more", still(20, sampleOf(keep, 1000, 4, 4), sampleOf(twin, 900, 1, 1)), "example.com/app.Keep", true},
		{"no site keeps that size", still(20, sampleOf(busy, 1000, 1, 40), sampleOf(small, 64, 3, 3)), "", true},
		{"without the size classes", still(20, sampleOf(keep, 1000, 2, 2)), "", false},
	} {
		s := simulation{steady: 20, ops: 10_000, bytes: curve(20, 100, linear(2e6)), objects: curve(20, 2, linear(2000)), heap: c.heap}
		run := s.run()
		if c.classes {
			bySize(run, grows)
		}
		res := Analyze(run, DefaultConfig())
		named := ""
		for _, f := range res.Findings {
			if f.Function == Unattributed {
				sizes := reason(f.Reasons, SizesThatGrow)
				if c.classes != (sizes != nil) || c.classes && !(len(sizes.Values.Parts) == 1 && sizes.Values.Parts[0].Bytes == 1024 && math.Abs(sizes.Values.Parts[0].Rate-0.19) < 0.001 && sizes.Values.Parts[0].Per == PerOp) {
					t.Errorf("%s: (unattributed) says %+v, size classes known: %v", c.name, f.Reasons, c.classes)
				}
				continue
			}
			named = f.Function
			if f.Verdict != Suspect || math.Abs(f.Objects.Estimate-0.19) > 0.001 || math.Abs(f.Bytes.Estimate-194.6) > 1 {
				t.Errorf("%s: %+v, want a suspect with 0.19 objects of 1024 bytes", c.name, f)
			}
		}
		if named != c.want || res.Verdict != RunLeak {
			t.Errorf("%s: %s names %q, want a leak at %q", c.name, res.Verdict, named, c.want)
		}
	}
}

// A sample that stayed is no evidence where the exact count of its size did not
// grow.
func TestAFlatSizeClassRulesASiteOut(t *testing.T) {
	t.Parallel()
	other := at(6, "example.com/app.Other", "example.com/app.Handle", handler)
	keep := at(2, "example.com/app.Keep", "example.com/app.Handle", handler)
	heap := still(20)
	for i := range heap {
		k := int64(1 + i/8)
		heap[i].Samples = []snapshot.HeapSample{sampleOf(keep, 1000, k, k), sampleOf(other, 200, k, k)}
	}
	run := bySize(simulation{steady: 20, ops: 10_000, bytes: curve(20, 100, linear(2e6)), objects: curve(20, 2, linear(2000)), heap: heap}.run(), func(i int, size uint32) float64 {
		if size == 1024 {
			return 5000 + 100*float64(i)
		}
		return 20_000
	})
	res := Analyze(run, DefaultConfig())
	if find(res, "example.com/app.Keep") == nil || find(res, "example.com/app.Other") != nil {
		t.Errorf("findings %+v, want app.Keep alone: objects of 256 bytes did not grow", res.Findings)
	}
}
