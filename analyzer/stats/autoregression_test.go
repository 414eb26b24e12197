package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The generalised least-squares slope and its error for a given ρ, against the
// normal equations with R⁻¹ written out.
func TestWhitenedIsGeneralisedLeastSquares(t *testing.T) {
	t.Parallel()
	x := []float64{0, 1, 2.5, 3, 5, 6, 7, 9}
	y := []float64{1, 3, 2, 5, 4, 8, 7, 9}
	l, err := FitLine(x, y)
	if err != nil {
		t.Fatal(err)
	}
	for _, rho := range []float64{0, 0.3, 0.9} {
		n := len(x)
		inverse := func(i, j int) float64 { // of R, times 1 − ρ²
			switch d := i - j; {
			case d == 0 && (i == 0 || i == n-1):
				return 1
			case d == 0:
				return 1 + rho*rho
			case d == 1 || d == -1:
				return -rho
			}
			return 0
		}
		product := func(a, b func(int) float64) float64 {
			s := 0.0
			for i := range n {
				for j := range n {
					s += a(i) * b(j) * inverse(i, j) / (1 - rho*rho)
				}
			}
			return s
		}
		one, at, of := func(int) float64 { return 1 }, func(i int) float64 { return x[i] }, func(i int) float64 { return y[i] }
		oo, ox, xx, oy, xy, yy := product(one, one), product(one, at), product(at, at), product(one, of), product(at, of), product(of, of)
		det := oo*xx - ox*ox
		b, a := (oo*xy-ox*oy)/det, (xx*oy-ox*xy)/det
		s2 := (yy - a*oy - b*xy) / float64(n-2)
		p, _ := fitWhitened(x, l.Residuals(x, y), l, rho)
		if math.Abs(p.slope-b) > 1e-12 || math.Abs(p.se-math.Sqrt(s2*oo/det)) > 1e-12 || math.Abs(p.variance-s2) > 1e-12 {
			t.Errorf("ρ = %.1f: slope %v ± %v, σ² %v; want %v ± %v, %v", rho, p.slope, p.se, p.variance, b, math.Sqrt(s2*oo/det), s2)
		}
	}
}

// The interval holds the slope in about 95 % of series, whether errors persist or
// not, and costs little where they do not.
func TestAutoregressionHoldsTheSlope(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 1))
	const runs = 300
	for _, c := range []struct {
		n             int
		rho           float64
		least, widest float64 // coverage; median width over that of least squares with a known σ, at ρ = 0
	}{{20, 0, 0.94, 1.3}, {40, 0, 0.93, 1.15}, {20, 0.8, 0.91, 0}, {40, 0.8, 0.93, 0}} {
		held, widths := 0, []float64{}
		for range runs {
			x, y := make([]float64, c.n), autoregressive(r, c.n, c.rho)
			for i := range x {
				x[i] = float64(i)
				y[i] += 3 * x[i]
			}
			a, err := FitAutoregression(x, y)
			if err != nil {
				t.Fatal(err)
			}
			iv := a.Interval(0.95)
			for _, q := range []struct{ at, want float64 }{{iv.Lo, 0.025}, {iv.Hi, 0.975}} {
				if got := a.below(q.at); math.Abs(got-q.want) > 1e-3 && q.at != iv.Estimate {
					t.Fatalf("%.4f of the slopes lie below the bound, want %.3f", got, q.want)
				}
			}
			if iv.Lo <= 3 && 3 <= iv.Hi {
				held++
			}
			l, _ := FitLine(x, y)
			widths = append(widths, (iv.Hi-iv.Lo)*math.Sqrt(l.Sxx)/(2*1.96))
		}
		if share := float64(held) / runs; share < c.least {
			t.Errorf("%d values, ρ = %.1f: held in %.1f %%, want %.0f", c.n, c.rho, 100*share, 100*c.least)
		}
		slices.Sort(widths)
		if width := widths[runs/2]; c.widest > 0 && width > c.widest {
			t.Errorf("%d values, ρ = %.1f: %.2f times as wide as with a known σ, want %.2f", c.n, c.rho, width, c.widest)
		}
	}
}

func TestAutoregressionOfAnExactLine(t *testing.T) {
	t.Parallel()
	a, err := FitAutoregression([]float64{0, 1, 2, 3}, []float64{5, 7, 9, 11})
	if err != nil {
		t.Fatal(err)
	}
	if iv := a.Interval(0.95); iv.Lo != 2 || iv.Hi != 2 || iv.Estimate != 2 {
		t.Errorf("%+v", iv)
	}
	if rho, sd := a.Draw(rand.New(rand.NewPCG(1, 1)), 2); rho != 0 || sd != 0 {
		t.Errorf("drew ρ %v, σ %v", rho, sd)
	}
	if _, err := FitAutoregression([]float64{1, 1, 1}, []float64{1, 2, 3}); err == nil {
		t.Error("a single x makes no line")
	}
}

// Draws are of the errors that the series has.
func TestAutoregressionDraws(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 2))
	const n = 400
	for _, rho := range []float64{0, 0.7} {
		x, y := make([]float64, n), autoregressive(r, n, rho)
		for i := range x {
			x[i], y[i] = float64(i), 5*y[i]
		}
		a, err := FitAutoregression(x, y)
		if err != nil {
			t.Fatal(err)
		}
		var rhoMean, sdMean float64
		for range 200 {
			p, sd := a.Draw(r, n-2)
			rhoMean, sdMean = rhoMean+p/200, sdMean+sd/200
		}
		if math.Abs(rhoMean-rho) > 0.1 || math.Abs(sdMean-5) > 0.7 {
			t.Errorf("ρ = %.1f, σ = 5: drew %.2f and %.2f", rho, rhoMean, sdMean)
		}
	}
}
