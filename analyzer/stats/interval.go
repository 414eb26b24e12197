// Package stats holds the statistics of the verdict: floats in, floats out. No
// function here knows what is measured. Each says its formula, its source, its
// assumptions and what it does with ties and with too little data.
package stats

import "math"

// Interval is an estimate with the bounds that contain the true value with
// probability Confidence, from N observations. Bounds may be infinite where
// the data say nothing.
type Interval struct {
	Estimate, Lo, Hi float64
	Confidence       float64 // in (0, 1)
	N                int
}

// Scale multiplies an interval by k; a negative k swaps the bounds.
func (i Interval) Scale(k float64) Interval {
	i.Estimate *= k
	i.Lo, i.Hi = i.Lo*k, i.Hi*k
	if k < 0 {
		i.Lo, i.Hi = i.Hi, i.Lo
	}
	return i
}

// Finite reports that all three numbers can be printed.
func (i Interval) Finite() bool {
	for _, v := range []float64{i.Estimate, i.Lo, i.Hi} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
