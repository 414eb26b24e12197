package model

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// column of a table.
type column int

const (
	colVerdict column = iota
	colCulprit
	colWaits
	colTrend
	colRate
	colBand
	colMinute
	colLive
	colCount
	colSinceRate
	colSince
	colSinceCount
)

// sortable reports that rows can be ordered by the column.
func (c column) sortable() bool { return c != colTrend && c != colBand }

// columns of a table, in their order; with a mark, those of the growth since.
func columns(t tab, marked bool) []column {
	switch {
	case t == tabHeap && marked:
		return []column{colVerdict, colCulprit, colTrend, colSinceRate, colSince, colLive, colSinceCount, colCount}
	case t == tabHeap:
		return []column{colVerdict, colCulprit, colTrend, colRate, colBand, colMinute, colLive, colCount}
	case marked:
		return []column{colVerdict, colCulprit, colWaits, colTrend, colSinceRate, colSinceCount, colCount}
	}
	return []column{colVerdict, colCulprit, colWaits, colTrend, colCount, colMinute, colRate, colBand}
}

// header of the column.
func (c column) header(f *frame, t tab) string {
	what := "B/"
	if t == tabGoroutines {
		what = "per "
	}
	per := string(f.per())
	switch c {
	case colVerdict:
		return "VERDICT"
	case colCulprit:
		return "CULPRIT"
	case colWaits:
		return "WAITS FOR"
	case colTrend:
		return "TREND"
	case colRate, colSinceRate:
		return what + per
	case colBand:
		return "±95%"
	case colMinute:
		return "Δ/min"
	case colLive:
		return "LIVE"
	case colCount:
		return "COUNT"
	case colSince:
		return "Δ LIVE"
	}
	return "Δ COUNT"
}

// width of the column in cells, with the blank before it; the culprit takes
// what is left. A narrow table has less between its columns.
func (c column) width(narrow bool) int {
	if narrow {
		switch c {
		case colWaits:
			return 15
		case colTrend, colLive:
			return 7
		case colRate, colSinceRate, colSince, colSinceCount, colMinute, colCount:
			return 9
		}
	}
	switch c {
	case colVerdict:
		return 10
	case colWaits:
		return 16
	case colTrend:
		return 12
	case colRate, colSinceRate, colSince, colSinceCount, colMinute:
		return 10
	case colBand, colLive:
		return 8
	case colCount:
		return 12
	}
	return 0
}

// left reports that the column's text begins at its left.
func (c column) left() bool { return c <= colTrend }

// leastCulprit is the room that a culprit must have before other columns are
// shown.
const leastCulprit = 22

// wideCulprit is the room from which on the trend gets more of it.
const wideCulprit = 60

// shown picks the columns that fit into width cells and gives each its own. The
// first to go tell the least; the verdict shrinks to its glyph before the growth
// goes.
func shown(all []column, width int) (cols []column, widths []int) {
	cols = slices.Clone(all)
	narrow := width < 90
	verdict := colVerdict.width(narrow)
	if width < 46 {
		verdict = 2
	}
	of := func(c column) int {
		if c == colVerdict {
			return verdict
		}
		return c.width(narrow)
	}
	room := func() int {
		left := width
		for _, c := range cols {
			left -= of(c)
		}
		return left
	}
	first := []column{colCount, colBand, colMinute, colTrend, colWaits, colLive, colSinceCount, colSince, colSinceRate, colRate}
	if slices.Contains(all, colWaits) { // how many there are is what that table is for
		first = []column{colBand, colRate, colSinceRate, colWaits, colTrend, colMinute, colSinceCount, colCount}
	}
	for _, c := range first {
		if room() >= min(leastCulprit, width*3/5) {
			break
		}
		cols = slices.DeleteFunc(cols, func(x column) bool { return x == c })
	}
	for _, c := range cols {
		widths = append(widths, of(c))
	}
	left := max(0, room())
	if i := slices.Index(cols, colTrend); i >= 0 && left > wideCulprit {
		wider := min(24, left-wideCulprit)
		widths[i] += wider
		left -= wider
	}
	widths[slices.Index(cols, colCulprit)] = left
	return cols, widths
}

// number that rows are ordered by.
func (c column) number(r *row) float64 {
	switch c {
	case colRate:
		return r.rate
	case colSinceRate:
		if r.kind == detect.KindGoroutine {
			return r.sinceCount
		}
		return r.sinceBytes
	case colMinute:
		return r.perMinute
	case colLive:
		return r.live
	case colCount:
		return r.count
	case colSince:
		return r.sinceBytes
	case colSinceCount:
		return r.sinceCount
	}
	return math.NaN()
}

// text of a cell; the trend and the culprit are drawn by the table.
func (c column) text(r *row, f *frame, t tab) string {
	estimate, half := rates(r.interval)
	switch c {
	case colVerdict:
		return report.Glyph(r.verdict) + " " + upper(report.Word(r.verdict))
	case colWaits:
		if r.wait == "" {
			return "(running)"
		}
		return r.wait
	case colRate:
		if r.interval != nil {
			return estimate
		}
		least := 1.0 // finer digits of a plain fit say nothing
		if t == tabGoroutines {
			least = 0.01
		}
		return number(r.rate, math.Max(math.Abs(r.rate), least))
	case colBand:
		return half
	case colMinute:
		if t == tabGoroutines {
			return signed(r.perMinute, func(v float64) string { return number(v, v) })
		}
		return signed(r.perMinute, shortBytes)
	case colLive:
		return shortBytes(r.live)
	case colCount:
		return countText(r, t)
	case colSince:
		return signed(r.sinceBytes, shortBytes)
	case colSinceCount:
		return signed(r.sinceCount, func(v float64) string { return number(v, math.Max(1000, math.Abs(v))) })
	case colSinceRate:
		y := r.sinceBytes
		if t == tabGoroutines {
			y = r.sinceCount
		}
		d := f.workSince() // unknown without a mark
		if !(d > 0) {
			return ""
		}
		return number(y/d, y/d)
	}
	return ""
}

func countText(r *row, t tab) string {
	if math.IsNaN(r.count) {
		return ""
	}
	s := report.Count(r.count)
	if r.kind == detect.KindGoroutine && t == tabHeap && r.more > 0 && !math.IsInf(r.more, 0) {
		s += " +" + report.Fixed(r.more, r.more) + "/m"
		if cells(s) >= colCount.width(false) {
			s = "+" + report.Fixed(r.more, r.more) + "/m"
		}
	}
	return s
}

// workSince is the work done since the mark; NaN without one.
func (f *frame) workSince() float64 {
	if f.mark < 0 || f.mark >= f.end {
		return math.NaN()
	}
	ms, per := f.moments(), f.per()
	return work(&ms[f.end-1], per) - work(&ms[f.mark], per)
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
