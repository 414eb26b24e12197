package stats

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.17g, want %.17g ± %g", what, got, want, tolerance)
	}
}

// The percentage points of Student's t, Abramowitz & Stegun table 26.10.
func TestStudentQuantileAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	ps := []float64{.95, .975, .99, .995, .9995}
	inf := math.Inf(1)
	for _, row := range []struct {
		df float64
		t  [5]float64
	}{
		{1, [5]float64{6.314, 12.706, 31.821, 63.657, 636.619}},
		{2, [5]float64{2.920, 4.303, 6.965, 9.925, 31.599}},
		{3, [5]float64{2.353, 3.182, 4.541, 5.841, 12.924}},
		{4, [5]float64{2.132, 2.776, 3.747, 4.604, 8.610}},
		{5, [5]float64{2.015, 2.571, 3.365, 4.032, 6.869}},
		{6, [5]float64{1.943, 2.447, 3.143, 3.707, 5.959}},
		{7, [5]float64{1.895, 2.365, 2.998, 3.499, 5.408}},
		{8, [5]float64{1.860, 2.306, 2.896, 3.355, 5.041}},
		{9, [5]float64{1.833, 2.262, 2.821, 3.250, 4.781}},
		{10, [5]float64{1.812, 2.228, 2.764, 3.169, 4.587}},
		{12, [5]float64{1.782, 2.179, 2.681, 3.055, 4.318}},
		{15, [5]float64{1.753, 2.131, 2.602, 2.947, 4.073}},
		{20, [5]float64{1.725, 2.086, 2.528, 2.845, 3.850}},
		{30, [5]float64{1.697, 2.042, 2.457, 2.750, 3.646}},
		{60, [5]float64{1.671, 2.000, 2.390, 2.660, 3.460}},
		{120, [5]float64{1.658, 1.980, 2.358, 2.617, 3.373}},
		{inf, [5]float64{1.645, 1.960, 2.326, 2.576, 3.291}},
	} {
		for i, p := range ps {
			got := StudentQuantile(p, row.df)
			if !(math.Abs(got-row.t[i]) <= .00051) {
				t.Errorf("StudentQuantile(%g, %g) = %.4f, want %.3f", p, row.df, got, row.t[i])
			}
			if lower := StudentQuantile(1-p, row.df); !(math.Abs(lower+got) <= 1e-9*got) {
				t.Errorf("StudentQuantile(%g, %g) = %g, want %g by symmetry", 1-p, row.df, lower, -got)
			}
		}
	}
}

// One and two degrees of freedom have closed forms: 1/2 − atan(t)/π and
// (1 − t/√(2+t²))/2, the latter written without cancellation.
func TestStudentTailAgreesWithClosedFormsFarOut(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{0, 1e-9, .1, 1, 3, 10, 1e3, 1e6, 1e9} {
		one := math.Atan2(1, x) / math.Pi
		root := math.Sqrt(2 + x*x)
		two := 1 / (root * (root + x))
		near(t, "tail with 1 df", StudentTail(x, 1)/one, 1, 1e-11)
		near(t, "tail with 2 df", StudentTail(x, 2)/two, 1, 1e-11)
		near(t, "both tails", StudentTail(x, 3)+StudentTail(-x, 3), 1, 1e-14)
	}
	if got := StudentTail(40, 12); !(got > 1e-16 && got < 1e-13) {
		t.Errorf("StudentTail(40, 12) = %g, want a small number that is not 0", got)
	}
}

func TestStudentEdges(t *testing.T) {
	t.Parallel()
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"infinitely steep up", StudentTail(inf, 3), 0},
		{"infinitely steep down", StudentTail(-inf, 3), 1},
		{"the median", StudentQuantile(.5, 3), 0},
		{"p of 0", StudentQuantile(0, 3), -inf},
		{"p of 1", StudentQuantile(1, 3), inf},
		{"no degrees of freedom", StudentTail(1, 0), nan},
		{"negative degrees of freedom", StudentQuantile(.9, -1), nan},
		{"t not a number", StudentTail(nan, 3), nan},
		{"p not a number", StudentQuantile(nan, 3), nan},
		{"normal p of 0", NormalQuantile(0), -inf},
		{"normal p of 1", NormalQuantile(1), inf},
	} {
		if c.got != c.want && !(math.IsNaN(c.got) && math.IsNaN(c.want)) && math.Abs(c.got-c.want) > 1e-15 {
			t.Errorf("%s: got %g, want %g", c.name, c.got, c.want)
		}
	}
}

// Abramowitz & Stegun table 26.1 and 26.2 (far tail).
func TestNormalAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ z, p float64 }{
		{0, .5}, {1, .841344746068543}, {1.96, .975002104851780}, {2.5, .993790334674224}, {3, .998650101968370},
	} {
		near(t, "NormalCDF", NormalCDF(c.z), c.p, 1e-14)
		near(t, "NormalCDF below", NormalCDF(-c.z), 1-c.p, 1e-14)
		near(t, "NormalQuantile", NormalQuantile(c.p), c.z, 1e-12)
	}
	near(t, "five sigma, relative", NormalCDF(-5)/2.866515718791939e-7, 1, 1e-12)
	near(t, "ten sigma, relative", NormalCDF(-10)/7.619853024160527e-24, 1, 1e-12)
	for _, p := range []float64{1e-8, 1e-4, .01, .3} {
		near(t, "quantile and back, relative", NormalCDF(NormalQuantile(p))/p, 1, 1e-7)
	}
}

// Garwood's limits, as in Pearson & Hartley, Biometrika Tables I, table 40.
func TestPoissonIntervalAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k      int
		lo, hi float64
	}{{0, 0, 3.689}, {1, .0253, 5.572}, {2, .242, 7.225}, {5, 1.623, 11.668}, {10, 4.795, 18.390}, {50, 37.11, 65.92}} {
		i := PoissonInterval(c.k, .95)
		near(t, "lower limit", i.Lo, c.lo, .006)
		near(t, "upper limit", i.Hi, c.hi, .006)
	}
}
