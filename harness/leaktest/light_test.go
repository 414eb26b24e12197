package leaktest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestItNeedsTheStandardLibraryProfileAndThePureCoreOnly(t *testing.T) {
	const ours = "github.com/heapdrift/heapdrift/"
	want := []string{
		"github.com/google/pprof/profile",
		ours + "analyzer/detect",
		ours + "analyzer/report",
		ours + "analyzer/series",
		ours + "analyzer/snapshot",
		ours + "analyzer/stats",
		ours + "harness/leaktest",
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("leaktest imports %q, want %q: whoever imports it gets these", got, want)
	}
}
