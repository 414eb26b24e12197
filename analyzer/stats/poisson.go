package stats

import "math"

// PoissonInterval is the exact two-sided interval of a Poisson mean from one
// count k ≥ 0 (Garwood, Biometrika 28, 1936): Lo has P(K ≥ k) = (1−c)/2, Hi has
// P(K ≤ k) = (1−c)/2. Found by bisection; O(k) per step.
func PoissonInterval(k int, confidence float64) Interval {
	i := Interval{Estimate: float64(max(0, k)), Confidence: confidence, N: 1}
	tail := (1 - confidence) / 2
	top := float64(k) + 10*math.Sqrt(float64(k)+1) + 20
	if k > 0 {
		i.Lo = bisect(0, float64(k), func(m float64) bool { return 1-poissonCDF(k-1, m) < tail })
	}
	i.Hi = bisect(float64(max(0, k)), top, func(m float64) bool { return poissonCDF(k, m) > tail })
	return i
}

// bisect returns the border between where below holds (lo) and where not (hi).
func bisect(lo, hi float64, below func(float64) bool) float64 {
	for range 100 {
		mid := (lo + hi) / 2
		if below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// poissonCDF is P(K ≤ k) for mean m.
func poissonCDF(k int, m float64) float64 {
	if m <= 0 {
		return 1
	}
	sum := 0.0
	for i := 0; i <= k; i++ {
		g, _ := math.Lgamma(float64(i) + 1)
		sum += math.Exp(float64(i)*math.Log(m) - m - g)
	}
	return math.Min(1, sum)
}
