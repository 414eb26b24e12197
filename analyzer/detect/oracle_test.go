package detect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// The oracle knows the shape of a healthy program's memory and the law of its
// noise, and asks which of two is there: that shape, or a leak, which is any line
// that does not fall. With noise of known covariance V and the shape's mean m it
// is a test of a normal mean against a convex set of means. The least favourable
// leak is the one closest to m in the norm |x|² = x'V⁻¹x; the likelihood ratio
// against it is most powerful (Neyman & Pearson, Phil. Trans. A 231, 1933, with
// Lehmann & Romano, Testing Statistical Hypotheses, 3rd ed., theorem 3.8.1), and
// no other leak is mistaken more often, since a convex set lies on one side of
// the plane through its closest point. With d the distance to it,
//
//	power at level α = Φ(d − z(1−α)),   d = min over a, b ≥ 0 of |m − a − b·u|
//
// The two errors may change places: a shape told from every leak with 90 % power
// at a level of 0.5 % has the same d as a leak told from the shape with 90 % at
// 0.5 %. What the oracle cannot tell, no rule that knows less can.
const (
	oracleLevel = 0.005
	oraclePower = 0.9
)

// separable reports that the oracle tells a shape at distance d from every leak.
func separable(d float64) bool {
	return stats.NormalCDF(d-stats.NormalQuantile(1-oracleLevel)) >= oraclePower
}

// separableFrom is the least such distance, 3.86.
func separableFrom() float64 {
	return stats.NormalQuantile(1-oracleLevel) + stats.NormalQuantile(oraclePower)
}

// separation is d, where m is in standard deviations of the noise and neighbours
// correlate by rho (a stationary first-order autoregression). O(n).
func separation(u, m []float64, rho float64) float64 {
	ones := make([]float64, len(u))
	for i := range ones {
		ones[i] = 1
	}
	one, line, shape := whiten(ones, rho), whiten(u, rho), whiten(m, rho)
	line, shape = without(line, one), without(shape, one)
	if inner(line, shape) > 0 { // else the closest leak does not grow
		shape = without(shape, line)
	}
	return math.Sqrt(inner(shape, shape))
}

// whiten turns a stationary first-order autoregression of variance 1 into
// independent values of variance 1 (Prais & Winsten, Cowles Commission paper 383,
// 1954): x'V⁻¹x is the sum of squares of the result.
func whiten(x []float64, rho float64) []float64 {
	w := make([]float64, len(x))
	s := math.Sqrt(1 - rho*rho)
	for i := range x {
		if w[i] = x[i]; i > 0 {
			w[i] = (x[i] - rho*x[i-1]) / s
		}
	}
	return w
}

// without takes the projection on v off x.
func without(x, v []float64) []float64 {
	f := inner(x, v) / inner(v, v)
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] - f*v[i]
	}
	return out
}

func inner(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// The distance is that of the textbook where there is one: a peak among n equal
// values, beside the middle, lies 1/n and its part of the slope off every line.
func TestSeparationAgreesWithClosedForms(t *testing.T) {
	t.Parallel()
	const n = 21
	u, peak, line, falls := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	sxx := 0.0
	for i := range u {
		u[i] = float64(i) / (n - 1)
		line[i], falls[i] = 3+7*u[i], -7*u[i]
		sxx += (u[i] - 0.5) * (u[i] - 0.5)
	}
	peak[n-1] = 5
	for _, c := range []struct {
		name    string
		m       []float64
		rho     float64
		want    float64
		epsilon float64
	}{
		{"a line is a leak", line, 0, 0, 1e-9},
		{"in noise that persists too", line, 0.8, 0, 1e-9},
		{"a falling line is as far from a constant as its own size", falls, 0, 7 * math.Sqrt(sxx), 1e-9},
		{"the last of n, 1 − leverage", peak, 0, 5 * math.Sqrt(1-1.0/n-0.25/sxx), 1e-9},
	} {
		if got := separation(u, c.m, c.rho); math.Abs(got-c.want) > c.epsilon {
			t.Errorf("%s: d = %v, want %v", c.name, got, c.want)
		}
	}
	if d := separableFrom(); math.Abs(d-3.8574) > 1e-4 || !separable(d+1e-9) || separable(d-1e-6) {
		t.Errorf("separable from d = %v, want z(0.995) + z(0.9) = 3.8574", d)
	}
}

// The power is what simulation finds: the likelihood ratio against the closest
// leak, of the shape and of leaks of all sizes, in noise that persists.
func TestSeparationIsThePowerOfTheLikelihoodRatio(t *testing.T) {
	t.Parallel()
	const n, rho, growth, runs = 20, 0.6, 40.0, 4000
	u, m := make([]float64, n), make([]float64, n)
	for i := range u {
		u[i] = float64(i) / (n - 1)
		m[i] = growth * math.Min(1, u[i]/0.9)
	}
	d := separation(u, m, rho)
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	one := whiten(ones, rho)
	direction := without(without(whiten(m, rho), one), without(whiten(u, rho), one))
	r := rand.New(rand.NewPCG(13, 1))
	told := func(mean func(i int) float64) float64 {
		k := 0
		for range runs {
			y := autoregressive(r, n, rho)
			for i := range y {
				y[i] += mean(i)
			}
			if inner(whiten(y, rho), direction)/d > stats.NormalQuantile(1-oracleLevel) {
				k++
			}
		}
		return float64(k) / runs
	}
	want := stats.NormalCDF(d - stats.NormalQuantile(1-oracleLevel))
	// Four standard errors of a share in as many runs.
	within := func(p float64) float64 { return 4 * math.Sqrt(p*(1-p)/runs) }
	if got := told(func(i int) float64 { return m[i] }); math.Abs(got-want) > within(want) || want < 0.3 || want > 0.99 {
		t.Errorf("the shape at d = %.2f is told in %.3f of runs, want %.3f", d, got, want)
	}
	for _, leak := range []float64{0, 10, 100} {
		if got := told(func(i int) float64 { return leak * u[i] }); math.Abs(got-oracleLevel) > within(oracleLevel) {
			t.Errorf("a leak that grows by %.0f is taken for the shape in %.4f of runs, want %.3f", leak, got, oracleLevel)
		}
	}
}
