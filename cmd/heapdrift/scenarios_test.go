package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/lab"
)

var update = flag.Bool("update", false, "write the README's table of scenarios anew")

const (
	tableBegins = "<!-- scenarios: go test ./cmd/heapdrift -run Scenarios -update writes this table -->\n"
	tableEnds   = "<!-- end of the scenarios -->\n"
)

func TestTheREADMEsTableOfScenariosIsTheLabs(t *testing.T) {
	const path = "../../README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), tableBegins)
	table, after, closed := strings.Cut(rest, tableEnds)
	if !ok || !closed {
		t.Fatalf("the README has no block between %q and %q", tableBegins, tableEnds)
	}
	var want strings.Builder
	scenarioTable(&want, lab.Scenarios(), func(name string) string { return "[`" + name + "`](" + pageOf(t, name) + ")" })
	switch {
	case table == want.String():
	case *update:
		if err := os.WriteFile(path, []byte(before+tableBegins+want.String()+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the README's table of scenarios is stale; go test ./cmd/heapdrift -run Scenarios -update writes it:\n%s", want.String())
	}
}

// pageOf is the page that tells of a scenario, which must be there; the
// controls share one.
func pageOf(t *testing.T, name string) string {
	t.Helper()
	sc, err := lab.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	page := "docs/" + name + ".md"
	if sc.Kind == lab.KindControl {
		page = "docs/controls.md"
	}
	b, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Errorf("scenario %s has no page: %v", name, err)
	} else if !strings.Contains(string(b), name) {
		t.Errorf("%s does not name scenario %s", page, name)
	}
	return page
}
