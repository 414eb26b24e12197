package stats

import "math"

// Change is the difference of two slopes with what is known of it.
type Change struct {
	Interval         // of b − a
	P        float64 // two-sided probability of so large a difference without one
	DF       float64 // of the difference's error
}

// Difference is the slope b less the slope a, of two independent series whose
// errors differ in size, by Welch's test (Biometrika 34, 1947): with sᵢ the
// error of each and νᵢ its degrees of freedom (Slope.DF: fewer where scatter
// persists),
//
//	t = (b − a) / √(s_a² + s_b²)
//	ν = (s_a² + s_b²)² / (s_a⁴/ν_a + s_b⁴/ν_b)      (Satterthwaite, Biometrics 2, 1946)
//
// Two lines without scatter differ or do not: P is 0 or 1. A slope of fewer than
// 3 points bounds nothing: the interval is infinite and P is 1.
func Difference(a, b Slope, confidence float64) Change {
	c := Change{P: 1, Interval: Interval{Estimate: b.PerX - a.PerX, Confidence: confidence, N: a.N + b.N, Lo: math.Inf(-1), Hi: math.Inf(1)}}
	if a.N < 3 || b.N < 3 {
		return c
	}
	se := math.Hypot(a.wide(), b.wide()) // squares of tiny errors would underflow
	if se <= 1e-9*math.Max(math.Abs(a.PerX), math.Abs(b.PerX)) {
		c.Lo, c.Hi, c.DF = c.Estimate, c.Estimate, a.df()+b.df()
		if math.Abs(c.Estimate) > 1e-9*math.Max(math.Abs(a.PerX), math.Abs(b.PerX)) {
			c.P = 0
		}
		return c
	}
	wa, wb := a.wide()/se, b.wide()/se
	c.DF = 1 / (math.Pow(wa, 4)/a.df() + math.Pow(wb, 4)/b.df())
	c.P = 2 * StudentTail(math.Abs(c.Estimate)/se, c.DF)
	q := StudentQuantile(0.5+confidence/2, c.DF) * se
	c.Lo, c.Hi = c.Estimate-q, c.Estimate+q
	return c
}

// Scale is the slope per unit of another x, of which one of the old has k:
// bytes per operation times operations per second are bytes per second. Only
// what P, the bounds and Difference need is scaled, not Line.
func (s Slope) Scale(k float64) Slope {
	s.PerX *= k
	s.SE *= math.Abs(k)
	s.Line = Line{}
	return s
}
