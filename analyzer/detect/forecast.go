package detect

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// leastHeap is the goal below which Go does not collect with GOGC=100, bytes.
const leastHeap = 4 << 20

// unbounded is a number of bytes that no machine has: a limit or a goal of that
// size is none.
const unbounded = 1 << 50

// defaultGOGC is the part of the live heap that Go lets be allocated anew before
// it collects.
const defaultGOGC = 1.0

// use is how memory is used at the end of the judged snapshots, and how it grows
// a second.
type use struct {
	live, stacks, other float64 // bytes; other is all that is no heap, the stacks with it
	goal                float64 // of the heap, at which the collector runs; 0 not known
	outside             float64 // that the runtime has not taken, where known
	resident            float64 // the most that was resident and that no file backs, where known

	grow, outsideGrow *stats.Interval // live heap and stacks together, and outside the heap; nil: not shown
	residentGrow      *stats.Interval // of the resident memory; nil: not shown
}

// forecast says when the limit is reached at the proved rates. The user's own
// limit is asked first; else the one that is reached first of the control group's
// and GOMEMLIMIT.
//
// A limit that kills (a control group's, the user's) is held against the peaks of
// memory. The collector lets the heap rise to the goal, live + (live + stacks)·r
// with r = GOGC/100, before it runs, so
//
//	t = (limit − peak) / ((1+r)·(live and stacks a second) + outside a second)
//
// from the peak of now: goal + stacks + tables + outside, or what was seen
// resident, if that is more; and with the resident memory's own growth in place of
// the denominator where that is shown to be faster. While a recording forces
// collections, resident memory grows more slowly than without: it is no reason for
// a later time. r is what the last goal tells; a goal at the least heap tells
// nothing, then GOGC does.
//
// GOMEMLIMIT is soft: the collector runs more often as it comes near, and without
// end once what is live, stacks and tables need it all: r is 0, and nothing outside
// counts. Where it lies below the limit that kills, it keeps the peaks down, and
// r is 0 there, too.
func (a *analysis) forecast() *Forecast {
	u, ok := a.uses()
	if !ok {
		return nil
	}
	if given := max(a.cfg.Limit, 0); given > 0 || a.target.Limit > 0 {
		if given == 0 {
			given = a.target.Limit
		}
		return a.until(LimitGiven, given, u)
	}
	f := a.until(LimitCgroup, a.target.CgroupLimit, u)
	if g := a.until(LimitGo, a.target.GoMemLimit, u); f == nil || g != nil && g.SecondsToLimit.Estimate < f.SecondsToLimit.Estimate {
		f = g
	}
	return f
}

// uses is ok where something is proved to grow.
func (a *analysis) uses() (u use, ok bool) {
	heap := a.totals[series.LiveBytes]
	if heap == nil || !heap.ok {
		return u, false
	}
	perSecond := func(iv stats.Interval) stats.Interval {
		if a.r.HasOps {
			return iv.Scale(a.opsPerSecond(heap.tail))
		}
		return iv
	}
	proved := a.verdict[series.LiveBytes] == Leak
	stuck := a.verdict[series.Goroutines] == Leak
	var grow []stats.Interval
	if proved || stuck && heap.significant() {
		grow = append(grow, perSecond(heap.interval))
	}
	if m := a.totals[series.StackBytes]; m != nil && m.ok && m.significant() && (proved || stuck) {
		grow = append(grow, perSecond(m.interval))
	}
	u.grow = sum(grow)
	for i := range a.res.Findings {
		f := &a.res.Findings[i]
		if iv := f.BytesPerOp; f.Function == OutsideGoHeap {
			if iv == nil {
				iv = f.BytesPerSecond
			}
			s := perSecond(*iv)
			u.outsideGrow, u.outside = &s, f.LiveBytes
		}
	}
	at := heap.tail[len(heap.tail)-1]
	end := a.r.Snapshots[at]
	get := func(name string) float64 { v, _ := end.Counters.Get(name); return float64(v) }
	u.live, u.stacks = heap.total.Y[at], get("StackInuse")
	u.other = math.Max(0, get("Sys")-get("HeapSys"))
	if goal := get("NextGC"); goal < unbounded {
		u.goal = goal
	}
	u.resident = a.peakRSS
	if anon := get(anonymous); anon > 0 && end.RSS != nil {
		u.resident = math.Max(0, u.resident-math.Max(0, float64(*end.RSS)-anon))
	}
	m := a.counter(anonymous)
	if m == nil {
		m = a.totals[series.RSSBytes]
	}
	if m != nil && m.ok && m.passes() {
		s := perSecond(m.interval)
		u.residentGrow = &s
	}
	return u, u.grow != nil || u.outsideGrow != nil
}

// ratio is r, and whether the heap has a goal at all.
func (a *analysis) ratio(u use) (r float64, ok bool) {
	gogc := defaultGOGC
	if a.target.GOGC > 0 {
		gogc = float64(a.target.GOGC) / 100
	}
	switch {
	case a.target.GOGC < 0:
		return 0, false
	case u.goal <= math.Max(leastHeap, leastHeap*gogc) || !(u.live+u.stacks > 0):
		return gogc, true
	}
	return math.Max(0, (u.goal-u.live)/(u.live+u.stacks)), true
}

// until is the time to one limit; nil where that is none, or not to be told.
func (a *analysis) until(kind LimitKind, limit int64, u use) *Forecast {
	if limit <= 0 || limit >= unbounded {
		return nil
	}
	f := &Forecast{Limit: kind, LimitBytes: limit}
	now := u.live + u.other
	var rate stats.Interval
	soft := a.target.GoMemLimit > 0 && a.target.GoMemLimit < unbounded
	r, collects := a.ratio(u)
	switch {
	case kind == LimitGo:
		if u.grow == nil {
			return nil
		}
		rate = *u.grow
		f.Assumes = "the runtime keeps to it for as long as what is live leaves room"
	case soft && a.target.GoMemLimit <= limit:
		now, rate = now+u.outside, *sum(known(u.grow, u.outsideGrow))
		f.Assumes = "GOMEMLIMIT, which is lower, keeps memory down to what is live"
	case !collects:
		return nil // without collections, memory grows by all that is allocated
	default:
		now = math.Max(now+u.outside+r*(u.live+u.stacks), u.resident)
		grow := u.grow
		if grow != nil {
			s := grow.Scale(1 + r)
			grow = &s
		}
		rate = *sum(known(grow, u.outsideGrow))
		f.Assumes = fmt.Sprintf("memory peaks at %.1f times what is live before the collector runs", 1+r)
		if g := u.residentGrow; g != nil && g.Estimate > rate.Estimate {
			rate, f.Assumes = *g, "resident memory goes on growing as it did"
		}
	}
	room := math.Max(0, float64(limit)-now)
	f.SecondsToLimit = stats.Interval{
		Estimate: room / rate.Estimate, Lo: room / rate.Hi, Hi: math.Inf(1),
		Confidence: confidence, N: rate.N,
	}
	if rate.Lo > 0 {
		f.SecondsToLimit.Hi = room / rate.Lo
	}
	if !(rate.Estimate > 0) || !finite(f.SecondsToLimit.Estimate) {
		return nil
	}
	return f
}

// known are the intervals that are not nil.
func known(all ...*stats.Interval) []stats.Interval {
	var out []stats.Interval
	for _, iv := range all {
		if iv != nil {
			out = append(out, *iv)
		}
	}
	return out
}
