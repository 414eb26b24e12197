package detect

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// robustSlope is a slope that a few outlying snapshots do not move.
type robustSlope struct {
	slope    float64 // per unit of work
	upper    float64 // one-sided 95 % bound
	growth   float64 // slope times the length
	outliers int     // snapshots that were pulled in
}

// withoutOutliers bounds the slope of a flat series that a few snapshots leave,
// upwards or downwards, and that comes back: a collection that found a request's
// buffers in use makes one reading of many, and least squares spread it over the
// whole line. The line is Theil's and Sen's median of the slopes of all pairs (Sen,
// JASA 63, 1968); residuals beyond 3.5 standard deviations by the median
// deviation are pulled in to there; and the series that results is fitted as any
// other, with its standard error divided by the share left alone (Huber's
// pseudo-values; Robust Statistics, 1981, 7.6). So what persists from snapshot
// to snapshot is allowed for as everywhere.
//
// ok is false where pulledIn finds none. O(n²).
func withoutOutliers(u, y []float64) (r robustSlope, ok bool) {
	calm, outliers, ok := pulledIn(u, y)
	if !ok {
		return r, false
	}
	n := len(u)
	s, err := stats.FitSlope(u, calm, stats.Noise{})
	if err != nil {
		return r, false
	}
	s.SE *= float64(n) / float64(n-outliers)
	s.DF = math.Max(1, s.DF-float64(outliers))
	r.outliers, r.slope, r.upper, r.growth = outliers, s.PerX, s.Upper(confidence), s.PerX*(u[n-1]-u[0])
	return r, finite(r.slope) && finite(r.upper)
}

// pulledIn is the series y with its outliers pulled in, and how many they are. ok is
// false where there is none, where too much is outlying to call it so, or where the
// last two snapshots both rise above: that may be the beginning of a new level.
func pulledIn(u, y []float64) (calm []float64, outliers int, ok bool) {
	n := len(u)
	if n < leastForOutliers {
		return nil, 0, false
	}
	var slopes []float64
	for i := range u {
		for j := i + 1; j < n; j++ {
			if d := u[j] - u[i]; d > 0 {
				slopes = append(slopes, (y[j]-y[i])/d)
			}
		}
	}
	if len(slopes) == 0 {
		return nil, 0, false
	}
	b := median(slopes)
	res := make([]float64, n)
	for i := range u {
		res[i] = y[i] - b*(u[i]-u[0])
	}
	centre := median(slices.Clone(res))
	dev := make([]float64, n)
	for i := range res {
		res[i] -= centre
		dev[i] = math.Abs(res[i])
	}
	spread := 1.4826 * median(slices.Clone(dev))
	if spread == 0 { // most lie on the line: the mean deviation tells what the others do
		spread = stats.Mean(dev)
	}
	limit := outlying * spread
	calm = make([]float64, n)
	for i := range res {
		at := math.Max(-limit, math.Min(limit, res[i]))
		if at != res[i] {
			outliers++
		}
		calm[i] = centre + b*(u[i]-u[0]) + at
	}
	ok = outliers > 0 && float64(outliers) <= mostOutlying*float64(n) && !(res[n-1] > limit && res[n-2] > limit)
	return calm, outliers, ok
}

// withoutHigh leaves out the snapshots whose outliers pulledIn pulls down.
func withoutHigh(u, y []float64) (lowU, lowY []float64) {
	calm, _, ok := pulledIn(u, y)
	if !ok {
		return u, y
	}
	for i := range y {
		if !(y[i] > calm[i]) {
			lowU, lowY = append(lowU, u[i]), append(lowY, y[i])
		}
	}
	return lowU, lowY
}
