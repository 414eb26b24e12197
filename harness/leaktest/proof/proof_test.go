package proof

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
)

const example = "../example"

// goTest runs go test in the example module, without the network and without
// writing to its folder.
func goTest(t *testing.T, args ...string) (out string, failed bool) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(example, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-v", "-mod=mod", "-modfile=" + filepath.Join(dir, "go.mod")}, args...)...)
	cmd.Dir = example
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "GODEBUG=")
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("go test did not start: %v", err)
	}
	return string(b), err != nil
}

func TestTheExamplePassesInAModuleOfItsOwn(t *testing.T) {
	out, failed := goTest(t, "-bench=.", "-benchtime=2000x")
	if failed {
		t.Fatalf("go test of the example failed:\n%s", out)
	}
	for _, want := range []string{
		"--- PASS: TestPriceKeepsNothing", "--- PASS: TestSessionEnds", "leaktest: clean:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	// A line as benchstat reads it: name, iterations, then pairs of value and unit.
	line := regexp.MustCompile(`(?m)^BenchmarkPrice(-\d+)?\s+2000(\s+[0-9.e+-]+ ns/op)\s+0 retained-B/op\s+0 retained-objects/op$`)
	if !line.MatchString(out) {
		t.Errorf("no line like BenchmarkPrice-2 2000 24.1 ns/op 0 retained-B/op 0 retained-objects/op:\n%s", out)
	}
}

func TestTheLeaksOfTheExampleFail(t *testing.T) {
	kept := t.TempDir()
	out, failed := goTest(t, "-tags=leaky", "-run=Log|Sessions|Short|Left|Parallel", "-artifacts", "-outputdir="+kept, "-bench=Log", "-benchtime=2000x")
	if !failed {
		t.Fatalf("go test of the leaks passed:\n%s", out)
	}
	for test, want := range map[string][]string{
		"TestLogKeepsNothing": {"LEAK", "shop.TestLogKeepsNothing.func1   leaky_test.go:", "go test -run '^TestLogKeepsNothing$' -count=1 .", "heap.pb.gz"},
		"TestSessionsEnd":     {"LEAK", "goroutines/op", "shop.(*Session).serve [chan receive]   shop.go:"},
		"TestTooShort":        {"inconclusive, which is no pass", "leaktest.MaxGoroutines"},
		"TestSessionLeft":     {"created by shop.NewSession   shop.go:", "given to Freed at leaky_test.go:", "may hold it: ", "[chan receive] in shop.(*Session).serve, created by shop.NewSession"},
		"TestParallel":        {"refuses a parallel test"},
	} {
		_, said, found := strings.Cut(out, "=== RUN   "+test+"\n")
		said, _, ended := strings.Cut(said, "--- FAIL: "+test+" ")
		if !found || !ended {
			t.Errorf("%s did not fail:\n%s", test, out)
			continue
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s does not say %q:\n%s", test, w, said)
			}
		}
	}

	bundles, err := filepath.Glob(filepath.Join(kept, "_artifacts", "*", "run.json"))
	if deeper, err2 := filepath.Glob(filepath.Join(kept, "_artifacts", "*", "*", "run.json")); err == nil {
		bundles, err = append(bundles, deeper...), err2
	}
	if err != nil || len(bundles) != 3 {
		t.Fatalf("%d runs were kept, want those of the three tests that fail by measuring (%v)", len(bundles), err)
	}
	leaks := 0
	for _, b := range bundles {
		run, err := capture.Open(context.Background(), filepath.Dir(b))
		if err != nil {
			t.Errorf("heapdrift cannot read what a test kept: %v", err)
			continue
		}
		res := detect.Analyze(run, detect.DefaultConfig())
		if res.Verdict == detect.RunClean {
			t.Errorf("%s is called clean by heapdrift analyze", run.Target.Name)
		}
		if res.Verdict == detect.RunLeak {
			leaks++
		}
	}
	if leaks != 2 {
		t.Errorf("heapdrift analyze finds a leak in %d of the runs kept, want 2", leaks)
	}
}

// TestTheDocumentListsWhatAModuleGets holds docs/LEAKTEST.md to the example's
// go.mod and go.sum.
func TestTheDocumentListsWhatAModuleGets(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/LEAKTEST.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(example, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+) v\S+( // indirect)?$`).FindAllStringSubmatch(string(mod), -1) {
		required = append(required, m[1]+m[2])
	}
	if len(required) < 2 {
		t.Fatalf("the example's go.mod requires %q: the test reads it wrongly", required)
	}
	sum, err := os.ReadFile(filepath.Join(example, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(doc), "<!-- what a module gets -->\n")
	list, _, ended := strings.Cut(list, "<!-- end -->")
	if !found || !ended {
		t.Fatal("docs/LEAKTEST.md has no part between <!-- what a module gets --> and <!-- end -->")
	}
	want := "```\n"
	for _, r := range required {
		want += "go.mod  " + r + "\n"
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(sum)) {
		name, _, _ := strings.Cut(line, " ")
		if !seen[name] {
			seen[name] = true
			want += "go.sum  " + name + "\n"
		}
	}
	want += "```\n"
	if list != want {
		t.Errorf("docs/LEAKTEST.md lists\n%s\nbut the example has\n%s", list, want)
	}
}
