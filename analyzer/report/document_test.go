package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// schema is heapdrift/report/v1: every field, [] for the elements of a list.
const schema = `
schema verdict proof reasons reasons[].code why next
target target.name target.go_version target.pid target.memprofilerate
run run.snapshots run.ops run.seconds
run.load run.load.rate run.load.sent run.load.completed run.load.errors run.load.shed run.load.achieved_rate run.load.max_in_flight run.load.valid
run.load.latency_ms run.load.latency_ms.p50 run.load.latency_ms.p90 run.load.latency_ms.p99 run.load.latency_ms.p999 run.load.latency_ms.max
run.peak run.peak.live_bytes run.peak.rss_bytes
totals
totals.live_bytes totals.live_bytes.per_op totals.live_bytes.per_op.estimate totals.live_bytes.per_op.lo totals.live_bytes.per_op.hi
totals.live_bytes.per_second totals.live_bytes.per_second.estimate totals.live_bytes.per_second.lo totals.live_bytes.per_second.hi totals.live_bytes.verdict
power power.bytes_per_op power.goroutines_per_op power.confidence power.site_bytes_per_op
power.busiest_site power.busiest_site.function power.busiest_site.file power.busiest_site.line power.busiest_site.bytes_per_op power.busiest_site.confidence
forecast forecast.limit forecast.assumes forecast.limit_bytes forecast.seconds_to_limit forecast.seconds_to_limit.estimate forecast.seconds_to_limit.lo forecast.seconds_to_limit.hi
findings
findings[].id findings[].kind findings[].verdict findings[].proof findings[].allowed findings[].function findings[].file findings[].line
findings[].stack findings[].stack[].function findings[].stack[].file findings[].stack[].line
findings[].docs findings[].wait_reason findings[].created_by findings[].created_by.function findings[].created_by.file findings[].created_by.line findings[].shape
findings[].bytes_per_op findings[].bytes_per_op.estimate findings[].bytes_per_op.lo findings[].bytes_per_op.hi
findings[].objects_per_op findings[].objects_per_op.estimate findings[].objects_per_op.lo findings[].objects_per_op.hi
findings[].goroutines_per_op findings[].goroutines_per_op.estimate findings[].goroutines_per_op.lo findings[].goroutines_per_op.hi
findings[].allocated_bytes_per_op findings[].allocated_bytes_per_op.estimate findings[].allocated_bytes_per_op.lo findings[].allocated_bytes_per_op.hi
findings[].live_bytes findings[].count findings[].share
findings[].trend findings[].trend.tau findings[].trend.p findings[].trend.n
findings[].why findings[].warnings findings[].held_by
findings[].reasons findings[].reasons[].code findings[].reasons[].values findings[].tests
totals.live_bytes.proof totals.live_bytes.beside_allowed totals.live_bytes.reasons totals.live_bytes.reasons[].code totals.live_bytes.reasons[].values totals.live_bytes.tests
warnings warning_codes`

// paths lists the fields of a decoded JSON value.
func paths(v any, at string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			p := strings.TrimPrefix(at+"."+k, ".")
			into[p] = true
			paths(e, p, into)
		}
	case []any:
		for _, e := range v {
			paths(e, at+"[]", into)
		}
	}
}

func decode(t *testing.T, run *snapshot.Run, res *detect.Result) map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, run, res); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatalf("the report is not JSON: %v\n%s", err, b.Bytes())
	}
	return m
}

func TestFieldsAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, p := range strings.Fields(schema) {
		want[p] = true
		if rest, ok := strings.CutPrefix(p, "totals.live_bytes"); ok {
			for _, name := range []string{"live_objects", "goroutines", "stack_bytes", "rss_bytes", "allocated_bytes"} {
				want["totals."+name+rest] = true
			}
		}
	}
	run, res := leaking()
	for i := range res.Totals {
		res.Totals[i].Reasons = []detect.Reason{{Code: detect.Rises, Values: detect.Values{N: 14}}}
		res.Totals[i].Tests = make([]detect.Test, 1)
		res.Totals[i].Proof, res.Totals[i].BesideAllowed = detect.ProofGrowth, ptr(1.0)
	}
	res.Findings[0].Tests = make([]detect.Test, 1)
	res.Findings[1].Allowed = "worker.*"
	got := map[string]bool{}
	undecided, why := open()
	paths(decode(t, undecided, why), "", got) // what is known of a run that does not tell
	paths(decode(t, run, res), "", got)
	for p := range got {
		// Which figures a code has, and what a test encodes to, is the detector's.
		if !want[p] && !strings.Contains(p, "values.") && !strings.Contains(p, "tests[].") {
			t.Errorf("field %q is not in %s", p, Schema)
		}
	}
	for p := range want {
		if !got[p] {
			t.Errorf("field %q of %s is missing from a report in which everything is known", p, Schema)
		}
	}
}

func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	t.Parallel()
	got := map[string]bool{}
	m := decode(t, &snapshot.Run{}, &detect.Result{Verdict: detect.RunInconclusive, Findings: []detect.Finding{{ID: "x", Kind: detect.KindHeap, Function: detect.Unattributed}}})
	paths(m, "", got)
	var have []string
	for p := range got {
		have = append(have, p)
	}
	slices.Sort(have)
	want := []string{
		"findings", "findings[].function", "findings[].held_by", "findings[].id", "findings[].kind", "findings[].stack",
		"findings[].warnings", "findings[].why",
		"next", "run", "run.snapshots", "schema", "target", "totals", "verdict", "warning_codes", "warnings", "why",
	}
	if !slices.Equal(have, want) {
		t.Errorf("fields of a report of nothing:\n got %v\nwant %v", have, want)
	}
	for _, p := range []string{"findings", "warnings", "warning_codes"} {
		if _, ok := m[p].([]any); !ok {
			t.Errorf("%s is %v; want a list even where there is nothing to say", p, m[p])
		}
	}
}

func TestKnownZerosStay(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	res.Totals = []detect.Total{{Name: "goroutines", Growth: perOp(0, 0, 0), Verdict: detect.Stable}}
	res.Ops = 0
	got := map[string]bool{}
	paths(decode(t, run, res), "", got)
	for _, p := range []string{"run.load.errors", "run.load.shed", "run.ops", "totals.goroutines.per_op.estimate", "totals.goroutines.per_op.lo"} {
		if !got[p] {
			t.Errorf("%s is absent, but it is known to be 0", p)
		}
	}
	run.Load = snapshot.LoadInfo{Source: "metrics", Completed: 10}
	got = map[string]bool{}
	paths(decode(t, run, res), "", got)
	for _, p := range []string{"run.load.errors", "run.load.sent", "run.load.rate"} {
		if got[p] {
			t.Errorf("%s is there, but of someone else's load it is not known", p)
		}
	}
}

func TestNoNaNAndNoInfinityInAnyFormat(t *testing.T) {
	t.Parallel()
	run, res := hostile()
	m := decode(t, run, res) // fails on NaN: encoding/json refuses it
	got := map[string]bool{}
	paths(m, "", got)
	for p, want := range map[string]bool{
		"totals.live_bytes.per_op.estimate":     true,
		"totals.live_bytes.per_op.lo":           false,
		"totals.live_bytes.per_op.hi":           false,
		"totals.live_bytes.per_second":          false,
		"totals.goroutines":                     false,
		"run.seconds":                           false,
		"run.load.latency_ms":                   false,
		"forecast.seconds_to_limit":             false,
		"forecast.limit_bytes":                  true,
		"findings[].bytes_per_op":               false,
		"findings[].objects_per_op.estimate":    true,
		"findings[].objects_per_op.lo":          false,
		"findings[].trend.n":                    true,
		"findings[].trend.tau":                  false,
		"power.bytes_per_op":                    false,
		"findings[].goroutines_per_op.estimate": true,
		"findings[].goroutines_per_op.hi":       true,
		"findings[].stack[].function":           true,
		"run.load.achieved_rate":                false,
		"findings[].live_bytes":                 false,
		"totals.live_bytes.verdict":             true,
		"power.confidence":                      false,
		"findings[].share":                      false,
		"run.peak.live_bytes":                   true,
		"run.load.completed":                    true,
		"totals.live_bytes.per_second.estimate": false,
		"forecast.seconds_to_limit.lo":          false,
	} {
		if got[p] != want {
			t.Errorf("%s there: %v, want %v", p, got[p], want)
		}
	}
	for _, v := range []detect.RunVerdict{detect.RunLeak, detect.RunInconclusive, detect.RunClean} {
		res.Verdict = v
		var b bytes.Buffer
		if err := Text(&b, run, res, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := Markdown(&b, run, res); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"NaN", "Inf"} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("verdict %s: the text says %q:\n%s", v, bad, b.String())
			}
		}
	}
}

func TestFindingsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	d := New(run, res)
	for i, f := range res.Findings {
		if d.Findings[i].ID != f.ID {
			t.Errorf("finding %d is %s, want %s", i, d.Findings[i].ID, f.ID)
		}
	}
}

func TestEachWarningIsToldOnceWithItsCode(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	res.Warnings = []detect.Warning{
		told("a"), {Code: "cut", Text: "b"}, told("b"), told("the target died"),
		told("LOAD NOT VALID: late"), {Code: detect.LoadNotValid, Text: "late"},
		{Code: detect.NotWholeRun, Values: detect.Values{Text: "the target died"}},
	}
	d := New(run, res)
	if want := []string{"a", "b", "LOAD NOT VALID: late", "not clean, because this is no whole run: the target died"}; !slices.Equal(d.Warnings, want) {
		t.Errorf("warnings %q, want %q", d.Warnings, want)
	}
	if want := []detect.Code{detect.Recorded, "cut", detect.LoadNotValid, detect.NotWholeRun}; !slices.Equal(d.Codes, want) {
		t.Errorf("codes %q, want %q", d.Codes, want)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("no space left on device")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestEveryFormatPassesOnAWriteError(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	c := []*Comparison{{Scenario: "closure", Leaky: &Judged{run, res}}}
	for name, write := range map[string]func(io.Writer) error{
		"json":                func(w io.Writer) error { return JSON(w, run, res) },
		"text":                func(w io.Writer) error { return Text(w, run, res, TextOptions{}) },
		"markdown":            func(w io.Writer) error { return Markdown(w, run, res) },
		"comparison json":     func(w io.Writer) error { return ComparisonJSON(w, c[0]) },
		"comparisons json":    func(w io.Writer) error { return ComparisonsJSON(w, c) },
		"comparison text":     func(w io.Writer) error { return ComparisonsText(w, c, TextOptions{}) },
		"comparison markdown": func(w io.Writer) error { return ComparisonsMarkdown(w, c) },
	} {
		if err := write(brokenWriter{}); !errors.Is(err, errBroken) {
			t.Errorf("%s: got error %v, want one that wraps %v", name, err, errBroken)
		}
	}
}
