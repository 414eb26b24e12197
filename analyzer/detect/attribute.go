package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// attribute holds the sites to the exact total: together they cannot keep more
// than the process does. Where their estimates x_i of variance v_i add up to more
// than the exact T of variance w, the excess is sampling noise, and each takes the
// part of it that its variance makes likely, as of normal errors given their sum:
//
//	x_i − (Σx − T)·v_i/(Σv + w)    of variance v_i·(1 − v_i/(Σv + w))
//
// Only the upper bounds become surer by it: that nothing is left for a site that no
// sample shows is not known, so a lower bound stays where it was, or goes down with
// the estimate. Where they add up to less, the rest is another site's, and nothing
// is known of whose. Intervals that are no wider than 0 stay.
func attribute(sites []Finding, total stats.Interval) {
	of := func(f *Finding) *stats.Interval {
		if f.BytesPerOp != nil {
			return f.BytesPerOp
		}
		return f.BytesPerSecond
	}
	variance := func(iv *stats.Interval) float64 {
		h := (iv.Hi - iv.Lo) / 2
		return h * h
	}
	sum, spread := 0.0, variance(&total)
	for i := range sites {
		if iv := of(&sites[i]); iv != nil && len(sites[i].Stack) > 0 {
			sum, spread = sum+iv.Estimate, spread+variance(iv)
		}
	}
	excess := sum - total.Estimate
	if !(excess > 0) || !(spread > 0) || !finite(spread) {
		return
	}
	for i := range sites {
		iv := of(&sites[i])
		if iv == nil || len(sites[i].Stack) == 0 || !(iv.Hi > iv.Lo) {
			continue
		}
		part := variance(iv) / spread
		by := math.Min(excess*part, math.Max(0, iv.Estimate))
		narrow := math.Sqrt(math.Max(0, 1-part))
		held := *iv
		held.Estimate -= by
		held.Lo = math.Min(iv.Lo, held.Estimate-(iv.Estimate-iv.Lo)*narrow)
		held.Hi = held.Estimate + (iv.Hi-iv.Estimate)*narrow
		if o := sites[i].ObjectsPerOp; o != nil && iv.Estimate > 0 {
			n := o.Scale(held.Estimate / iv.Estimate)
			sites[i].ObjectsPerOp = &n
		}
		*iv = held
	}
}
