// Package series turns the snapshots of a run into quantities over time: exact
// totals, allocation sites with their sampling noise, and groups of goroutines.
// It cuts a run where the process was restarted or its sampling changed, and
// keeps the longest piece. It judges nothing.
package series

import (
	"fmt"
	"math"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Run is one uninterrupted piece of a run as series. All slices that say "per
// snapshot" have one entry for each of Snapshots, NaN where it is not known.
type Run struct {
	Snapshots []*snapshot.Snapshot
	HasOps    bool      // Work counts completed operations; else seconds since the first snapshot
	Work      []float64 // per snapshot
	Seconds   []float64 // per snapshot, since the first
	Totals    []Total
	Sites     []*Site
	Groups    []*Group
	Leaked    []*Group // reported by goroutineleak in any snapshot
	Classes   []Class  // live objects by size, in increasing order; empty where unknown
	Period    int64    // sampling rate of the heap profiles, bytes; 0 unknown or off
	Warnings  []string
}

// Names of the totals, as in the report.
const (
	LiveBytes      = "live_bytes"
	LiveObjects    = "live_objects"
	Goroutines     = "goroutines"
	StackBytes     = "stack_bytes"
	RSSBytes       = "rss_bytes"
	AllocatedBytes = "allocated_bytes"
)

// Total is one quantity of the whole process, per snapshot. Sampled marks one
// that had to be added up from the sampled profile; then Noise, per snapshot,
// is its Q_K = Σ w²k, and Turnover the births and deaths Σ w² since the first
// snapshot.
type Total struct {
	Name     string
	Y        []float64
	Sampled  bool
	Noise    []float64
	Turnover []float64
}

// Total returns the named total, nil where nothing is known of it.
func (r *Run) Total(name string) *Total {
	for i := range r.Totals {
		if r.Totals[i].Name == name {
			return &r.Totals[i]
		}
	}
	return nil
}

// Build makes the series of a run. It never fails: what a run lacks is absent.
func Build(run *snapshot.Run) *Run {
	snaps, missing := counted(run.Snapshots)
	snaps, warnings := longest(snaps)
	warnings = append(missing, warnings...)
	r := &Run{Snapshots: snaps, Warnings: warnings}
	if len(snaps) == 0 {
		return r
	}
	r.axis()
	r.sites()
	r.totals()
	r.groups()
	r.classes()
	return r
}

// counted leaves out the snapshots without a count of operations where most
// have one: a damaged file must not cost the run its axis.
func counted(all []*snapshot.Snapshot) (kept []*snapshot.Snapshot, warnings []string) {
	for _, s := range all {
		if s.Ops != nil {
			kept = append(kept, s)
		}
	}
	if n := len(all) - len(kept); n == 0 || 2*len(kept) <= len(all) {
		return all, nil
	} else {
		return kept, []string{fmt.Sprintf("%d of %d snapshots have no count of operations and are left out", n, len(all))}
	}
}

// axis fills Work and Seconds. Operations are the axis only where every
// snapshot has them and they move: a silent counter would make a slope of any
// growth.
func (r *Run) axis() {
	first := r.Snapshots[0].Time
	r.HasOps = true
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range r.Snapshots {
		r.Seconds = append(r.Seconds, s.Time.Sub(first).Seconds())
		if s.Ops == nil {
			r.HasOps = false
			continue
		}
		lo, hi = math.Min(lo, float64(*s.Ops)), math.Max(hi, float64(*s.Ops))
	}
	if !(hi > lo) {
		r.HasOps = false
	}
	for i, s := range r.Snapshots {
		if r.HasOps {
			r.Work = append(r.Work, float64(*s.Ops))
		} else {
			r.Work = append(r.Work, r.Seconds[i])
		}
	}
}

// counters that only ever go up within one process.
var cumulative = []string{"Mallocs", "Frees", "TotalAlloc", "NumGC"}

// longest cuts the snapshots where the process or its sampling changed and
// returns the piece with the most snapshots, the later of equals.
func longest(all []*snapshot.Snapshot) (best []*snapshot.Snapshot, warnings []string) {
	from := 0
	cuts := 0
	var seen known
	if len(all) > 0 {
		seen.add(all[0])
	}
	for i := 1; i <= len(all); i++ {
		if i < len(all) {
			why := seen.change(all[i])
			if why == "" {
				seen.add(all[i])
				continue
			}
			seen = known{}
			seen.add(all[i])
			cuts++
			if cuts <= 5 {
				warnings = append(warnings, fmt.Sprintf("cut before snapshot %d (%s): %s", i, all[i].Time.UTC().Format(time.RFC3339), why))
			}
		}
		if i-from >= len(best) {
			best = all[from:i]
		}
		from = i
	}
	if cuts > 5 {
		warnings = append(warnings, fmt.Sprintf("%d more cuts", cuts-5))
	}
	if cuts > 0 {
		warnings = append(warnings, fmt.Sprintf("only the longest uninterrupted piece is judged: %d of %d snapshots", len(best), len(all)))
	}
	return best, warnings
}

// Break says, in a sentence, why next cannot continue the series that prev
// belongs to; "" if it can.
func Break(prev, next *snapshot.Snapshot) string {
	var k known
	k.add(prev)
	return k.change(next)
}

// known is what the snapshots of a piece told last of what must not change or
// go back: a snapshot that lacks one of them does not hide a restart.
type known struct {
	pid       int
	started   *time.Time
	counters  map[string]uint64
	ops       *int64
	period    *int64
	allocated int64
}

func (k *known) add(s *snapshot.Snapshot) {
	if s.PID != 0 {
		k.pid = s.PID
	}
	if s.Started != nil {
		k.started = s.Started
	}
	for _, name := range cumulative {
		if v, ok := s.Counters.Get(name); ok {
			if k.counters == nil {
				k.counters = map[string]uint64{}
			}
			k.counters[name] = v
		}
	}
	if s.Ops != nil {
		k.ops = s.Ops
	}
	if s.Heap != nil {
		k.period, k.allocated = &s.Heap.Period, allocated(s.Heap)
	}
}

// change says, in a sentence, why s cannot continue the piece; "" if it can.
func (k *known) change(s *snapshot.Snapshot) string {
	if k.pid != 0 && s.PID != 0 && k.pid != s.PID {
		return fmt.Sprintf("the target was restarted (process %d became %d)", k.pid, s.PID)
	}
	if k.started != nil && s.Started != nil && s.Started.Sub(*k.started).Abs() > 2*time.Second {
		return fmt.Sprintf("the target was restarted (its start time moved to %s)", s.Started.UTC().Format(time.RFC3339))
	}
	for _, name := range cumulative {
		x, ok1 := k.counters[name]
		y, ok2 := s.Counters.Get(name)
		if ok1 && ok2 && y < x {
			return fmt.Sprintf("the target was restarted (%s went back from %d to %d)", name, x, y)
		}
	}
	if k.ops != nil && s.Ops != nil && *s.Ops < *k.ops {
		return fmt.Sprintf("the count of operations went back from %d to %d: the target was restarted", *k.ops, *s.Ops)
	}
	if k.period != nil && s.Heap != nil {
		if *k.period != s.Heap.Period {
			return fmt.Sprintf("the sampling rate changed from %d to %d bytes", *k.period, s.Heap.Period)
		}
		if y := allocated(s.Heap); y < k.allocated {
			return fmt.Sprintf("the target was restarted (allocated bytes of the profile went back from %d to %d)", k.allocated, y)
		}
	}
	return ""
}

func allocated(h *snapshot.Heap) int64 {
	var n int64
	for _, s := range h.Samples {
		n += s.AllocBytes
	}
	return n
}

// totals reads the exact counters; live bytes and objects fall back on the sum
// of the sampled sites where no snapshot has them.
func (r *Run) totals() {
	exact := []struct {
		name string
		get  func(*snapshot.Snapshot) (uint64, bool)
	}{
		{LiveBytes, func(s *snapshot.Snapshot) (uint64, bool) { return s.Counters.LiveBytes() }},
		{LiveObjects, func(s *snapshot.Snapshot) (uint64, bool) { return s.Counters.LiveObjects() }},
		{Goroutines, func(s *snapshot.Snapshot) (uint64, bool) {
			if s.Goroutines == nil {
				return 0, false
			}
			return uint64(s.Goroutines.Total), true
		}},
		{StackBytes, func(s *snapshot.Snapshot) (uint64, bool) { return s.Counters.Get("StackInuse") }},
		{RSSBytes, func(s *snapshot.Snapshot) (uint64, bool) {
			if s.RSS == nil {
				return 0, false
			}
			return *s.RSS, true
		}},
		{AllocatedBytes, func(s *snapshot.Snapshot) (uint64, bool) { return s.Counters.Get("TotalAlloc") }},
	}
	for _, e := range exact {
		t := Total{Name: e.name, Y: make([]float64, len(r.Snapshots))}
		known := 0
		for i, s := range r.Snapshots {
			t.Y[i] = math.NaN()
			if v, ok := e.get(s); ok {
				t.Y[i] = float64(v)
				known++
			}
		}
		if known >= 2 {
			r.Totals = append(r.Totals, t)
		} else if sum := r.sampled(e.name); sum != nil {
			r.Totals = append(r.Totals, *sum)
		}
	}
}

// sampled adds the sites up; nil where there is no profile or name has no such
// sum.
func (r *Run) sampled(name string) *Total {
	if len(r.Sites) == 0 || name != LiveBytes && name != AllocatedBytes {
		return nil
	}
	n := len(r.Snapshots)
	t := &Total{Name: name, Sampled: true, Y: make([]float64, n), Noise: make([]float64, n), Turnover: make([]float64, n)}
	for i := range n {
		for _, s := range r.Sites {
			y := s.Bytes[i]
			if name == AllocatedBytes {
				y = s.AllocBytes[i]
			}
			t.Y[i] += y // NaN where the snapshot has no heap profile
			t.Noise[i] += s.Live[i]
			t.Turnover[i] += s.Turnover[i]
		}
	}
	return t
}
