package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gateSh runs the script as a user would.
func gateSh(t *testing.T, sh, dir string, env []string, args ...string) ran {
	t.Helper()
	script, err := filepath.Abs("gate.sh")
	if err != nil {
		t.Fatal(err)
	}
	return run(t, dir, env, append([]string{shell(t, sh), script}, args...)...)
}

// shells are those that the script must work in.
var shells = []string{"sh", "dash", "bash"}

func TestTheScriptEndsAsTheGateEnds(t *testing.T) {
	t.Parallel()
	for _, sh := range shells {
		for _, c := range []struct {
			name, yaml, says string
			code             int
		}{
			{"dead", deadYAML, "could not be measured", 4},
			{"nonsense", nonsenseYAML, "heapdrift.yaml:3:5: ", 2},
		} {
			t.Run(sh+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				write(t, filepath.Join(dir, "heapdrift.yaml"), c.yaml, 0o644)
				write(t, filepath.Join(dir, "heapdrift-reports", "junit.xml"), "of an earlier run", 0o644)
				for range 2 { // in one checkout, one after the other
					r := gateSh(t, sh, dir, environ(t, lonely(t), "HEAPDRIFT="+heapdrift(t)))
					if r.code != c.code || !strings.Contains(r.stderr, c.says) {
						t.Errorf("code %d; want %d and …%s… in\n%s", r.code, c.code, c.says, r.stderr)
					}
				}
				for _, name := range []string{"junit.xml", "heapdrift.sarif", "heapdrift.md", "heapdrift.json"} {
					_, err := os.Stat(filepath.Join(dir, "heapdrift-reports", name))
					if (err == nil) != (c.code == 4) {
						t.Errorf("%s: %v after code %d", name, err, c.code)
					}
				}
			})
		}
	}
}

func TestTheScriptHandsOnWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for _, sh := range shells {
		t.Run(sh, func(t *testing.T) {
			t.Parallel()
			for _, value := range hostile {
				bin, called := fake(t, "heapdrift")
				dir := t.TempDir()
				r := gateSh(t, sh, dir, environ(t, bin, "HEAPDRIFT_REPORTS="+dir, "FAKE_CODE=7"), "--scenario", value, "-c", value)
				words := called()
				if r.code != 7 || len(words) == 0 || words[0] != "gate" || !slices.Equal(followed(words, "--scenario"), []string{value}) || !slices.Equal(followed(words, "-c"), []string{value}) {
					t.Errorf("code %d, called with %q; want 7, and %q as it was given: %s", r.code, words, value, r.stderr)
				}
				bin, called = fake(t, "heapdrift")
				odd := filepath.Join(dir, strings.ReplaceAll(value, "/", "_"))
				if err := os.MkdirAll(odd, 0o755); err != nil {
					t.Fatal(err)
				}
				r = gateSh(t, sh, dir, environ(t, bin, "HEAPDRIFT_REPORTS="+odd))
				if got := followed(called(), "--output-file"); r.code != 0 || len(got) != 4 || got[0] != "junit="+odd+"/junit.xml" {
					t.Errorf("code %d, files %q; want 0, and them in %q: %s", r.code, got, odd, r.stderr)
				}
				unharmed(t, dir)
			}
			// Recordings of two runs in one folder do not meet.
			bin, called := fake(t, "heapdrift")
			dir := t.TempDir()
			var out []string
			for range 2 {
				gateSh(t, sh, dir, environ(t, bin, "HEAPDRIFT_REPORTS="+dir))
				out = append(out, followed(called(), "--out")...)
			}
			if len(out) != 2 || out[0] == out[1] || filepath.Dir(out[0]) != dir {
				t.Errorf("recordings go to %q; want two folders in %s", out, dir)
			}
		})
	}
}

func TestTheScriptInstallsWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, sh := range shells {
		t.Run(sh, func(t *testing.T) {
			t.Parallel()
			// A go that installs a program which tells what it was called with.
			bin := t.TempDir()
			write(t, filepath.Join(bin, "go"), `#!/bin/sh
echo "go $*"
[ "$2" = github.com/heapdrift/heapdrift/cmd/heapdrift@v1.2.3 ] || exit 1
printf '#!/bin/sh\necho "ran $1 from $0"\nexit 3\n' >"$GOBIN/heapdrift"
chmod +x "$GOBIN/heapdrift"
`, 0o755)
			env := environ(t, bin, "HEAPDRIFT_VERSION=v1.2.3")
			r := gateSh(t, sh, t.TempDir(), env)
			if r.code != 3 || !strings.Contains(r.stdout, "ran gate from ") || !strings.Contains(r.stderr, "undecided") {
				t.Errorf("code %d: %s%s", r.code, r.stdout, r.stderr)
			}
			for _, e := range env {
				if tmp, ok := strings.CutPrefix(e, "TMPDIR="); ok {
					if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
						t.Errorf("%v is left in the temporary folder (%v)", left, err)
					}
				}
			}
			r = gateSh(t, sh, t.TempDir(), environ(t, bin, "HEAPDRIFT_VERSION=v9.9.9"))
			if r.code != 4 || !strings.Contains(r.stderr, "could not be installed") {
				t.Errorf("a version that is not there: code %d: %s", r.code, r.stderr)
			}
			r = gateSh(t, sh, t.TempDir(), environ(t, bin, "HEAPDRIFT=./nothing"))
			if r.code != 4 || !strings.Contains(r.stderr, "there is no ./nothing") {
				t.Errorf("a program that is not there: code %d: %s", r.code, r.stderr)
			}
		})
	}
}

func TestTheScriptIsExecutable(t *testing.T) {
	t.Parallel()
	info, err := os.Stat("gate.sh")
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("gate.sh: %v: not executable", err)
	}
}

// shellcheck reads every script, those within YAML too.
func TestShellcheckIsContent(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	dir := t.TempDir()
	files := map[string]string{"gate.sh": contents(t, "gate.sh")}
	for _, s := range metadata(t).Runs.Steps {
		files[s.ID+".sh"] = "#!/bin/bash\nset -eo pipefail\n" + s.Run
	}
	for name, j := range jobs(t, contents(t, "gitlab-ci.yml")) {
		if len(j.Script) > 0 {
			files[name+".sh"] = "#!/bin/bash\n" + script(j)
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		write(t, path, text, 0o644)
		if out, err := exec.Command(tool, path).CombinedOutput(); err != nil {
			t.Errorf("shellcheck %s: %v\n%s", name, err, out)
		}
	}
}
