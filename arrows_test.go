// Package heapdrift holds no code: this test holds the direction of the
// module's imports (docs/ARCHITECTURE.md).
package heapdrift

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/heapdrift/heapdrift/"

// may lists, for each room, the rooms of this module that it may import,
// directly or through others. A room is a folder with all below it; the longest
// prefix counts.
var may = map[string][]string{
	"analyzer/snapshot": {},
	"analyzer/stats":    {},
	"analyzer/capture":  {"analyzer/snapshot", "internal/spelling"},
	"analyzer/series":   {"analyzer/snapshot"},
	"analyzer/detect":   {"analyzer/series", "analyzer/snapshot", "analyzer/stats"},
	"analyzer/report":   {"analyzer/detect", "analyzer/series", "analyzer/snapshot", "analyzer/stats"},
	"analyzer/gate":     {"analyzer/report", "analyzer/detect", "analyzer/series", "analyzer/snapshot", "analyzer/stats"},
	"tui/model":         {"analyzer/detect", "analyzer/report", "analyzer/series", "analyzer/snapshot", "analyzer/stats"},
	"harness":           {},
	"harness/leaktest":  {"analyzer/snapshot", "analyzer/series", "analyzer/stats", "analyzer/detect", "analyzer/report"},
	"pipeline":          {},
	"leakscenarios":     {"pipeline"},
	"fixed":             {"pipeline"},
	"lab":               {"pipeline", "leakscenarios", "fixed"},
	"session":           {"analyzer", "harness", "internal/spelling"},
	"labrun":            {"analyzer", "harness", "session", "lab", "pipeline", "leakscenarios", "fixed", "internal/spelling"},
	"internal/apart":    {},
	"internal/ports":    {},
	"internal/spelling": {},
	"internal/tuning":   {},
	"internal/hostile":  {},
	"internal/verdicts": {},
	"gaterun":           {"analyzer", "harness", "session", "lab", "labrun", "pipeline", "leakscenarios", "fixed", "internal/spelling"},
	"cmd/processor":     {"pipeline"},
	"tui":               {"analyzer/detect", "analyzer/report", "analyzer/series", "analyzer/snapshot", "analyzer/stats"},
	"deploy":            {},
	"cmd/heapdrift":     {"analyzer", "harness", "session", "lab", "labrun", "tui", "pipeline", "leakscenarios", "fixed", "gaterun", "internal/spelling"},
}

// forbidden names packages from outside that a room must not reach.
var forbidden = map[string][]string{
	"analyzer/snapshot": {"net/http", "os/exec"},
	"analyzer/stats":    {"net/http", "os/exec"},
	"analyzer/series":   {"net/http", "os/exec"},
	"analyzer/detect":   {"net/http", "os/exec"},
	"analyzer/report":   {"net/http", "os/exec"},
	"analyzer/gate":     {"net/http", "os/exec"},
	"tui":               {"net/http"},
	"tui/model":         {"net/http", "os/exec", "github.com/gdamore/tcell/v2", "github.com/rivo/tview"},
	"harness/leaktest":  {"net/http", "os/exec"},
}

// unused names packages that a room must not import itself. What encoding/json
// reaches by itself is no clock of ours.
var unused = map[string][]string{"analyzer/stats": {"os", "time"}}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}} direct {{join .Imports \" \"}}", "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0]+"/" == module {
			continue
		}
		pkg, ok := strings.CutPrefix(fields[0], module)
		if !ok {
			continue
		}
		room := roomOf(pkg)
		if room == "" {
			t.Errorf("%s is in no room of this test: say what it may import", pkg)
			continue
		}
		seen[room] = true
		at := slices.Index(fields, "direct")
		for _, dep := range fields[at+1:] {
			if slices.Contains(unused[room], dep) {
				t.Errorf("%s imports %s: this room is pure", pkg, dep)
			}
		}
		for _, dep := range fields[1:at] {
			if ours, ok := strings.CutPrefix(dep, module); ok {
				if within(ours, room) || allowed(ours, may[room]) {
					continue
				}
				t.Errorf("%s imports %s: the arrow points the other way (room %q may import %q)", pkg, ours, room, may[room])
			}
			for _, f := range forbidden[room] {
				if dep == f {
					t.Errorf("%s reaches %s: this room is pure", pkg, f)
				}
			}
		}
	}
	for room := range may {
		if !seen[room] {
			t.Errorf("no package in room %q: take it out of this test", room)
		}
	}
}

func roomOf(pkg string) string {
	best := ""
	for room := range may {
		if within(pkg, room) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func within(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }

func allowed(pkg string, rooms []string) bool {
	for _, r := range rooms {
		if within(pkg, r) {
			return true
		}
	}
	return false
}
