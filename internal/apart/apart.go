// Package apart runs tests in processes of their own: those that read what the
// whole process holds, which other tests, their leftovers and the runtime's
// caches would be counted in.
package apart

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// env names the test that a process was started for.
const env = "HEAPDRIFT_TEST_APART"

// Run runs f, the whole of a test that is no subtest, in a child process in
// which no other test runs, and passes, fails or skips the test as the child
// does. It makes the test parallel, but not in the child: what counts
// allocations does not do so in a parallel test.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(env) == t.Name() {
		f(t)
		return
	}
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.v=true", "-test.count=1"}
	if testing.Short() {
		args = append(args, "-test.short=true")
	}
	if at, ok := t.Deadline(); ok {
		// Before this process gives up: the child's stacks are what helps then.
		args = append(args, "-test.timeout="+max(time.Until(at)*9/10, time.Second).String())
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), env+"="+t.Name())
	said, err := cmd.CombinedOutput()
	switch out := string(said); {
	case err != nil:
		t.Fatalf("in a process of its own: %v\n%s", err, out)
	case strings.Contains(out, "--- SKIP: "+t.Name()+" "):
		t.Skipf("in a process of its own:\n%s", out)
	case !strings.Contains(out, "--- PASS: "+t.Name()+" "):
		t.Fatalf("the process of its own did not run the test:\n%s", out)
	default:
		t.Logf("in a process of its own:\n%s", out)
	}
}
