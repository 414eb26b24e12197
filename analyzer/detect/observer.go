package detect

import (
	"math"
	"slices"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// A total grows by three causes: operations, time, and the snapshots themselves.
// Under a constant load they are collinear, and the slope of the judged snapshots
// is the sum of all three; that sum is what the tests of a leak are asked of, less
// what a snapshot itself can leave behind. Snapshots without load tell the three
// apart: before it, at two spacings, and in the drain.

// observer is what a snapshot itself leaves behind in the target.
type observer struct {
	perSnapshot float64
	se          float64
	known       bool
}

// observe measures the effect on y from the idle snapshots: the median of the
// increments, which a one-off initialisation does not move; its error from
// their median deviation. Of two spacings the shorter is used: there time counts
// least. A negative effect is a settling program, not the observer's: 0. most is
// the largest effect that idle programs showed; half of it, give or take all of
// it, is what is believed before, and more than it is growth by time.
func observe(y, seconds []float64, idle []int, most float64) observer {
	shortest := math.Inf(1)
	for k := 1; k < len(idle); k++ {
		shortest = math.Min(shortest, seconds[idle[k]]-seconds[idle[k-1]])
	}
	var d []float64
	for k := 1; k < len(idle); k++ {
		a, b := idle[k-1], idle[k]
		if !math.IsNaN(y[a]) && !math.IsNaN(y[b]) && b == a+1 && seconds[b]-seconds[a] <= sameSpacing*shortest {
			d = append(d, y[b]-y[a])
		}
	}
	if len(d) < leastIncrements {
		return observer{}
	}
	m := median(d)
	dev := make([]float64, len(d))
	for i := range d {
		dev[i] = math.Abs(d[i] - m)
	}
	// sd of a median ≈ 1.253 σ/√n; σ ≈ 1.4826 MAD
	se := 1.253 * 1.4826 * median(dev) / math.Sqrt(float64(len(d)))
	own, left := weighed(m, se, most/2, most)
	return observer{perSnapshot: math.Min(math.Max(0, own), most), se: left, known: true}
}

// weighed joins a measurement with what was known before it, both normal: the
// mean weighs each by the inverse of its variance. A program whose idle heap
// goes up and down by kilobytes tells little of its observer's few hundred
// bytes, and the run must not pay for that.
func weighed(m, se, before, sd float64) (mean, left float64) {
	if !(se > 0) {
		return m, 0
	}
	w, w0 := 1/(se*se), 1/(sd*sd)
	return (w*m + w0*before) / (w + w0), 1 / math.Sqrt(w+w0)
}

// median sorts v.
func median(v []float64) float64 {
	sort.Float64s(v)
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// unloaded is growth without load: y over the seconds of the idle snapshots and of
// the drain's.
type unloaded struct {
	perSecond float64
	se        float64
	df        float64 // of se
	both      bool    // it rises before the load and after it, or one of them was not seen
	span      float64 // seconds without load
}

// upper and lower are one-sided bounds of the growth per second.
func (r *unloaded) upper(confidence float64) float64 {
	return r.perSecond + stats.StudentQuantile(confidence, r.df)*r.se
}
func (r *unloaded) lower(confidence float64) float64 {
	return r.perSecond - stats.StudentQuantile(confidence, r.df)*r.se
}

// withoutLoad measures growth by time. In phase p, at the second t and the k-th
// snapshot of all,
//
//	y = a_p + β·t + γ·k + ε,
//
// by least squares with a level a_p of each phase, and with γ, the effect of a
// snapshot, normal about left with the standard deviation sd before it is
// measured (mixed estimation: Theil & Goldberger, Int. Econ. Rev. 2, 1961): one
// spacing alone cannot tell β and γ apart. With sd = 0 it is left. ε is taken for
// independent, and for no smaller than the smallest object. nil with fewer than
// three snapshots more than levels, or no time between them. O(snapshots).
func withoutLoad(y, seconds []float64, phases [][]int, left, sd float64) *unloaded {
	var t, k, v []float64
	r := &unloaded{both: true}
	levels := 0
	for _, p := range phases {
		p = slices.DeleteFunc(slices.Clone(p), func(i int) bool { return math.IsNaN(y[i]) })
		if len(p) < 2 {
			continue
		}
		var pt, pk, pv []float64
		for _, i := range p {
			pt, pk, pv = append(pt, seconds[i]), append(pk, float64(i)), append(pv, y[i])
		}
		r.span += pt[len(pt)-1] - pt[0]
		about := func(all []float64) {
			m := stats.Mean(all)
			for i := range all {
				all[i] -= m
			}
		}
		about(pt)
		about(pk)
		about(pv)
		r.both = r.both && rises(pt, pk, pv, left)
		t, k, v = append(t, pt...), append(k, pk...), append(v, pv...)
		levels++
	}
	n := len(v)
	if n < levels+3 || !(dot(t, t) > 0) {
		return nil
	}
	r.df = float64(n - levels - 1)
	for i := range v {
		v[i] -= left * k[i]
	}
	tt, tk, kk, tv, kv := dot(t, t), dot(t, k), dot(k, k), dot(t, v), dot(k, v)
	sigma := float64(SmallestObject)
	for range 20 { // σ weighs the belief about γ against the data
		more := 0.0 // γ beyond left
		r.perSecond, r.se = tv/tt, sigma/math.Sqrt(tt)
		if sd > 0 {
			kk := kk + sigma*sigma/(sd*sd)
			det := tt*kk - tk*tk
			r.perSecond, more = (kk*tv-tk*kv)/det, (tt*kv-tk*tv)/det
			r.se = sigma * math.Sqrt(kk/det)
		}
		rss := 0.0
		for i := range v {
			e := v[i] - r.perSecond*t[i] - more*k[i]
			rss += e * e
		}
		sigma = math.Max(SmallestObject, math.Sqrt(rss/r.df))
	}
	return r
}

// rises reports that one phase by itself grows with time, at phaseSure: what settles,
// or steps once, does not. All are about their means.
func rises(t, k, v []float64, left float64) bool {
	tt := dot(t, t)
	slope := (dot(t, v) - left*dot(t, k)) / tt
	df := float64(len(t) - 2)
	if df < 1 {
		return slope > 0
	}
	rss := 0.0
	for i := range v {
		e := v[i] - left*k[i] - slope*t[i]
		rss += e * e
	}
	return slope > stats.StudentQuantile(phaseSure, df)*math.Sqrt(rss/df/tt)
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
