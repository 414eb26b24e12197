package heapdrift

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What comments cite is there: a page of this repository, with the section that is
// named behind a comma ("METHOD.md, Sites").
func TestCommentsCiteWhatExists(t *testing.T) {
	cited := regexp.MustCompile(`([A-Za-z][A-Za-z0-9_./-]*\.md)\b(?:,?\s+(section\s+[0-9.]+|[A-Z][a-z]+(?:[ \n][a-z]+)*\b))?`)
	all := files(t)
	for _, file := range all {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range parsed.Comments {
			for _, m := range cited.FindAllStringSubmatch(group.Text(), -1) {
				at, ok := find(all, file, m[1])
				if strings.Contains(m[1], "NAME") {
					continue // any page of a kind
				}
				if !ok {
					t.Errorf("%s cites %s, which is not here", set.Position(group.Pos()), m[1])
				} else if section := strings.TrimSpace(strings.ReplaceAll(m[2], "\n", " ")); section != "" && !hasSection(t, at, section) {
					t.Errorf("%s cites %s, %s: it has no such section", set.Position(group.Pos()), m[1], section)
				}
			}
		}
	}
}

// files are the repository's, by path from its root.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() {
			all = append(all, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// find is the file that a comment in from means by name: beside it, in docs, or
// one whose path ends so.
func find(all []string, from, name string) (string, bool) {
	for _, f := range all {
		if f == name || f == "docs/"+name || filepath.Base(f) == name && filepath.Dir(f) == filepath.Dir(from) || strings.HasSuffix(f, "/"+name) {
			return f, true
		}
	}
	return "", false
}

// hasSection reports a heading, or an item in bold, of that name.
func hasSection(t *testing.T, file, section string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, mark := range []string{"# " + section, "**" + section, "**" + strings.ToLower(section)} {
		if strings.Contains(string(text), mark) {
			return true
		}
	}
	return false
}
