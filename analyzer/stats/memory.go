package stats

import (
	"math"
	"slices"
)

// persistent fits a first-order autoregression to the errors of a line, by one
// moment: it looks for the ρ in [0, 1) at which the expected Durbin–Watson
// ratio of the residuals
//
//	d = Σ (r_i − r_{i−1})² / Σ r_i²
//
// is the observed one less one standard error of it (2/√n at ρ = 0, where d is
// 2; hence d·(1 − 1/√n)). The expectation is that of the residuals after the
// line is taken out, M·R·M with R_ij = ρ^|i−j|, so that the downward bias of
// ρ from a short trending series, about (2+4ρ)/n (Marriott & Pope, Biometrika
// 41, 1954), is not in it. What follows for the slope:
//
//	se² = RSS · (q'Rq/Sxx) / tr(MR)    q = (x − x̄)/√Sxx
//	ν   = tr(MR)² / tr(MRMR)           (Satterthwaite, Biometrics 2, 1946)
//
// Distance is counted in observations, not in x. A ρ below 0 counts as 0: noise
// that alternates earns no credit. O(n) per ρ.
//
// The lowered ratio is the price of a ρ that is not known: a plain moment fit
// rejects a random walk of 14 points at P ≤ 1e-4 more than twice as often. It
// makes ν too small as well, so df is the geometric mean of ν and n − 2: with ν
// alone the walk is rejected in 1.0 instead of 1.3 % of cases, and at P ≤ 1e-4 a
// leak must be steeper by 40 %.
func persistent(x, residuals []float64, l Line) (se, df float64) {
	d := durbinWatson(residuals) * (1 - 1/math.Sqrt(float64(l.N)))
	q := make([]float64, l.N)
	root := math.Sqrt(l.Sxx)
	for i := range q {
		q[i] = (x[i] - l.MeanX) / root
	}
	const most = 0.9999 // a random walk over any series met here
	m := memoryOf(q, 0)
	if d < m.ratio {
		_, rho := bisect(0, most, 12, func(rho float64) bool { return memoryOf(q, rho).ratio > d })
		m = memoryOf(q, rho)
	}
	return math.Sqrt(l.RSS * m.unit / l.Sxx), math.Sqrt(m.df * float64(l.N-2))
}

// durbinWatson is Σ (r_i − r_{i−1})² / Σ r_i²; 2 where all are 0.
func durbinWatson(r []float64) float64 {
	var diff, rss float64
	for i, v := range r {
		rss += v * v
		if i > 0 {
			diff += (v - r[i-1]) * (v - r[i-1])
		}
	}
	if !(rss > 0) {
		return 2
	}
	return diff / rss
}

// memory is what a first-order autoregression with unit variance implies.
type memory struct {
	ratio float64 // E Σ (r_i − r_{i−1})² / E Σ r_i² of the residuals
	unit  float64 // Var(slope)·Sxx per expected RSS
	df    float64 // ν, of RSS as an estimate of the variance
}

// memoryOf computes it for the unit vector q of the slope, all by products of
// R with the two columns o = 1/√n and q of the fit, each O(n).
func memoryOf(q []float64, rho float64) memory {
	n := len(q)
	o := slices.Repeat([]float64{1 / math.Sqrt(float64(n))}, n)
	ro, rq := correlate(o, rho), correlate(q, rho)
	oo, qq, oq := dot(o, ro), dot(q, rq), dot(o, rq)
	rss := float64(n) - oo - qq // tr(MR)

	// tr(R²) = n + 2 Σ_k (n−k) ρ^2k, by the same product.
	square := float64(n) * dot(o, correlate(o, rho*rho))
	trace2 := square - 2*(dot(ro, ro)+dot(rq, rq)) + oo*oo + qq*qq + 2*oq*oq

	// E Σ (r_i − r_{i−1})² = tr(DRD') − 2 (DRq)'(Dq) + (Dq)'(Dq)·q'Rq, D the
	// differences; D takes the constant column out.
	diff := 2 * float64(n-1) * (1 - rho)
	for i := 1; i < n; i++ {
		dq := q[i] - q[i-1]
		diff += dq * (dq*qq - 2*(rq[i]-rq[i-1]))
	}
	return memory{ratio: diff / rss, unit: qq / rss, df: rss * rss / trace2}
}

// correlate returns R·v, R_ij = ρ^|i−j|.
func correlate(v []float64, rho float64) []float64 {
	out := make([]float64, len(v))
	f := 0.0
	for i, x := range v {
		f = x + rho*f
		out[i] = f
	}
	b := 0.0
	for i := len(v) - 1; i >= 0; i-- {
		out[i] += rho * b
		b = v[i] + rho*b
	}
	return out
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
