package leaktest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// unit of a budget, per operation.
func unit(name string) string {
	switch name {
	case series.LiveObjects:
		return "objects/op"
	case series.Goroutines:
		return "goroutines/op"
	}
	return "B/op"
}

// remedyOf is the option that sets a budget's limit.
func remedyOf(name string) string {
	switch name {
	case series.LiveObjects:
		return "MaxObjects"
	case series.Goroutines:
		return "MaxGoroutines"
	}
	return "MaxPerOp"
}

// number prints three significant digits.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return count(v)
	}
	if a := math.Abs(v); a >= 1000 {
		return count(math.Round(v))
	} else if a < 1e-4 {
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// count prints a whole number with thousands separators.
func count(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	var b strings.Builder
	if v < 0 && s != "0" {
		b.WriteByte('-')
	}
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// size prints bytes.
func size(v float64) string {
	for _, u := range []struct {
		bytes float64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if math.Abs(v) >= u.bytes {
			return number(v/u.bytes) + " " + u.name
		}
	}
	return number(v) + " B"
}

// rate prints an interval: "+16.0 B/op [15.9, 16.1]".
func rate(iv *stats.Interval, unit string) string {
	sign := "+"
	if iv.Estimate < 0 {
		sign = ""
	}
	return fmt.Sprintf("%s%s %s [%s, %s]", sign, number(iv.Estimate), unit, number(iv.Lo), number(iv.Hi))
}

// span says how much was seen.
func (r *running) span(o *outcome) string {
	return fmt.Sprintf("%s operations in %.2g s, %d snapshots", count(float64(r.o.done.Load())), r.spent.Seconds(), o.res.Judged)
}

// clean is the line of a test that passes.
func (r *running) clean(o *outcome) string {
	var parts []string
	for _, b := range o.budgets {
		if b.total == nil || b.total.PerOp == nil || b.name == series.LiveObjects && !r.c.objectsSet {
			continue
		}
		said := rate(b.total.PerOp, unit(b.name))
		if b.rest {
			said += ", allowed"
		} else if n := len(b.total.Why); n > 0 {
			said = b.total.Why[n-1]
		}
		parts = append(parts, spaced(b.name)+" "+said)
	}
	return fmt.Sprintf("clean: %s; %s", strings.Join(parts, "; "), r.span(o))
}

// spaced is the name of a total in words.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

const indent = "     "

// text is what a test that fails says.
func (r *running) text(o *outcome) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s   %s", r.head(o), r.span(o))
	shown := 0
	for i := range o.findings {
		if f := &o.findings[i]; worth(f, o) {
			if shown++; shown > mostFindings {
				continue
			}
			finding(line, f)
		}
	}
	if shown > mostFindings {
		line("%s%d more", indent, shown-mostFindings)
	}
	for _, a := range o.allowed {
		line("%sallowed until %s (%s): %s%s", indent, a.by.expiry.Format("2006-01-02"), a.by.reason, sizeOf(&a.Finding), a.Function)
	}
	for _, d := range r.doubts(o) {
		line("%s%s", indent, d)
	}
	return b.String()
}

// mostFindings bounds what is printed; the profiles have the rest.
const mostFindings = 6

// worth reports that a finding helps: what leaks, and where it is not decided,
// what may.
func worth(f *detect.Finding, o *outcome) bool {
	switch f.Verdict {
	case detect.Leak:
		return true
	case detect.Suspect:
		return o.answer == open || own(f) || !proved(o)
	case detect.Growing, detect.Backlog:
		return o.answer == open
	}
	return false
}

// own reports that a frame of the finding is outside the standard library.
func own(f *detect.Finding) bool {
	return slices.ContainsFunc(f.Stack, func(fr snapshot.Frame) bool { return !series.Standard(fr) })
}

// proved reports that a finding is a leak of its own.
func proved(o *outcome) bool {
	return slices.ContainsFunc(o.findings, func(f detect.Finding) bool { return f.Verdict == detect.Leak })
}

// head is the first line: the word and the budgets that make it.
func (r *running) head(o *outcome) string {
	var parts []string
	for _, b := range o.budgets {
		if b.answer != o.answer || b.total == nil || b.total.PerOp == nil {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s (limit %s)", rate(b.total.PerOp, unit(b.name)), number(b.shown())))
	}
	word := "LEAK"
	if o.answer == open {
		word = "inconclusive, which is no pass"
	}
	return word + "  " + strings.Join(parts, " · ")
}

// finding prints one.
func finding(line func(string, ...any), f *detect.Finding) {
	glyph := "▲"
	if f.Verdict != detect.Leak {
		glyph = "?"
	}
	place := ""
	if f.File != "" {
		place = fmt.Sprintf("   %s:%d", near(f.File), f.Line)
	}
	wait := ""
	if f.WaitReason != "" {
		wait = " [" + f.WaitReason + "]"
	}
	line("%s %s%s%s%s", glyph, sizeOf(f), short(f.Function), wait, place)
	if s := chain(f.Stack); s != "" {
		line("%sstack  %s", indent, s)
	}
	for _, h := range f.HeldBy {
		line("%sheld by %s", indent, h)
	}
	if f.Shape != "" {
		line("%sshape  %s", indent, f.Shape)
	}
	for _, w := range f.Why {
		if !commandLine(w) {
			line("%swhy    %s", indent, w)
		}
	}
}

// sizeOf is what a finding grows by, with two spaces after it, or "".
func sizeOf(f *detect.Finding) string {
	switch {
	case f.BytesPerOp != nil:
		return rate(f.BytesPerOp, "B/op") + "  "
	case f.GoroutinesPerOp != nil:
		return rate(f.GoroutinesPerOp, "goroutines/op") + "  "
	}
	return ""
}

// chain prints a stack of more than one frame, from the allocation to the
// function under test: "shop.(*Cache).Put cache.go:21 ← shop.TestX.func1 x_test.go:9".
func chain(stack []snapshot.Frame) string {
	const most = 8
	var parts []string
	for _, f := range stack {
		if len(parts) == most {
			parts = append(parts, "…")
			break
		}
		if !series.Standard(f) {
			parts = append(parts, fmt.Sprintf("%s %s:%d", short(f.Function), filepath.Base(f.File), f.Line))
		}
	}
	if len(parts) < 2 {
		return ""
	}
	return strings.Join(parts, " ← ")
}

// short is a function's name without the folders of its import path.
func short(function string) string {
	pkg := series.Package(function)
	return function[strings.LastIndexByte(pkg, '/')+1:]
}

// near is a file's path from the working folder, which is the package's in go
// test, where it lies within or beside that.
func near(file string) string {
	dir, err := os.Getwd()
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || strings.HasPrefix(filepath.ToSlash(rel), "../../../") {
		return file
	}
	return rel
}

// commandLine reports advice for another program than go test.
func commandLine(s string) bool {
	return strings.Contains(s, "GODEBUG=") || strings.Contains(s, "--")
}
