package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// unit is a scale that a number is printed in: 1536 bytes are 1.50 "KiB".
type unit struct {
	name string
	size float64
}

// unitOf picks the largest unit that v fills, seen after rounding to three
// digits: 1023.9 B is 1.00 KiB.
func unitOf(v float64) unit {
	u := unit{"B", 1}
	for _, next := range []unit{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}} {
		if math.Round(math.Abs(v)/u.size) < 1024 {
			break
		}
		u = next
	}
	return u
}

// scale is the unit that v is printed in where it counts what: bytes ("B"), or
// something that has one unit only.
func scale(v float64, what string) unit {
	if what == "B" {
		return unitOf(v)
	}
	return unit{what, 1}
}

// Bytes prints a size with three significant digits: "80.4 B", "31.0 MiB".
func Bytes(v float64) string {
	u := unitOf(v)
	if u.size == 1 && v == math.Trunc(v) {
		return Count(v) + " B"
	}
	return digits(v/u.size, decimals(v/u.size)) + " " + u.name
}

// Count prints a whole number with thousands separators: "24,000".
func Count(v float64) string { return digits(v, 0) }

// Number prints three significant digits, two below 1: "80.4", "0.0090".
func Number(v float64) string { return digits(v, decimals(v)) }

// Fixed prints v with as many decimals as Number gives like: figures of one
// column, or an estimate beside its half width.
func Fixed(v, like float64) string { return digits(v, decimals(like)) }

// Plural is "1 snapshot", "2,500 snapshots".
func Plural(n float64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Count(n) + " " + what + "s"
}

// formatted is v as strconv.FormatFloat has it.
func formatted(v float64, format byte, precision int) string {
	if !stats.Finite(v) {
		return unknown
	}
	return strconv.FormatFloat(v, format, precision, 64)
}

// threeDigits prints a figure of a sentence: three digits, a whole number from 100
// on, never an exponent from 0.0001 on.
func threeDigits(v float64) string {
	if math.Abs(v) >= 100 {
		return formatted(v, 'f', 0)
	}
	return formatted(v, 'g', 3)
}

func percent(share float64) string { return formatted(100*share, 'f', 0) + " %" }

func mebibytes(v float64) string { return formatted(v/(1<<20), 'f', 1) + " MiB" }

// decimals after the point for three significant digits, two below 1.
func decimals(v float64) int {
	switch a := math.Abs(v); {
	case a == 0 || a >= 99.95:
		return 0
	case a >= 9.995:
		return 1
	case a >= 0.995:
		return 2
	case a < 1e-9:
		return 0
	default:
		return 1 - int(math.Floor(math.Log10(a)+1e-12))
	}
}

// unknown stands for a number that is none.
const unknown = "?"

// digits prints v with n decimals and thousands separators; never "-0".
func digits(v float64, n int) string {
	if !stats.Finite(v) {
		return unknown
	}
	s := strconv.FormatFloat(v, 'f', n, 64)
	sign := ""
	if strings.HasPrefix(s, "-") {
		s = s[1:]
		if strings.Trim(s, "0.") != "" {
			sign = "-"
		}
	}
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if frac != "" {
		b.WriteByte('.')
		b.WriteString(frac)
	}
	return sign + b.String()
}

// atMost rounds a bound up to two significant digits, so that "less than"
// stays true: 0.871 is "0.88", 348.7 is "350".
func atMost(v float64) string {
	if v <= 0 || !stats.Finite(v) {
		return "0"
	}
	scale := math.Pow(10, 1-math.Floor(math.Log10(v)))
	r := math.Ceil(v*scale*(1-1e-9)) / scale
	n := max(0, int(math.Round(math.Log10(scale))))
	s := digits(r, n)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// atMostBytes is atMost with a byte unit: "0.88 B", "1.3 KiB".
func atMostBytes(v float64) string {
	u := unitOf(v)
	return atMost(v/u.size) + " " + u.name
}

// ParseBytesPerSecond reads bytes over a time, "10MiB/day" or "64MiB/30day", as
// bytes per second. A day has 24 hours.
func ParseBytesPerSecond(s string) (float64, error) {
	size, over, _ := strings.Cut(s, "/")
	over = strings.TrimSpace(over)
	unit := strings.TrimLeft(over, "0123456789.")
	seconds, known := map[string]float64{"s": 1, "min": 60, "h": 3600, "day": 24 * 3600, "week": 7 * 24 * 3600}[unit]
	times := 1.0
	var err error
	if number := strings.TrimSuffix(over, unit); number != "" {
		times, err = strconv.ParseFloat(number, 64)
	}
	if !known || err != nil || !(times > 0) {
		return 0, fmt.Errorf("%q is no size over a time: write for example 10MiB/day, or use s, min, h or week", s)
	}
	v, err := ParseBytes(size)
	return v / (times * seconds), err
}

// Rate prints an interval of bytes, objects or goroutines per something, as unit
// says ("B/op", "objects/s"): "52.9 B/op [51.8, 54.0]". The bounds have the unit
// and decimals of the estimate; infinite ones leave the bracket out.
func Rate(i *stats.Interval, unit string) string {
	what, per, _ := strings.Cut(unit, "/")
	u := scale(i.Estimate, what)
	n := decimals(i.Estimate / u.size)
	if half := (i.Hi - i.Lo) / 2; stats.Finite(half) && half > math.Abs(i.Estimate) {
		n = decimals(half / u.size) // digits finer than the interval say nothing
	}
	s := digits(i.Estimate/u.size, n) + " " + u.name + "/" + per
	if what != "goroutines" { // a count: its interval says little
		s += bounds(i, u, n)
	}
	return s
}

// Growth is Rate with the sign of what grows: "+52.9 B/op [51.8, 54.0]".
func Growth(i *stats.Interval, unit string) string {
	if i.Estimate > 0 {
		return "+" + Rate(i, unit)
	}
	return Rate(i, unit)
}

// bounds are those of an interval with n decimals, where it has both.
func bounds(i *stats.Interval, u unit, n int) string {
	if !i.Finite() {
		return ""
	}
	return " [" + digits(i.Lo/u.size, n) + ", " + digits(i.Hi/u.size, n) + "]"
}

// Duration prints a length of time in seconds with the two units that matter:
// "60 s", "12m30s", "2h56m", "12 days".
func Duration(seconds float64) string {
	const day = 24 * 3600
	switch {
	case math.IsNaN(seconds) || seconds < 0:
		return "an unknown time"
	case seconds < 9.95:
		return digits(seconds, 1) + " s"
	case seconds < 119.5:
		return digits(seconds, 0) + " s"
	case seconds < 3600:
		d := time.Duration(math.Round(seconds)) * time.Second
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case seconds < 2*day:
		m := int(math.Round(seconds / 60))
		return fmt.Sprintf("%dh%02dm", m/60, m%60)
	case seconds < 3650*day:
		return digits(seconds/day, 0) + " days"
	}
	return "more than 10 years"
}

// ParseBytes reads "512MiB", "1.5GB", "64" or "64B". KB, MB, … are powers of
// 1000, KiB, MiB, … (also Ki, Mi, …) of 1024; a bare K or M could be either
// and is refused.
func ParseBytes(s string) (float64, error) {
	s = strings.TrimSpace(s)
	i := len(s)
	for i > 0 && (s[i-1] < '0' || s[i-1] > '9') && s[i-1] != '.' {
		i--
	}
	number, unit := s[:i], strings.TrimSpace(s[i:])
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, fmt.Errorf("%q is not a size: write for example 512MiB, 64B or 64", s)
	}
	scale, ok := map[string]float64{
		"": 1, "b": 1, "kib": 1 << 10, "ki": 1 << 10, "mib": 1 << 20, "mi": 1 << 20, "gib": 1 << 30, "gi": 1 << 30, "tib": 1 << 40, "ti": 1 << 40,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	}[strings.ToLower(unit)]
	if !ok {
		return 0, fmt.Errorf("%q has an unknown unit %q: use B, KiB, MiB, GiB, TiB or KB, MB, GB, TB", s, unit)
	}
	if v *= scale; v > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is larger than any memory: write for example 512MiB", s)
	}
	return v, nil
}
