package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// NIST StRD, linear regression, dataset Norris (y, x): calibration of ozone
// monitors, J. Norris, NIST. 36 observations.
var norris = [][2]float64{
	{0.1, 0.2}, {338.8, 337.4}, {118.1, 118.2}, {888.0, 884.6}, {9.2, 10.1}, {228.1, 226.5},
	{668.5, 666.3}, {998.5, 996.3}, {449.1, 448.6}, {778.9, 777.0}, {559.2, 558.2}, {0.3, 0.4},
	{0.1, 0.6}, {778.1, 775.5}, {668.8, 666.9}, {339.3, 338.0}, {448.9, 447.5}, {10.8, 11.6},
	{557.7, 556.0}, {228.3, 228.1}, {998.0, 995.8}, {888.8, 887.6}, {119.6, 120.2}, {0.3, 0.3},
	{0.6, 0.3}, {557.6, 556.8}, {339.3, 339.1}, {888.0, 887.2}, {998.5, 999.0}, {778.9, 779.0},
	{10.2, 11.1}, {117.6, 118.3}, {228.9, 229.2}, {668.4, 669.1}, {449.2, 448.9}, {0.2, 0.5},
}

func TestFitLineAgreesWithNorris(t *testing.T) {
	t.Parallel()
	for _, offset := range []float64{0, 1 << 20} {
		var x, y []float64
		for _, p := range norris {
			x, y = append(x, p[1]+offset), append(y, p[0]-offset)
		}
		l, err := FitLine(x, y)
		if err != nil {
			t.Fatal(err)
		}
		digits := 1e-12
		if offset != 0 {
			digits = 1e-8 // the shifted data themselves are rounded to 1e-10
		}
		near(t, "slope / certified", l.Slope/1.00211681802045, 1, digits)
		near(t, "standard error / certified", l.SE/0.429796848199937e-3, 1, digits)
		near(t, "residual sum of squares / certified", l.RSS/26.6173985294224, 1, digits)
		near(t, "intercept", l.Intercept+offset+l.Slope*offset, -0.262323073774029, 1e-8*math.Max(1e-3, offset))
		if offset == 0 {
			near(t, "intercept", l.Intercept, -0.262323073774029, 1e-12)
		}
	}
}

func TestFitLineSurvivesHugeOffsets(t *testing.T) {
	t.Parallel()
	var x, y []float64
	for i := range 30 {
		x = append(x, 1e12+float64(i)*1024)
		y = append(y, 1e12+float64(i)*1024*0x1p-10) // exactly representable: 1 per step
	}
	l, err := FitLine(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "slope · 1024", l.Slope*1024, 1, 1e-12)
	near(t, "residual sum of squares", l.RSS, 0, 1e-12)
	s, err := FitSlope(x, y, Noise{})
	if err != nil || s.P() > 1e-12 {
		t.Errorf("P of an exact leak far from the origin = %g, %v; want 0", s.P(), err)
	}
}

func TestFitLineRefusesWithAReason(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		x, y []float64
		want error
	}{
		{"nothing", nil, nil, ErrTooShort},
		{"one point", []float64{1}, []float64{1}, ErrTooShort},
		{"two points", []float64{1, 2}, []float64{1, 2}, ErrTooShort},
		{"lengths differ", []float64{1, 2, 3}, []float64{1, 2}, ErrTooShort},
		{"a single x", []float64{2, 2, 2, 2}, []float64{1, 2, 3, 4}, ErrTooShort},
		{"a single x without an exact mean", []float64{.1, .1, .1, .1}, []float64{1, 2, 3, 4}, ErrTooShort},
		{"y not a number", []float64{1, 2, 3}, []float64{1, nan, 3}, ErrNotFinite},
		{"x not a number", []float64{1, nan, 3}, []float64{1, 2, 3}, ErrNotFinite},
		{"infinite y", []float64{1, 2, 3}, []float64{1, inf, 3}, ErrNotFinite},
		{"infinite x", []float64{1, 2, inf}, []float64{1, 2, 3}, ErrNotFinite},
		{"squares overflow", []float64{1, 2, 3}, []float64{1, 1e200, -1e200}, ErrNotFinite},
		{"three points do", []float64{1, 2, 3}, []float64{1, 2, 2}, nil},
		{"two of three at the same x do", []float64{1, 1, 3}, []float64{1, 2, 2}, nil},
	} {
		if _, err := FitLine(c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("%s: FitLine(%v, %v) gives error %v, want %v", c.name, c.x, c.y, err, c.want)
		}
		if _, err := FitSlope(c.x, c.y, Noise{}); !errors.Is(err, c.want) {
			t.Errorf("%s: FitSlope(%v, %v) gives error %v, want %v", c.name, c.x, c.y, err, c.want)
		}
	}
	if _, err := FitSlope([]float64{1, 3, 2}, []float64{1, 2, 3}, Noise{}); !errors.Is(err, ErrOrder) {
		t.Errorf("x that goes back gives error %v, want %v", err, ErrOrder)
	}
}

func TestMeanOfEqualValuesIsThatValue(t *testing.T) {
	t.Parallel()
	if m := Mean([]float64{.1, .1, .1}); m != .1 {
		t.Errorf("Mean = %.20g, want .1 to the bit", m)
	}
	if m := Mean(nil); !math.IsNaN(m) {
		t.Errorf("Mean of nothing = %g, want NaN", m)
	}
}

func TestDejump(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		y, want []float64
	}{
		{"four values are left alone", []float64{0, 9, 9, 9}, []float64{0, 9, 9, 9}},
		{"a step in a flat series goes", []float64{1, 1, 1, 9, 9, 9}, []float64{1, 1, 1, 1, 1, 1}},
		{"a step over two snapshots goes", []float64{1, 1, 4, 9, 9, 9}, []float64{1, 1, 1, 1, 1, 1}},
		{"a step at the very start goes", []float64{1, 9, 9, 9, 9}, []float64{1, 1, 1, 1, 1}},
		{"a step at the very end goes", []float64{1, 1, 1, 1, 9}, []float64{1, 1, 1, 1, 1}},
		{"the slope around a step stays", []float64{0, 1, 2, 12, 13, 14}, []float64{0, 1, 2, 3, 4, 5}},
		{"steady growth stays", []float64{0, 2, 4, 6, 8, 10}, []float64{0, 2, 4, 6, 8, 10}},
		{"the second of two equal steps stays", []float64{0, 0, 5, 5, 5, 10, 10}, []float64{0, 1.25, 2.5, 2.5, 2.5, 7.5, 7.5}},
		{"a falling series stays falling", []float64{9, 7, 5, 3, 1}, []float64{9, 7, 5, 3, 1}},
	} {
		before := slices.Clone(c.y)
		got := Dejump(c.y)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
			t.Errorf("%s: Dejump(%v) = %v, want %v", c.name, c.y, got, c.want)
		}
		if !slices.Equal(before, c.y) {
			t.Errorf("%s: Dejump changed its argument", c.name)
		}
	}
}

func TestBlockTest(t *testing.T) {
	t.Parallel()
	ramp := func(n int, slope float64, noise func(i int) float64) (x, y []float64) {
		for i := range n {
			x, y = append(x, float64(i)), append(y, slope*float64(i)+noise(i))
		}
		return x, y
	}
	wave := func(i int) float64 { return math.Sin(float64(i)) }
	for _, c := range []struct {
		name   string
		n      int
		slope  float64
		lo, hi float64
	}{
		{"three points say nothing", 3, 1, 1, 1},
		{"growth over 40 points is seen", 40, 1, 0, 1e-5},
		{"growth that fills no whole number of blocks is seen", 43, 1, 0, 1e-5},
		{"a wave is not growth", 40, 0, .05, 1},
		{"a fall is not growth", 40, -1, .999, 1},
	} {
		x, y := ramp(c.n, c.slope, wave)
		if p := BlockTest(x, y); !(p >= c.lo && p <= c.hi) {
			t.Errorf("%s: P = %g, want %g … %g", c.name, p, c.lo, c.hi)
		}
	}
	if p := BlockTest([]float64{1, 2}, []float64{1, 2, 3, 4, 5}); p != 1 {
		t.Errorf("x and y of different lengths: P = %g, want 1", p)
	}
	// 43 values are 10 blocks of 4, and 3 before the first that are left out.
	x, y := ramp(43, 1, func(int) float64 { return 0 })
	y[0], y[1], y[2] = 1e6, 1e6, 1e6
	if p := BlockTest(x, y); p > 1e-5 {
		t.Errorf("a peak before the first block: P = %g, want it left out", p)
	}
	// Bursts lift the means, not the minima: both must rise.
	x, y = ramp(36, 0, func(i int) float64 { return float64(i % 2 * i) })
	if p := BlockTest(x, y); p < .4 {
		t.Errorf("growing bursts over a flat floor: P = %g, want no evidence", p)
	}
}

// The share of healthy series that the block test calls growing at 1 %. Blocks
// of 4 take most of the memory of ρ = .5 away; that of ρ = .8 is longer.
func TestBlockTestSizeUnderAutoregression(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rho   float64
		n     int
		bound float64
	}{{0, 40, .004}, {.5, 40, .014}, {.8, 40, .055}, {.5, 60, .011}, {.8, 60, .04}} {
		r := rand.New(rand.NewPCG(11, uint64(c.n)))
		const runs = 2000
		rejected := 0
		x := steps(c.n)
		for range runs {
			if BlockTest(x, autoregressive(r, c.n, c.rho)) <= .01 {
				rejected++
			}
		}
		if got := float64(rejected) / runs; got > c.bound {
			t.Errorf("ρ = %.1f, n = %d: %.2f %% rejected at 1 %%, want at most %.2f %%", c.rho, c.n, 100*got, 100*c.bound)
		}
	}
}
