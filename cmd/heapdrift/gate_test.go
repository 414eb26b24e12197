package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

// briefly is a load of a few seconds.
const briefly = "load: {rate: 150, for: 2500ms, warmup: 500ms, drain: 300ms, every: 200ms}"

// gateFormats are the formats with what each says of the leaky scenario: its
// culprit's line and the budget that is broken.
var gateFormats = map[string][]string{
	"text": {"✗ FAILED  shop: live_bytes_per_op: ", "is above the budget of 2 B/op", "pipeline/embed/hasher.go:", "--scenario shop --seed 8f2c"},
	"json": {`"state": "failed"`, `"name": "live_bytes_per_op"`, `"state": "broken"`, `pipeline/embed/hasher.go"`, `"exit_code": 1`},

	"markdown": {"### ❌ heapdrift: ", "shop", "pipeline/embed/hasher.go:", "budget 2 B/op"},
	"junit":    {"<testsuite", `name="live_bytes_per_op"`, "<failure", "pipeline/embed/hasher.go:"},
	"sarif":    {`"version": "2.1.0"`, `"level": "error"`, `pipeline/embed/hasher.go"`, `"startLine": `},
	"github":   {"::error file=pipeline/embed/hasher.go,line=", "shop"},
}

// measures skips a test that measures the lab under the race detector, which
// makes its services several times slower. The runner's own tests run there.
func measures(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("the lab's services are too slow under the race detector to be measured in seconds")
	}
}

// The gate from the file to the exit code.
func TestTheGateEndsAsItShould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		file  string
		flags []string
		code  exit.Code
		says  []string // in the text, or on standard error
	}{
		{
			name:  "a leaky scenario fails",
			file:  "scenarios:\n  - {name: shop, lab: closure, budgets: {live_bytes_per_op: 2}, " + briefly + "}\n  - {name: other, pprof: :1}\n",
			flags: []string{"--scenario", "shop", "--seed", "8f2c"}, code: exit.Leak,
			says: append(gateFormats["text"], "✗ goroutines_per_op", "✗ FAILED  1 scenario: 1 failed in "),
		},
		{
			name: "a leak can have an exit code of its own",
			file: "scenarios:\n  - {name: shop, lab: stuckreceive, " + briefly + "}\n", flags: []string{"--fail-code", "17"}, code: 17,
			says: []string{"✗ goroutines_per_op", "1.00 goroutines/op"},
		},
		{
			name: "a fixed one passes",
			file: "scenarios:\n  - {name: shop, lab: closure, variant: fixed, budgets: {live_bytes_per_op: 400, rss_peak: 1GiB}, " + briefly + "}\n", code: exit.Clean,
			says: []string{"✓ passed  shop: 3 budgets kept: ", "✓ passed  1 scenario: 1 passed in "},
		},
		{
			name: "a target that is dead is no verdict",
			file: "scenarios:\n  - {name: shop, command: [\"false\"], load: {url: http://127.0.0.1:1/x, for: 1s}}\n", code: exit.Infrastructure,
			says: []string{"! ERROR  shop: ", "! ERROR  1 scenario: 1 not measured"},
		},
		{
			name: "a run that is too short is undecided",
			file: "scenarios:\n  - {name: shop, lab: closure, variant: fixed, retries: 0, load: {rate: 50, for: 1s, warmup: 0, drain: 0, every: 500ms}}\n", code: exit.Inconclusive,
			says: []string{"? undecided  shop: live_bytes_per_op: it is not known: ", "at least 6 are needed"},
		},
		{
			name: "nonsense is a mistake with its place", file: "scenarios:\n  - name: shop\n    comand: [x]\n    load: {rate: fast}\n", code: exit.Usage,
			says: []string{"heapdrift.yaml:2:5: the scenario has nothing to observe", `heapdrift.yaml:3:5: unknown key "comand"; did you mean command?`, `heapdrift.yaml:4:18: rate "fast"`},
		},
		{
			name: "what the file names must be there", file: "scenarios:\n  - {name: shop, pprof: :1, load: {url: http://h/x, body: none.json}}\n", code: exit.Usage,
			says: []string{"heapdrift.yaml:2:53: ", "none.json: no such file"},
		},
		{name: "an unknown scenario is a mistake", file: "scenarios:\n  - {name: shop, pprof: :1}\n", flags: []string{"--scenario", "shp"}, code: exit.Usage, says: []string{"did you mean shop?"}},
		{name: "an exit code that is none is a mistake", file: "scenarios:\n  - {name: shop, pprof: :1}\n", flags: []string{"--fail-code", "256"}, code: exit.Usage, says: []string{"--fail-code 256"}},
		{name: "a seed that is none is a mistake", file: "scenarios:\n  - {name: shop, pprof: :1}\n", flags: []string{"--seed", "xyz"}, code: exit.Usage, says: []string{"write a hexadecimal number"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(c.file, "lab: ") {
				measures(t)
			}
			dir := t.TempDir()
			path := file(t, "heapdrift.yaml", c.file)
			args := append([]string{"gate", "-c", path, "-o", filepath.Join(dir, "recordings")}, c.flags...)
			for format := range gateFormats {
				args = append(args, "--output-file", format+"="+filepath.Join(dir, "made", format))
			}
			got := heapdrift(t, args...)
			if got.code != c.code {
				t.Errorf("exit code %d; want %d", got.code, c.code)
			}
			said := got.out + got.stderr
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("nothing is said of %q in\n%s", want, said)
				}
			}
			for format, lines := range gateFormats {
				data, err := os.ReadFile(filepath.Join(dir, "made", format))
				switch {
				case c.code == exit.Usage:
					if err == nil {
						t.Errorf("a %s report is written although nothing was run", format)
					}
				case err != nil:
					t.Error(err)
				case c.name != "a leaky scenario fails":
				default:
					for _, want := range lines {
						if !strings.Contains(string(data), want) {
							t.Errorf("the %s report has nothing of %q:\n%s", format, want, data)
						}
					}
				}
			}
		})
	}
}

func TestAGateWhoseReportCannotBeWrittenIsNoPass(t *testing.T) {
	t.Parallel()
	measures(t)
	path := file(t, "heapdrift.yaml", "scenarios:\n  - {name: shop, lab: closure, variant: fixed, budgets: {live_bytes_per_op: 400}, "+briefly+"}\n")
	got := heapdrift(t, "gate", "-c", path, "--output-file", "json=/dev/full")
	if got.code != exit.Infrastructure || !strings.Contains(got.stderr, "/dev/full") || !strings.Contains(got.out, "✓ passed") {
		t.Errorf("code %d\n%s%s\nwant 4, with the verdict on standard output", got.code, got.out, got.stderr)
	}
}

func TestTheSchemaIsPrinted(t *testing.T) {
	t.Parallel()
	got := heapdrift(t, "gate", "--print-schema", "-c", "not/there.yaml")
	var schema struct {
		Properties map[string]any
	}
	if err := json.Unmarshal([]byte(got.out), &schema); err != nil || got.code != exit.Clean || schema.Properties["scenarios"] == nil {
		t.Errorf("code %d, %v: %.100s", got.code, err, got.out)
	}
}

func TestTheCanaryIsServed(t *testing.T) {
	t.Parallel()
	measures(t)
	path := file(t, "heapdrift.yaml", "scenarios:\n  - {name: shop, lab: closure, variant: fixed, budgets: {live_bytes_per_op: 2000}, "+briefly+"}\ncanary: true\n")
	got := heapdrift(t, "gate", "-c", path, "--format", "json")
	var r gate.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v:\n%s%s", err, got.out, got.stderr)
	}
	if c := r.Scenarios[0].Canary; got.code != exit.Clean || c == nil || !c.Found {
		t.Errorf("code %d, canary %+v: %s", got.code, c, r.Scenarios[0].Summary)
	}
}

func TestABaselineIsRecordedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	measures(t)
	path := file(t, "heapdrift.yaml", "scenarios:\n  - {name: shop, lab: closure, variant: fixed, budgets: {live_bytes_per_op: 400}, "+briefly+"}\nbaseline: base/line.json\n")
	if got := heapdrift(t, "baseline", "update", "-c", path); got.code != exit.Usage || !strings.Contains(got.stderr, "--reason") {
		t.Errorf("without a reason: code %d, %s", got.code, got.stderr)
	}
	if got := heapdrift(t, "baseline", "update", "-c", path, "--reason", "r", filepath.Join(t.TempDir(), "none")); got.code != exit.Usage {
		t.Errorf("of a recording that is not there: code %d, %s", got.code, got.stderr)
	}
	got := heapdrift(t, "baseline", "update", "-c", path, "--reason", "first measurement")
	if got.code != exit.Clean || !strings.Contains(got.out, "shop  go1.") || !strings.Contains(got.out, "written to base/line.json: commit it") {
		t.Fatalf("code %d\n%s%s", got.code, got.out, got.stderr)
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "base", "line.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := gate.ParseBaseline(data)
	if err != nil || len(b.Entries) != 1 || b.Entries[0].Reason != "first measurement" || b.Entries[0].LiveBytes == nil {
		t.Errorf("%v: %s", err, data)
	}
}
