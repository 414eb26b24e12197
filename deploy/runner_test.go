package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// job is what one use of the action came to.
type job struct {
	failed  bool
	outputs map[string]string // the action's
	summary string
	log     string // standard output of all steps
	stderr  string
	dirs    []string // that steps could write to
}

// workflow runs the action as GitHub's runner does: inputs and their defaults,
// conditions, expressions, one bash a step with the runner's flags, and files
// for outputs and for the summary. env comes on top of the job's environment.
func workflow(t *testing.T, workspace string, path string, with map[string]string, env ...string) job {
	t.Helper()
	bash := shell(t, "bash")
	a := metadata(t)
	inputs := map[string]string{}
	for name, in := range a.Inputs {
		inputs[name] = *in.Default
	}
	for name, v := range with {
		if _, ok := inputs[name]; !ok {
			t.Fatalf("the action has no input %s", name)
		}
		inputs[name] = v
	}
	temp := t.TempDir()
	commands := t.TempDir()
	j := job{outputs: map[string]string{}, dirs: []string{workspace, temp, commands}}
	steps := map[string]map[string]string{}
	for _, s := range a.Runs.Steps {
		if j.failed || s.If != "" && evaluate(t, s.If, inputs, steps) != "true" {
			continue
		}
		files := map[string]string{}
		for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH"} {
			files[name] = filepath.Join(commands, s.ID+"-"+name)
			write(t, files[name], "", 0o600)
		}
		script := filepath.Join(commands, s.ID+".sh")
		write(t, script, s.Run, 0o600)
		e := environ(t, path, append(env, "GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+workspace, "RUNNER_TEMP="+temp, "RUNNER_OS=Linux")...)
		for name, file := range files {
			e = append(e, name+"="+file)
		}
		for name, v := range s.Env {
			e = append(e, name+"="+substitute(t, v, inputs, steps))
		}
		dir := substitute(t, s.WorkingDirectory, inputs, steps)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(workspace, dir)
		}
		r := run(t, dir, e, bash, "--noprofile", "--norc", "-e", "-o", "pipefail", script)
		j.failed = r.code != 0
		j.log += r.stdout
		j.stderr += r.stderr
		j.summary += contents(t, files["GITHUB_STEP_SUMMARY"])
		steps[s.ID] = pairs(t, contents(t, files["GITHUB_OUTPUT"]))
		if got := contents(t, files["GITHUB_ENV"]) + contents(t, files["GITHUB_PATH"]); got != "" {
			t.Errorf("step %s changes the caller's environment: %q", s.ID, got)
		}
		if said := steps[s.ID]["exit-code"]; r.code != 0 && said != "" && said != strconv.Itoa(r.code) {
			t.Errorf("step %s ended with %d, and its output says %s", s.ID, r.code, said)
		}
	}
	for name, out := range a.Outputs { // of a failed action too
		j.outputs[name] = substitute(t, out.Value, inputs, steps)
	}
	return j
}

// pairs reads NAME=VALUE lines of GITHUB_OUTPUT.
func pairs(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(text) {
		name, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if _, twice := out[name]; !ok || !identifier.MatchString(name) || twice {
			t.Errorf("GITHUB_OUTPUT has the line %q: no NAME=VALUE, or there before", line)
		}
		out[name] = v
	}
	return out
}

// substitute evaluates the expressions in a text, once.
func substitute(t *testing.T, text string, inputs map[string]string, steps map[string]map[string]string) string {
	return expression.ReplaceAllStringFunc(text, func(s string) string {
		return evaluate(t, expression.FindStringSubmatch(s)[1], inputs, steps)
	})
}

var equality = regexp.MustCompile(`^(\S+) (==|!=) (\S+)$`)

// evaluate knows as much of GitHub's expressions as the action uses: A || B, a
// comparison, an input, a step's output, a text.
func evaluate(t *testing.T, x string, inputs map[string]string, steps map[string]map[string]string) string {
	t.Helper()
	x = strings.TrimSpace(x)
	if m := equality.FindStringSubmatch(x); m != nil {
		same := strings.EqualFold(evaluate(t, m[1], inputs, steps), evaluate(t, m[3], inputs, steps))
		if same == (m[2] == "==") {
			return "true"
		}
		return "false"
	}
	if first, rest, ok := strings.Cut(x, " || "); ok {
		if v := evaluate(t, first, inputs, steps); v != "" {
			return v
		}
		return evaluate(t, rest, inputs, steps)
	}
	parts := strings.Split(x, ".")
	switch {
	case len(parts) == 2 && parts[0] == "inputs":
		return inputs[parts[1]]
	case len(parts) == 4 && parts[0] == "steps" && parts[2] == "outputs":
		return steps[parts[1]][parts[3]]
	case len(x) > 1 && x[0] == '\'' && x[len(x)-1] == '\'':
		return x[1 : len(x)-1]
	}
	t.Fatalf("this runner does not know the expression %q", x)
	return ""
}

// with adds inputs to those that use a program that is there.
func with(binary string, more ...map[string]string) map[string]string {
	in := map[string]string{"binary": binary}
	for _, m := range more {
		maps.Copy(in, m)
	}
	return in
}

// lonely is an empty folder, first on PATH.
func lonely(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "path")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
