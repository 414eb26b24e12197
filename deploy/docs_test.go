package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// workflowFile is a workflow, as far as the documentation's go.
type workflowFile struct {
	On          any
	Permissions map[string]string
	Jobs        map[string]struct {
		RunsOn string `yaml:"runs-on"`
		Steps  []struct {
			ID, If, Uses, Run string
			With, Env         map[string]string
		}
	}
}

var fenced = regexp.MustCompile("(?ms)^```(yaml|sh)\n(.*?)^```$")

// snippets are the code blocks of the documentation's section, by language.
func snippets(t *testing.T) map[string][]string {
	t.Helper()
	_, section, ok := strings.Cut(contents(t, "../docs/GATE.md"), "\n## In CI\n")
	if !ok {
		t.Fatal("docs/GATE.md has no section In CI")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	out := map[string][]string{}
	for _, m := range fenced.FindAllStringSubmatch(section, -1) {
		out[m[1]] = append(out[m[1]], m[2])
	}
	return out
}

func TestTheDocumentedWorkflowsUseWhatTheActionHas(t *testing.T) {
	t.Parallel()
	a := metadata(t)
	uses := 0
	for _, text := range snippets(t)["yaml"] {
		if strings.Contains(text, "include:") {
			continue // GitLab's
		}
		var w workflowFile
		if err := yaml.UnmarshalWithOptions([]byte(text), &w, yaml.Strict()); err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		if len(w.Permissions) == 0 {
			t.Errorf("a workflow without permissions has more than it needs:\n%s", text)
		}
		for _, j := range w.Jobs {
			for _, s := range j.Steps {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("a script with an expression in it: %s", s.Run)
				}
				if !strings.HasPrefix(s.Uses, "heapdrift/heapdrift/deploy@") {
					continue
				}
				uses++
				for name := range s.With {
					if _, ok := a.Inputs[name]; !ok {
						t.Errorf("the action has no input %s", name)
					}
				}
			}
		}
		for _, m := range regexp.MustCompile(`steps\.heapdrift\.outputs\.([a-z-]+)`).FindAllStringSubmatch(text, -1) {
			if _, ok := a.Outputs[m[1]]; !ok {
				t.Errorf("the action has no output %s", m[1])
			}
		}
	}
	if uses != 2 {
		t.Errorf("the documentation uses the action %d times; want 2", uses)
	}
	for name := range a.Inputs {
		if !strings.Contains(contents(t, "../docs/GATE.md"), name) {
			t.Errorf("docs/GATE.md does not name the input %s", name)
		}
	}
}

// The workflow that commits a baseline, its last step in a real repository.
func TestTheDocumentedBaselineIsCommitted(t *testing.T) {
	t.Parallel()
	git, bash := shell(t, "git"), shell(t, "bash")
	var commit string
	for _, text := range snippets(t)["yaml"] {
		var w workflowFile
		if yaml.Unmarshal([]byte(text), &w) != nil {
			continue
		}
		for _, s := range w.Jobs["baseline"].Steps {
			if strings.Contains(s.Run, "git push") {
				commit = s.Run
			}
		}
	}
	origin, dir := t.TempDir(), t.TempDir()
	env := environ(t, lonely(t), "GITHUB_RUN_ID=42", "REASON=$(touch pwned)", "GIT_CONFIG_NOSYSTEM=1")
	must := func(argv ...string) string {
		t.Helper()
		r := run(t, dir, env, argv...)
		if r.code != 0 {
			t.Fatalf("%q: %d: %s%s", argv, r.code, r.stdout, r.stderr)
		}
		return r.stdout
	}
	must(git, "init", "-q", "--bare", origin)
	must(git, "init", "-q")
	must(git, "remote", "add", "origin", origin)
	must(git, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "first")
	write(t, filepath.Join(dir, ".heapdrift", "baseline.json"), "{}", 0o644)
	must(bash, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", commit)
	if got := must(git, "--git-dir", origin, "log", "-1", "--format=%b", "--name-only", "heapdrift-baseline-42"); !strings.Contains(got, "$(touch pwned)") || !strings.Contains(got, ".heapdrift/baseline.json") {
		t.Errorf("pushed: %q; want the baseline, with its reason", got)
	}
	unharmed(t, dir)
}

// The plain example, in a checkout that has a service to build.
func TestTheDocumentedScriptRuns(t *testing.T) {
	t.Parallel()
	if len(snippets(t)["sh"]) != 1 {
		t.Fatalf("%d shell snippets; want 1", len(snippets(t)["sh"]))
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "deploy", "gate.sh"), contents(t, "gate.sh"), 0o755)
	bin, called := fake(t, "heapdrift")
	write(t, filepath.Join(bin, "go"), "#!/bin/sh\nmkdir out\n", 0o755)
	r := run(t, dir, environ(t, bin), shell(t, "sh"), "-e", "-c", snippets(t)["sh"][0])
	if got := followed(called(), "--scenario"); r.code != 0 || len(got) != 1 || got[0] != "ingest" {
		t.Errorf("code %d, called with %q: %s", r.code, called(), r.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "out", "junit.xml")); err != nil {
		t.Error(err)
	}
}
