package stats

import "math"

// Term is the last regressor of a least-squares fit with the error that the
// series' own scatter allows, whether or not it persists.
type Term struct {
	Coef []float64 // of all regressors but the constant, in their order; the term's own is the last
	SE   float64   // standard error of the term's coefficient, see FitTerm
	Var  float64   // variance of y along what the term adds: SE² before it is scaled
	DF   float64   // its degrees of freedom, in [1, N−p]
	RSS  float64
	N    int
}

// T is the term's coefficient in standard errors: ±Inf where there is no scatter
// at all, 0 where the coefficient is 0 as well.
func (t Term) T() float64 {
	c := t.Coef[len(t.Coef)-1]
	if c == 0 {
		return 0
	}
	return c / t.SE
}

// FitTerm fits y by a constant and the columns, and asks what the last of them
// adds. With q the unit vector of that column once the constant and the others are
// taken out of it, SE is the larger of
//
//	independent errors         sqrt(RSS/(n−p))
//	the empirical variogram    Var(q·y) = −Σ_{i<j} q_i q_j 2γ(j−i), as in FitSlope
//	errors that persist        an autoregression of first order, as in FitSlope
//
// over the length of what q was scaled from. Distance is counted in observations.
// It is an error to give no more values than regressors (ErrTooShort), columns
// that others make up (ErrTooShort), or values that are not finite (ErrNotFinite).
// O(n²) for the variogram, O(n p²) else.
func FitTerm(y []float64, columns ...[]float64) (Term, error) {
	f, err := project(y, columns)
	if err != nil {
		return Term{}, err
	}
	n, p := len(y), len(columns)+1
	t := Term{N: n, RSS: dot(f.residuals, f.residuals), DF: float64(n - p), Coef: f.coef}
	if !Finite(t.RSS) {
		return Term{}, ErrNotFinite
	}
	v := math.Max(t.RSS/float64(n-p), scattered(f.q[p-1], f.residuals))
	m := memoryAt(f.q, f.residuals)
	if w := t.RSS * m.unit; w > v {
		v = w
	}
	t.DF = math.Max(1, math.Min(t.DF, math.Sqrt(m.df*t.DF)))
	t.Var, t.SE = v, math.Sqrt(v)/f.length
	return t, nil
}

// Coefficients are those of the least-squares fit of y by a constant and the columns,
// without the constant's, as FitTerm gives them and with its errors. O(n p²).
func Coefficients(y []float64, columns ...[]float64) ([]float64, error) {
	f, err := project(y, columns)
	return f.coef, err
}

// projection is y taken apart along a constant and columns.
type projection struct {
	coef      []float64   // of the columns
	q         [][]float64 // orthonormal: the constant, the columns
	length    float64     // of what the last column adds to the others
	residuals []float64
}

func project(y []float64, columns [][]float64) (f projection, err error) {
	n, p := len(y), len(columns)+1
	if n <= p {
		return f, ErrTooShort
	}
	// Modified Gram–Schmidt (Björck, BIT 7, 1967): q·R is the constant and the columns.
	f.coef = make([]float64, p-1)
	upper := make([][]float64, 0, p)
	res := make([]float64, n)
	for i, v := range y {
		res[i] = v - y[0] // a common offset costs no digits
	}
	along := make([]float64, 0, p)
	for k := range p {
		v := make([]float64, n)
		for i := range v {
			v[i] = 1
			if k > 0 {
				v[i] = columns[k-1][i]
			}
		}
		length := math.Sqrt(dot(v, v))
		r := make([]float64, p)
		for j := range f.q {
			r[j] = takeOut(v, f.q[j])
		}
		r[k] = math.Sqrt(dot(v, v))
		if f.length = r[k]; !(f.length > 1e-9*length) {
			return f, ErrTooShort
		}
		for i := range v {
			v[i] /= r[k]
		}
		f.q, upper = append(f.q, v), append(upper, r)
		along = append(along, takeOut(res, v))
	}
	for k := p - 1; k > 0; k-- {
		c := along[k]
		for j := k + 1; j < p; j++ {
			c -= upper[j][k] * f.coef[j-1]
		}
		f.coef[k-1] = c / upper[k][k]
	}
	if f.residuals = res; !Finite(f.coef...) {
		return f, ErrNotFinite
	}
	return f, nil
}

// takeOut removes the part of v along the unit vector q and returns its length.
func takeOut(v, q []float64) float64 {
	c := dot(v, q)
	for i := range v {
		v[i] -= c * q[i]
	}
	return c
}

// scattered is the variance of the contrast q of a series with the empirical
// variogram of these residuals, by distance in observations.
func scattered(q, residuals []float64) float64 {
	n := len(q)
	at := make([]float64, n)
	for i := range at {
		at[i] = float64(i)
	}
	lags, gamma := empirical(residuals)
	g := interpolate(at, lags, gamma, 0)
	v := 0.0
	for h := 1; h < n; h++ {
		c := 0.0
		for i := h; i < n; i++ {
			c += q[i] * q[i-h]
		}
		v -= c * g(float64(h))
	}
	return math.Max(0, v)
}
