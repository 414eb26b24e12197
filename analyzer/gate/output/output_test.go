package output

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func iv(estimate, lo, hi float64) *stats.Interval {
	return &stats.Interval{Estimate: estimate, Lo: lo, Hi: hi}
}

func perOp(estimate, lo, hi float64) *detect.Rate {
	return &detect.Rate{Interval: *iv(estimate, lo, hi), Per: detect.PerOp}
}

// point is one value without bounds.
func point(v float64) *stats.Interval { return iv(v, math.Inf(-1), math.Inf(1)) }

const root = "/home/ci/shop"

func opts() Options {
	return Options{Root: root, Time: time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC), Version: "v1.2.3"}
}

// flush is the finding that the reports below tell of.
func flush() gate.Finding {
	return gate.Finding{
		Finding: report.NewFinding(&detect.Finding{
			ID: "ab12cd34", Kind: detect.KindHeap, Verdict: detect.Leak, Proof: detect.ProofGrowth,
			Function: "example.com/shop/embed.(*Batcher).Flush", File: root + "/embed/batch.go", Line: 88,
			Stack: []snapshot.Frame{
				{Function: "bytes.growSlice", File: "/usr/local/go/src/bytes/buffer.go", Line: 251},
				{Function: "example.com/shop/embed.(*Batcher).Flush", File: root + "/embed/batch.go", Line: 88},
			},
			Bytes:  perOp(52.9, 51.8, 54),
			HeldBy: []detect.Holder{{Goroutines: 381, WaitReason: "sleep", Function: "example.com/shop/embed.(*Batcher).Flush.func1"}},
		}),
		Status: gate.StatusNew, Fails: true,
	}
}

func failing() *gate.Report {
	stuck := gate.Finding{
		Finding: report.NewFinding(&detect.Finding{
			ID: "ee55", Kind: detect.KindGoroutine, Verdict: detect.Leak, WaitReason: "chan send",
			Function: "example.com/shop/worker.retry", File: "example.com/shop/worker/retry.go", Line: 19, // -trimpath
			Stack: []snapshot.Frame{{Function: "example.com/shop/worker.retry", File: "example.com/shop/worker/retry.go", Line: 19}}, Goroutines: perOp(0.009, 0.0085, 0.0095),
		}),
		Status: gate.StatusWorse, Before: iv(0.002, 0.001, 0.003), Fails: true,
	}
	quiet := gate.Finding{
		Finding:    report.NewFinding(&detect.Finding{ID: "0a", Kind: detect.KindHeap, Verdict: detect.Leak, Function: "example.com/shop/metrics.(*Registry).Counter", File: root + "/metrics/registry.go", Line: 12, Bytes: perOp(3, 2, 4)}),
		Status:     gate.StatusSame,
		Suppressed: &gate.Suppression{Site: "metrics.(*Registry).*", Reason: "bounded by labels, #412", Expires: "2026-11-28", State: gate.SuppressionExpiring, DaysLeft: 6},
	}
	gone := gate.Finding{Finding: report.NewFinding(&detect.Finding{ID: "0b", Kind: detect.KindHeap, Function: "example.com/shop/feed.Read", File: root + "/feed/read.go", Line: 5}), Status: gate.StatusGone, Before: iv(7, 6, 8)}
	return &gate.Report{
		Schema: gate.Schema, State: gate.Failed, ExitCode: 1, Config: "ci/heapdrift.yaml", Seed: "8f2c", Seconds: 141,
		Scenarios: []gate.Scenario{{
			Name: "ingest", State: gate.Failed, Summary: "live_bytes_per_op is broken: +80.4 B/op [79.1, 81.7], budget 2 B/op", Module: "example.com/shop",
			Budgets: []gate.Budget{
				{Name: gate.NameLiveBytes, Unit: "B/op", Limit: 2, Allowed: 64, Measured: iv(80.4, 79.1, 81.7), Baseline: iv(0.3, 0, 0.9), Status: gate.StatusWorse, State: gate.BudgetBroken, Why: "the lower bound is above the budget, and the growth is proved"},
				{Name: gate.NameGoroutines, Unit: "goroutines/op", Implied: true, Measured: iv(0.009, 0.0085, 0.0095), State: gate.BudgetBroken, Why: "the lower bound is above the budget, and the growth is proved"},
				{Name: gate.NameRSSPeak, Unit: "B", Limit: 400 << 20, Allowed: 400 << 20, Measured: point(120 << 20), State: gate.BudgetKept, Why: "within the budget"},
				{Name: gate.NameP99, Unit: "ms", Limit: 50, Allowed: 50, Measured: point(71), State: gate.BudgetBroken, Why: "above the budget"},
			},
			Findings: []gate.Finding{flush(), stuck, quiet, gone},
			Baseline: &gate.BaselineUsed{Found: true, Key: gate.Key{Scenario: "ingest", Go: "go1.26", Arch: "amd64"}},
			Canary:   &gate.Canary{Found: true, Injected: 80, Limit: 64, Why: "80 B/op were planted and found", Seconds: 20},
			Warnings: []string{"the load reached 99.1 % of its rate"}, Attempts: 1, Repro: "heapdrift gate -c ci/heapdrift.yaml --scenario ingest --seed 8f2c", Seconds: 140,
		}},
		Warnings: []string{"1 suppression expires in 6 d: metrics.(*Registry).*"},
	}
}

func undecided() *gate.Report {
	return &gate.Report{
		Schema: gate.Schema, State: gate.Undecided, ExitCode: 3, Config: "heapdrift.yaml",
		Scenarios: []gate.Scenario{
			{Name: "search", State: gate.Passed, Summary: "every budget is kept", Seconds: 60, Findings: []gate.Finding{}},
			{
				Name: "ingest", State: gate.Undecided, Summary: "live_bytes_per_op is undecided", Attempts: 3, Repro: "heapdrift gate --scenario ingest",
				Budgets: []gate.Budget{{Name: gate.NameLiveBytes, Unit: "B/op", Limit: 2, Allowed: 64, Measured: iv(40, -10, 90), State: gate.BudgetUndecided, Why: "the interval reaches above the clean limit: run longer"}},
			},
		},
	}
}

func errored() *gate.Report {
	return &gate.Report{
		Schema: gate.Schema, State: gate.Errored, ExitCode: 4, Config: "heapdrift.yaml",
		Scenarios: []gate.Scenario{{Name: "ingest", State: gate.Errored, Problem: "http://127.0.0.1:6060 does not answer: connection refused", Summary: "could not be measured", Repro: "heapdrift gate --scenario ingest"}},
		Problems:  []gate.Problem{{State: gate.Failed, Text: "the suppression of metrics.* has expired"}},
	}
}

// hostile has names that could steer a terminal, a workflow, XML or Markdown.
func hostile() *gate.Report {
	const evil = "a\x1b[31m\n::error::x\r|`<b>&\u202e%0A,:]]>\x00\xff"
	f := flush()
	f.Function, f.File, f.WaitReason = evil, "/home/ci/shop/"+evil, evil
	f.Finding.Finding.HeldBy = []detect.Holder{{Goroutines: 1, WaitReason: evil, Function: evil, Root: evil + "x"}}
	f.Stack[0] = snapshot.Frame{Function: evil, File: evil, Line: -3}
	f.Suppressed = &gate.Suppression{Reason: evil, Expires: evil}
	r := failing()
	r.Config, r.Warnings = evil, []string{evil}
	r.Problems = []gate.Problem{{State: gate.Failed, Text: evil}}
	s := &r.Scenarios[0]
	s.Name, s.Summary, s.Problem, s.Repro, s.Bundle, s.Warnings, s.Module = evil, evil, evil, evil, evil, []string{evil}, evil
	s.Canary.Why, s.Canary.Found = evil, false
	s.Budgets[3].Why = evil
	s.Findings = []gate.Finding{f, f}
	return r
}

func reports() map[string]*gate.Report {
	return map[string]*gate.Report{
		"failing": failing(), "undecided": undecided(), "errored": errored(), "hostile": hostile(),
		"passed": {Schema: gate.Schema, State: gate.Passed, Scenarios: []gate.Scenario{{Name: "ingest", State: gate.Passed, Summary: "every budget is kept"}}},
		"empty":  {Schema: gate.Schema, State: gate.Errored, ExitCode: 4},
	}
}

var formats = []string{"text", "json", "markdown", "junit", "sarif", "github"}

func written(t *testing.T, format string, r *gate.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r, opts()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldens(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"failing", "undecided", "errored"} {
		for _, format := range formats {
			got := written(t, format, reports()[name])
			path := filepath.Join("testdata", name+"."+format+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s as %s (-want +got; -update rewrites it):\n%s", name, format, d)
			}
		}
	}
}

func TestSARIFIsOfTheSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	for name, r := range reports() {
		if err := valid(written(t, "sarif", r)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := strings.Replace(written(t, "sarif", failing()), `"level": "error"`, `"level": "bad"`, 1)
	if valid(broken) == nil {
		t.Error("a level that does not exist passes: the schema is not asked")
	}
}

// What code scanning needs: the culprit's file and line relative to the
// repository, and a fingerprint that stays.
func TestSARIFPlacesAndFingerprints(t *testing.T) {
	t.Parallel()
	var log sarifLog
	if err := json.Unmarshal([]byte(written(t, "sarif", failing())), &log); err != nil {
		t.Fatal(err)
	}
	type line struct{ rule, level, uri, print, baseline string }
	var got []line
	for _, r := range log.Runs[0].Results {
		p := r.Locations[0].Physical
		got = append(got, line{r.RuleID, r.Level, p.Artifact.URI, r.Fingerprints["heapdrift/v1"], r.Baseline})
		if p.Artifact.BaseID != "%SRCROOT%" || log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result %+v: wrong base or rule index", r)
		}
	}
	want := []line{
		{"heap-growth", "error", "embed/batch.go", "heap-growth/ingest/ab12cd34", "new"},
		{"goroutine-growth", "error", "worker/retry.go", "goroutine-growth/ingest/ee55", "updated"},
		{"heap-growth", "note", "metrics/registry.go", "heap-growth/ingest/0a", "unchanged"},
		{"budget", "error", "ci/heapdrift.yaml", "budget/ingest/p99", ""},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(line{})); d != "" {
		t.Error(d)
	}
	if got := log.Runs[0].Results[0].Locations[0].Physical.Region.StartLine; got != 88 {
		t.Errorf("line %d, want 88", got)
	}
	if s := log.Runs[0].Results[2].Suppressions; len(s) != 1 || !strings.Contains(s[0].Justification, "bounded by labels, #412") {
		t.Errorf("suppressions %+v", s)
	}
}

func TestJUnitIsOfTheSchema(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed: the JUnit output is not held against its schema")
	}
	valid := func(text string) (string, error) {
		path := filepath.Join(t.TempDir(), "junit.xml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		out, err := exec.CommandContext(t.Context(), xmllint, "--nonet", "--noout", "--schema", "testdata/junit-10.xsd", path).CombinedOutput()
		return string(out), err
	}
	for name, r := range reports() {
		if out, err := valid(written(t, "junit", r)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if _, err := valid(strings.Replace(written(t, "junit", failing()), "<testcase ", "<testcase wrong=\"1\" ", 1)); err == nil {
		t.Error("an attribute that does not exist passes: the schema is not asked")
	}
}

// A report that did not pass reads as one in every format, and the counts of
// JUnit are those of its cases.
func TestNothingThatDidNotPassReadsAsAPass(t *testing.T) {
	t.Parallel()
	for name, r := range reports() {
		passed := r.State == gate.Passed
		var suites junitSuites
		if err := xml.Unmarshal([]byte(written(t, "junit", r)), &suites); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tests, bad := 0, 0
		for _, s := range suites.Suites {
			seen := map[string]bool{}
			for _, c := range s.Cases {
				tests++
				if c.Failure != nil || c.Error != nil {
					bad++
				}
				if seen[c.Name] {
					t.Errorf("%s: suite %s has two cases %q", name, s.Name, c.Name)
				}
				seen[c.Name] = true
			}
		}
		if suites.Tests != tests || suites.Failures+suites.Errors != bad || (bad == 0) != passed || tests == 0 {
			t.Errorf("%s: JUnit counts %d tests, %d failures, %d errors of %d cases, %d bad; the gate %s", name, suites.Tests, suites.Failures, suites.Errors, tests, bad, r.State)
		}
		github := written(t, "github", r)
		if told := strings.Contains(github, "::error ") || strings.Contains(github, "::warning "); told == passed && name != "empty" {
			t.Errorf("%s: annotations\n%s", name, github)
		}
		if md := written(t, "markdown", r); strings.HasPrefix(md, "### ✅") && r.State != gate.Passed && len(r.Scenarios) < 2 {
			t.Errorf("%s: Markdown begins as a pass:\n%s", name, md)
		}
	}
}

// Nothing that a program or a file names begins a line, a command or a tag.
func TestHostileNamesStayNames(t *testing.T) {
	t.Parallel()
	r := hostile()
	for _, line := range strings.Split(strings.TrimSuffix(written(t, "github", r), "\n"), "\n") {
		if strings.Contains(strings.TrimPrefix(line, "::error "), "\n::") || strings.ContainsAny(line, "\x1b\r\x00") {
			t.Errorf("line %q", line)
		}
		if strings.HasPrefix(line, "::error::x") {
			t.Errorf("a name became a command: %q", line)
		}
	}
	for _, format := range []string{"text", "markdown", "junit"} {
		got := written(t, format, r)
		if strings.ContainsAny(got, "\x1b\x00\u202e") {
			t.Errorf("%s has control characters: %q", format, got)
		}
		if format == "markdown" && strings.Contains(got, "<b>") && !strings.Contains(got, "`") {
			t.Errorf("a tag in Markdown: %s", got)
		}
	}
}

func TestEveryFormatPassesOnAWriteError(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for _, format := range formats {
		if err := Write(failingWriter{full}, format, failing(), opts()); !errors.Is(err, full) {
			t.Errorf("%s: error %v, want the writer's", format, err)
		}
	}
	if Write(&bytes.Buffer{}, "yaml", failing(), opts()) == nil {
		t.Error("a format that does not exist is written")
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRelativePlaces(t *testing.T) {
	t.Parallel()
	const module = "example.com/shop"
	for _, c := range []struct {
		name, function, file, root, want string
	}{
		{"below the repository", "example.com/shop/feed.Read", "/src/shop/feed/read.go", "/src/shop", "feed/read.go"},
		{"a module in a folder of the repository", "example.com/shop/feed.Read", "/src/shop/svc/feed/read.go", "/src/shop/", "svc/feed/read.go"},
		{"built with -trimpath", "example.com/shop/feed.Read", "example.com/shop/feed/read.go", "/src/shop", "feed/read.go"},
		{"built elsewhere", "example.com/shop/feed.(*R).Read", "/builder/x/feed/read.go", "/src/shop", "feed/read.go"},
		{"the module's own package, built elsewhere", "example.com/shop.Run", "/builder/x/run.go", "/src/shop", "run.go"},
		{"another module's", "github.com/lib/pq.Open", "/root/go/pkg/mod/github.com/lib/pq@v1/conn.go", "/src/shop", ""},
		{"a module whose path begins alike", "example.com/shopping.Run", "/builder/x/run.go", "/src/shop", ""},
		{"package main, built elsewhere", "main.main", "/builder/x/cmd/main.go", "/src/shop", ""},
		{"a way out of the repository", "example.com/shop/feed.Read", "/src/shop/../other/read.go", "/src/shop", ""},
		{"of Windows", `example.com/shop/feed.Read`, `C:\src\shop\feed\read.go`, `C:\src\shop`, "feed/read.go"},
		{"no file", "", "", "/src/shop", ""},
	} {
		if got := relative(c.function, c.file, module, c.root); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAProblemThatIsTheSummaryIsToldOnce(t *testing.T) {
	t.Parallel()
	const problem = "the target died"
	for summary, want := range map[string]int{problem: 1, "live bytes are above their budget": 1, "": 1} {
		r := &gate.Report{State: gate.Errored, Scenarios: []gate.Scenario{{Name: "ingest", State: gate.Errored, Summary: summary, Problem: problem}}}
		for _, format := range []string{"text", "markdown"} {
			got := written(t, format, r)
			if n := strings.Count(got, problem); n != want || !strings.Contains(got, summary) {
				t.Errorf("summary %q as %s: the problem is told %d times, want %d:\n%s", summary, format, n, want, got)
			}
		}
	}
}
