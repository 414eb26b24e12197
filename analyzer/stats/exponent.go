package stats

import "math"

// The exponents that Exponent tells apart: what bends more is hardly growth that
// goes on, or is a step.
const (
	leastExponent = 0.05
	mostExponent  = 8
)

// Exponent is c of the growth y = a + b·x^c: the least-squares estimate and the
// interval of the profile likelihood,
//
//	RSS(c) − RSS(ĉ) ≤ t²·σ²
//
// with t Student's quantile and σ² the variance of y along x^ĉ·ln x, the direction
// in which the curve moves with c, as FitTerm gives it: scatter that persists from
// one observation to the next makes bends of its own (Bates & Watts, Nonlinear
// Regression Analysis and Its Applications, 1988, 6.1, for independent errors).
// Bounds beyond [0.05, 8] are infinite.
//
// x is work since growth can have begun, at least 0 and increasing: an origin that
// lies too late makes a bend look weaker than it is, never stronger. outliers of y
// were pulled in, which made it calmer than it is: they widen σ by n/(n − outliers)
// and cost a degree of freedom each. Errors are those of FitTerm with two columns. O(n²).
func Exponent(x, y []float64, confidence float64) (Interval, error) {
	n := len(x)
	i := Interval{Lo: math.Inf(-1), Hi: math.Inf(1), Confidence: confidence, N: n}
	work := make([]float64, n)
	for k := range work {
		work[k] = x[k] / x[n-1]
	}
	rss := func(c float64) float64 { return PowerRSS(work, y, c) }
	best := math.Exp(lowest(math.Log(leastExponent), math.Log(mostExponent), func(l float64) float64 { return rss(math.Exp(l)) }))
	power, move := make([]float64, n), make([]float64, n)
	for k, w := range work {
		if w > 0 {
			power[k] = math.Pow(w, best)
			move[k] = power[k] * math.Log(w)
		}
	}
	t, err := FitTerm(y, power, move)
	if err != nil {
		return i, err
	}
	i.Estimate = best
	q := StudentQuantile(0.5+confidence/2, t.DF)
	rounding := 1e-9 * (y[n-1] - y[0])
	most := rss(best) + q*q*math.Max(t.Var, rounding*rounding)
	if rss(leastExponent) > most {
		_, i.Lo = bisect(leastExponent, best, 30, func(c float64) bool { return rss(c) > most })
	}
	if rss(mostExponent) > most {
		i.Hi, _ = bisect(best, mostExponent, 30, func(c float64) bool { return rss(c) <= most })
	}
	return i, nil
}

// PowerRSS is the residual sum of squares of y about the best a + b·x^c: of a line
// with c = 1. It does not depend on the unit of x. O(n).
func PowerRSS(x, y []float64, c float64) float64 {
	n := float64(len(x))
	var p, v, pp, pv, vv float64
	for i := range x {
		w, d := math.Pow(x[i], c), y[i]-y[0]
		p, v = p+w, v+d
		pp, pv, vv = pp+w*w, pv+w*d, vv+d*d
	}
	pp, pv, vv = pp-p*p/n, pv-p*v/n, vv-v*v/n
	if !(pp > 0) {
		return math.Max(0, vv)
	}
	return math.Max(0, vv-pv*pv/pp)
}

// lowest looks for the x in [lo, hi] at which f is least: by a grid, then by golden
// sections around its best point.
func lowest(lo, hi float64, f func(float64) float64) float64 {
	const points = 16
	step := (hi - lo) / points
	at, least := lo, math.Inf(1)
	for k := range points + 1 {
		if v := f(lo + float64(k)*step); v < least {
			at, least = lo+float64(k)*step, v
		}
	}
	golden := (math.Sqrt(5) - 1) / 2
	a, b := math.Max(lo, at-step), math.Min(hi, at+step)
	c, d := b-golden*(b-a), a+golden*(b-a)
	fc, fd := f(c), f(d)
	for range 24 {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - golden*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + golden*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}
