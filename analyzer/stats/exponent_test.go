package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func powers(n int, c, sd float64, r *rand.Rand) (x, y []float64) {
	for i := range n {
		u := float64(i) / float64(n-1)
		x, y = append(x, u), append(y, 5+math.Pow(u, c)+sd*r.NormFloat64())
	}
	return x, y
}

func TestExponentOfAPowerLaw(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	for _, c := range []float64{.3, .91, 1, 2} {
		x, y := powers(20, c, 1e-4, r)
		got, err := Exponent(x, y, .95)
		if err != nil {
			t.Fatal(err)
		}
		if !(got.Lo < got.Estimate && got.Estimate < got.Hi) || math.Abs(got.Estimate-c) > .01*c {
			t.Errorf("u^%g: %+v", c, got)
		}
		// Neither the unit of x nor that of y, nor an offset of y matters.
		for i := range x {
			x[i], y[i] = 3000*x[i], 1e6*(y[i]+100)
		}
		if moved, err := Exponent(x, y, .95); err != nil || math.Abs(moved.Hi-got.Hi) > 1e-4 || math.Abs(moved.Lo-got.Lo) > 1e-4 {
			t.Errorf("u^%g: scaled it is %+v, %v, want %+v", c, moved, err, got)
		}
	}
}

// The interval contains c as often as it says, and is no wider than it must be:
// without growth to speak of it is infinite.
func TestExponentsIntervalHolds(t *testing.T) {
	t.Parallel()
	const runs = 400
	for _, c := range []float64{.7, 1} {
		r := rand.New(rand.NewPCG(4, 1))
		held, below := 0, 0
		for range runs {
			x, y := powers(20, c, .02, r)
			i, err := Exponent(x, y, .95)
			if err != nil {
				t.Fatal(err)
			}
			if i.Lo <= c && c <= i.Hi {
				held++
			}
			if i.Hi < 1 {
				below++
			}
		}
		if held < runs*92/100 {
			t.Errorf("u^%g: 95 %% intervals hold it in %d of %d", c, held, runs)
		}
		if c < 1 && below < runs*9/10 {
			t.Errorf("u^%g in noise of 2 %% of the growth: below 1 in %d of %d", c, below, runs)
		}
	}
	r := rand.New(rand.NewPCG(4, 2))
	x, y := powers(20, 1, 10, r)
	if i, err := Exponent(x, y, .95); err != nil || !math.IsInf(i.Lo, -1) || !math.IsInf(i.Hi, 1) {
		t.Errorf("noise without growth: %+v, %v", i, err)
	}
	if _, err := Exponent(x[:3], y[:3], .95); err == nil {
		t.Error("three points have an exponent")
	}
}

// A line without noise has the exponent 1 to the last digits that rounding leaves,
// and its interval holds 1.
func TestExponentOfALineWithoutNoise(t *testing.T) {
	t.Parallel()
	var x, y []float64
	for i := range 20 {
		x, y = append(x, 100+float64(i)), append(y, 1e9+3e5*float64(i))
	}
	i, err := Exponent(x, y, .95)
	if err != nil || !(i.Lo <= 1 && 1 <= i.Hi) || math.Abs(i.Estimate-1) > 1e-3 {
		t.Errorf("%+v, %v", i, err)
	}
}
