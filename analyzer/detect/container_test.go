package detect

import (
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// appended serves the profiles of a slice that held filled(i) bytes at snapshot
// i: one sampled object, enlarged by append's factor of 1.25.
func appended(n int, filled func(i int) float64) []*snapshot.Heap {
	st := at(9, "example.com/app.Append", "example.com/app.Handle", handler)
	size, born := 100_000.0, map[int64]bool{}
	var order []int64
	var out []*snapshot.Heap
	for i := range n {
		for size < filled(i) {
			size *= 1.25
		}
		s := int64(size)
		if !born[s] {
			born[s] = true
			order = append(order, s)
		}
		h := &snapshot.Heap{Period: sampling}
		for _, b := range order {
			x := snapshot.HeapSample{Stack: st, Size: b, AllocObjects: 1, AllocBytes: b}
			if b == s {
				x.InuseObjects, x.InuseBytes = 1, b
			}
			h.Samples = append(h.Samples, x)
		}
		out = append(out, h)
	}
	return out
}

func TestGrowingContainers(t *testing.T) {
	t.Parallel()
	line := func(i int) float64 { return 100_000 * float64(i+1) }
	for _, c := range []struct {
		name   string
		n      int
		filled func(i int) float64
		want   Verdict // Unknown: no finding
		says   Reason
	}{
		{"appended to for ever", 40, line, Suspect, Reason{ContainerGrows, Values{Times: 1.25}}},
		{"the same, half as long", 20, line, Growing, Reason{ContainerShort, Values{Times: 1.25}}},
		{"full after two thirds", 40, func(i int) float64 { return line(min(i, 26)) }, Growing, Reason{ContainerSlackens, Values{Times: 1.25}}},
		{"of one size", 40, func(int) float64 { return 1e6 }, Unknown, Reason{}},
	} {
		heap := appended(c.n, c.filled)
		res := Analyze(simulation{steady: c.n, ops: 10_000, noCounters: true, heap: heap}.run(), DefaultConfig())
		f := find(res, "example.com/app.Append")
		switch {
		case c.want == Unknown && f != nil:
			t.Errorf("%s: %+v, want no finding", c.name, *f)
		case c.want != Unknown && (f == nil || f.Verdict != c.want || f.Shape != "growing container" || !says(f.Reasons, c.says)):
			t.Errorf("%s: findings %+v, want %s saying %+v", c.name, res.Findings, c.want, c.says)
		}
		if res.Verdict == RunLeak {
			t.Errorf("%s: the run is a leak", c.name)
		}
	}
}
