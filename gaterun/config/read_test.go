package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/harness"
)

// full uses every sort of value.
const full = `scenarios:
  - name: ingest
    command: [./processor, -addr, 127.0.0.1:8080, -workers, 4]
    dir: service
    env: {TOKEN: "1", DEBUG: true}
    pprof: http://127.0.0.1:6060
    pprof_header: {Authorization: "Bearer ${TOKEN}"}
    metrics: http://127.0.0.1:9090/metrics
    load: &load
      url: http://127.0.0.1:8080/ingest
      body: testdata/doc.json
      header: {X-Trace: 1}
      rate: 50..400
      arrivals: poisson
      for: 60s
      warmup: 5s
      drain: 10s
      passes: 2
      every: 3s
      max_in_flight: 64
      queue: 0
      quiesce: true
    budgets: {live_bytes_per_op: 2, live_objects_per_op: 0.5, goroutines_per_op: 0, bytes_per_second: 1KiB, allocated_bytes_per_op: 8 KB,
      peak_live_heap: 200MiB, rss_peak: 400MiB, p99: 50ms, error_rate: 1%}
    clean_below: {bytes: 32, objects: 0.5, goroutines: 0.005}
    tolerance: 0.5
    limit: 512MiB
    module: example.com/shop
    memprofilerate: 4096
    strict_rate: true
    canary: false
    retries: 2
  - name: ingest-slow
    pprof: :6060
    load:
      <<: *load
      rate: 25
  - name: watched
    pprof: 10.0.0.7:6060
    ops_metric: http_requests_total
    clean_below: {bytes: 864 kB/day}
    load: {for: 10m}
    canary: false
  - {name: demo, lab: closure, variant: fixed, keep: 2, load: {rate: 150, for: 5s}}
baseline: .heapdrift/baseline.json     # keyed by scenario, Go version, arch
suppress:
  - {site: "metrics.(*Registry).*", reason: "bounded by labels, #412", expires: 2027-03-31}
canary: true
fail_on: proved
retries: 0
time_cap: 20m
`

func TestEverySortOfValueIsRead(t *testing.T) {
	t.Parallel()
	f, err := Read("heapdrift.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Scenarios) != 4 || !f.Canary || f.FailOn != detect.ProofProved || f.Retries != 0 || f.TimeCap != 20*time.Minute || f.Baseline != ".heapdrift/baseline.json" {
		t.Fatalf("the file is read as %+v", f)
	}
	s := f.Scenarios[0]
	if diff := cmp.Diff([]string{"./processor", "-addr", "127.0.0.1:8080", "-workers", "4"}, s.Command); diff != "" {
		t.Error(diff)
	}
	if s.Env["DEBUG"] != "true" || s.PprofHeader.Get("Authorization") != "Bearer ${TOKEN}" || s.Load.Header.Get("X-Trace") != "1" {
		t.Errorf("environment %v, headers %v and %v", s.Env, s.PprofHeader, s.Load.Header)
	}
	b := s.Budgets
	for name, v := range map[string]struct {
		got  *float64
		want float64
	}{
		"live_bytes_per_op": {b.LiveBytesPerOp, 2}, "live_objects_per_op": {b.LiveObjectsPerOp, 0.5}, "goroutines_per_op": {b.GoroutinesPerOp, 0},
		"bytes_per_second": {b.BytesPerSecond, 1024}, "allocated_bytes_per_op": {b.AllocatedBytesPerOp, 8000},
		"peak_live_heap": {b.PeakLiveHeap, 200 << 20}, "rss_peak": {b.RSSPeak, 400 << 20}, "p99": {b.P99, 50}, "error_rate": {b.ErrorRate, 0.01},
		"tolerance": {s.Tolerance, 0.5}, "limit": {&s.Limit, 512 << 20}, "clean": {&s.Clean.Goroutines, 0.005},
	} {
		if v.got == nil || *v.got != v.want {
			t.Errorf("%s is %v; want %v", name, v.got, v.want)
		}
	}
	plan := s.Load.Plan(harness.Plan{IdleMarks: 6, Rate: harness.Rate{From: 1, To: 1}})
	want := harness.Plan{
		IdleMarks: 6, Rate: harness.Rate{From: 50, To: 400}, Poisson: true, Steady: time.Minute, Warmup: 5 * time.Second, Drain: 10 * time.Second,
		Passes: 2, Every: 3 * time.Second, MaxInFlight: 64, Queue: -1, Quiesce: true,
	}
	if diff := cmp.Diff(want, plan, cmp.Comparer(func(a, b func()) bool { return true })); diff != "" {
		t.Errorf("the plan is not the file's:\n%s", diff)
	}
	if c := f.Scenarios[2].Clean; c != (detect.CleanLimit{BytesPerSecond: 10}) {
		t.Errorf("864 kB a day are %+v; want 10 B a second", c)
	}
	if s.Canary == nil || *s.Canary || s.Retries == nil || *s.Retries != 2 || f.Scenarios[1].Canary != nil {
		t.Error("a scenario's own canary and retries are not kept apart from the file's")
	}
	if r := f.Scenarios[1].Load; r.URL != s.Load.URL || r.Rate.From != 25 {
		t.Errorf("what << brings in is %+v", r)
	}
	if p := s.Where("load.body"); p != (Position{11, 7}) {
		t.Errorf("load.body is at %v; want 11:7", p)
	}
	if p := f.Scenarios[3].Where("lab"); p != (Position{44, 18}) {
		t.Errorf("lab is at %v; want 44:18", p)
	}
	if got := f.Suppress[0]; got.Position != "heapdrift.yaml:47:5" || got.Expires != "2027-03-31" || got.Site != "metrics.(*Registry).*" {
		t.Errorf("the suppression is %+v", got)
	}
}

// one is a file with one scenario that has the given lines, from line 4 on.
func one(lines ...string) string {
	return "scenarios:\n  - name: a\n    pprof: :6060\n    " + strings.Join(lines, "\n    ") + "\n"
}

// loaded is likewise with a load.
func loaded(lines ...string) string {
	return one(append([]string{"load:", "  url: http://h/x"}, lines...)...)
}

// mistakes are files with what is said of them. dumb marks what a JSON schema
// cannot say.
var mistakes = []struct {
	name, file string
	want       []string
	dumb       bool
}{
	{name: "nothing", file: "", want: []string{"1:1: the file is empty"}},
	{name: "a comment alone", file: "# later\n", want: []string{"1:1: the file is empty"}},
	{name: "no mapping", file: "- a\n", want: []string{"1:1: here is a list; write keys and their values, as scenarios, baseline, suppress"}},
	{name: "no YAML", file: "scenarios: [\n", want: []string{"1:12: this is no YAML: sequence end token ']' not found"}, dumb: true},
	{name: "a tab", file: "scenarios:\n\t- name: a\n", want: []string{"2:1: this is no YAML"}, dumb: true},
	{name: "no scenarios", file: "canary: true\n", want: []string{"1:1: scenarios is missing"}},
	{name: "none in the list", file: "scenarios: []\n", want: []string{"1:12: the list is empty; write at least one"}},
	{name: "a scenario that is no list", file: "scenarios:\n  name: a\n", want: []string{"2:3: here is a mapping of keys to values; write a list"}},
	{name: "two documents", file: one() + "---\na: 1\n", want: []string{"6:1: a second document begins here"}, dumb: true},
	{name: "an unknown key", file: one("budgets: {live_byte_per_op: 2}"), want: []string{`4:15: unknown key "live_byte_per_op"; did you mean live_bytes_per_op?`}},
	{name: "a name that is often meant", file: one("budgets: {objects_per_op: 2}"), want: []string{`4:15: unknown key "objects_per_op"; did you mean live_objects_per_op?`}},
	{name: "a key like no other", file: one("zzz: 1"), want: []string{`4:5: unknown key "zzz"; the keys here are name, command`}},
	{name: "a key twice", file: one("module: a", "module: b"), want: []string{`5:5: this is no YAML: mapping key "module" already defined at [4:5]`}, dumb: true},
	{name: "no name", file: "scenarios:\n  - pprof: :6060\n", want: []string{"2:5: name is missing"}},
	{name: "an odd name", file: "scenarios:\n  - name: a/b\n    pprof: :6060\n", want: []string{`2:11: "a/b" cannot be used here; use letters, digits`}},
	{name: "a number for a name", file: "scenarios:\n  - name: 12\n    pprof: :6060\n", want: []string{`2:11: this is no text but a number, or true or false; put it in quotes: "12"`}},
	{name: "one name twice", file: one() + "  - name: A\n    pprof: :6061\n", want: []string{`5:5: a scenario "A" is already at line 2; give each its own`}, dumb: true},
	{name: "nothing to observe", file: "scenarios:\n  - name: a\n", want: []string{"2:5: the scenario has nothing to observe; give a command to start, pprof"}},
	{name: "a command that is text", file: "scenarios:\n  - name: a\n    command: ./server -x\n", want: []string{"3:14: here is text; write a list of the program and its arguments"}},
	{name: "an empty value", file: one("module:"), want: []string{"4:13: here is nothing; write text"}},
	{name: "an empty text", file: one(`module: ""`), want: []string{"4:13: the text is empty"}},
	{name: "a rate that is none", file: loaded("  rate: many"), want: []string{`6:13: rate "many": want arrivals per second`}},
	{name: "no load at all", file: loaded("  rate: 0"), want: []string{`6:13: rate "0" is no load`}},
	{name: "a time without a unit", file: loaded("  for: 60"), want: []string{`6:12: "60" is not a length of time; write for example 500ms, 30s or 2m`}},
	{name: "a negative time", file: loaded("  warmup: -5s"), want: []string{`6:15: "-5s" is not a length of time`}},
	{name: "no time", file: loaded("  for: 0s"), want: []string{`6:12: "0s" is no time at all`}, dumb: true},
	{name: "no pass", file: loaded("  passes: 0"), want: []string{`6:15: "0" is no whole number from 1 to 100`}},
	{name: "neither true nor false", file: loaded("  quiesce: yes"), want: []string{`6:16: "yes" is neither true nor false`}},
	{name: "arrivals of no kind", file: loaded("  arrivals: often"), want: []string{`6:17: "often" is unknown; write even or poisson`}},
	{name: "an odd header", file: loaded(`  header: {"a b": c}`), want: []string{`6:16: "a b" is no name of a header`}},
	{name: "a size of no unit", file: one("budgets: {rss_peak: 400M}"), want: []string{`4:25: "400M" has an unknown unit "M"`}},
	{name: "a negative budget", file: one("budgets: {live_bytes_per_op: -2}"), want: []string{`4:34: "-2" is not a size`}},
	{name: "a negative number", file: one("budgets: {goroutines_per_op: -1}"), want: []string{`4:34: "-1" is no number 0 or more`}},
	{name: "a share above 1", file: one("budgets: {error_rate: 2}"), want: []string{`4:27: "2" is no share`}},
	{name: "a p99 that is a number", file: one("budgets: {p99: 50}"), want: []string{`4:20: "50" is not a length of time`}},
	{name: "a clean limit of 0", file: one("clean_below: {objects: 0}"), want: []string{`4:28: "0" is no number above 0`}},
	{name: "a clean limit by an unknown time", file: one("clean_below: {bytes: 1MiB/year}"), want: []string{`4:26: "1MiB/year" is no size over a time`}},
	{name: "a budget list", file: one("budgets: [1]"), want: []string{"4:14: here is a list; write keys and their values, as live_bytes_per_op"}},
	{name: "a suppression without a reason", file: one() + "suppress:\n  - {site: a, expires: 2027-01-01}\n", want: []string{"6:5: reason is missing; reason is why it is accepted"}},
	{name: "a suppression without an end", file: one() + "suppress:\n  - site: a\n    reason: r\n", want: []string{"6:5: expires is missing; expires is the last day that it holds, as 2027-03-31"}},
	{name: "a day that is none", file: one() + "suppress:\n  - {site: a, reason: r, expires: 2027-13-01}\n", want: []string{`6:35: "2027-13-01" is no day`}},
	{name: "a day that its month has not", file: one() + "suppress:\n  - {site: a, reason: r, expires: 2027-02-30}\n", want: []string{`6:35: "2027-02-30" is no day`}, dumb: true},
	{name: "an unknown variant", file: "scenarios:\n  - {name: a, lab: closure, variant: odd}\n", want: []string{`2:38: "odd" is unknown; write leaky or fixed`}},
	{name: "a variant of nothing", file: one("variant: leaky"), want: []string{"4:5: variant does not go here: it is for a scenario of the lab (lab)"}},
	{name: "a lab scenario with an address", file: one("lab: closure"), want: []string{"3:5: pprof does not go here"}},
	{name: "a lab scenario with a URL", file: "scenarios:\n  - {name: a, lab: closure, load: {url: x}}\n", want: []string{"2:36: url does not go here"}},
	{name: "a folder for no command", file: one("dir: x"), want: []string{"4:5: dir does not go here: there is no command to start"}},
	{name: "two ways to ask", file: loaded("  targets: t.txt"), want: []string{"6:7: url and targets both say what is asked"}},
	{name: "a method beside targets", file: one("load: {targets: t.txt, method: PUT}"), want: []string{"4:28: method does not go here"}},
	{name: "a rate without a load", file: one("load: {rate: 5}"), want: []string{"4:12: rate does not go here: there is no load of heapdrift's own"}},
	{name: "a canary without a load", file: one("canary: true"), want: []string{"4:5: canary does not go here"}},
	{name: "an alias of nothing", file: one("module: *x"), want: []string{"4:13: there is no anchor for the alias *x"}, dumb: true},
	{name: "an alias that leads to itself", file: one("command: [x]", "env: &e", "  <<: *e"), want: []string{"an alias leads to itself"}, dumb: true},
	{name: "a tag", file: one("module: !!str x"), want: []string{"4:13: the tag !!str is not understood"}, dumb: true},
	{
		name: "several mistakes at once, in their order",
		file: "scenarios:\n  - name: a/b\n    load: {url: x, for: long, rat: 5}\n    budgets: {p99: fast}\nretries: many\n",
		want: []string{"2:5: the scenario has nothing to observe", "2:11: ", "3:25: ", "3:31: unknown key \"rat\"; did you mean rate?", "4:20: ", "5:10: "},
	},
}

func TestEveryMistakeHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read("h.yaml", []byte(m.file))
			var errs Errors
			if !errors.As(err, &errs) {
				t.Fatalf("the error is %v; want one of type Errors", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(m.want) && m.name != "an alias that leads to itself" {
				t.Fatalf("%d mistakes:\n%s\nwant %d: %q", len(lines), err, len(m.want), m.want)
			}
			for i, w := range m.want {
				if !strings.HasPrefix(lines[i], "h.yaml:") || !strings.Contains(lines[i], w) {
					t.Errorf("%s\nwant …%s…", lines[i], w)
				}
			}
		})
	}
}

// Each mapping brings in the one before twice: two to the power of 30 in all.
func TestAFileThatGrowsWithoutBoundIsRefused(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("x0: &x0 {name: a}\n")
	for i := range 30 {
		fmt.Fprintf(&b, "x%d: &x%d {<<: [*x%d, *x%d]}\n", i+1, i+1, i, i)
	}
	b.WriteString("scenarios:\n  - {<<: *x30, pprof: :1}\n")
	_, err := Read("h.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "<< brings in too much") {
		t.Errorf("%v; want a refusal", err)
	}
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("heapdrift.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("heapdrift.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a YAML file as a JSON schema sees it.
func asJSON(file string) (any, error) {
	var v any
	if err := yaml.Unmarshal([]byte(file), &v); err != nil {
		return nil, err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

func TestTheSchemaSaysWhatTheReaderSays(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for name, file := range goodFiles(t) {
		if _, err := Read("h.yaml", []byte(file)); err != nil {
			t.Errorf("%s: the reader refuses it: %v", name, err)
		}
		doc, err := asJSON(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: the schema refuses it: %v", name, err)
		}
	}
	for _, m := range mistakes {
		if m.dumb {
			continue
		}
		doc, err := asJSON(m.file)
		if err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("%s: the schema takes it", m.name)
		}
	}
}

// goodFiles are files without a mistake.
func goodFiles(t testing.TB) map[string]string {
	t.Helper()
	example, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"full": full, "example": string(example),
		"the least": one(), "zero durations": loaded("  warmup: 0", "  drain: 0s"),
		"steps": loaded(`  rate: "100,200,400"`), "sizes": one("budgets: {live_bytes_per_op: 1.5KiB, rss_peak: 1e9}"),
		"targets":       one("load: {targets: t.txt, rate: 5}"),
		"null document": one() + "---\n",
	}
}

func FuzzConfig(f *testing.F) {
	for _, file := range goodFiles(f) {
		f.Add([]byte(file))
	}
	for _, m := range mistakes {
		f.Add([]byte(m.file))
	}
	schema := compiled(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return // the parser's time grows with the square of the depth
		}
		file, err := Read("h.yaml", data)
		if (err == nil) != (file != nil) {
			t.Fatalf("file %v with error %v", file, err)
		}
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("the error is %#v; want Errors", err)
			}
			for _, e := range errs {
				if e.Line < 1 || e.Column < 0 || e.Line > 2+bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r")) {
					t.Errorf("%v has no place in a file of %d bytes", e, len(data))
				}
			}
			return
		}
		if len(file.Scenarios) == 0 {
			t.Error("a file without a scenario is taken")
		}
		// What the reader takes, the schema takes.
		doc, err := asJSON(string(data))
		if err != nil {
			return // an alias or a merge that the decoder does not do
		}
		if err := schema.Validate(doc); err != nil && !bytes.ContainsAny(data, "*&<!\"'|>\\") {
			t.Errorf("the reader takes what the schema refuses: %v\n%s", err, data)
		}
	})
}
