package stats

import (
	"errors"
	"math"
	"slices"
)

// ErrTooShort says that a fit has fewer than three points or no spread in x.
var ErrTooShort = errors.New("a line needs at least 3 points at 2 different x")

// ErrNotFinite says that a value is NaN or infinite, or that squares overflow.
var ErrNotFinite = errors.New("a line needs finite values")

// Line is a least-squares line y = Intercept + Slope·x. Where x is far from 0
// (a clock), the centre (MeanX, MeanY) through which it passes is more exact
// than Intercept.
type Line struct {
	Slope, Intercept float64
	MeanX, MeanY     float64
	SE               float64 // standard error of Slope for independent errors
	RSS, Sxx         float64
	N                int
}

// FitLine fits y on x by least squares. SE = sqrt(RSS/(n−2)/Sxx). It is an
// error to give fewer than 3 points or a single x (ErrTooShort), or values
// that are not finite (ErrNotFinite). All sums are of deviations from the
// means, so an offset of either costs only the digits that the values
// themselves lack. O(n).
func FitLine(x, y []float64) (Line, error) {
	n := len(x)
	if n < 3 || len(y) != n {
		return Line{}, ErrTooShort
	}
	l := Line{MeanX: Mean(x), MeanY: Mean(y), N: n}
	var sxy float64
	for i := range x {
		dx := x[i] - l.MeanX
		l.Sxx += dx * dx
		sxy += dx * (y[i] - l.MeanY)
	}
	if l.Sxx == 0 {
		return Line{}, ErrTooShort
	}
	l.Slope = sxy / l.Sxx
	l.Intercept = l.MeanY - l.Slope*l.MeanX
	for _, r := range l.Residuals(x, y) {
		l.RSS += r * r
	}
	l.SE = math.Sqrt(l.RSS / float64(n-2) / l.Sxx)
	if !Finite(l.Slope, l.Intercept, l.SE, l.RSS, l.Sxx) {
		return Line{}, ErrNotFinite
	}
	return l, nil
}

// Residuals of y about the line.
func (l Line) Residuals(x, y []float64) []float64 {
	r := make([]float64, len(x))
	for i := range x {
		r[i] = y[i] - l.MeanY - l.Slope*(x[i]-l.MeanX)
	}
	return r
}

// Finite reports that none of v is NaN or infinite.
func Finite(v ...float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// Mean of v; NaN when empty. It is summed as deviations from the first value:
// a common offset does not eat the digits, and the mean of equal values is that
// value to the last bit.
func Mean(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := 0.0
	for _, x := range v {
		s += x - v[0]
	}
	return v[0] + s/float64(len(v))
}

// Dejump returns a copy of y whose largest adjacent pair of increments is
// replaced by the mean of the others: a single step, and the spike next to it,
// lose their pull on a slope. Fewer than 5 values are returned as they are.
func Dejump(y []float64) []float64 {
	out := slices.Clone(y)
	n := len(y)
	if n < 5 {
		return out
	}
	at, best := 2, math.Inf(-1)
	for i := 2; i < n; i++ {
		if d := y[i] - y[i-2]; d > best {
			best, at = d, i
		}
	}
	rest := (y[n-1] - y[0] - best) / float64(n-3)
	out[at-1] = out[at-2] + rest
	shift := out[at-2] + 2*rest - y[at]
	for i := at; i < n; i++ {
		out[i] = y[i] + shift
	}
	return out
}

// Blocks is about how many blocks a series is cut into by BlockTest.
const Blocks = 9

// BlockTest tests for growth without a model of the noise: the series is cut
// into about Blocks blocks of equal length (the first values that do not fill
// one are left out), and P is the larger of the t-test on the slope of the
// block means and the exact Mann–Kendall test on the block minima. Averaging
// makes neighbouring blocks nearly independent where the noise's memory is
// shorter than a block; minima ignore bursts. With fewer than 2·Blocks values a
// block is one value and nothing is averaged. Fewer than 4 blocks, x and y of
// different lengths, or values that are not finite give 1.
func BlockTest(x, y []float64) float64 {
	n := len(y)
	b := max(1, n/Blocks)
	k := n / b
	if k < 4 || len(x) != n {
		return 1
	}
	off := n - k*b
	bx, by, lo := make([]float64, k), make([]float64, k), make([]float64, k)
	for i := range k {
		from, to := off+i*b, off+(i+1)*b
		bx[i], by[i], lo[i] = Mean(x[from:to]), Mean(y[from:to]), slices.Min(y[from:to])
	}
	l, err := FitLine(bx, by)
	if err != nil {
		return 1
	}
	return math.Max(slopeP(l), MannKendall(lo).P)
}

// slopeP is the one-sided P of the slope's t-test. An exact line (RSS = 0 but
// for rounding) is decided by its sign.
func slopeP(l Line) float64 {
	if l.RSS <= 1e-18*l.Slope*l.Slope*l.Sxx {
		if l.Slope > 0 {
			return 0
		}
		return 1
	}
	return StudentTail(l.Slope/l.SE, float64(l.N-2))
}
