package model

import (
	"math"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// braille is a cell with the dots set in the bits of dots.
func braille(dots byte) string { return string(rune(0x2800 + int(dots))) }

// dot is the bit of the dot in column x (0, 1) and row y (0 above … 3).
func dot(x, y int) byte {
	return [2][4]byte{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}[x][y]
}

// spark draws values as a line of width cells, two values a cell and four
// levels high, from their smallest to their largest. Unknown values (NaN) leave
// a gap. A span below least is drawn flat: noise is no trend.
func spark(values []float64, width int, least float64) string {
	if width <= 0 {
		return ""
	}
	v := resample(values, 2*width)
	lo, hi := bounds(v)
	var b strings.Builder
	for i := range width {
		var dots byte
		for x := range 2 {
			y := v[2*i+x]
			if math.IsNaN(y) {
				continue
			}
			level := 0
			if span := hi - lo; span > least && span > 0 {
				level = int(math.Round(3 * (y - lo) / span))
			}
			dots |= dot(x, 3-level)
		}
		if dots == 0 {
			b.WriteByte(' ')
		} else {
			b.WriteString(braille(dots))
		}
	}
	return b.String()
}

// resample spreads values over n places: means where there are more, the value
// that stands where there are fewer. NaN where nothing is known.
func resample(values []float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		from := i * len(values) / n
		to := max(from+1, (i+1)*len(values)/n)
		sum, k := 0.0, 0
		for _, v := range values[min(from, len(values)):min(to, len(values))] {
			if stats.Finite(v) {
				sum += v
				k++
			}
		}
		if out[i] = math.NaN(); k > 0 {
			out[i] = sum / float64(k)
		}
	}
	return out
}

// bounds are the smallest and the largest known value; NaN where there is none.
func bounds(v []float64) (lo, hi float64) {
	lo, hi = math.NaN(), math.NaN()
	for _, x := range v {
		if !stats.Finite(x) {
			continue
		}
		if !(lo <= x) {
			lo = x
		}
		if !(hi >= x) {
			hi = x
		}
	}
	return lo, hi
}
