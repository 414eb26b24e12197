package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// use is how memory is used at the end of the judged snapshots, and how it grows
// a second.
type use struct {
	live, stacks, other float64 // bytes; other is all that is no heap, the stacks with it
	goal                float64 // of the heap, at which the collector runs; 0 not known
	outside             float64 // that the runtime has not taken, where known
	resident            float64 // the most that was resident and that no file backs, where known

	allocated float64 // bytes a second, kept or not; 0 not known

	grow, outsideGrow *stats.Interval // live heap and stacks together, and outside the heap; nil: not shown
	residentGrow      *stats.Interval // of the resident memory; nil: not shown
}

// forecast says when the limit is reached at the proved rates. The user's own
// limit is asked first; else the one that is reached first of the control group's
// and GOMEMLIMIT.
//
// A limit that kills (a control group's, the user's) is held against the peaks of
// memory. The collector lets the heap rise to the goal, live + (live + stacks)·r
// with r = GOGC/100, before it runs, so goals reach the limit after
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
// A goal is no peak before as much was allocated. The heap of the last cycle rises
// from H/(1+r), of the H that the limit leaves it, which takes T = H·r/(1+r)/a at a
// bytes allocated a second; and a cycle begins where the last one ended, up to
// another T later, less what then is live more. So death comes between t + T and
// t + T·(2 − g/a), for a growth g. The interval reaches from t, at the upper
// bound of the growth, to t + 2T at the lower one. In none is it later than what is
// live alone reaches the limit: where all that is allocated is retained, that is
// the time.
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
	if t := j.measured(series.AllocatedBytes); t != nil {
		u.allocated = math.Max(0, perSecond(t.Growth).Estimate)
	}
	proved, stuck := j.leaks(series.LiveBytes), j.leaks(series.Goroutines)
	if proved || stuck && heap.Significant() {
		u.grow = perSecond(heap.reported(j))
	}
	if t := j.measured(series.StackBytes); t != nil && t.Significant() && (proved || stuck) {
		u.grow = sum(u.grow, perSecond(t.Growth))
	}
	for i := range j.res.Findings {
		if f := &j.res.Findings[i]; f.Function == OutsideGoHeap {
			u.outsideGrow, u.outside = perSecond(f.Bytes.Interval), float64(f.LiveBytes)
		}
	}
	at := heap.at[len(heap.at)-1]
	end := j.run.Snapshots[at]
	get := func(name string) float64 { v, _ := end.Counters.Get(name); return float64(v) }
	u.live, u.stacks = heap.series.Y[at], get("StackInuse")
	u.other = math.Max(0, get("Sys")-get("HeapSys"))
	if goal := get("NextGC"); goal < unbounded {
		u.goal = goal
	}
	u.resident = j.peakRSS
	if anon := get(anonymous); anon > 0 && end.RSS != nil {
		u.resident = math.Max(0, u.resident-math.Max(0, float64(*end.RSS)-anon))
	}
	t := j.quantity(anonymous, anonymous)
	if t == nil {
		t = j.measured(series.RSSBytes)
	}
	if t != nil && t.passes() {
		u.residentGrow = perSecond(t.Growth)
	}
	return u, u.grow != nil || u.outsideGrow != nil
}

// leaks reports a total that was proved to leak, and that repeated looks, if any,
// have confirmed.
func (j *judgement) leaks(name string) bool {
	t := j.res.Total(name)
	return t != nil && t.Verdict == Leak
}

// ratio is r, and whether the heap has a goal at all.
func (j *judgement) ratio(u use) (r float64, ok bool) {
	gogc := defaultGOGC
	if j.target.GOGC > 0 {
		gogc = float64(j.target.GOGC) / 100
	}
	switch {
	case j.target.GOGC < 0:
		return 0, false
	case u.goal <= math.Max(leastHeap, leastHeap*gogc) || !(u.live+u.stacks > 0):
		return gogc, true
	}
	return math.Max(0, (u.goal-u.live)/(u.live+u.stacks)), true
}

// until is the time to one limit; nil where that is none, or not to be told.
func (j *judgement) until(kind LimitKind, limit int64, u use) *Forecast {
	if limit <= 0 || limit >= unbounded {
		return nil
	}
	f := &Forecast{Limit: kind, LimitBytes: limit}
	now := u.live + u.other
	var rate stats.Interval
	soft := j.target.GoMemLimit > 0 && j.target.GoMemLimit < unbounded
	r, collects := j.ratio(u)
	switch {
	case kind == LimitGo:
		if u.grow == nil {
			return nil
		}
		rate = *u.grow
		f.Assumption = &Reason{Code: RuntimeKeepsLimit}
	case soft && j.target.GoMemLimit <= limit:
		now, rate = now+u.outside, *sum(u.grow, u.outsideGrow)
		f.Assumption = &Reason{Code: LimitKeepsLow}
	case !collects:
		return nil // without collections, memory grows by all that is allocated
	default:
		live := now + u.outside
		now = math.Max(now+u.outside+r*(u.live+u.stacks), u.resident)
		grow := u.grow
		if grow != nil {
			s := grow.Scale(1 + r)
			grow = &s
		}
		rate = *sum(grow, u.outsideGrow)
		f.Assumption = &Reason{PeaksBeforeGC, Values{Times: 1 + r}}
		if g := u.residentGrow; g != nil && g.Estimate > rate.Estimate {
			rate, f.Assumption = *g, &Reason{Code: ResidentGoesOn}
			break
		}
		late := timeTo(float64(limit)-live, *sum(u.grow, u.outsideGrow))
		f.SecondsToLimit = u.lastCycle(timeTo(float64(limit)-now, rate), late, r, float64(limit)-u.other-u.outside)
	}
	if f.SecondsToLimit.Confidence == 0 {
		f.SecondsToLimit = timeTo(float64(limit)-now, rate)
	}
	if !(rate.Estimate > 0) || !finite(f.SecondsToLimit.Estimate) {
		return nil
	}
	return f
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

// lastCycle adds to the time at which goals reach the limit the cycle that must rise
// to it (see forecast); late is when what is live does alone, and heap what the limit
// leaves for the heap.
func (u use) lastCycle(goals, late stats.Interval, r, heap float64) stats.Interval {
	if !(u.allocated > 0) { // a cycle may take any time
		goals.Hi = late.Hi
		return goals
	}
	rise := math.Max(0, heap) * r / (1 + r) / u.allocated
	kept := 0.0
	if u.grow != nil {
		kept = math.Max(0, math.Min(1, u.grow.Estimate/u.allocated))
	}
	goals.Estimate = math.Min(late.Estimate, goals.Estimate+rise*(1.5-kept/2))
	goals.Hi = math.Max(goals.Estimate, math.Min(late.Hi, goals.Hi+2*rise))
	return goals
}
