package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// mean is the "slope" that has a sample mean's error: what Welch's test was
// published for.
func mean(n int, mean, variance float64) Slope {
	return Slope{PerX: mean, SE: math.Sqrt(variance / float64(n)), DF: float64(n - 1), N: n}
}

// The three standard examples of the test (equal variances and sizes; unequal
// variances, the larger sample the calmer; the larger sample the wilder), with
// the two-sided P that is printed beside them. Their means and variances are
// printed with one decimal: t and P can only agree as far.
func TestDifferenceAgreesWithThePublishedExamples(t *testing.T) {
	for _, c := range []struct {
		name     string
		a, b     Slope
		t, df, p float64
	}{
		{"equal sizes", mean(15, 20.8, 7.9), mean(15, 23.0, 3.8), 2.46, 25.0, 0.021},
		{"the larger is calmer", mean(10, 20.6, 9.0), mean(20, 22.1, 0.9), 1.57, 9.9, 0.149},
		{"the larger is wilder", mean(10, 19.4, 1.4), mean(20, 21.6, 17.1), 2.22, 24.5, 0.036},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Difference(c.a, c.b, 0.95)
			near(t, "degrees of freedom", got.DF, c.df, 0.15)
			near(t, "P", got.P, c.p, 0.006)
			se := math.Hypot(c.a.SE, c.b.SE)
			near(t, "t", got.Estimate/se, c.t, 0.035)
			near(t, "half-width", (got.Hi-got.Lo)/2, StudentQuantile(0.975, got.DF)*se, 1e-9)
		})
	}
}

func TestDifferenceInvariants(t *testing.T) {
	a, b := mean(12, 3, 4), mean(20, 5, 9)
	ab, ba := Difference(a, b, 0.95), Difference(b, a, 0.95)
	if ab.Estimate != -ba.Estimate || ab.P != ba.P || math.Abs(ab.Lo+ba.Hi) > 1e-12 || math.Abs(ab.DF-ba.DF) > 1e-9 {
		t.Errorf("exchanged: %+v and %+v", ab, ba)
	}
	k := Difference(a.Scale(1e-200), b.Scale(1e-200), 0.95)
	if math.Abs(k.DF-ab.DF) > 1e-9 || math.Abs(k.P-ab.P) > 1e-9 || math.Abs(k.Lo*1e200-ab.Lo) > 1e-6 {
		t.Errorf("in small units: %+v, want as %+v", k, ab)
	}
	one := Difference(a, Slope{PerX: 5, N: 20}, 0.95)
	if math.Abs(one.DF-a.DF) > 1e-9 {
		t.Errorf("against an exact slope: %v degrees of freedom, want %v", one.DF, a.DF)
	}
	wide := a
	wide.Memory = 3
	if Difference(wide, b, 0.95).P <= ab.P {
		t.Error("scatter that persists does not widen the error")
	}
}

func TestDifferenceEdges(t *testing.T) {
	exact := func(v float64) Slope { return Slope{PerX: v, N: 10} }
	for _, c := range []struct {
		name string
		a, b Slope
		p    float64
		open bool
	}{
		{"two equal lines without scatter", exact(2), exact(2), 1, false},
		{"two lines without scatter", exact(2), exact(3), 0, false},
		{"two flat lines", exact(0), exact(0), 1, false},
		{"too few points", exact(2), Slope{PerX: 9, N: 2}, 1, true},
	} {
		got := Difference(c.a, c.b, 0.95)
		if got.P != c.p || got.Finite() == c.open {
			t.Errorf("%s: %+v, want P %v, open %v", c.name, got, c.p, c.open)
		}
	}
}

// Two healthy series rarely differ, and the interval holds a true difference.
func TestDifferenceHoldsItsLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	const runs = 2000
	x := steps(20)
	off, covered := 0, 0
	for range runs {
		y, z := make([]float64, 20), make([]float64, 20)
		for i := range y {
			y[i] = r.NormFloat64() + 0.1*x[i]
			z[i] = 5*r.NormFloat64() + 0.3*x[i]
		}
		a, err1 := FitSlope(x, y, Noise{})
		b, err2 := FitSlope(x, z, Noise{})
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		d := Difference(a, b, 0.95)
		if d.Lo <= 0.2 && 0.2 <= d.Hi {
			covered++
		}
		b.PerX -= 0.2
		if Difference(a, b, 0.95).P <= 0.01 {
			off++
		}
	}
	if off > runs*2/100 || covered < runs*94/100 {
		t.Errorf("of %d: %d differ at 1 %%, %d intervals hold the difference", runs, off, covered)
	}
}
