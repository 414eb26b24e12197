package deploy

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/heapdrift/heapdrift"

// proxy is a Go module proxy in a folder that has a stand-in of this module: its
// program writes its version as the Markdown report.
func proxy(t *testing.T, version string) string {
	t.Helper()
	root := t.TempDir()
	at := filepath.Join(root, filepath.FromSlash(module), "@v")
	write(t, filepath.Join(at, "list"), version+"\n", 0o644)
	write(t, filepath.Join(at, version+".info"), `{"Version":"`+version+`","Time":"2026-01-02T03:04:05Z"}`, 0o644)
	mod := "module " + module + "\n\ngo 1.21\n"
	write(t, filepath.Join(at, version+".mod"), mod, 0o644)
	f, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range map[string]string{"go.mod": mod, "cmd/heapdrift/main.go": `package main

import (
	"os"
	"strings"
)

func main() {
	for _, a := range os.Args {
		if path, ok := strings.CutPrefix(a, "markdown="); ok {
			if os.WriteFile(path, []byte("` + version + ` " + os.Getenv("GOFLAGS")), 0o644) != nil {
				os.Exit(9)
			}
		}
	}
}
`} {
		w, err := z.Create(module + "@" + version + "/" + name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return root
}

// offline is an environment in which go has that proxy and nothing else.
func offline(t *testing.T, proxy string) []string {
	t.Helper()
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"GOPROXY=file://" + proxy, "GOSUMDB=off", "GOMODCACHE=" + t.TempDir(), "GOCACHE=" + strings.TrimSpace(string(cache)), "GOENV=off"}
}

func TestTheActionInstallsTheVersionThatIsAskedFor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles")
	}
	// As a caller may have it: a module with vendored code, built for another
	// system.
	ws := t.TempDir()
	write(t, filepath.Join(ws, "go.mod"), "module example.com/caller\n\ngo 1.21\n", 0o644)
	env := append(offline(t, proxy(t, "v1.2.3")), "GOFLAGS=-mod=vendor -modcacherw", "GOOS=plan9", "GOARCH=386")
	for _, version := range []string{"v1.2.3", "latest"} {
		j := workflow(t, ws, lonely(t), map[string]string{"version": version}, env...)
		if j.failed || !strings.HasPrefix(j.summary, "v1.2.3 ") {
			t.Errorf("%s: failed %v, summary %q: %s%s", version, j.failed, j.summary, j.log, j.stderr)
		}
	}
	j := workflow(t, ws, lonely(t), map[string]string{"version": "v9.9.9"}, env...)
	if !j.failed || !strings.Contains(j.log, "::error title=heapdrift::heapdrift could not be installed") || j.summary != "" {
		t.Errorf("a version that is not there: failed %v, log %q, summary %q", j.failed, j.log, j.summary)
	}
	// The cache of modules is read-only.
	for _, e := range env {
		if dir, ok := strings.CutPrefix(e, "GOMODCACHE="); ok {
			filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o755) })
		}
	}
}

func TestAHostileVersionStaysAValue(t *testing.T) {
	t.Parallel()
	for _, value := range hostile {
		bin, called := fake(t, "go")
		j := workflow(t, t.TempDir(), bin, map[string]string{"version": value}, "FAKE_CODE=1")
		unharmed(t, j.dirs...)
		if got, want := called(), []string{"install", module + "/cmd/heapdrift@" + value}; !slices.Equal(got, want) || !j.failed {
			t.Errorf("go was called with %q; want %q, and a failure", got, want)
		}
	}
}

// The path that is installed is the path of the program.
func TestWhatIsInstalledIsThere(t *testing.T) {
	t.Parallel()
	if got := contents(t, "../go.mod"); !strings.HasPrefix(got, "module "+module+"\n") {
		t.Errorf("go.mod begins %.60q", got)
	}
	for _, file := range []string{"action.yml", "gate.sh", "gitlab-ci.yml"} {
		if !strings.Contains(contents(t, file), `go install "`+module+`/cmd/heapdrift@$`) {
			t.Errorf("%s does not install %s/cmd/heapdrift", file, module)
		}
	}
	if _, err := os.Stat("../cmd/heapdrift/main.go"); err != nil {
		t.Error(err)
	}
}
