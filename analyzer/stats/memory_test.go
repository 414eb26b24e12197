package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The O(n) formulas against the matrices they stand for.
func TestMemoryAgreesWithTheFullMatrices(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(71, 1))
	for _, n := range []int{3, 4, 7, 14, 30} {
		x := make([]float64, n)
		for i := 1; i < n; i++ {
			x[i] = x[i-1] + .1 + r.Float64()
		}
		m, sxx := Mean(x), 0.0
		for _, v := range x {
			sxx += (v - m) * (v - m)
		}
		q := make([]float64, n)
		for i := range q {
			q[i] = (x[i] - m) / math.Sqrt(sxx)
		}
		for _, rho := range []float64{0, .3, .8, .99} {
			cov, take := square(n), square(n)
			for i := range n {
				for j := range n {
					cov[i][j] = math.Pow(rho, math.Abs(float64(i-j)))
					take[i][j] = -1/float64(n) - q[i]*q[j]
				}
				take[i][i]++
			}
			e := times(times(take, cov), take) // covariance of the residuals
			var rss, diff, squares, slope float64
			for i := range n {
				rss += e[i][i]
				if i > 0 {
					diff += e[i][i] + e[i-1][i-1] - 2*e[i][i-1]
				}
				for j := range n {
					squares += e[i][j] * e[i][j]
					slope += q[i] * cov[i][j] * q[j]
				}
			}
			o := slices.Repeat([]float64{1 / math.Sqrt(float64(n))}, n)
			got := memoryOf([][]float64{o, q}, rho)
			near(t, "Durbin–Watson ratio", got.ratio, diff/rss, 1e-9)
			near(t, "slope's variance", got.unit, slope/rss, 1e-9)
			near(t, "degrees of freedom", got.df, rss*rss/squares, 1e-7)
		}
	}
}

func square(n int) [][]float64 {
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n)
	}
	return a
}

func times(a, b [][]float64) [][]float64 {
	out := square(len(a))
	for i := range a {
		for j := range b {
			for k := range b {
				out[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return out
}

func TestIndependentErrorsHaveAllDegreesOfFreedom(t *testing.T) {
	t.Parallel()
	q := []float64{-3, -1, 1, 3}
	for i := range q {
		q[i] /= math.Sqrt(20)
	}
	m := memoryOf([][]float64{{.5, .5, .5, .5}, q}, 0)
	near(t, "degrees of freedom", m.df, 2, 1e-12)
	near(t, "slope's variance per RSS", m.unit, .5, 1e-12)
}

func TestMemoryOfALongSeries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rho, lo, hi float64 // √((1+ρ)/(1−ρ)) is the widening of a long series
	}{{0, 1, 1.5}, {.5, 1.6, 2.2}, {.8, 2.5, 4.2}} {
		r := rand.New(rand.NewPCG(81, 1))
		y := autoregressive(r, 600, c.rho)
		s, err := FitSlope(steps(600), y, Noise{})
		if err != nil {
			t.Fatal(err)
		}
		if w := s.SE * s.Memory / s.Line.SE; !(w >= c.lo && w <= c.hi) {
			t.Errorf("ρ = %.1f: error widened %.2f-fold, want %.1f … %.1f", c.rho, w, c.lo, c.hi)
		}
	}
}
