package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// gitlabJob is a job with the keywords that are used here:
// https://docs.gitlab.com/ci/yaml/
type gitlabJob struct {
	Extends      string
	Stage        string
	Image        string
	Variables    map[string]string
	BeforeScript []string `yaml:"before_script"`
	Script       []string
	Artifacts    struct {
		When     string
		Paths    []string
		Reports  struct{ JUnit string }
		ExpireIn string `yaml:"expire_in"`
	}
	Rules []struct {
		When         string
		AllowFailure bool `yaml:"allow_failure"`
	}
	AllowFailure struct {
		ExitCodes []int `yaml:"exit_codes"`
	} `yaml:"allow_failure"`
}

// jobs reads a file of jobs, each with what it extends merged in, as GitLab
// does.
func jobs(t *testing.T, text string) map[string]gitlabJob {
	t.Helper()
	var out map[string]gitlabJob
	if err := yaml.UnmarshalWithOptions([]byte(text), &out, yaml.Strict()); err != nil {
		t.Fatalf("gitlab-ci.yml: %v", err)
	}
	for name, j := range out {
		if j.Extends == "" {
			continue
		}
		base, ok := out[j.Extends]
		if !ok {
			t.Fatalf("%s extends %s, which is not there", name, j.Extends)
		}
		j.Stage, j.Image, j.Variables, j.BeforeScript = base.Stage, base.Image, base.Variables, base.BeforeScript
		out[name] = j
	}
	return out
}

// script is what GitLab's runner makes of a job: its lines in one shell that
// stops at the first failure.
func script(j gitlabJob) string {
	return "set -e\n" + strings.Join(append(slices.Clone(j.BeforeScript), j.Script...), "\n") + "\n"
}

// gitlab runs a job in a checkout, with the job's variables below env's.
func gitlab(t *testing.T, sh, dir, path string, j gitlabJob, env ...string) ran {
	t.Helper()
	e := environ(t, path, "GITLAB_CI=true", "CI_PROJECT_DIR="+dir)
	for name, v := range j.Variables {
		e = append(e, name+"="+v)
	}
	return run(t, dir, append(e, env...), shell(t, sh), "-c", script(j))
}

// installs is a folder with a go that installs a program.
func installs(t *testing.T, program string) string {
	t.Helper()
	bin := t.TempDir()
	write(t, filepath.Join(bin, "go"), `#!/bin/sh
case "$1 $2" in
"install github.com/heapdrift/heapdrift/cmd/heapdrift@latest") cp '`+program+`' "$GOBIN/heapdrift" ;;
*) echo "no such version" >&2; exit 1 ;;
esac
`, 0o755)
	return bin
}

func TestTheGitLabJobsAreWhatGitLabDefines(t *testing.T) {
	t.Parallel()
	all := jobs(t, contents(t, "gitlab-ci.yml"))
	j := all["heapdrift"]
	if j.Stage != "test" || !strings.HasPrefix(j.Image, "golang:") || len(j.Script) == 0 || j.Artifacts.When != "always" || len(j.AllowFailure.ExitCodes) != 0 {
		t.Errorf("the gate's job is %+v; want its artifacts always, and no failure allowed", j)
	}
	if !strings.Contains(script(j), "junit="+j.Artifacts.Reports.JUnit) || j.Artifacts.Reports.JUnit == "" || !slices.Contains(j.Artifacts.Paths, "heapdrift-reports/") {
		t.Errorf("artifacts %+v; want the JUnit file that the script writes", j.Artifacts)
	}
	if goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(contents(t, "../go.mod")); j.Image != "golang:"+goVersion[1] {
		t.Errorf("image %s, and go.mod wants go %s", j.Image, goVersion[1])
	}
	// The lines that are left to the user, taken in.
	with := regexp.MustCompile(`(?m)^  # (allow_failure:|  exit_codes: )`).ReplaceAllString(contents(t, "gitlab-ci.yml"), "  $1")
	if got := jobs(t, with)["heapdrift"].AllowFailure.ExitCodes; !slices.Equal(got, []int{3}) {
		t.Errorf("with its comment taken in, exit codes %v are allowed; want 3", got)
	}
	b := all["heapdrift-baseline"]
	if len(b.Rules) != 1 || b.Rules[0].When != "manual" || !b.Rules[0].AllowFailure || !slices.Equal(b.Artifacts.Paths, []string{".heapdrift/baseline.json"}) {
		t.Errorf("the baseline's job is %+v; want one that starts by hand and blocks nobody", b)
	}
}

func TestTheGitLabJobEndsAsTheGateEnds(t *testing.T) {
	t.Parallel()
	j := jobs(t, contents(t, "gitlab-ci.yml"))["heapdrift"]
	for _, sh := range []string{"bash", "sh"} {
		for _, c := range []struct {
			name, yaml, says string
			code             int
		}{
			{"dead", deadYAML, "", 4},
			{"nonsense", nonsenseYAML, "heapdrift.yaml:3:5: ", 2},
		} {
			t.Run(sh+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				write(t, filepath.Join(dir, "heapdrift.yaml"), c.yaml, 0o644)
				junit := filepath.Join(dir, j.Artifacts.Reports.JUnit)
				write(t, junit, "of an earlier job", 0o644)
				r := gitlab(t, sh, dir, installs(t, heapdrift(t)), j)
				if r.code != c.code || !strings.Contains(r.stderr, c.says) {
					t.Errorf("code %d; want %d and %q: %s", r.code, c.code, c.says, r.stderr)
				}
				data, err := os.ReadFile(junit)
				if c.code == 4 && !strings.Contains(string(data), "<testsuite") || c.code == 2 && err == nil {
					t.Errorf("the JUnit file: %v, %.60q", err, data)
				}
			})
		}
		r := gitlab(t, sh, t.TempDir(), installs(t, "/bin/false"), j, "HEAPDRIFT_VERSION=v9.9.9")
		if r.code != 4 || !strings.Contains(r.stderr, "no such version") {
			t.Errorf("%s: a version that is not there: code %d, %s", sh, r.code, r.stderr)
		}
	}
}

func TestTheGitLabJobsHandOnWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	all := jobs(t, contents(t, "gitlab-ci.yml"))
	for _, value := range hostile {
		for name, flag := range map[string]string{"heapdrift": "--config", "heapdrift-baseline": "--reason"} {
			bin, called := fake(t, "heapdrift")
			dir := t.TempDir()
			r := gitlab(t, "sh", dir, installs(t, filepath.Join(bin, "heapdrift")), all[name], "FAKE_SILENT=1", "HEAPDRIFT_CONFIG="+value, "HEAPDRIFT_REASON="+value)
			if got := followed(called(), flag); r.code != 0 || !slices.Equal(got, []string{value}) {
				t.Errorf("%s: code %d, %q came as %q: %s", name, r.code, value, got, r.stderr)
			}
			unharmed(t, dir)
		}
	}
}
