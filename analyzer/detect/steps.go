package detect

import "math"

// stepsGain is how much better y is told as a line than as one, two or three
// steps, the 1, 3 or 5 parameters paid for that the staircase has more (k+1 levels
// and k places against 2): over the staircases that fit best, the least of
//
//	n·ln(RSS_steps/RSS_line) + 3(2k−1)
//
// Below 0 a staircase tells it better; +Inf where the line leaves nothing over.
//
// After Akaike (IEEE Trans. Automatic Control 19, 1974), whose price of 2 costs
// a tenth of the leaks in noise and whose Bayesian sister, ln n, lets three steps
// of three standard deviations pass for a line. A step of height H in the middle
// leaves a line H²/16 of variance and a staircase none; a line that grows by G
// leaves the best staircase of k steps G²/(12(k+1)²). Series of fewer than
// 4(k+1) values are given no k steps but the first: they would fit anything.
// Found by dynamic programming. O(k n²).
func stepsGain(y []float64, lineRSS float64) float64 {
	n := len(y)
	gain := math.Inf(1)
	if n < minTail || !(lineRSS > 0) {
		return gain
	}
	most := min(mostSteps, max(1, n/4-1))
	for k, rss := range staircases(y, most) {
		if rss <= 1e-12*lineRSS {
			return math.Inf(-1)
		}
		gain = math.Min(gain, float64(n)*math.Log(rss/lineRSS)+perParameter*float64(2*k+1))
	}
	return gain
}

// staircases is the residual sum of squares of the best piecewise constant fit
// with 1, 2, … most steps.
func staircases(y []float64, most int) []float64 {
	n := len(y)
	// Sums of deviations from the first value: a common offset costs no digits.
	sum, square := make([]float64, n+1), make([]float64, n+1)
	for i, v := range y {
		d := v - y[0]
		sum[i+1], square[i+1] = sum[i]+d, square[i]+d*d
	}
	flat := func(i, j int) float64 { // RSS of y[i:j] about its mean
		s := sum[j] - sum[i]
		return math.Max(0, square[j]-square[i]-s*s/float64(j-i))
	}
	best := make([]float64, n+1) // of y[:j] with the steps so far
	for j := 1; j <= n; j++ {
		best[j] = flat(0, j)
	}
	out := make([]float64, 0, most)
	for k := 1; k <= most; k++ {
		next := make([]float64, n+1)
		for j := range next {
			next[j] = math.Inf(1)
			for i := k; i < j; i++ {
				next[j] = math.Min(next[j], best[i]+flat(i, j))
			}
		}
		best = next
		out = append(out, best[n])
	}
	return out
}
