package series

import (
	"maps"
	"math"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// asked makes a run of ten snapshots as a target gives them that is asked for two
// collections each, with whatever of changes sets.
func asked(change func(i int, s *snapshot.Snapshot)) *snapshot.Run {
	return recording(10, func(i int, s *snapshot.Snapshot) {
		s.Counters.Values["NumGC"], s.Counters.Values["NumForcedGC"] = uint64(10+3*i), uint64(2*i)
		if change != nil {
			change(i, s)
		}
	})
}

func TestWhatWasNotMeasuredIsLeftOut(t *testing.T) {
	t.Parallel()
	frozen := map[string]uint64{"HeapAlloc": 1005, "Mallocs": 505, "Frees": 100, "NumGC": 25, "NumForcedGC": 10}
	set := func(from int, values map[string]uint64) func(int, *snapshot.Snapshot) {
		return func(i int, s *snapshot.Snapshot) {
			if i >= from {
				maps.Copy(s.Counters.Values, values)
			}
		}
	}
	profiles := func(at func(i int) time.Time) func(int, *snapshot.Snapshot) {
		return func(i int, s *snapshot.Snapshot) {
			s.Counters = snapshot.Counters{}
			s.Heap = &snapshot.Heap{Time: at(i), Period: 512, Samples: []snapshot.HeapSample{{Stack: &snapshot.Stack{Key: "a"}, Size: 64, AllocBytes: 100, InuseBytes: 64}}}
			s.Goroutines = &snapshot.Goroutines{Time: at(i), Total: 3}
		}
	}
	for _, c := range []struct {
		name    string
		change  func(i int, s *snapshot.Snapshot)
		unsound int
		code    string
		live    int // snapshots whose live bytes remain
	}{
		{"a target that answers", nil, 0, "", 10},
		{"a cache answers from the sixth on", set(5, frozen), 4, Stale, 6},
		{"only its allocations stand still", set(5, map[string]uint64{"Mallocs": 505}), 4, Stale, 6},
		{"all counters are 0", set(0, map[string]uint64{"HeapAlloc": 0, "Mallocs": 0, "Frees": 0, "NumGC": 0, "NumForcedGC": 0}), 10, Implausible, 0},
		{"live bytes of −1", func(i int, s *snapshot.Snapshot) {
			if i == 4 {
				s.Counters.Values["HeapAlloc"] = math.MaxUint64
			}
		}, 1, Implausible, 9},
		{"allocations of −1 are no restart", func(i int, s *snapshot.Snapshot) {
			if i == 4 {
				s.Counters.Values["Mallocs"] = math.MaxUint64
			}
		}, 1, Implausible, 9},
		{"no collection at all between", set(0, map[string]uint64{"NumGC": 7, "NumForcedGC": 0}), 9, NotCollected, 1},
		{"collections that nobody forced", set(0, map[string]uint64{"NumForcedGC": 4}), 9, NotCollected, 10},
		{"one whose collection began by itself", func(i int, s *snapshot.Snapshot) {
			if i == 4 {
				s.Counters.Values["NumForcedGC"] = 6
			}
		}, 1, NotCollected, 10},
		{"counters that are no MemStats", func(i int, s *snapshot.Snapshot) {
			s.Counters.Values = map[string]uint64{"HeapAlloc": 1000, "Mallocs": 500, "Frees": 100}
		}, 0, "", 10},
		{"MemStats that do not count forced collections", func(i int, s *snapshot.Snapshot) {
			delete(s.Counters.Values, "NumForcedGC")
			s.Counters.Values["NumGC"] = uint64(10 + i/3)
		}, 0, "", 10},
		{"profiles of the moments", profiles(func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }), 0, "", 0},
		{"profiles of one moment again and again", profiles(func(int) time.Time { return noon }), 9, Stale, 0},
		{"profiles without times that are alike", profiles(func(int) time.Time { return time.Time{} }), 0, "", 0},
		{"profiles of one moment beside counters that move", func(i int, s *snapshot.Snapshot) {
			s.Goroutines = &snapshot.Goroutines{Time: noon, Total: 3}
		}, 0, "", 10},
		{"more goroutines than any machine holds", func(i int, s *snapshot.Snapshot) {
			s.Goroutines = &snapshot.Goroutines{Total: 3}
			if i == 4 {
				s.Goroutines.Total = math.MaxInt64
			}
		}, 1, Implausible, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Build(asked(c.change))
			if r.Taken != 10 || r.Unsound != c.unsound {
				t.Errorf("%d of %d snapshots unsound, want %d of 10: %q", r.Unsound, r.Taken, c.unsound, r.Warnings)
			}
			live := 0
			for _, s := range r.Snapshots {
				if _, ok := s.Counters.LiveBytes(); ok {
					live++
				}
			}
			if live != c.live {
				t.Errorf("%d snapshots with live bytes, want %d", live, c.live)
			}
			switch {
			case c.code == "" && len(r.Warnings) > 0, c.code != "" && (len(r.Warnings) != 1 || r.Warnings[0].Code != c.code):
				t.Errorf("warnings %q, want %q alone", r.Warnings, c.code)
			}
		})
	}
}

// What the recording holds is left as it is.
func TestSnapshotsAreNotChanged(t *testing.T) {
	t.Parallel()
	run := asked(func(_ int, s *snapshot.Snapshot) { s.Counters.Values["Mallocs"] = 500 })
	absurd := int64(math.MaxInt64)
	run.Snapshots[9].Ops = &absurd
	Build(run)
	for i, s := range run.Snapshots {
		if s.Counters.Empty() || s.Ops == nil {
			t.Errorf("snapshot %d was changed: %+v", i, s)
		}
	}
}

func TestCountsOfOperationsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ops  func(i int) int64
		kept int // snapshots with a count
	}{
		{"a thousand a second", func(i int) int64 { return int64(1000 * i) }, 10},
		{"a counter that is old", func(i int) int64 { return 1e15 + int64(1000*i) }, 10},
		{"9·10^18 in the last", func(i int) int64 {
			if i == 9 {
				return 9e18
			}
			return int64(1000 * i)
		}, 9},
		{"more than one a nanosecond", func(i int) int64 { return int64(i) * 1e12 }, 1},
		{"less than none", func(i int) int64 { return int64(i) - 3 }, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Build(asked(func(i int, s *snapshot.Snapshot) { n := c.ops(i); s.Ops = &n }))
			counted := 0
			for _, s := range r.Snapshots {
				if s.Ops != nil {
					counted++
				}
			}
			warned := len(r.Warnings) > 0 && r.Warnings[0].Code == OperationsAbsurd
			if counted != c.kept || warned != (c.kept < 10) || r.HasOps != (c.kept > 5) {
				t.Errorf("%d counts kept, operations known %v, warnings %q; want %d", counted, r.HasOps, r.Warnings, c.kept)
			}
		})
	}
}

func TestWithoutTimesTheOrderIsTheAxis(t *testing.T) {
	t.Parallel()
	timeless := func(i int, s *snapshot.Snapshot) { s.Time, s.Ops = time.Time{}, nil }
	if r := Build(asked(timeless)); !r.Ordered || r.Work[9] != 9 {
		t.Errorf("ordered %v, work %v, want the numbers of the snapshots", r.Ordered, r.Work)
	}
	if r := Build(asked(func(i int, s *snapshot.Snapshot) { s.Time = time.Time{} })); r.Ordered || r.Work[9] != 900 {
		t.Errorf("ordered %v, work %v, want operations", r.Ordered, r.Work)
	}
	if r := Build(asked(func(i int, s *snapshot.Snapshot) { s.Ops = nil })); r.Ordered || r.Work[9] != 9 {
		t.Errorf("ordered %v, work %v, want seconds", r.Ordered, r.Work)
	}
}

func TestFewExactTotalsTakeNothingFromManyProfiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts   int // the last so many snapshots have counters
		sampled bool
	}{{0, true}, {2, true}, {5, true}, {6, false}, {30, false}} {
		r := Build(recording(30, func(i int, s *snapshot.Snapshot) {
			s.Heap = &snapshot.Heap{Period: 512, Samples: []snapshot.HeapSample{{Stack: &snapshot.Stack{Key: "a"}, Size: 64, AllocBytes: 100, InuseBytes: 64}}}
			if i < 30-c.texts {
				s.Counters = snapshot.Counters{}
			}
		}))
		if total := r.Total(LiveBytes); total == nil || total.Sampled != c.sampled {
			t.Errorf("%d texts beside 30 profiles: total %+v, want sampled %v", c.texts, total, c.sampled)
		}
	}
}
