package stats

import "math"

// NormalCDF is P(Z ≤ z) of the standard normal distribution.
func NormalCDF(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// NormalQuantile is the z with P(Z ≤ z) = p; p outside (0, 1) gives ∓Inf. The
// error of z is below 1e-9 for p in [1e-8, 1 − 1e-8] and grows beyond: below
// 1e-16 the result is −Inf.
func NormalQuantile(p float64) float64 {
	switch {
	case p <= 0:
		return math.Inf(-1)
	case p >= 1:
		return math.Inf(1)
	}
	return -math.Sqrt2 * math.Erfinv(1-2*p)
}

// StudentTail is P(T > t) of Student's t with df > 0 degrees of freedom, by
// the regularised incomplete beta function:
//
//	P(T > t) = I_{df/(df+t²)}(df/2, 1/2) / 2   for t ≥ 0
//
// (Abramowitz & Stegun 26.7.1 with 26.5.27). df ≤ 0 gives NaN. Relative error
// below 1e-9 for df ≤ 1e4; O(√df).
func StudentTail(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case math.IsInf(df, 1):
		return NormalCDF(-t)
	case math.IsInf(t, 1):
		return 0
	case math.IsInf(t, -1):
		return 1
	}
	p := 0.5 * betaInc(df/2, 0.5, df/(df+t*t), t*t/(df+t*t))
	if t < 0 {
		return 1 - p
	}
	return p
}

// StudentQuantile is the t with P(T ≤ t) = p, found by bisection of
// StudentTail to about 1e-12 relative. p outside (0, 1) gives ∓Inf, df ≤ 0 NaN.
func StudentQuantile(p, df float64) float64 {
	switch {
	case math.IsNaN(p) || !(df > 0):
		return math.NaN()
	case p <= 0:
		return math.Inf(-1)
	case p >= 1:
		return math.Inf(1)
	case p < 0.5:
		return -StudentQuantile(1-p, df)
	}
	below := func(t float64) bool { return StudentTail(t, df) > 1-p }
	top := 1.0
	for below(top) && top < 1e18 {
		top *= 2
	}
	lo, hi := bisect(0, top, 200, below)
	return (lo + hi) / 2
}

// bisect narrows the border between where below holds (lo) and where not (hi),
// by halves, until no number is between them.
func bisect(lo, hi float64, rounds int, below func(float64) bool) (float64, float64) {
	for range rounds {
		mid := (lo + hi) / 2
		if mid == lo || mid == hi {
			break
		}
		if below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo, hi
}

// betaInc is the regularised incomplete beta function I_x(a, b), by the
// continued fraction of Lentz's method (Press et al., Numerical Recipes, 6.4).
// y is 1 − x, given apart because near x = 1 the difference has no digits.
func betaInc(a, b, x, y float64) float64 {
	switch {
	case !(x > 0):
		return 0
	case !(y > 0):
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log(y))
	if x < (a+1)/(a+b+2) {
		return front * betaFraction(a, b, x) / a
	}
	return 1 - front*betaFraction(b, a, y)/b
}

func betaFraction(a, b, x float64) float64 {
	const tiny, eps = 1e-300, 1e-15
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c := 1.0
	d := 1 / guard(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m <= 10000; m++ {
		k := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / guard(1+k*d)
		c = guard(1 + k/c)
		h *= d * c
		k = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / guard(1+k*d)
		c = guard(1 + k/c)
		step := d * c
		h *= step
		if math.Abs(step-1) < eps {
			break
		}
	}
	return h
}

// PoissonInterval is the exact two-sided interval of a Poisson mean from one
// count k ≥ 0 (Garwood, Biometrika 28, 1936): Lo has P(K ≥ k) = (1−c)/2, Hi has
// P(K ≤ k) = (1−c)/2. Found by bisection; O(k) per step.
func PoissonInterval(k int, confidence float64) Interval {
	i := Interval{Estimate: float64(max(0, k)), Confidence: confidence, N: 1}
	tail := (1 - confidence) / 2
	top := float64(k) + 10*math.Sqrt(float64(k)+1) + 20
	border := func(lo, hi float64, below func(float64) bool) float64 {
		lo, hi = bisect(lo, hi, 100, below)
		return (lo + hi) / 2
	}
	if k > 0 {
		i.Lo = border(0, float64(k), func(m float64) bool { return 1-poissonCDF(k-1, m) < tail })
	}
	i.Hi = border(float64(max(0, k)), top, func(m float64) bool { return poissonCDF(k, m) > tail })
	return i
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
