// Package deploy holds what puts the gate into a CI system: a composite action
// for GitHub, jobs for GitLab, and a shell script for the rest (docs/GATE.md,
// "In CI"). Its tests run all of them as those systems would, offline.
package deploy

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// built is where TestMain lets the program be built.
var built struct {
	sync.Once
	dir, path string
	err       error
}

func TestMain(m *testing.M) {
	var err error
	if built.dir, err = os.MkdirTemp("", "heapdrift-deploy"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		flag.Set("test.parallel", "8") // they mostly wait for time to pass
	}
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// heapdrift is the real program, built once.
func heapdrift(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		built.path = filepath.Join(built.dir, "heapdrift")
		out, err := exec.Command("go", "build", "-o", built.path, "../cmd/heapdrift").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// shell finds a shell, or skips by its name.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// bounded is long enough for any script here.
const bounded = 2 * time.Minute

// ran is a program that has ended.
type ran struct {
	code           int
	stdout, stderr string
}

// run runs a program to its end. env is all of its environment.
func run(t *testing.T, dir string, env []string, argv ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bounded)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, env, time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%q: %v", argv, err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), problems.String()}
}

// environ is a plain environment, as a CI system's, with dir first on PATH.
func environ(t *testing.T, dir string, more ...string) []string {
	t.Helper()
	home := t.TempDir()
	// Or a process that go leaves behind would write there while the test ends.
	write(t, filepath.Join(home, ".config", "go", "telemetry", "mode"), "off\n", 0o644)
	return append([]string{
		"PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home, "TMPDIR=" + t.TempDir(), "CI=true", "LANG=C.UTF-8",
	}, more...)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fake puts a program of a name into a folder of its own. It notes what it was
// called with, NUL after each word, writes what `--output-file`s ask for, and
// ends with $FAKE_CODE.
func fake(t *testing.T, name string) (dir string, called func() []string) {
	t.Helper()
	dir = t.TempDir()
	log := filepath.Join(dir, "called")
	write(t, filepath.Join(dir, name), `#!/bin/sh
printf '%s\0' "$@" >'`+log+`'
while [ $# -gt 0 ]; do
	if [ "$1" = --output-file ] && [ -z "${FAKE_SILENT:-}" ]; then echo "of this run" >"${2#*=}"; fi
	shift
done
exit "${FAKE_CODE:-0}"
`, 0o755)
	return dir, func() []string {
		data, err := os.ReadFile(log)
		if err != nil {
			return nil
		}
		return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	}
}

// followed is the word after each time that flag is among words.
func followed(words []string, flag string) []string {
	var out []string
	for i := 1; i < len(words); i++ {
		if words[i-1] == flag {
			out = append(out, words[i])
		}
	}
	return out
}

// What the gate is given in these tests.
const (
	deadYAML = `scenarios:
  - {name: gone, command: ["false"], load: {url: "http://127.0.0.1:1/x", for: 1s}}
`
	nonsenseYAML = `scenarios:
  - name: ingest
    comand: [./processor]
`
	brief     = "load: {rate: 150, for: 2500ms, warmup: 500ms, drain: 300ms, every: 200ms}"
	leakyYAML = `scenarios:
  - {name: one, lab: closure, ` + brief + `}
`
	fixedYAML = `scenarios:
  - {name: one, lab: closure, variant: fixed, budgets: {live_bytes_per_op: 2000}, ` + brief + `}
`
	shortYAML = `scenarios:
  - {name: one, lab: closure, variant: fixed, retries: 0, load: {rate: 50, for: 300ms, warmup: 0, drain: 0, every: 100ms}}
`
)

// hostile are values of inputs that must stay values: each would make a file
// named pwned where a script took it for a part of itself.
var hostile = []string{
	"$(touch pwned)", "`touch pwned`", `"; touch pwned; "`, `'; touch pwned; '`, `\"; touch pwned #`,
	"a; touch pwned", "a && touch pwned", "a | touch pwned", "${IFS}$(touch${IFS}pwned)", "*", "~", "a  b", "-x", "--", `\`, "${{ github.token }}",
}

// unharmed fails where a hostile value was executed.
func unharmed(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
			if filepath.Base(path) == "pwned" {
				t.Errorf("an input was executed: it made %s", path)
			}
			return nil
		})
	}
}
