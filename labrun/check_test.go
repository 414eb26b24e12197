package labrun

import (
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

// truth is of a heap leak that also leaks a goroutine an operation.
func truth() lab.Truth {
	return lab.Truth{
		Leaky: lab.LeakyTruth{
			Run: "leak", Finding: "leak", Kind: "heap",
			AllocatedAt: "pipeline/embed.Hasher", DefectAt: "leakscenarios/closure.(*Stage)",
			BytesPerOp: 8192, GoroutinesPerOp: 1,
		},
		Fixed: lab.FixedTruth{Run: "clean"},
	}
}

func around(estimate, half float64) *stats.Interval {
	return &stats.Interval{Estimate: estimate, Lo: estimate - half, Hi: estimate + half}
}

// report is what a good detector says of truth's leaky variant.
func report() *detect.Result {
	return &detect.Result{
		Verdict: detect.RunLeak,
		Totals: []detect.Total{
			{Name: "live_bytes", PerOp: around(8200, 20)},
			{Name: "goroutines", PerOp: around(1.001, 0.002)},
		},
		Findings: []detect.Finding{{
			Kind: detect.KindHeap, Verdict: detect.Leak, Function: "m/pipeline/embed.Hasher.Embed",
			Stack: []snapshot.Frame{
				{Function: "m/pipeline/embed.Hasher.Embed"}, {Function: "m/leakscenarios/closure.(*Stage).Embed"}, {Function: "m/pipeline.(*Pipeline).Ingest"},
			},
		}},
	}
}

func outcome(r *detect.Result) *session.Outcome {
	return &session.Outcome{Run: &snapshot.Run{}, Result: r}
}

func TestCheckOfTheLeakyVariant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		change   func(*detect.Result)
		mismatch string // in one of them; empty: none
		open     bool
	}{
		{"the truth itself", func(*detect.Result) {}, "", false},
		{"a suspect is enough of a finding", func(r *detect.Result) { r.Findings[0].Verdict = detect.Suspect }, "", false},
		{"the defect is named by the goroutines that hold it", func(r *detect.Result) {
			f := &r.Findings[0]
			f.Stack = f.Stack[:1]
			f.HeldBy = []string{"381 goroutines sleeping in m/leakscenarios/closure.(*Stage).Embed.func1"}
		}, "", false},
		{"the defect is named in the reasons", func(r *detect.Result) {
			f := &r.Findings[0]
			f.Stack = f.Stack[:1]
			f.Why = []string{"grows with m/leakscenarios/closure.(*Stage).Embed.func1"}
		}, "", false},
		{"4.9 % beside the size in bytes", func(r *detect.Result) { r.Totals[0].PerOp = around(8192*1.049, 1) }, "", false},
		{"8 % beside the size, in a tight interval that holds the truth", func(r *detect.Result) {
			r.Totals[0].PerOp = &stats.Interval{Estimate: 8192 * 1.08, Lo: 8192 * 0.999, Hi: 8192 * 1.09}
		}, "", false},

		{"a verdict of clean", func(r *detect.Result) { r.Verdict = detect.RunClean }, "the verdict is clean, the truth is leak", false},
		{"no decision", func(r *detect.Result) { r.Verdict = detect.RunInconclusive }, "", true},
		{"no finding", func(r *detect.Result) { r.Findings = nil }, "no heap finding", false},
		{"a finding that only grows", func(r *detect.Result) { r.Findings[0].Verdict = detect.Growing }, "no heap finding", false},
		{"a finding of the other kind", func(r *detect.Result) { r.Findings[0].Kind = detect.KindGoroutine }, "no heap finding", false},
		{"a wrong frame where it is allocated", func(r *detect.Result) {
			r.Findings[0].Function, r.Findings[0].Stack[0].Function = "m/pipeline/text.Split", "m/pipeline/text.Split"
		}, "lacks pipeline/embed.Hasher", false},
		{"a wrong frame where the defect is", func(r *detect.Result) {
			r.Findings[0].Stack[1].Function = "m/fixed/closure.(*Stage).Embed"
		}, "lacks leakscenarios/closure.(*Stage)", false},
		{"both frames, but in two findings", func(r *detect.Result) {
			other := r.Findings[0]
			other.Stack = other.Stack[:1]
			other.Function, r.Findings[0].Function = r.Findings[0].Function, "m/leakscenarios/closure.(*Stage).Embed"
			r.Findings[0].Stack = r.Findings[0].Stack[1:]
			r.Findings = append(r.Findings, other)
		}, "no heap finding", false},
		{"6 % beside the size in bytes", func(r *detect.Result) { r.Totals[0].PerOp = around(8192*1.06, 20) }, "B/op", false},
		{"half the size in bytes", func(r *detect.Result) { r.Totals[0].PerOp = around(4096, 20) }, "B/op", false},
		{"an interval so wide that it holds anything", func(r *detect.Result) { r.Totals[0].PerOp = around(8192*1.06, 9000) }, "B/op", false},
		{"3 % beside the goroutines", func(r *detect.Result) { r.Totals[1].PerOp = around(1.03, 0.01) }, "goroutines/op", false},
		{"no size at all", func(r *detect.Result) { r.Totals = r.Totals[1:] }, "the report has no B/op", false},
		{"a size without operations", func(r *detect.Result) { r.Totals[1].PerOp = nil }, "the report has no goroutines/op", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := report()
			c.change(r)
			mismatch, open := check(truth(), lab.Leaky, outcome(r))
			got := strings.Join(mismatch, "\n")
			if (got == "") != (c.mismatch == "") || !strings.Contains(got, c.mismatch) {
				t.Errorf("mismatch %q; want one with %q", got, c.mismatch)
			}
			if (len(open) > 0) != c.open {
				t.Errorf("open %q; want some: %v", open, c.open)
			}
		})
	}
}

func TestCheckOfTheFixedVariant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verdict        detect.RunVerdict
		mismatch, open bool
	}{
		{detect.RunClean, false, false},
		{detect.RunLeak, true, false},
		{detect.RunInconclusive, false, true},
	} {
		mismatch, open := check(truth(), lab.Fixed, outcome(&detect.Result{Verdict: c.verdict}))
		if (len(mismatch) > 0) != c.mismatch || (len(open) > 0) != c.open {
			t.Errorf("%s: mismatch %q, open %q; want some: %v, %v", c.verdict, mismatch, open, c.mismatch, c.open)
		}
	}
}

func TestSizesThatTheTruthDoesNotStateAreNotChecked(t *testing.T) {
	t.Parallel()
	tr, r := truth(), report()
	tr.Leaky.BytesPerOp, tr.Leaky.GoroutinesPerOp = 0, 0
	r.Totals = nil
	if mismatch, open := check(tr, lab.Leaky, outcome(r)); len(mismatch)+len(open) > 0 {
		t.Errorf("mismatch %q, open %q; want none", mismatch, open)
	}
}

func TestTheCleanLimitIsATwentiethOfTheTruth(t *testing.T) {
	t.Parallel()
	def := detect.CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01}
	if got, want := cleanLimit(truth(), def), (detect.CleanLimit{Bytes: 409.6, Objects: 1, Goroutines: 0.05}); got != want {
		t.Errorf("clean limit %+v; want %+v", got, want)
	}
	if got := cleanLimit(lab.Truth{}, def); got != def {
		t.Errorf("clean limit without a truth %+v; want the default %+v", got, def)
	}
}
