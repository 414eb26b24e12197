package report

import (
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// What other presentations of a verdict share with the report, so that a thing
// is called the same everywhere.

// Glyph of a verdict, one column wide.
func Glyph(v detect.Verdict) string { return glyph(v) }

// Word of a verdict; "open" where nothing was shown.
func Word(v detect.Verdict) string { return word(v) }

// Printable replaces control and reordering characters, and bytes that are no
// UTF-8: names come from the program under test.
func Printable(s string) string { return printable(s) }

// ShortFunction drops the directories of a function's package.
func ShortFunction(name string) string { return shortFunction(name) }

// Sentence joins sentences, the functions in them without directories.
func Sentence(parts []string) string { return sentence(parts) }

// Place is the shortest "file:line" that still finds the file; module is the
// main module's path, empty where unknown.
func Place(function, file string, line int, module string) string {
	return place(function, file, line, module)
}

// Fixed prints v with as many decimals as Number gives like: figures of one
// column, or an estimate beside its half width.
func Fixed(v, like float64) string { return digits(v, decimals(like)) }

// BytesRate prints growth of bytes: "+52.9 B/op [51.8, 54.0]".
func BytesRate(i *stats.Interval, per string) string { return rate(i, quantityBytes, per, true) }

// ObjectsRate prints growth of a number of objects.
func ObjectsRate(i *stats.Interval, per string) string { return rate(i, quantityObjects, per, true) }

// GoroutinesRate prints growth of a number of goroutines: "+0.0090
// goroutines/op".
func GoroutinesRate(i *stats.Interval, per string) string {
	return rate(i, quantityGoroutines, per, true)
}

// Seen is what a leak must have been to be found, "≥ 0.9 B/op or ≥ 0.0002 goroutines/op
// (90 %)"; empty where unknown.
func Seen(res *detect.Result) string { return power(res) }

// AsksAttention reports the verdicts that keep a run from being clean.
func AsksAttention(v detect.Verdict) bool { return asksAttention(v) }

// Markup makes a name or sentence plain text in Markdown.
func Markup(s string) string { return escape(s) }

// Code makes a name code in Markdown, in a cell of a table too.
func Code(s string) string { return code(printable(s)) }

// Plural is "1 snapshot", "2,500 snapshots".
func Plural(n float64, what string) string { return plural(int(n), what) }
