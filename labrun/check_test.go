package labrun

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/lab"
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

func around(estimate, half float64) *detect.Rate {
	return perOp(stats.Interval{Estimate: estimate, Lo: estimate - half, Hi: estimate + half})
}

func perOp(i stats.Interval) *detect.Rate { return &detect.Rate{Interval: i, Per: detect.PerOp} }

// good is what a good detector says of truth's leaky variant.
func good() *detect.Result {
	return &detect.Result{
		Verdict: detect.RunLeak,
		Totals: []detect.Total{
			{Name: "live_bytes", Growth: around(8200, 20)},
			{Name: "goroutines", Growth: around(1.001, 0.002)},
		},
		Findings: []detect.Finding{{
			Kind: detect.KindHeap, Verdict: detect.Leak, Function: "m/pipeline/embed.Hasher.Embed",
			Stack: []snapshot.Frame{
				{Function: "m/pipeline/embed.Hasher.Embed"}, {Function: "m/leakscenarios/closure.(*Stage).Embed"}, {Function: "m/pipeline.(*Pipeline).Ingest"},
			},
		}},
	}
}

func judged(r *detect.Result) *report.Judged { return &report.Judged{Run: &snapshot.Run{}, Result: r} }

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
			f.HeldBy = []detect.Holder{{Goroutines: 381, WaitReason: "sleep", Function: "m/leakscenarios/closure.(*Stage).Embed.func1"}}
		}, "", false},
		{"the defect is named in the reasons", func(r *detect.Result) {
			f := &r.Findings[0]
			f.Stack = f.Stack[:1]
			f.Reasons = []detect.Reason{{Code: detect.MemoryGrowsWith, Values: detect.Values{Function: "m/leakscenarios/closure.(*Stage).Embed.func1"}}}
		}, "", false},
		{"the defect is named by the parts of which it is made", func(r *detect.Result) {
			f := &r.Findings[0]
			f.Stack = f.Stack[:1]
			f.Reasons = []detect.Reason{{Code: detect.GrowTogether, Values: detect.Values{Parts: []detect.Part{{Function: "m/leakscenarios/closure.(*Stage).Embed"}}}}}
		}, "", false},
		{"4.9 % beside the size in bytes", func(r *detect.Result) { r.Totals[0].Growth = around(8192*1.049, 1) }, "", false},
		{"8 % beside the size, in a tight interval that holds the truth", func(r *detect.Result) {
			r.Totals[0].Growth = perOp(stats.Interval{Estimate: 8192 * 1.08, Lo: 8192 * 0.999, Hi: 8192 * 1.09})
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
		{"the defect is named as something beside it", func(r *detect.Result) {
			f := &r.Findings[0]
			f.Stack = f.Stack[:1]
			f.Reasons = []detect.Reason{{Code: detect.LittleBeside, Values: detect.Values{Parts: []detect.Part{{Function: "m/leakscenarios/closure.(*Stage).Embed"}}}}}
		}, "lacks leakscenarios/closure.(*Stage)", false},
		{"6 % beside the size in bytes", func(r *detect.Result) { r.Totals[0].Growth = around(8192*1.06, 20) }, "B/op", false},
		{"half the size in bytes", func(r *detect.Result) { r.Totals[0].Growth = around(4096, 20) }, "B/op", false},
		{"an interval so wide that it holds anything", func(r *detect.Result) { r.Totals[0].Growth = around(8192*1.06, 9000) }, "B/op", false},
		{"3 % beside the goroutines", func(r *detect.Result) { r.Totals[1].Growth = around(1.03, 0.01) }, "goroutines/op", false},
		{"no size at all", func(r *detect.Result) { r.Totals = r.Totals[1:] }, "the report has no B/op", false},
		{"a size without operations", func(r *detect.Result) { r.Totals[1].Growth = nil }, "the report has no goroutines/op", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := good()
			c.change(r)
			mismatch, open := check(truth(), lab.Leaky, judged(r))
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
		mismatch, open := check(truth(), lab.Fixed, judged(&detect.Result{Verdict: c.verdict}))
		if (len(mismatch) > 0) != c.mismatch || (len(open) > 0) != c.open {
			t.Errorf("%s: mismatch %q, open %q; want some: %v, %v", c.verdict, mismatch, open, c.mismatch, c.open)
		}
	}
}

func TestSizesThatTheTruthDoesNotStateAreNotChecked(t *testing.T) {
	t.Parallel()
	tr, r := truth(), good()
	tr.Leaky.BytesPerOp, tr.Leaky.GoroutinesPerOp = 0, 0
	r.Totals = nil
	if mismatch, open := check(tr, lab.Leaky, judged(r)); len(mismatch)+len(open) > 0 {
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

func TestGrowthThatIsNoStraightLineIsCheckedOverTheOperationsThatWereJudged(t *testing.T) {
	t.Parallel()
	tr, r := truth(), good()
	tr.Leaky.Kept = func(ops int64) float64 { return 100*float64(ops) + float64(ops*ops)/10 } // slope 100 + ops/5
	o := judged(r)
	at := time.Unix(1e9, 0)
	add := func(judged bool, ops int64) {
		at = at.Add(time.Second)
		o.Run.Snapshots = append(o.Run.Snapshots, &snapshot.Snapshot{Meta: snapshot.Meta{Time: at, Phase: snapshot.PhaseSteady, Ops: &ops}})
		if w := &r.Window; judged {
			if w.Snapshots++; w.Snapshots == 1 {
				w.From = at
			}
			w.To = at
		}
	}
	if mismatch, _ := check(tr, lab.Leaky, o); len(mismatch) == 0 || !strings.Contains(mismatch[0], "no operations") {
		t.Errorf("without operations: %q", mismatch)
	}
	add(false, 0)
	for ops := int64(1000); ops <= 2000; ops += 100 {
		add(true, ops)
	}
	add(false, 3000)
	for size, ok := range map[float64]bool{400: true, 385: true, 415: true, 375: false, 8192: false} { // 100 + 1500/5
		r.Totals[0].Growth = around(size, 1)
		if mismatch, _ := check(tr, lab.Leaky, o); (len(mismatch) == 0) != ok {
			t.Errorf("%g B/op where 400 are true: mismatch %q", size, mismatch)
		}
	}
}

func TestWhatTellsTwoCleanVariantsApart(t *testing.T) {
	t.Parallel()
	variant := func(peak uint64, allocated, last float64) *report.Judged {
		return &report.Judged{
			Run: &snapshot.Run{Peak: snapshot.Peak{LiveBytes: peak}},
			Result: &detect.Result{Verdict: detect.RunClean, Totals: []detect.Total{
				{Name: "live_bytes", Last: last}, {Name: "allocated_bytes", Growth: around(allocated, 1)},
			}},
		}
	}
	bare := &report.Judged{Run: &snapshot.Run{}, Result: &detect.Result{Verdict: detect.RunClean}}
	fixed := variant(1000, 500, 2000)
	for _, c := range []struct {
		name         string
		truth        lab.LeakyTruth
		leaky, fixed *report.Judged
		mismatch     string
	}{
		{"three times the peak", lab.LeakyTruth{PeakTimes: 3}, variant(3000, 0, 0), fixed, ""},
		{"not three times the peak", lab.LeakyTruth{PeakTimes: 3}, variant(2999, 0, 0), fixed, "peak of live heap"},
		{"a peak that is not known", lab.LeakyTruth{PeakTimes: 3}, variant(3000, 0, 0), bare, "peak of live heap"},
		{"three times the allocation", lab.LeakyTruth{AllocatedTimes: 3}, variant(0, 1500, 0), fixed, ""},
		{"not three times the allocation", lab.LeakyTruth{AllocatedTimes: 3}, variant(0, 1499, 0), fixed, "allocation per operation"},
		{"allocation that is not known", lab.LeakyTruth{AllocatedTimes: 3}, bare, bare, "allocation per operation"},
		{"the high water, nearly", lab.LeakyTruth{HighWater: 1000}, variant(0, 0, 3090), fixed, ""},
		{"more than the high water", lab.LeakyTruth{HighWater: 1000}, variant(0, 0, 3110), fixed, "1110 bytes more"},
		{"less than the high water", lab.LeakyTruth{HighWater: 1000}, variant(0, 0, 2890), fixed, "890 bytes more"},
		{"a live heap that is not known", lab.LeakyTruth{HighWater: 1000}, bare, fixed, "NaN bytes more"},
		{"nothing is stated", lab.LeakyTruth{}, bare, bare, ""},
	} {
		c.truth.Run = "clean"
		cmp := &report.Comparison{Leaky: c.leaky, Fixed: c.fixed}
		complete(cmp, lab.Truth{Leaky: c.truth, Fixed: lab.FixedTruth{Run: "clean"}}, nil)
		got := strings.Join(cmp.Mismatch, "\n")
		if (got == "") != (c.mismatch == "") || !strings.Contains(got, c.mismatch) || cmp.Pass != (c.mismatch == "") {
			t.Errorf("%s: pass %t, mismatch %q; want one with %q", c.name, cmp.Pass, got, c.mismatch)
		}
	}
}

func TestABacklogIsWhatATruthMayAskFor(t *testing.T) {
	t.Parallel()
	tr, r := truth(), good()
	tr.Leaky.Run, tr.Leaky.Finding = "inconclusive", "backlog"
	r.Verdict, r.Findings[0].Verdict = detect.RunInconclusive, detect.Backlog
	if mismatch, open := check(tr, lab.Leaky, judged(r)); len(mismatch)+len(open) > 0 {
		t.Errorf("mismatch %q, open %q; want none", mismatch, open)
	}
	r.Findings[0].Verdict = detect.Suspect
	if mismatch, _ := check(tr, lab.Leaky, judged(r)); len(mismatch) != 1 || !strings.Contains(mismatch[0], "no heap finding of backlog") {
		t.Errorf("a suspect in its place: %q", mismatch)
	}
}

func TestAScenariosOwnLoad(t *testing.T) {
	t.Parallel()
	usual := DefaultPlan()
	for _, c := range []struct {
		name string
		load lab.Load
		want func(*harness.Plan)
	}{
		{"none", lab.Load{}, func(*harness.Plan) {}},
		{"a rate", lab.Load{From: 60}, func(p *harness.Plan) { p.Rate = harness.Rate{From: 60, To: 60} }},
		{"a ramp", lab.Load{From: 60, To: 90}, func(p *harness.Plan) { p.Rate = harness.Rate{From: 60, To: 90} }},
		{"steps", lab.Load{Steps: []float64{5, 7, 6}}, func(p *harness.Plan) { p.Rate = harness.Rate{From: 5, To: 6, Steps: []float64{5, 7, 6}} }},
		{"a longer time, with as many snapshots", lab.Load{Steady: time.Minute}, func(p *harness.Plan) { p.Steady, p.Every = time.Minute, 3*time.Second }},
		{"everything", lab.Load{Steady: time.Minute, Every: time.Second, Warmup: 2 * time.Second, Drain: 7 * time.Second, MaxInFlight: 3, Unheld: true}, func(p *harness.Plan) {
			p.Steady, p.Every, p.Warmup, p.Drain, p.MaxInFlight, p.Quiesce = time.Minute, time.Second, 2*time.Second, 7*time.Second, 3, false
		}},
	} {
		want := usual
		c.want(&want)
		if got := PlanFor(lab.Scenario{Load: c.load}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}
