package apart

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// subject says what TestSubject's own process does.
const subject = "HEAPDRIFT_TEST_APART_SUBJECT"

// TestSubject is run by TestATestEndsAsItsOwnProcessDoes.
func TestSubject(t *testing.T) {
	does := os.Getenv(subject)
	if does == "" {
		t.Skip("it is the child of another test")
	}
	before := os.Getpid()
	Run(t, func(t *testing.T) {
		switch does {
		case "passes":
			t.Logf("parent %d", os.Getppid())
		case "fails":
			t.Error("so it fails")
		case "skips":
			t.Skip("so it skips")
		case "panics":
			panic("so it panics")
		case "ends":
			os.Exit(0)
		}
	})
	if os.Getenv(env) == "" {
		t.Logf("process %d", before)
	}
}

func TestATestEndsAsItsOwnProcessDoes(t *testing.T) {
	t.Parallel()
	for does, want := range map[string]string{
		"passes": "--- PASS: TestSubject ", "fails": "so it fails", "skips": "--- SKIP: TestSubject ", "panics": "so it panics", "ends": "did not run the test",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSubject$", "-test.v")
		cmd.Env = append(os.Environ(), subject+"="+does)
		out, err := cmd.CombinedOutput()
		if passed := err == nil; passed != (does == "passes" || does == "skips") {
			t.Errorf("one that %s: %v\n%s", does, err, out)
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("one that %s does not say %q:\n%s", does, want, out)
		}
		if does == "passes" {
			_, parent, _ := strings.Cut(string(out), "parent ")
			parent, _, _ = strings.Cut(parent, "\n")
			if !strings.Contains(string(out), "process "+parent+"\n") {
				t.Errorf("it did not run in a child of the test's process:\n%s", out)
			}
		}
	}
}
