// Package series turns the snapshots of a run into quantities over time: exact
// totals, allocation sites with their sampling noise, and groups of goroutines.
// It cuts a run where the process was restarted or its sampling changed, and
// keeps the longest piece. It judges nothing.
package series

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Run is one uninterrupted piece of a run as series. All slices that say "per
// snapshot" have one entry for each of Snapshots, NaN where it is not known.
type Run struct {
	Snapshots []*snapshot.Snapshot
	HasOps    bool      // Work counts completed operations; else seconds since the first snapshot
	Ordered   bool      // no snapshot has a time, nor operations: Work counts snapshots
	Work      []float64 // per snapshot
	Seconds   []float64 // per snapshot, since the first
	Totals    []Total
	Sites     []*Site
	Groups    []*Group
	Leaked    []*Group // reported by goroutineleak in any snapshot
	Classes   []Class  // live objects by size, in increasing order; empty where unknown
	Period    int64    // sampling rate of the heap profiles, bytes; 0 unknown or off
	Window    Window   // which snapshots are judged
	Warnings  []snapshot.Warning
	// Taken is how many snapshots the whole run has, Unsound how many of them have a
	// piece that measured nothing (see Freshness).
	Taken, Unsound int
}

// Codes of the warnings.
const (
	Implausible       = "implausible"        // values that no running program has: left out
	Stale             = "stale"              // what was served before: left out
	NotCollected      = "not-collected"      // counters without a collection before them
	WithoutOperations = "without-operations" // snapshots that are left out
	OperationsAbsurd  = "operations-absurd"  // counts that no process reaches
	Cut               = "cut"                // the process or its sampling changed
)

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
	if i := slices.IndexFunc(r.Totals, func(t Total) bool { return t.Name == name }); i >= 0 {
		return &r.Totals[i]
	}
	return nil
}

// Build makes the series of a run. It never fails: what a run lacks is absent.
func Build(run *snapshot.Run) *Run {
	snaps, unsound, warnings := measured(run.Snapshots)
	for _, choose := range []func([]*snapshot.Snapshot) ([]*snapshot.Snapshot, []snapshot.Warning){believable, counted, longest} {
		var more []snapshot.Warning
		snaps, more = choose(snaps)
		warnings = append(warnings, more...)
	}
	r := &Run{Snapshots: snaps, Warnings: warnings, Window: WindowOf(snaps), Taken: len(run.Snapshots), Unsound: unsound}
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

// What a count of operations cannot exceed: whole numbers are exact in a float64 up
// to mostOps, and at mostRate each takes a nanosecond.
const (
	mostOps  = 1 << 53
	mostRate = 1e9 // a second
)

// believable takes the count of operations from snapshots where it cannot be one.
func believable(all []*snapshot.Snapshot) (kept []*snapshot.Snapshot, warnings []snapshot.Warning) {
	var prev *snapshot.Snapshot
	absurd, example := 0, int64(0)
	for _, s := range all {
		if s.Ops != nil {
			fast := false
			if prev != nil && !s.Time.IsZero() && !prev.Time.IsZero() {
				within := max(s.Time.Sub(prev.Time).Seconds(), 1)
				fast = float64(*s.Ops)-float64(*prev.Ops) > mostRate*within
			}
			if *s.Ops < 0 || *s.Ops > mostOps || fast {
				absurd, example = absurd+1, *s.Ops
				without := *s
				without.Ops = nil
				s = &without
			} else {
				prev = s
			}
		}
		kept = append(kept, s)
	}
	if absurd > 0 {
		warnings = []snapshot.Warning{{Code: OperationsAbsurd, Text: fmt.Sprintf("%d of %d snapshots count operations that cannot be (%d, the last): those counts are not believed", absurd, len(all), example)}}
	}
	return kept, warnings
}

// counted leaves out the snapshots without a count of operations where most
// have one: a damaged file must not cost the run its axis.
func counted(all []*snapshot.Snapshot) (kept []*snapshot.Snapshot, warnings []snapshot.Warning) {
	kept = slices.DeleteFunc(slices.Clone(all), func(s *snapshot.Snapshot) bool { return s.Ops == nil })
	n := len(all) - len(kept)
	if n == 0 || 2*len(kept) <= len(all) {
		return all, nil
	}
	return kept, []snapshot.Warning{{Code: WithoutOperations, Text: fmt.Sprintf("%d of %d snapshots have no count of operations and are left out", n, len(all))}}
}

// axis fills Work and Seconds. Operations are the axis only where every
// snapshot has them and they move: a silent counter would make a slope of any
// growth.
func (r *Run) axis() {
	first := r.Snapshots[0].Time
	var ops []float64
	for _, s := range r.Snapshots {
		r.Seconds = append(r.Seconds, s.Time.Sub(first).Seconds())
		if s.Ops != nil {
			ops = append(ops, float64(*s.Ops))
		}
	}
	r.HasOps = len(ops) == len(r.Snapshots) && slices.Max(ops) > slices.Min(ops)
	switch {
	case r.HasOps:
		r.Work = ops
	case !slices.ContainsFunc(r.Snapshots, func(s *snapshot.Snapshot) bool { return !s.Time.IsZero() }):
		r.Ordered = true
		for i := range r.Snapshots {
			r.Work = append(r.Work, float64(i))
		}
	default:
		r.Work = r.Seconds
	}
}

// counters that only ever go up within one process.
var cumulative = []string{"Mallocs", "Frees", "TotalAlloc", "NumGC"}

// longest cuts the snapshots where the process or its sampling changed and
// returns the piece with the most snapshots, the later of equals.
func longest(all []*snapshot.Snapshot) (best []*snapshot.Snapshot, warnings []snapshot.Warning) {
	warn := func(format string, args ...any) {
		warnings = append(warnings, snapshot.Warning{Code: Cut, Text: fmt.Sprintf(format, args...)})
	}
	from, cuts := 0, 0
	var seen Continuity
	for i, s := range all {
		if why := seen.Next(s); why != "" {
			from = i
			if cuts++; cuts <= 5 {
				warn("cut before snapshot %d (%s): %s", i, s.Time.UTC().Format(time.RFC3339), why)
			}
		}
		if piece := all[from : i+1]; len(piece) >= len(best) {
			best = piece
		}
	}
	if cuts > 5 {
		warn("%d more cuts", cuts-5)
	}
	if cuts > 0 {
		warn("only the longest uninterrupted piece is judged: %d of %d snapshots", len(best), len(all))
	}
	return best, warnings
}

// Break says, in a sentence, why next cannot continue the series that prev
// belongs to; "" if it can.
func Break(prev, next *snapshot.Snapshot) string {
	var c Continuity
	c.Next(prev)
	return c.Next(next)
}

// Continuity follows snapshots one by one, as they come, and tells where Build
// would cut them. It keeps what they told last of what must not change or go
// back: a snapshot that lacks one of them does not hide a restart. The zero
// value has seen nothing.
type Continuity struct {
	pid       int
	started   *time.Time
	counters  map[string]uint64
	ops       *int64
	period    *int64
	allocated int64
}

// Next takes the next snapshot and says, in a sentence, why it cannot continue
// those before it; "" if it can. After a cut the new piece begins with it.
func (c *Continuity) Next(s *snapshot.Snapshot) (why string) {
	if why = c.change(s); why != "" {
		*c = Continuity{}
	}
	if s.PID != 0 {
		c.pid = s.PID
	}
	if s.Started != nil {
		c.started = s.Started
	}
	for _, name := range cumulative {
		if v, ok := s.Counters.Get(name); ok {
			if c.counters == nil {
				c.counters = map[string]uint64{}
			}
			c.counters[name] = v
		}
	}
	if s.Ops != nil {
		c.ops = s.Ops
	}
	if s.Heap != nil {
		c.period, c.allocated = &s.Heap.Period, allocated(s.Heap)
	}
	return why
}

func (c *Continuity) change(s *snapshot.Snapshot) string {
	if c.pid != 0 && s.PID != 0 && c.pid != s.PID {
		return fmt.Sprintf("the target was restarted (process %d became %d)", c.pid, s.PID)
	}
	if c.started != nil && s.Started != nil && s.Started.Sub(*c.started).Abs() > 2*time.Second {
		return fmt.Sprintf("the target was restarted (its start time moved to %s)", s.Started.UTC().Format(time.RFC3339))
	}
	for _, name := range cumulative {
		x, ok1 := c.counters[name]
		y, ok2 := s.Counters.Get(name)
		if ok1 && ok2 && y < x {
			return fmt.Sprintf("the target was restarted (%s went back from %d to %d)", name, x, y)
		}
	}
	if c.ops != nil && s.Ops != nil && *s.Ops < *c.ops {
		return fmt.Sprintf("the count of operations went back from %d to %d: the target was restarted", *c.ops, *s.Ops)
	}
	if c.period != nil && s.Heap != nil {
		if *c.period != s.Heap.Period {
			return fmt.Sprintf("the sampling rate changed from %d to %d bytes", *c.period, s.Heap.Period)
		}
		if y := allocated(s.Heap); y < c.allocated {
			return fmt.Sprintf("the target was restarted (allocated bytes of the profile went back from %d to %d)", c.allocated, y)
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

// leastExact is how many judged snapshots must have an exact total for it to be
// taken where more profiles can be added up: as many as a verdict needs.
const leastExact = 6

// totals reads the exact counters; live bytes fall back on the sum of the sampled
// sites where too few judged snapshots have them, and more have a heap profile: a
// text or two beside a row of profiles take nothing from it.
func (r *Run) totals() {
	for _, name := range []string{LiveBytes, LiveObjects, Goroutines, StackBytes, RSSBytes, AllocatedBytes} {
		y, known := each(r.Snapshots, func(s *snapshot.Snapshot) (uint64, bool) { return exact(s, name) })
		sum := r.sampled(name)
		_, judged, _ := r.Known(y, r.Window.Judged)
		if sum != nil && len(judged) < leastExact {
			if _, added, _ := r.Known(sum.Y, r.Window.Judged); len(added) > len(judged) {
				known = 0
			}
		}
		switch {
		case known >= 2:
			r.Totals = append(r.Totals, Total{Name: name, Y: y})
		case sum != nil:
			r.Totals = append(r.Totals, *sum)
		}
	}
}

// exact is a total as one snapshot has it, and whether it does.
func exact(s *snapshot.Snapshot, name string) (uint64, bool) {
	switch name {
	case LiveBytes:
		return s.Counters.LiveBytes()
	case LiveObjects:
		return s.Counters.LiveObjects()
	case StackBytes:
		return s.Counters.Get("StackInuse")
	case AllocatedBytes:
		return s.Counters.Get("TotalAlloc")
	case Goroutines:
		if s.Goroutines != nil {
			return uint64(s.Goroutines.Total), true
		}
	case RSSBytes:
		if s.RSS != nil {
			return *s.RSS, true
		}
	}
	return 0, false
}

// each is a series per snapshot, NaN where of does not know, and how many it
// knows.
func each[N int64 | uint64](snaps []*snapshot.Snapshot, of func(*snapshot.Snapshot) (N, bool)) (y []float64, known int) {
	y = make([]float64, len(snaps))
	for i, s := range snaps {
		y[i] = math.NaN()
		if v, ok := of(s); ok {
			y[i] = float64(v)
			known++
		}
	}
	return y, known
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

// Class is the live objects of one size class of the allocator, exactly
// counted (MemStats.BySize): those of more than Over and up to Size bytes.
type Class struct {
	Over, Size uint32
	Objects    []float64 // per snapshot, NaN where not known
}

// Holds reports that an object of so many bytes is of the class.
func (c *Class) Holds(size int64) bool { return size > int64(c.Over) && size <= int64(c.Size) }

// classes fills Classes: where at least two snapshots have them with the same
// bounds. The first of MemStats.BySize is of size 0 and empty; what is larger
// than the last is in no class.
func (r *Run) classes() {
	var first []snapshot.SizeClass
	known := 0
	for _, s := range r.Snapshots {
		b := s.Counters.BySize
		if len(first) == 0 {
			first = b
		}
		if len(b) > 0 && len(b) == len(first) {
			known++
		}
	}
	if known < 2 {
		return
	}
	over := uint32(0)
	for j, c := range first {
		if c.Size <= over {
			continue
		}
		objects, _ := each(r.Snapshots, func(s *snapshot.Snapshot) (uint64, bool) {
			b := s.Counters.BySize
			if j >= len(b) || b[j].Size != c.Size || b[j].Mallocs < b[j].Frees {
				return 0, false
			}
			return b[j].Mallocs - b[j].Frees, true
		})
		r.Classes = append(r.Classes, Class{Over: over, Size: c.Size, Objects: objects})
		over = c.Size
	}
}
