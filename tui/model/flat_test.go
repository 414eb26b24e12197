package model

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/internal/apart"
)

// heapNow is the live heap, bytes.
func heapNow() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// Ten hours of a snapshot a second, with a judgement, a probe and an event each,
// hold no more than the first hour did.
func TestTenHoursKeepMemoryFlat(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		if testing.Short() {
			t.Skip("36,000 snapshots")
		}
		s := pipeline()
		s.phases, s.every, s.sites = nil, time.Second, s.sites[:12]
		m := New(DefaultConfig())
		before := heapNow()
		var first int64
		for i := range 10 * 3600 {
			at := time.Duration(i) * time.Second
			x := s.at(at)
			if i%30 == 0 { // a site that was not there before, as of a plugin that is loaded anew
				x.Heap.Samples = append(x.Heap.Samples, snapshot.HeapSample{Stack: stackOf(fmt.Sprintf("example.com/plugin%d.F /p/f.go:1", i)), Size: 64, InuseObjects: 1, InuseBytes: 64})
			}
			m.Apply(Update{
				Source: "a", Time: x.Time, State: StateLive, Run: &snapshot.Run{Target: s.target, Snapshots: []*snapshot.Snapshot{x}}, Result: s.result(i),
				Probes: []Probe{{Time: x.Time.Add(time.Second / 2), RSS: 1 << 30}},
				Events: []Event{{Time: x.Time, Severity: Severity(i % 3), Text: fmt.Sprintf("something happened, number %d", i)}},
			})
			if i%60 == 0 {
				m.View(110, 32)
			}
			if i == 3600 {
				first = heapNow() - before
			}
		}
		last := heapNow() - before
		t.Logf("held after an hour %d KiB, after ten %d KiB", first>>10, last>>10)
		const slack = 1 << 20 // of 6 MiB that the 1,080 sites that came and went would take
		if last > first+slack {
			t.Errorf("%d KiB after ten hours, %d KiB after one", last>>10, first>>10)
		}
		tgt := m.targets[0]
		if n := len(tgt.line.moments); n > maxMoments || n < maxMoments/2 {
			t.Errorf("%d moments are kept, want %d to %d", n, maxMoments/2, maxMoments)
		}
		if len(tgt.probes) > maxProbes || len(tgt.events) > maxEvents || len(tgt.looks) > maxLooks {
			t.Errorf("%d probes, %d events, %d looks are kept", len(tgt.probes), len(tgt.events), len(tgt.looks))
		}
		for i := 2; i < len(tgt.probes)-1; i++ {
			if d := tgt.probes[i].Time.Sub(tgt.probes[i-1].Time); d != time.Duration(tgt.every)*time.Second {
				t.Fatalf("probes %d and %d are %v apart, each stands for %d", i-1, i, d, tgt.every)
			}
		}
		// What is kept is spread evenly over all of it, to the very last.
		ms := tgt.line.moments
		for i := 2; i < len(ms)-1; i++ {
			if d, want := ms[i].seconds-ms[i-1].seconds, float64(tgt.line.stride); d != want {
				t.Fatalf("moments %d and %d are %g s apart, want %g", i-1, i, d, want)
			}
		}
		if end := ms[len(ms)-1].seconds; end != 10*3600-1 {
			t.Errorf("the last moment is at %g s", end)
		}
		for _, list := range [][]*site{tgt.heap.list, tgt.groups.list} {
			for _, x := range list {
				if len(x.count) != len(ms) || x.bytes != nil && len(x.bytes) != len(ms) {
					t.Fatalf("site %s has %d and %d values for %d moments", x.name, len(x.bytes), len(x.count), len(ms))
				}
			}
		}
	})
}

func TestSitesAreBounded(t *testing.T) {
	t.Parallel()
	s := pipeline()
	s.sites = s.sites[:3]
	m := New(DefaultConfig())
	for i := range 6 {
		x := s.at(time.Duration(i) * time.Second)
		for k := range 8000 {
			x.Heap.Samples = append(x.Heap.Samples, snapshot.HeapSample{Stack: stackOf(fmt.Sprintf("example.com/p.F%d_%d /p/f.go:1", i, k)), Size: 64, InuseObjects: 1, InuseBytes: 64})
		}
		m.Apply(Update{Source: "a", Run: &snapshot.Run{Snapshots: []*snapshot.Snapshot{x}}})
	}
	h := m.targets[0].heap
	if len(h.list) > maxSites || len(h.byKey) != len(h.list) {
		t.Errorf("%d sites are kept (%d by key), at most %d are wanted", len(h.list), len(h.byKey), maxSites)
	}
	if h.byKey["example.com/pipeline/embed.(*Batcher).Flush\nexample.com/pipeline/embed.(*Service).Embed\nexample.com/pipeline/worker.run"] == nil {
		t.Error("the site that holds most was forgotten")
	}
}
