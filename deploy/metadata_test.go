package deploy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// action is a composite action's metadata, all of what GitHub defines and
// nothing else:
// https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax
type action struct {
	Name        string
	Author      string
	Description string
	Branding    struct{ Icon, Color string }
	Inputs      map[string]struct {
		Description        string
		Required           *bool
		Default            *string // GitHub hands on text alone
		DeprecationMessage string  `yaml:"deprecationMessage"`
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []step
	}
}

type step struct {
	Name             string
	ID               string
	If               string
	Run              string
	Shell            string
	Uses             string
	With             map[string]string
	Env              map[string]string
	WorkingDirectory string `yaml:"working-directory"`
	ContinueOnError  string `yaml:"continue-on-error"`
}

func metadata(t *testing.T) *action {
	t.Helper()
	data, err := os.ReadFile("action.yml")
	if err != nil {
		t.Fatal(err)
	}
	a := new(action)
	if err := yaml.UnmarshalWithOptions(data, a, yaml.Strict()); err != nil {
		t.Fatalf("action.yml: %v", err)
	}
	return a
}

var (
	identifier = regexp.MustCompile(`^[_a-z][a-z0-9_-]*$`)
	expression = regexp.MustCompile(`\$\{\{(.*?)\}\}`)
	reference  = regexp.MustCompile(`\b(inputs|steps|github|runner|env|secrets)\.([a-zA-Z0-9_-]+)(?:\.([a-z]+)\.([a-z0-9-]+))?`)
)

func TestTheActionIsACompositeOneAsGitHubDefinesIt(t *testing.T) {
	t.Parallel()
	a := metadata(t)
	if a.Name == "" || a.Description == "" || len(a.Description) > 125 {
		t.Errorf("name %q, description %q: both are required, the second of at most 125 characters", a.Name, a.Description)
	}
	if colors := strings.Fields("white black yellow blue green orange red purple gray-dark"); !slices.Contains(colors, a.Branding.Color) || a.Branding.Icon != "trending-up" {
		t.Errorf("branding %+v: GitHub has no such colour, or Feather no such icon", a.Branding)
	}
	if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("runs: using %q with %d steps; want a composite action", a.Runs.Using, len(a.Runs.Steps))
	}
	for name, in := range a.Inputs {
		if !identifier.MatchString(name) || in.Description == "" || in.Required == nil || *in.Required || in.Default == nil {
			t.Errorf("input %s: want a lower-case name, a description, required: false and a default", name)
		}
	}
	ids := map[string]bool{}
	for i, s := range a.Runs.Steps {
		if s.Run == "" || s.Uses != "" || s.Shell != "bash" || s.Name == "" {
			t.Errorf("step %d (%s): shell %q; want a named run step with its shell, and nobody else's action", i, s.Name, s.Shell)
		}
		if !identifier.MatchString(s.ID) || ids[s.ID] {
			t.Errorf("step %d: the id %q is no identifier, or there twice", i, s.ID)
		}
		for _, x := range append(values(s.Env), s.If, s.WorkingDirectory) {
			known(t, a, ids, x)
		}
		ids[s.ID] = true
	}
	for name, out := range a.Outputs {
		if !identifier.MatchString(name) || out.Description == "" || !expression.MatchString(out.Value) {
			t.Errorf("output %s: want a lower-case name, a description and an expression", name)
		}
		known(t, a, ids, out.Value)
	}
}

// known fails where an expression names what is not there: GitHub would take
// that for empty text.
func known(t *testing.T, a *action, ids map[string]bool, text string) {
	t.Helper()
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		switch m[1] {
		case "inputs":
			if _, ok := a.Inputs[m[2]]; !ok {
				t.Errorf("%s: there is no input %s", text, m[2])
			}
		case "steps":
			if !ids[m[2]] || m[3] != "outputs" {
				t.Errorf("%s: there is no step %s before this", text, m[2])
			}
		default:
			t.Errorf("%s: the action reads %s; want inputs and its own steps alone", text, m[1])
		}
	}
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// A script with an expression in it is one that whoever sets the value writes.
func TestNoScriptOfTheActionHasAnExpression(t *testing.T) {
	t.Parallel()
	a := metadata(t)
	used := map[string]bool{}
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("step %s has an expression in its script", s.ID)
		}
		for _, x := range append(values(s.Env), s.If, s.WorkingDirectory) {
			for _, m := range reference.FindAllStringSubmatch(x, -1) {
				used[m[2]] = true
			}
		}
		for name := range s.Env {
			if strings.HasPrefix(name, "INPUT_") && !strings.Contains(s.Run, "$"+name) {
				t.Errorf("step %s does not use %s", s.ID, name)
			}
		}
	}
	for name := range a.Inputs {
		if !used[name] {
			t.Errorf("the input %s does nothing", name)
		}
	}
}
