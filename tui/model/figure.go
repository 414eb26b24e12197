package model

import (
	"math"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// shortBytes is a size for a column: "31.0M", "512", "" where unknown.
func shortBytes(v float64) string {
	if !stats.Finite(v) {
		return ""
	}
	n, unit, _ := strings.Cut(report.Bytes(v), " ")
	return n + strings.TrimSuffix(strings.TrimSuffix(unit, "iB"), "B")
}

// signed is shortBytes with its sign.
func signed(v float64, print func(float64) string) string {
	s := print(v)
	if s != "" && v > 0 && strings.ContainsAny(s, "123456789") {
		return "+" + s
	}
	return s
}

// number is a figure for a column with the decimals that like deserves.
func number(v, like float64) string {
	if !stats.Finite(v) {
		return ""
	}
	if math.Abs(v) >= 1<<20 {
		return shortBytes(v)
	}
	return report.Fixed(v, like)
}

// rates are the two cells of an estimate and its half width, with the same
// decimals; "" for what is not known.
func rates(i *stats.Interval) (estimate, half string) {
	if i == nil {
		return "", ""
	}
	h := (i.Hi - i.Lo) / 2
	if !stats.Finite(h) {
		return number(i.Estimate, i.Estimate), ""
	}
	like := math.Max(math.Abs(i.Estimate), h)
	if estimate = number(i.Estimate, like); h < math.Abs(i.Estimate)/1000 {
		return estimate, number(h, h)
	}
	return estimate, number(h, like)
}

// bracket is "[lo … hi]" of a rate as the report prints it.
func bracket(rate string) string { return strings.Replace(rate, ", ", " … ", 1) }

// styleOf a verdict.
func styleOf(v detect.Verdict) Style {
	switch v {
	case detect.Leak:
		return Leak
	case detect.Suspect:
		return Suspect
	case detect.Growing:
		return Growing
	case detect.Backlog:
		return Backlog
	case detect.Churn:
		return Churn
	case detect.Plateau:
		return Plateau
	case detect.Stable:
		return Stable
	}
	return Open
}
