package heapdrift

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
	"testing"
)

// Facts travel as codes and figures, and sentences are for people: no package looks
// for a sentence of another one, and no test outside package report for one of a
// verdict's reasons. What a whole command prints is tested where commands are
// (cmd), and a process's log where processes are started.
func TestNoPackageMatchesAnothersSentences(t *testing.T) {
	type match struct{ pkg, at, text string }
	var matches, testMatches []match
	said := map[string][]string{} // by package: its string literals of two words and more
	reasons := map[string]bool{}  // the sentences of analyzer/report/sentences.go
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		pkg, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if s := sentence(n); s != "" && !test {
					said[pkg] = append(said[pkg], s)
					if file == "analyzer/report/sentences.go" {
						reasons[s] = true
					}
				}
			case *ast.CallExpr:
				if !matching(n) {
					break
				}
				for _, arg := range n.Args {
					if lit, ok := arg.(*ast.BasicLit); ok && sentence(lit) != "" {
						m := match{pkg, set.Position(lit.Pos()).String(), sentence(lit)}
						if test {
							testMatches = append(testMatches, m)
						} else {
							matches = append(matches, m)
						}
					}
				}
			}
			return true
		})
	}
	if len(reasons) < 100 {
		t.Fatalf("%d sentences in analyzer/report/sentences.go: this test no longer finds them", len(reasons))
	}
	for _, m := range matches {
		for pkg, all := range said {
			for _, s := range all {
				if pkg != m.pkg && strings.Contains(s, m.text) {
					t.Errorf("%s looks for %q, which %s says in %q: pass the fact as a code or a figure", m.at, m.text, pkg, s)
				}
			}
		}
	}
	for _, m := range testMatches {
		for s := range reasons {
			if m.pkg != "analyzer/report" && !strings.HasPrefix(m.pkg, "cmd/") && strings.Contains(s, m.text) {
				t.Errorf("%s tests for %q of the sentence %q: test for its code", m.at, m.text, s)
			}
		}
	}
}

// sentence is the text of a string literal of two words and more, "" of others.
func sentence(lit *ast.BasicLit) string {
	if lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil || len(strings.Fields(s)) < 2 || s == "created by " || s == " in goroutine " { // of Go's own stack traces
		return ""
	}
	return s
}

// matching reports a call that asks whether a text holds another.
func matching(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	in, ok := f.X.(*ast.Ident)
	if !ok {
		return false
	}
	switch in.Name + "." + f.Sel.Name {
	case "strings.Contains", "strings.HasPrefix", "strings.HasSuffix", "strings.Index", "strings.Cut", "strings.CutPrefix", "strings.CutSuffix",
		"strings.TrimPrefix", "strings.TrimSuffix", "strings.EqualFold", "strings.Count", "regexp.MustCompile", "regexp.Compile", "regexp.MatchString":
		return true
	}
	return false
}
