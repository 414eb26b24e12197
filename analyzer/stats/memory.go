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
	q := make([]float64, l.N)
	root := math.Sqrt(l.Sxx)
	for i := range q {
		q[i] = (x[i] - l.MeanX) / root
	}
	o := slices.Repeat([]float64{1 / math.Sqrt(float64(l.N))}, l.N)
	m := memoryAt([][]float64{o, q}, residuals)
	return math.Sqrt(l.RSS * m.unit / l.Sxx), math.Sqrt(m.df * float64(l.N-2))
}

// memoryAt is the memory that matches the residuals of a fit to the orthonormal
// columns q.
func memoryAt(q [][]float64, residuals []float64) memory {
	const most = 0.9999 // a random walk over any series met here
	d := durbinWatson(residuals) * (1 - 1/math.Sqrt(float64(len(residuals))))
	m := memoryOf(q, 0)
	if d < m.ratio {
		_, rho := bisect(0, most, 12, func(rho float64) bool { return memoryOf(q, rho).ratio > d })
		m = memoryOf(q, rho)
	}
	return m
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
	unit  float64 // variance along the last column per expected RSS
	df    float64 // ν, of RSS as an estimate of the variance
}

// memoryOf computes it for the orthonormal columns q of a fit, all by products of R
// with them, each O(n):
//
//	E RSS                 tr(MR)     = n − Σ_k q_k'Rq_k
//	its variance, halved  tr(MRMR)   = tr(R²) − 2 Σ_k |Rq_k|² + Σ_kl (q_k'Rq_l)²
//	E Σ (r_i − r_{i−1})²  tr(DMRMD') = tr(DRD') − 2 Σ_k (DRq_k)'(Dq_k) + Σ_kl (Dq_k)'(Dq_l)·q_k'Rq_l
//
// with D the differences.
func memoryOf(q [][]float64, rho float64) memory {
	n, p := len(q[0]), len(q)
	rss := float64(n)
	// tr(R²) = n + 2 Σ_h (n−h) ρ^2h
	trace2, square := float64(n), rho*rho
	for h, f := 1, square; h < n && f > 1e-18; h, f = h+1, f*square {
		trace2 += 2 * float64(n-h) * f
	}
	diff := 2 * float64(n-1) * (1 - rho)
	unit := 0.0
	for k := range p {
		rk := correlate(q[k], rho)
		trace2 -= 2 * dot(rk, rk)
		for l := range p {
			v := dot(rk, q[l])
			trace2 += v * v
			diff += v * dotOfDifferences(q[k], q[l])
			if k == l {
				unit = v
				rss -= v
			}
		}
		diff -= 2 * dotOfDifferences(rk, q[k])
	}
	return memory{ratio: diff / rss, unit: unit / rss, df: rss * rss / trace2}
}

func dotOfDifferences(a, b []float64) float64 {
	s := 0.0
	for i := 1; i < len(a); i++ {
		s += (a[i] - a[i-1]) * (b[i] - b[i-1])
	}
	return s
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
