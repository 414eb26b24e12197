package model

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// fitLine is the judged line through the live heap over time.
type fitLine struct {
	stats.Interval         // bytes per unit of work
	from           float64 // seconds of the first judged moment
	meanWork       float64
	meanLive       float64
	x              func(seconds float64) float64 // seconds to work
}

// at is the height of a line of the given slope through the centre.
func (z *fitLine) at(seconds, slope float64) float64 {
	return z.meanLive + slope*(z.x(seconds)-z.meanWork)
}

// fit of the live heap as judged, over the judged moments; nil where it is not
// known.
func (f *frame) fit() *fitLine {
	if f.res == nil {
		return nil
	}
	per := f.res.Per
	i := f.res.Total(series.LiveBytes).In(per)
	if i == nil || !i.Finite() {
		return nil
	}
	at := f.judged(func(m *moment) bool { return !math.IsNaN(m.live) && !math.IsNaN(work(m, per)) })
	if len(at) < 3 {
		return nil
	}
	ms := f.moments()
	z := &fitLine{Interval: *i, from: ms[at[0]].seconds}
	for _, k := range at {
		z.meanWork += work(&ms[k], per) / float64(len(at))
		z.meanLive += ms[k].live / float64(len(at))
	}
	z.x = func(seconds float64) float64 { return interpolate(ms, at, seconds, per) }
	return z
}

// interpolate gives the work at a time, from the moments at at; beyond their
// ends at the mean rate.
func interpolate(ms []moment, at []int, seconds float64, per detect.Per) float64 {
	first, last := &ms[at[0]], &ms[at[len(at)-1]]
	if d := last.seconds - first.seconds; seconds <= first.seconds || seconds >= last.seconds {
		near := first
		if seconds >= last.seconds {
			near = last
		}
		if !(d > 0) {
			return work(near, per)
		}
		return work(near, per) + (seconds-near.seconds)*(work(last, per)-work(first, per))/d
	}
	lo, hi := 0, len(at)-1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; ms[at[mid]].seconds <= seconds {
			lo = mid
		} else {
			hi = mid
		}
	}
	a, b := &ms[at[lo]], &ms[at[hi]]
	if !(b.seconds > a.seconds) {
		return work(a, per)
	}
	return work(a, per) + (seconds-a.seconds)/(b.seconds-a.seconds)*(work(b, per)-work(a, per))
}
