package model

import (
	"math"
	"strconv"

	"github.com/heapdrift/heapdrift/analyzer/report"
)

// tick of an axis.
type tick struct {
	value float64
	label string
}

// niceTicks are at most n round values in [lo, hi]: multiples
// of 1, 2, 2.5 or 5 times a power of ten.
func niceTicks(lo, hi float64, n int) []tick {
	span := hi - lo
	if !(span > 0) || math.IsInf(span, 0) || n < 1 {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for {
		for _, k := range []float64{1, 2, 2.5, 5} {
			step := k * power
			first := math.Ceil(lo/step - 1e-9)
			count := int(math.Floor(hi/step+1e-9)-first) + 1
			if count > n {
				continue
			}
			if count < 1 {
				return nil
			}
			decimals := 0
			for s := step; decimals < 9 && math.Abs(s-math.Round(s)) > 1e-6*s; s *= 10 {
				decimals++
			}
			out := make([]tick, 0, count)
			for i := range count {
				v := (first + float64(i)) * step
				out = append(out, tick{v, group(strconv.FormatFloat(v, 'f', decimals, 64), v)})
			}
			return out
		}
		power *= 10
	}
}

// group separates thousands where there are some.
func group(s string, v float64) string {
	if math.Abs(v) >= 1000 && v == math.Trunc(v) {
		return report.Count(v)
	}
	return s
}

// timeUnit is what a span of seconds is counted in.
func timeUnit(span float64) (name string, seconds float64) {
	switch {
	case span < 150:
		return "s", 1
	case span < 2.5*3600:
		return "min", 60
	case span < 60*3600:
		return "h", 3600
	}
	return "d", 24 * 3600
}

// timeTicks are at most n round values in [0, hi].
func timeTicks(hi float64, n int) []tick {
	for _, step := range []float64{1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 500, 1000, 5000, 10000} {
		if hi/step <= float64(n) {
			var out []tick
			for v := 0.0; v <= hi; v += step {
				out = append(out, tick{v, strconv.Itoa(int(v))})
			}
			return out
		}
	}
	return []tick{{0, "0"}}
}
