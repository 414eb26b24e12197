package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// use is how memory is used at the end of the judged snapshots, and how it grows
// a second.
type use struct {
	n            int     // judged snapshots
	live, stacks float64 // bytes
	wasted       float64 // of spans of the heap in use, beside what is live …
	perLive      float64 // … and what of it a byte that is live adds
	container    float64 // the largest object, where it is one that is enlarged
	r            float64 // what is allocated between collections, times live and stacks
	collects     bool    // r is not without bounds

	tables  float64 // the runtime's own, beside heap and stacks
	perByte float64 // of them, that a byte of heap or stacks adds
	// Resident, backed by no file and not of the heap in use, 0 where not known; of
	// the heap, neither in use nor returned; and what was found outside.
	anon, idle, outside float64
	most                float64 // that was resident and that no file backs, where known

	allocatedLo, allocated, allocatedHi float64 // bytes a second, kept or not

	heapGrow, stackGrow, outsideGrow *stats.Interval // live heap, stacks, outside the heap; nil: not shown
	residentGrow                     *stats.Interval // of the resident memory; nil: not shown
}

// forecast says when the limit is reached at the proved rates. The user's own
// limit is asked first; else the one that is reached first of the control group's
// and GOMEMLIMIT. A course says how memory comes to a limit.
//
// GOMEMLIMIT is soft: the collector runs more often as it comes near, and without
// end once what is live, stacks and tables need it all: r is 0, and nothing outside
// counts. Where it lies below the limit that kills, it keeps the peaks down, and
// r is 0 there, too.
func (j *judgement) forecast() *Forecast {
	u, ok := j.uses()
	if !ok {
		return nil
	}
	if given := max(j.cfg.Limit, 0); given > 0 || j.target.Limit > 0 {
		if given == 0 {
			given = j.target.Limit
		}
		return j.until(LimitGiven, given, u)
	}
	f := j.until(LimitCgroup, j.target.CgroupLimit, u)
	if g := j.until(LimitGo, j.target.GoMemLimit, u); f == nil || g != nil && g.SecondsToLimit.Estimate < f.SecondsToLimit.Estimate {
		f = g
	}
	return f
}

// uses is ok where something is proved to grow.
func (j *judgement) uses() (u use, ok bool) {
	heap := j.measured(series.LiveBytes)
	if heap == nil || j.run.Ordered {
		return u, false
	}
	perSecond := func(iv stats.Interval) *stats.Interval {
		if j.run.HasOps {
			iv = iv.Scale(j.run.OpsPerSecond(heap.at))
		}
		return &iv
	}
	if j.res.Verdict == RunLeak || j.leaks(series.LiveBytes) || j.leaks(series.Goroutines) {
		switch {
		case j.leaks(series.LiveBytes) || heap.Significant():
			u.heapGrow = perSecond(heap.reported(j))
		default: // the total is too uneven; what leaks may be known better
			for i := range j.res.Findings {
				if f := &j.res.Findings[i]; f.Verdict == Leak && f.Kind == KindHeap && f.Bytes != nil {
					u.heapGrow = sum(u.heapGrow, perSecond(f.Bytes.Interval))
				}
			}
		}
		if t := j.measured(series.StackBytes); t != nil && t.Significant() {
			u.stackGrow = perSecond(t.Growth)
		}
	}
	for i := range j.res.Findings {
		if f := &j.res.Findings[i]; f.Function == OutsideGoHeap {
			u.outsideGrow, u.outside = perSecond(f.Bytes.Interval), float64(f.LiveBytes)
		}
	}
	first, end := j.run.Snapshots[heap.at[0]], j.run.Snapshots[heap.at[len(heap.at)-1]]
	get := func(name string) float64 { v, _ := end.Counters.Get(name); return float64(v) }
	was := func(name string) float64 { v, _ := first.Counters.Get(name); return float64(v) }
	u.n, u.stacks = len(heap.at), get("StackInuse")
	u.live = j.liveAtEnd(heap, u.heapGrow)
	u.container = j.enlarged(heap.at)
	u.r, u.collects = j.ratio(heap.at)
	inUse := math.Max(get("HeapInuse"), get("HeapAlloc"))
	u.wasted, u.idle = inUse-get("HeapAlloc"), math.Max(0, get("HeapSys")-get("HeapReleased")-inUse)
	if grown := get("HeapAlloc") - was("HeapAlloc"); grown > 0 && u.live > 0 {
		more := u.wasted - math.Max(leastWasted, was("HeapInuse")-was("HeapAlloc"))
		u.perLive = math.Max(0, math.Min(u.wasted/u.live, more/grown))
	}
	u.tables = math.Max(0, get("Sys")-get("HeapSys")-u.stacks)
	if grown := get("HeapSys") + u.stacks - was("HeapSys") - was("StackInuse"); grown > 0 {
		u.perByte = math.Max(0, math.Min(mostTables, (get("Sys")-was("Sys")-grown)/grown))
	}
	u.most = j.peakRSS
	if anon := get(anonymous); anon > 0 {
		u.anon = anon - inUse
		if end.RSS != nil {
			u.most = math.Max(0, u.most-math.Max(0, float64(*end.RSS)-anon))
		}
	}
	u.allocatedLo, u.allocated, u.allocatedHi = j.allocates()
	if u.allocatedHi == 0 { // not known: half of it may be retained, or all, or hardly any
		u.allocatedHi = math.Inf(1)
		if all := sum(u.heapGrow, u.outsideGrow); all != nil {
			u.allocated = 2 * all.Estimate
		}
	}
	t := j.quantity(anonymous, anonymous)
	if t == nil {
		t = j.measured(series.RSSBytes)
	}
	if t != nil && t.passes() {
		u.residentGrow = perSecond(t.Growth)
	}
	return u, u.heapGrow != nil || u.stackGrow != nil || u.outsideGrow != nil
}

// beside is what is resident and neither heap nor stacks, bytes: of the idle heap
// that is not returned, the part idle is resident, and of the stacks touched. Where
// resident memory is not known, it is the tables and what was found outside.
func (u *use) beside(idle, touched float64) float64 {
	if u.anon == 0 {
		return u.tables + u.outside
	}
	least := math.Max(0, u.anon-touched*u.stacks-u.idle)
	most := math.Max(least, math.Min(u.anon-touched*u.stacks, least+u.tables))
	return idle*least + (1-idle)*most
}

// liveAtEnd is the live heap at the last judged snapshot, bytes: the median of what
// the later half of them say of it at the growth a second, as single ones hold what
// was allocated while the collector ran.
func (j *judgement) liveAtEnd(heap *total, grow *stats.Interval) float64 {
	y, at, end := heap.series.Y, heap.at, heap.at[len(heap.at)-1]
	if grow == nil {
		return y[end]
	}
	var say []float64
	for _, i := range at[len(at)/2:] {
		say = append(say, y[i]+grow.Estimate*(j.run.Seconds[end]-j.run.Seconds[i]))
	}
	return median(say)
}

// enlarged is the size of the largest object that is live at the last of the
// snapshots at, bytes, of a site that had a smaller one at the first, and none as
// large: a slice or table that is enlarged. 0 without one.
func (j *judgement) enlarged(at []int) float64 {
	var most int64
	for _, s := range j.run.Sites {
		var first, last int64
		for _, z := range s.Sizes() {
			if z.Samples[at[0]] > 0 {
				first = max(first, z.Size)
			}
			if z.Samples[at[len(at)-1]] > 0 {
				last = max(last, z.Size)
			}
		}
		if first > 0 && last > first {
			most = max(most, last)
		}
	}
	return float64(most)
}

// allocates is what the program allocates a second, bytes, and its bounds; 0 where
// it is not known. What idle snapshots allocate by themselves is taken off; where
// none tell, it may be anything up to mostOfSnapshot each.
func (j *judgement) allocates() (lo, estimate, hi float64) {
	t := j.measured(series.AllocatedBytes)
	if t == nil {
		return 0, 0, 0
	}
	first, last := t.at[0], t.at[len(t.at)-1]
	seconds := j.run.Seconds[last] - j.run.Seconds[first]
	all := t.series.Y[last] - t.series.Y[first]
	if !(seconds > 0) || !(all > 0) {
		return 0, 0, 0
	}
	snapshots := float64(last - first)
	if o := observe(t.series.Y, j.run.Seconds, j.run.Window.Idle, unbounded); o.known {
		own := math.Max(0, all-snapshots*o.perSnapshot) / seconds
		return own * (1 - allocationVaries), own, own * (1 + allocationVaries)
	}
	return math.Max(0, all-snapshots*mostOfSnapshot) / seconds, all / seconds, all / seconds
}

// leaks reports a total that was proved to leak, and that repeated looks, if any,
// have confirmed.
func (j *judgement) leaks(name string) bool {
	t := j.res.Total(name)
	return t != nil && t.Verdict == Leak
}

// ratio is r, and whether the heap has a goal at all. Goals of the later half of
// the snapshots at tell r; a goal at the least heap tells nothing, then GOGC does.
// What was allocated since the collection makes a heap larger than the goal was
// made for, so the largest r is nearest.
func (j *judgement) ratio(at []int) (r float64, collects bool) {
	gogc := defaultGOGC
	if j.target.GOGC > 0 {
		gogc = float64(j.target.GOGC) / 100
	}
	if j.target.GOGC < 0 {
		return 0, false
	}
	least := math.Max(leastHeap, leastHeap*gogc)
	for _, i := range at[len(at)/2:] {
		c := j.run.Snapshots[i].Counters
		get := func(name string) float64 { v, _ := c.Get(name); return float64(v) }
		if goal, live := get("NextGC"), get("HeapAlloc"); goal > least && goal < unbounded && live > 0 {
			r = math.Max(r, (goal-live)/(live+get("StackInuse")))
		}
	}
	if r == 0 {
		return gogc, true
	}
	return r, true
}

// timeTo is how long a room lasts at a rate a second; 0 where there is none.
func timeTo(room float64, rate stats.Interval) stats.Interval {
	room = math.Max(0, room)
	iv := stats.Interval{Estimate: room / rate.Estimate, Lo: room / rate.Hi, Hi: math.Inf(1), Confidence: confidence, N: rate.N}
	if rate.Lo > 0 {
		iv.Hi = room / rate.Lo
	}
	return iv
}

// course is one reading of how memory comes to a limit, bytes and bytes a second.
//
// The collector lets the heap rise from what is live, m, to m + r·(m+s) with stacks
// of s before it runs, r = GOGC/100. A byte of heap takes w bytes of resident
// memory and one of stacks q, and a room is the limit less what is neither. With
// growths g, of stacks d and outside o, goals come to it after
//
//	t = (room − w·m − q·s − w·r·(m+s)) / (w·g + q·d + o + w·r·(g+d)).
//
// A goal is no peak before as much was allocated. At t, there is R = w·r·(m+s) to
// rise, which takes T = R/(w·a + q·d + o) at a bytes of heap allocated a second; and
// a cycle begins where the last one ended, up to another T later, less what then is
// retained more, the part k = (w·g + q·d + o)/(w·a + q·d + o). So death comes
// between t + T and t + T·(2−k). Where all that is allocated is retained, both are
// the time at which what is retained reaches the limit by itself; it is never later.
type course struct {
	room                  float64
	heap, stacks          float64 // m, s
	w, q, r               float64
	grow, deepen, outside float64 // g, d, o
	allocated             float64 // a
	late                  float64 // how late the last cycle begins, in 0 to 1
}

// seconds until memory is at the limit.
func (c course) seconds() float64 {
	left := math.Max(0, c.room-c.w*c.heap-c.q*c.stacks)
	retained := c.w*c.grow + c.q*c.deepen + c.outside
	goals := left - c.w*c.r*(c.heap+c.stacks)
	if !(retained > 0) {
		return math.Inf(1)
	}
	t := math.Max(0, goals/(retained+c.w*c.r*(c.grow+c.deepen)))
	all := retained + c.w*(c.allocated-c.grow)
	rise := (left - retained*t) / all
	if goals <= 0 { // the last cycle is under way, nobody knows since when
		return math.Min(left/retained, c.late*rise)
	}
	return math.Min(left/retained, t+rise*(1+c.late*(1-retained/all)))
}

// until is the time to one limit; nil where that is none, or not to be told.
func (j *judgement) until(kind LimitKind, limit int64, u use) *Forecast {
	if limit <= 0 || limit >= unbounded {
		return nil
	}
	f := &Forecast{Limit: kind, LimitBytes: limit}
	soft := j.target.GoMemLimit > 0 && j.target.GoMemLimit <= limit
	outside, soleTables := u.outsideGrow, false
	r := u.r
	switch {
	case kind == LimitGo:
		r, outside, soleTables = 0, nil, true
		f.Assumption = &Reason{Code: RuntimeKeepsLimit}
	case soft:
		r = 0
		f.Assumption = &Reason{Code: LimitKeepsLow}
	case !u.collects:
		return nil // without collections, memory grows by all that is allocated
	default:
		f.Assumption = &Reason{PeaksBeforeGC, Values{Times: 1 + r}}
	}
	// In a slow reading, which ends late, all idle heap is used again, and no container
	// is enlarged near the end; in a fast one, none is, and one is made anew beside
	// the old one just before.
	reading := func(rate func(*stats.Interval) float64, slow, reached, touched, allocated float64) course {
		of := func(iv *stats.Interval) float64 {
			if iv == nil {
				return 0
			}
			return math.Max(0, rate(iv))
		}
		c := course{heap: u.live, stacks: u.stacks, r: r * reached, grow: of(u.heapGrow), deepen: of(u.stackGrow), outside: of(outside), late: slow}
		c.allocated = math.Max(allocated, c.grow)
		rise := c.r * (c.heap + c.stacks)
		c.w = 1 + u.perByte + (1-slow)*(u.perLive*c.heap/(c.heap+rise)+enlargedTo*u.container/c.heap)
		beside := u.tables
		if c.q = 1 + u.perByte; !soleTables {
			c.q = touched + u.perByte
			beside = u.beside(slow, touched)
		}
		if r > 0 {
			beside = math.Max(beside, u.most-(c.w*(c.heap+rise)-u.perByte*c.heap)-touched*c.stacks)
		}
		beside += (1 - slow) * (u.wasted - u.perLive*c.heap)
		c.room = float64(limit) - beside + u.perByte*(c.heap+c.stacks)
		return c
	}
	mid := reading(func(iv *stats.Interval) float64 { return iv.Estimate }, 0.5, goalReached, stackTouched, u.allocated)
	fast := reading(func(iv *stats.Interval) float64 { return iv.Hi }, 0, 1, 1, u.allocatedHi)
	slow := reading(func(iv *stats.Interval) float64 { return iv.Lo }, 1, goalAtLeast, stackAtLeast, u.allocatedLo)
	if !(mid.grow+mid.deepen+mid.outside > 0) {
		return nil
	}
	iv := stats.Interval{Estimate: mid.seconds(), Lo: fast.seconds(), Hi: slow.seconds(), Confidence: confidence, N: u.n}
	if g, goals := u.residentGrow, mid.w*(mid.grow+mid.r*(mid.grow+mid.deepen))+mid.q*mid.deepen+mid.outside; r > 0 && g != nil && g.Lo > goals {
		iv = timeTo(mid.room-mid.w*(mid.heap+mid.r*(mid.heap+mid.stacks))-mid.q*mid.stacks, *g)
		f.Assumption = &Reason{Code: ResidentGoesOn}
	}
	iv.Lo, iv.Hi = math.Min(iv.Lo, iv.Estimate), math.Max(iv.Hi, iv.Estimate)
	if !finite(iv.Estimate) {
		return nil
	}
	f.SecondsToLimit = iv
	return f
}
