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

// byteUnits in rising order; the first is the one for all that is smaller.
func byteUnits() []unit {
	return []unit{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}
}

// unitOf picks the largest unit that v fills, seen after rounding to three
// digits: 1023.9 B is 1.00 KiB.
func unitOf(v float64) unit {
	units := byteUnits()
	u := units[0]
	for _, next := range units[1:] {
		if math.Round(math.Abs(v)/u.size) < 1024 {
			break
		}
		u = next
	}
	return u
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

// digits prints v with n decimals and thousands separators; never "-0".
func digits(v float64, n int) string {
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
	if v <= 0 || !allFinite(v) {
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

// what a rate counts, for printing.
type quantity int

const (
	quantityBytes quantity = iota
	quantityObjects
	quantityGoroutines
)

// rate prints an interval as a rate per op or per second: "52.9 B/op [51.8,
// 54.0]". The bounds have the unit and decimals of the estimate; infinite ones
// leave the bracket out. Sign asks for a leading +.
func rate(i *stats.Interval, q quantity, per string, sign bool) string {
	u := unit{"", 1}
	switch q {
	case quantityBytes:
		u = unitOf(i.Estimate)
	case quantityObjects:
		u.name = "objects"
	case quantityGoroutines:
		u.name = "goroutines"
	}
	n := decimals(i.Estimate / u.size)
	if half := (i.Hi - i.Lo) / 2; allFinite(half) && half > math.Abs(i.Estimate) {
		n = decimals(half / u.size) // digits finer than the interval say nothing
	}
	s := digits(i.Estimate/u.size, n)
	if sign && i.Estimate > 0 {
		s = "+" + s
	}
	s += " " + u.name + "/" + per
	if i.Finite() && q != quantityGoroutines { // a count: its interval says little
		s += " [" + digits(i.Lo/u.size, n) + ", " + digits(i.Hi/u.size, n) + "]"
	}
	return s
}

// Rate prints an interval that is in one of "B", "objects" or "goroutines" per
// something: unit is "B/op", "objects/s". Nil bounds leave the bracket out.
func Rate(i *Interval, unit string) string {
	what, per, _ := strings.Cut(unit, "/")
	v := stats.Interval{Estimate: i.Estimate, Lo: math.Inf(-1), Hi: math.Inf(1)}
	if i.Lo != nil {
		v.Lo = *i.Lo
	}
	if i.Hi != nil {
		v.Hi = *i.Hi
	}
	q := quantityBytes
	switch what {
	case "objects":
		q = quantityObjects
	case "goroutines":
		q = quantityGoroutines
	}
	return rate(&v, q, per, false)
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
