package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// One column is a line: the same slope, scatter and error as FitSlope's.
func TestATermOfOneColumnIsALine(t *testing.T) {
	t.Parallel()
	for _, rho := range []float64{0, .8} {
		r := rand.New(rand.NewPCG(5, 1))
		y := autoregressive(r, 24, rho)
		for i := range y {
			y[i] += 1e6 + .5*float64(i)
		}
		x := steps(24)
		want, err := FitSlope(x, y, Noise{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := FitTerm(y, x)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "slope", got.Coef[0], want.PerX, 1e-9)
		near(t, "RSS", got.RSS, want.Line.RSS, 1e-7)
		near(t, "error", got.SE, want.SE*want.Memory, 1e-7)
		near(t, "degrees of freedom", got.DF, want.DF, 1e-6)
	}
}

// Coefficients are those of the columns, whatever the order in which they overlap.
func TestATermAmongOthers(t *testing.T) {
	t.Parallel()
	a, b := []float64{0, 1, 2, 3, 4, 5}, []float64{0, 0, 0, 1, 2, 3}
	y := make([]float64, len(a))
	for i := range y {
		y[i] = 7 + 3*a[i] - 2*b[i]
	}
	y[5] += 1e-6
	for _, c := range []struct {
		columns [][]float64
		want    []float64
	}{{[][]float64{a, b}, []float64{3, -2}}, {[][]float64{b, a}, []float64{-2, 3}}} {
		got, err := FitTerm(y, c.columns...)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			near(t, "coefficient", got.Coef[i], w, 1e-5)
		}
		if sign := c.want[1]; got.T()*sign < 1e3 {
			t.Errorf("t of %v is %v, want far on its side of 0", sign, got.T())
		}
	}
}

func TestWhatNoTermCanBeFittedTo(t *testing.T) {
	t.Parallel()
	x := steps(6)
	for name, c := range map[string]struct {
		y       []float64
		columns [][]float64
		want    error
	}{
		"as many values as regressors": {[]float64{1, 2}, [][]float64{{1, 2}}, ErrTooShort},
		"a column that is constant":    {x, [][]float64{{2, 2, 2, 2, 2, 2}}, ErrTooShort},
		"a column that another makes":  {x, [][]float64{x, {1, 3, 5, 7, 9, 11}}, ErrTooShort},
		"a value that is not finite":   {[]float64{1, 2, math.NaN(), 4, 5, 6}, [][]float64{x}, ErrNotFinite},
	} {
		if _, err := FitTerm(c.y, c.columns...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Without a bend, its t passes the 1 % quantile in about 1 % of series, also where
// errors persist.
func TestTheLevelOfABend(t *testing.T) {
	t.Parallel()
	x := steps(20)
	bend := make([]float64, 20)
	for i := 17; i < 20; i++ {
		bend[i] = x[i] - x[16]
	}
	for _, rho := range []float64{0, .5, .8} {
		r := rand.New(rand.NewPCG(9, 2))
		const runs = 2000
		low := 0
		for range runs {
			y := autoregressive(r, 20, rho)
			for i := range y {
				y[i] += x[i]
			}
			b, err := FitTerm(y, x, bend)
			if err != nil {
				t.Fatal(err)
			}
			if b.T() < -StudentQuantile(.99, b.DF) {
				low++
			}
		}
		if share := float64(low) / runs; share > .02 {
			t.Errorf("ρ = %.1f: a bend is seen in %.1f %% of lines, want 1", rho, 100*share)
		}
	}
}
