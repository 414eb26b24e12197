package deploy

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The action with the real program: every way that a gate ends.
func TestTheActionEndsAsTheGateEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		yaml    string
		with    map[string]string
		slow    bool
		code    int
		summary string // part of it
		log     string // part of it
		stderr  string
	}{
		{name: "a leak fails, with its line in the annotations", yaml: leakyYAML, slow: true, code: 1, summary: "### ❌ heapdrift: heap and goroutine growth: one", log: "hasher.go,line="},
		{name: "the mended stage passes", yaml: fixedYAML, slow: true, code: 0, summary: "### ✅ heapdrift: passed: one", log: "heapdrift: passed"},
		{name: "a run that is too short fails", yaml: shortYAML, slow: true, code: 3, summary: "undecided: one", log: "::warning "},
		{name: "a dead target is not measured", yaml: deadYAML, code: 4, summary: "not measured: gone", log: "::error file=heapdrift.yaml,line=1"},
		{name: "a dead target is not undecided", yaml: deadYAML, with: map[string]string{"allow-undecided": "true"}, code: 4, summary: "not measured: gone", log: "::error "},
		{name: "nonsense is told with its place", yaml: nonsenseYAML, code: 2, summary: "### ❌ heapdrift: the configuration or an input is wrong", log: "::error title=heapdrift::", stderr: "heapdrift.yaml:3:5: "},
		{name: "a scenario that is not there", yaml: deadYAML, with: map[string]string{"scenario": "gnoe"}, code: 2, summary: "or an input is wrong", log: "::error ", stderr: "gnoe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.slow && testing.Short() {
				t.Skip("takes a load of seconds")
			}
			ws := t.TempDir()
			write(t, filepath.Join(ws, "heapdrift.yaml"), c.yaml, 0o644)
			j := workflow(t, ws, lonely(t), with(heapdrift(t), c.with))
			if j.failed != (c.code != 0) || j.outputs["exit-code"] != strconv.Itoa(c.code) {
				t.Errorf("failed %v, exit code %s; want %v, %d", j.failed, j.outputs["exit-code"], c.code != 0, c.code)
			}
			for what, x := range map[string][2]string{"summary": {j.summary, c.summary}, "log": {j.log, c.log}, "standard error": {j.stderr, c.stderr}} {
				if !strings.Contains(x[0], x[1]) {
					t.Errorf("the %s lacks %q:\n%s", what, x[1], x[0])
				}
			}
			if c.code == 2 {
				for _, name := range []string{"sarif", "junit", "json", "markdown"} {
					if j.outputs[name] != "" {
						t.Errorf("the output %s is %s of a gate that did not run", name, j.outputs[name])
					}
				}
				return
			}
			reports(t, j, c.code)
		})
	}
}

// reports are whole, and each is the one that its output says it is.
func reports(t *testing.T, j job, code int) {
	t.Helper()
	var sarif struct {
		Version string
		Runs    []struct {
			Invocations []struct{ ExitCode int }
		}
	}
	if err := json.Unmarshal([]byte(contents(t, j.outputs["sarif"])), &sarif); err != nil || sarif.Version != "2.1.0" || len(sarif.Runs) != 1 || sarif.Runs[0].Invocations[0].ExitCode != code {
		t.Errorf("sarif: %v: %+v; want one run that ended with %d", err, sarif, code)
	}
	var suites struct {
		XMLName xml.Name `xml:"testsuites"`
	}
	if err := xml.Unmarshal([]byte(contents(t, j.outputs["junit"])), &suites); err != nil {
		t.Errorf("junit: %v", err)
	}
	var report struct {
		ExitCode  int `json:"exit_code"`
		Scenarios []struct{ Bundle string }
	}
	if err := json.Unmarshal([]byte(contents(t, j.outputs["json"])), &report); err != nil || report.ExitCode != code {
		t.Errorf("json: %v: exit code %d; want %d", err, report.ExitCode, code)
	}
	if md := contents(t, j.outputs["markdown"]); md != j.summary {
		t.Errorf("the summary is\n%s\nand markdown is\n%s", j.summary, md)
	}
	for _, s := range report.Scenarios {
		if s.Bundle != "" && !strings.HasPrefix(s.Bundle, j.outputs["recordings"]+"/") {
			t.Errorf("the recording %s is not in %s", s.Bundle, j.outputs["recordings"])
		}
	}
	if !strings.HasPrefix(j.outputs["recordings"], j.outputs["reports"]+"/") {
		t.Errorf("recordings in %s, reports in %s", j.outputs["recordings"], j.outputs["reports"])
	}
}

func TestInputsReachTheGate(t *testing.T) {
	t.Parallel()
	bin, called := fake(t, "heapdrift")
	ws := t.TempDir()
	if err := os.MkdirAll(filepath.Join(ws, "service", "out", "of date"), 0o755); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(ws, "service", "out", "of date", "heapdrift.sarif")
	write(t, stale, "of an earlier run", 0o644)
	in := with("heapdrift", map[string]string{
		"config": "ci/gate file.yaml", "scenario": "ingest\r\n\n  two words\n", "seed": "8f2c", "working-directory": "service", "reports": "out/of date",
	})
	j := workflow(t, ws, bin, in)
	if j.failed || j.outputs["exit-code"] != "0" {
		t.Fatalf("failed %v, %v: %s%s", j.failed, j.outputs, j.log, j.stderr)
	}
	dir := filepath.Join(ws, "service", "out", "of date")
	words := called()
	for flag, want := range map[string][]string{
		"gate": {"--config"}, "--config": {"ci/gate file.yaml"}, "--scenario": {"ingest", "  two words"}, "--seed": {"8f2c"}, "--format": {"github"}, "--out": {j.outputs["recordings"]},
		"--output-file": {"junit=" + dir + "/heapdrift.junit.xml", "sarif=" + stale, "json=" + dir + "/heapdrift.json", "markdown=" + dir + "/heapdrift.md", "text=" + dir + "/heapdrift.txt"},
	} {
		if got := followed(words, flag); !slices.Equal(got, want) {
			t.Errorf("after %s: %q; want %q", flag, got, want)
		}
	}
	if j.outputs["reports"] != dir || j.outputs["sarif"] != stale || contents(t, stale) != "of this run\n" {
		t.Errorf("outputs %v; want reports in %s, of this run", j.outputs, dir)
	}

	// A gate that ends before it reports must not pass off old files as its own.
	j = workflow(t, ws, bin, in, "FAKE_SILENT=1", "FAKE_CODE=9")
	if !j.failed || j.outputs["exit-code"] != "9" || j.outputs["sarif"] != "" || !strings.Contains(j.summary, "exit code 9") {
		t.Errorf("failed %v, %v, summary %q; want 9 and no file", j.failed, j.outputs, j.summary)
	}
	if j = workflow(t, ws, bin, in, "FAKE_SILENT=1"); !j.failed || j.outputs["exit-code"] != "4" {
		t.Errorf("failed %v, %v; a pass without a report is none", j.failed, j.outputs)
	}
}

func TestOnlyWhatIsUndecidedMayBeLetGoOn(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"0", "1", "2", "3", "4", "42"} {
		for _, allow := range []string{"true", "false"} {
			bin, _ := fake(t, "heapdrift")
			j := workflow(t, t.TempDir(), bin, with("heapdrift", map[string]string{"allow-undecided": allow}), "FAKE_CODE="+code)
			if passes := code == "0" || code == "3" && allow == "true"; j.failed == passes || j.outputs["exit-code"] != code || j.outputs["sarif"] == "" {
				t.Errorf("code %s, allow-undecided %s: failed %v, outputs %v", code, allow, j.failed, j.outputs)
			}
		}
	}
}

func TestABaselineIsRecordedWhereAReasonIsGiven(t *testing.T) {
	t.Parallel()
	bin, called := fake(t, "heapdrift")
	in := with("heapdrift", map[string]string{"baseline-reason": "the cache of $(touch pwned) is wanted", "scenario": "ingest"})
	ws := t.TempDir()
	j := workflow(t, ws, bin, in)
	want := []string{"baseline", "update", "--config", "heapdrift.yaml", "--scenario", "ingest", "--reason", "the cache of $(touch pwned) is wanted"}
	if got := called(); j.failed || !slices.Equal(got, want) || j.outputs["exit-code"] != "0" || !strings.Contains(j.summary, "baseline recorded") {
		t.Errorf("failed %v, called with %q, summary %q; want %q", j.failed, got, j.summary, want)
	}
	unharmed(t, j.dirs...)
	// The real program knows these flags.
	write(t, filepath.Join(ws, "heapdrift.yaml"), strings.ReplaceAll(deadYAML, "gone", "ingest")+"baseline: base.json\n", 0o644)
	j = workflow(t, ws, lonely(t), with(heapdrift(t), map[string]string{"baseline-reason": "first", "scenario": "ingest", "seed": "8f2c"}))
	if !j.failed || j.outputs["exit-code"] != "4" {
		t.Errorf("a dead target: failed %v, %v: %s; want 4", j.failed, j.outputs, j.stderr)
	}
	j = workflow(t, ws, bin, in, "FAKE_CODE=3")
	if !j.failed || j.outputs["exit-code"] != "3" || !strings.Contains(j.log, "::error title=heapdrift::the baseline was not recorded") {
		t.Errorf("failed %v, %v, %q; want 3 and an error", j.failed, j.outputs, j.log)
	}
}

func TestInputsThatAreWrongAreToldBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with map[string]string
		code string
		says string
	}{
		"a program that is not there": {map[string]string{"binary": "./heapdrfit"}, "4", "the input binary names no program"},
		"neither true nor false":      {map[string]string{"allow-undecided": "yes"}, "2", "neither true nor false"},
		"a folder with a line break":  {map[string]string{"reports": "a\nsarif=/etc/passwd"}, "2", "has a line break"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin, called := fake(t, "heapdrift")
			j := workflow(t, t.TempDir(), bin, with("heapdrift", c.with))
			if !j.failed || j.outputs["exit-code"] != c.code || called() != nil || !strings.Contains(j.log, c.says) || !strings.Contains(j.summary, c.says) || j.outputs["sarif"] != "" {
				t.Errorf("failed %v, %v, called %q, log %q; want %s: …%s…", j.failed, j.outputs, called(), j.log, c.code, c.says)
			}
		})
	}
}

func TestHostileInputsStayValues(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"config", "scenario", "seed", "binary", "reports", "allow-undecided", "baseline-reason"} {
		t.Run(input, func(t *testing.T) {
			t.Parallel()
			for _, value := range hostile {
				bin, called := fake(t, "heapdrift")
				j := workflow(t, t.TempDir(), bin, with("heapdrift", map[string]string{input: value}))
				unharmed(t, j.dirs...)
				words := called()
				switch input {
				case "binary", "allow-undecided":
					if words != nil || !j.failed {
						t.Errorf("%q: heapdrift was called with %q", value, words)
					}
				case "reports":
					if j.failed || filepath.Base(j.outputs["reports"]) != filepath.Base(value) {
						t.Errorf("%q: reports in %s: %s%s", value, j.outputs["reports"], j.log, j.stderr)
					}
				default:
					flag := map[string]string{"config": "--config", "scenario": "--scenario", "seed": "--seed", "baseline-reason": "--reason"}[input]
					if got := followed(words, flag); !slices.Equal(got, []string{value}) {
						t.Errorf("%q came as %q", value, got)
					}
				}
			}
		})
	}
}

// A summary above GitHub's limit would be refused as a whole.
func TestALongSummaryIsCut(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	write(t, filepath.Join(bin, "heapdrift"), `#!/bin/sh
for a; do case $a in markdown=*) head -c 3000000 /dev/zero | tr '\0' x >"${a#*=}" ;; esac; done
exit 1
`, 0o755)
	j := workflow(t, t.TempDir(), bin, with("heapdrift"))
	if len(j.summary) != 1_000_000 || j.outputs["exit-code"] != "1" {
		t.Errorf("a summary of %d bytes, exit code %s; want 1,000,000 and 1", len(j.summary), j.outputs["exit-code"])
	}
}
