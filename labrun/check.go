package labrun

import (
	"fmt"
	"math"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
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
)

// check holds a report against the truth. mismatch contradicts it; open could
// not be decided by the run.
func check(t lab.Truth, variant lab.Variant, r *detect.Result) (mismatch, open []string) {
	want := t.Leaky.Run
	if variant == lab.Fixed {
		want = t.Fixed.Run
	}
	if got := string(r.Verdict); got != want {
		s := fmt.Sprintf("%s: the verdict is %s, the truth is %s", variant, got, want)
		if r.Verdict == detect.RunInconclusive {
			return nil, []string{s}
		}
		return []string{s}, nil
	}
	if variant == lab.Fixed {
		return nil, nil
	}
	if s := checkPlace(t.Leaky, r.Findings); s != "" {
		mismatch = append(mismatch, "leaky: "+s)
	}
	for _, x := range []struct {
		total  string
		unit   string
		truth  float64
		within float64
	}{
		{"live_bytes", "B/op", t.Leaky.BytesPerOp, bytesWithin},
		{"goroutines", "goroutines/op", t.Leaky.GoroutinesPerOp, goroutinesWithin},
	} {
		if x.truth == 0 {
			continue // not stated
		}
		var got *stats.Interval
		if total := r.Total(x.total); total != nil {
			got = total.PerOp
		}
		if s := checkSize(x.unit, got, x.truth, x.within); s != "" {
			mismatch = append(mismatch, "leaky: "+s)
		}
	}
	return mismatch, nil
}

// checkPlace wants one finding of the right kind that is at least suspected
// and shows both where the memory is allocated and where the defect is.
func checkPlace(t lab.LeakyTruth, findings []detect.Finding) string {
	var near []string
	for _, f := range findings {
		if f.Verdict != detect.Leak && f.Verdict != detect.Suspect || string(f.Kind) != t.Kind {
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
	s := fmt.Sprintf("no %s finding of leak or suspect shows both %s and %s", t.Kind, t.AllocatedAt, t.DefectAt)
	if len(near) > 0 {
		s += " (" + strings.Join(near[:min(3, len(near))], "; ") + ")"
	}
	return s
}

// shows reports whether a finding names a function: in its stack, as its
// culprit, or through the goroutines that hold it.
func shows(f detect.Finding, name string) bool {
	if name == "" || strings.Contains(f.Function, name) {
		return true
	}
	for _, frame := range f.Stack {
		if strings.Contains(frame.Function, name) {
			return true
		}
	}
	for _, text := range [][]string{f.HeldBy, f.Why} {
		for _, s := range text {
			if strings.Contains(s, name) {
				return true
			}
		}
	}
	return false
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
