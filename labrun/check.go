package labrun

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/lab"
)

// How near a measured size must be to the truth. A tight interval that holds
// the truth will do as well: the truth of bytes is itself a mean over
// documents.
const (
	bytesWithin      = 0.05
	goroutinesWithin = 0.02
	tightInterval    = 0.10 // of the truth, from lo to hi
	highWaterWithin  = 0.10
)

// check holds one report against the truth. mismatch contradicts it; open
// could not be decided by the run.
func check(t lab.Truth, variant lab.Variant, o *report.Judged) (mismatch, open []string) {
	want := t.Leaky.Run
	if variant == lab.Fixed {
		want = t.Fixed.Run
	}
	if got := string(o.Result.Verdict); got != want {
		s := fmt.Sprintf("%s: the verdict is %s, the truth is %s", variant, got, want)
		if o.Result.Verdict == detect.RunInconclusive {
			return nil, []string{s}
		}
		return []string{s}, nil
	}
	if variant == lab.Fixed {
		return nil, nil
	}
	say := func(s string) {
		if s != "" {
			mismatch = append(mismatch, "leaky: "+s)
		}
	}
	if t.Leaky.Finding != "" {
		say(checkPlace(t.Leaky, o.Result.Findings))
	}
	bytes, ok := bytesPerOp(t.Leaky, o)
	if !ok {
		say("the snapshots have no operations to work out the truth over")
	}
	for _, x := range []struct {
		total  string
		unit   string
		truth  float64
		within float64
	}{
		{series.LiveBytes, "B/op", bytes, bytesWithin},
		{series.Goroutines, "goroutines/op", t.Leaky.GoroutinesPerOp, goroutinesWithin},
	} {
		if x.truth == 0 {
			continue // not stated
		}
		say(checkSize(x.unit, o.Result.Total(x.total).In(detect.PerOp), x.truth, x.within))
	}
	return mismatch, nil
}

// bytesPerOp is the true growth per operation in the snapshots that were
// judged: where it is no straight line, the slope of the least squares over the
// operations that those had seen, as the detector's own is.
func bytesPerOp(t lab.LeakyTruth, o *report.Judged) (size float64, ok bool) {
	if t.Kept == nil {
		return t.BytesPerOp, true
	}
	var ops, kept []float64
	for _, s := range o.Run.Snapshots {
		if o.Result.Window.Holds(s.Time) && s.Ops != nil {
			ops = append(ops, float64(*s.Ops))
			kept = append(kept, t.Kept(*s.Ops))
		}
	}
	line, err := stats.FitLine(ops, kept)
	return line.Slope, err == nil
}

// checkPair holds what tells two variants apart that may both be clean.
func checkPair(t lab.LeakyTruth, leaky, fixed *report.Judged) (mismatch []string) {
	times := func(what string, least, more, less float64) {
		if least > 0 && !(less > 0 && more >= least*less) {
			mismatch = append(mismatch, fmt.Sprintf("the leaky variant's %s, %.4g bytes, is not %g times the fixed one's, %.4g", what, more, least, less))
		}
	}
	times("peak of live heap", t.PeakTimes, float64(leaky.Run.Peak.LiveBytes), float64(fixed.Run.Peak.LiveBytes))
	estimate := func(o *report.Judged) float64 {
		if v := o.Result.Total(series.AllocatedBytes).In(detect.PerOp); v != nil {
			return v.Estimate
		}
		return 0
	}
	times("allocation per operation", t.AllocatedTimes, estimate(leaky), estimate(fixed))
	last := func(o *report.Judged) float64 {
		if total := o.Result.Total(series.LiveBytes); total != nil {
			return total.Last
		}
		return math.NaN()
	}
	if more := last(leaky) - last(fixed); t.HighWater > 0 && !(math.Abs(more-t.HighWater) <= highWaterWithin*t.HighWater) {
		mismatch = append(mismatch, fmt.Sprintf("the leaky variant ends with %.4g bytes more than the fixed one; the truth is %.4g within %g %%", more, t.HighWater, 100*highWaterWithin))
	}
	return mismatch
}

// checkPlace wants one finding of the right kind and verdict that shows both
// where the memory is allocated and where the defect is. Where a leak is asked
// for, a suspect will do.
func checkPlace(t lab.LeakyTruth, findings []detect.Finding) string {
	var near []string
	for _, f := range findings {
		if !asked(t.Finding, f.Verdict) || string(f.Kind) != t.Kind {
			continue
		}
		allocated, defect := shows(f, t.AllocatedAt), shows(f, t.DefectAt)
		if allocated && defect {
			return ""
		}
		miss := t.DefectAt
		if !allocated {
			miss = t.AllocatedAt
		}
		near = append(near, fmt.Sprintf("%s lacks %s", f.Function, miss))
	}
	s := fmt.Sprintf("no %s finding of %s shows both %s and %s", t.Kind, orSuspect(t.Finding), t.AllocatedAt, t.DefectAt)
	if len(near) > 0 {
		s += " (" + strings.Join(near[:min(3, len(near))], "; ") + ")"
	}
	return s
}

func asked(want string, got detect.Verdict) bool {
	return string(got) == want || want == string(detect.Leak) && got == detect.Suspect
}

func orSuspect(want string) string {
	if want == string(detect.Leak) {
		return "leak or suspect"
	}
	return want
}

// shows reports whether a finding names a function: in its stack, as its
// culprit, through the goroutines that hold it, or in its reasons.
func shows(f detect.Finding, name string) bool {
	named := []string{f.Function}
	for _, frame := range f.Stack {
		named = append(named, frame.Function)
	}
	for _, h := range f.HeldBy {
		named = append(named, h.Function, h.Root, h.CreatedBy)
	}
	for _, r := range f.Reasons {
		named = append(named, r.Values.Function)
		if r.Code == detect.LittleBeside {
			continue // its parts are none of the finding
		}
		for _, p := range r.Values.Parts {
			named = append(named, p.Function)
		}
	}
	return slices.ContainsFunc(named, func(s string) bool { return strings.Contains(s, name) })
}

// checkSize compares one measured size with the truth.
func checkSize(unit string, got *stats.Interval, truth, within float64) string {
	if got == nil {
		return fmt.Sprintf("the report has no %s; the truth is %.4g", unit, truth)
	}
	if math.Abs(got.Estimate-truth) <= within*truth {
		return ""
	}
	if got.Lo <= truth && truth <= got.Hi && got.Hi-got.Lo < tightInterval*truth {
		return ""
	}
	return fmt.Sprintf("%.4g %s [%.4g, %.4g] is not within %g %% of the truth, %.4g",
		got.Estimate, unit, got.Lo, got.Hi, 100*within, truth)
}
