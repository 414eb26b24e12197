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
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Units of the budgets.
const (
	bytesPerOp      = "B/op"
	objectsPerOp    = "objects/op"
	goroutinesPerOp = "goroutines/op"
)

func unit(name string) string {
	switch name {
	case series.LiveObjects:
		return objectsPerOp
	case series.Goroutines:
		return goroutinesPerOp
	}
	return bytesPerOp
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

// limit prints a limit as it was set: a whole number, or four digits.
func limit(v float64) string {
	if v == math.Trunc(v) {
		return report.Count(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// rate prints growth: "+16.0 B/op [15.9, 16.1]".
func rate(iv *stats.Interval, unit string) string {
	said := report.Growth(iv, unit)
	if unit == goroutinesPerOp && iv.Finite() { // few operations show little of them
		said += fmt.Sprintf(" [%s, %s]", report.Number(iv.Lo), report.Number(iv.Hi))
	}
	return said
}

// span says how much was seen.
func (r *running) span(o *outcome) string {
	return fmt.Sprintf("%s operations in %.2g s, %d snapshots", report.Count(float64(r.o.done.Load())), r.spent.Seconds(), o.res.Window.Snapshots)
}

// clean is the line of a test that passes.
func (r *running) clean(o *outcome) string {
	var parts []string
	for _, b := range o.budgets {
		if b.growth() == nil || b.name == series.LiveObjects && !r.c.objectsSet {
			continue
		}
		said := rate(b.growth(), unit(b.name))
		if b.rest {
			said += ", allowed"
		} else if why := report.Why(bound(b.total.Reasons), report.Tester); len(why) > 0 {
			said = strings.Join(why, "; ")
		}
		parts = append(parts, spaced(b.name)+" "+said)
	}
	return fmt.Sprintf("clean: %s; %s", strings.Join(parts, "; "), r.span(o))
}

// bound are the last reason of a total, which tells its bound, and what says how
// that was come by.
func bound(rs []detect.Reason) []detect.Reason {
	n := len(rs)
	if n > 1 && rs[n-1].Code == detect.OutliersWeighLess {
		return rs[n-2:]
	}
	return rs[max(0, n-1):]
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
		line("%sallowed until %s (%s): %s%s", indent, a.by.expiry.Format("2006-01-02"), a.by.reason, sizeOf(&a.Finding), report.ShortFunction(a.Function))
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
		if b.answer != o.answer || b.growth() == nil {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s (limit %s)", rate(b.growth(), unit(b.name)), limit(b.shown())))
	}
	word := "LEAK  " + report.HowKnown(o.proof()) + " "
	if o.answer == open {
		word = "inconclusive, which is no pass"
	}
	return word + "  " + strings.Join(parts, " · ")
}

// proof says how the leak is known that breaks a budget: proved where one of them
// is.
func (o *outcome) proof() detect.Proof {
	for _, b := range o.budgets {
		if b.answer == broken && b.total != nil && b.total.Proof == detect.ProofProved {
			return detect.ProofProved
		}
	}
	return detect.ProofGrowth
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
	line("%s %s%s%s%s", glyph, sizeOf(f), report.ShortFunction(f.Function), wait, place)
	if s := chain(f.Stack); s != "" {
		line("%sstack  %s", indent, s)
	}
	for _, holder := range report.Held(f.HeldBy, report.Tester) {
		line("%sheld by %s", indent, holder)
	}
	if f.Shape != "" {
		line("%sshape  %s", indent, f.Shape)
	}
	for _, why := range report.FindingWhy(f, report.Tester) {
		line("%swhy    %s", indent, why)
	}
}

// sizeOf is what a finding grows by, with two spaces after it, or "".
func sizeOf(f *detect.Finding) string {
	if kept := f.Bytes.On(detect.PerOp); kept != nil {
		return rate(kept, bytesPerOp) + "  "
	}
	if left := f.Goroutines.On(detect.PerOp); left != nil {
		return rate(left, goroutinesPerOp) + "  "
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
			parts = append(parts, fmt.Sprintf("%s %s:%d", report.ShortFunction(f.Function), filepath.Base(f.File), f.Line))
		}
	}
	if len(parts) < 2 {
		return ""
	}
	return strings.Join(parts, " ← ")
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
