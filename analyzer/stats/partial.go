package stats

import "math"

// collinear is the part of a column's sum of squares below which the rest of it is
// rounding, and not a direction of its own.
const collinear = 1e-9

// Coefficient is one of several of a least-squares fit.
type Coefficient struct {
	B   float64
	SE  float64 // for independent errors
	DF  float64 // degrees of freedom left
	Own float64 // part of the column's variance that no other column tells, 0..1
}

// P is the one-sided probability, under Student's t, of a coefficient as large where
// there is none; 1 where that cannot be told.
func (c Coefficient) P() float64 {
	if !(c.SE >= 0) || c.DF < 1 || !(c.B > 0) {
		return 1
	}
	if c.SE == 0 {
		return 0
	}
	return StudentTail(c.B/c.SE, c.DF)
}

// Partial is the coefficient of x in the least-squares fit of y on a constant, x and
// others: the slope of what the others leave of y on what they leave of x (Frisch &
// Waugh, Econometrica 1, 1933; Lovell, JASA 58, 1963). Columns of others that the ones
// before them tell are left out. Where they tell x, or no degree of freedom is left,
// B and SE are NaN. All have the same length; O(n·len(others)²).
func Partial(y, x []float64, others ...[]float64) Coefficient {
	n := len(y)
	constant := make([]float64, n)
	for i := range constant {
		constant[i] = 1
	}
	var basis [][]float64 // orthogonal
	add := func(column []float64) bool {
		rest := without(column, basis)
		if !(dot(rest, rest) > collinear*dot(column, column)) {
			return false
		}
		basis = append(basis, rest)
		return true
	}
	add(constant)
	for _, o := range others {
		add(o)
	}
	c := Coefficient{B: math.NaN(), SE: math.NaN(), DF: float64(n - len(basis) - 1)}
	rest, own := without(y, basis), without(x, basis)
	whole := without(x, basis[:min(1, len(basis))])
	xx := dot(own, own)
	if c.DF < 1 || !(xx > collinear*dot(whole, whole)) {
		return c
	}
	c.B, c.Own = dot(own, rest)/xx, xx/dot(whole, whole)
	c.SE = math.Sqrt(math.Max(0, dot(rest, rest)-c.B*c.B*xx) / c.DF / xx)
	return c
}

// without is v less its projections on an orthogonal basis. It is done twice: once
// leaves rounding of the size of v (Giraud et al., Numer. Math. 101, 2005).
func without(v []float64, basis [][]float64) []float64 {
	rest := append([]float64(nil), v...)
	for range 2 {
		for _, q := range basis {
			part := dot(q, rest) / dot(q, q)
			for i := range rest {
				rest[i] -= part * q[i]
			}
		}
	}
	return rest
}
