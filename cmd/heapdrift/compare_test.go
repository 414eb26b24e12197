package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

func TestCompareEndsAsTheSecondRun(t *testing.T) {
	t.Parallel()
	leaky, clean := bundle(t, 4096), bundle(t, 0)
	one := filepath.Join(clean, "snapshots", "000003", "heap.pb.gz")
	text := file(t, "notes.pb.gz", "these are notes, no profile")
	for _, c := range []struct {
		name string
		args []string
		want exit.Code
		says string // on stdout its first word; where the code is of an error, on stderr
	}{
		{"the leak is mended", []string{leaky, clean}, exit.Clean, string(detect.Better)},
		{"a leak came in", []string{clean, leaky}, exit.Leak, string(detect.Worse)},
		{"the same leak", []string{leaky, leaky}, exit.Leak, string(detect.Same)},
		{"clean before and after", []string{clean, clean}, exit.Clean, string(detect.Same)},
		{"one profile is no run to judge", []string{leaky, one}, exit.Inconclusive, string(detect.Undecided)},
		{"one profile before a leak", []string{one, leaky}, exit.Leak, string(detect.Undecided)},
		{"less than it can prove", []string{"--clean-below", "0.0001", clean, clean}, exit.Inconclusive, string(detect.Undecided)},

		{"no run", nil, exit.Usage, "RUN1 is missing"},
		{"one run", []string{leaky}, exit.Usage, "RUN2 is missing"},
		{"three runs", []string{leaky, clean, clean}, exit.Usage, "unexpected argument"},
		{"a path at which nothing is", []string{leaky, filepath.Join(clean, "nothing")}, exit.Usage, "nothing"},
		{"an unknown format", []string{"--format", "yaml", leaky, clean}, exit.Usage, "use text, json or markdown"},
		{"a file that is no profile", []string{text, leaky}, exit.Infrastructure, "notes.pb.gz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := heapdrift(t, append([]string{"compare"}, c.args...)...)
			told, silent := strings.HasPrefix(got.out, c.says+"  "), got.stderr
			if c.want == exit.Usage || c.want == exit.Infrastructure {
				told, silent = strings.Contains(got.stderr, c.says), got.out
			}
			if got.code != c.want || !told || silent != "" {
				t.Errorf("exit %d, want %d saying %q\nstdout: %s\nstderr: %s", got.code, c.want, c.says, got.out, got.stderr)
			}
		})
	}
}

func TestAComparisonInEveryFormat(t *testing.T) {
	t.Parallel()
	leaky, clean := bundle(t, 4096), bundle(t, 0)
	md := filepath.Join(t.TempDir(), "c.md")
	got := heapdrift(t, "compare", "--format", "json", "--output-file", "markdown="+md, leaky, clean)
	var d report.ChangeDocument
	if err := json.Unmarshal([]byte(got.out), &d); err != nil {
		t.Fatalf("stdout is not the comparison alone: %v\n%s", err, got.out)
	}
	if d.Schema != "heapdrift/compare/v1" || d.Change != "better" || d.Before.Verdict != "leak" || d.After.Verdict != "clean" || d.Axis != "op" {
		t.Errorf("document %+v", d)
	}
	var bytes *report.ChangeRow
	for i := range d.Totals {
		if d.Totals[i].ID == "live_bytes" {
			bytes = &d.Totals[i]
		}
	}
	if bytes == nil || bytes.Difference == nil || math.Abs(bytes.Difference.Estimate+4096) > 5 || bytes.Difference.Lo > -4090 {
		t.Errorf("live bytes %+v, want 4096 B/op less", bytes)
	}
	if len(d.Sites) != 1 || d.Sites[0].Function != "main.keep" || d.Sites[0].Change != "better" || d.Sites[0].Was != "leak" {
		t.Errorf("sites %+v, want main.keep, better", d.Sites)
	}
	if b := read(t, md); !strings.HasPrefix(b, "### ✅ heapdrift: better\n") || !strings.Contains(b, "| main.keep src/fixture/main.go:42 |") {
		t.Errorf("Markdown:\n%s", b)
	}
	// The id is the one that analyze prints.
	var single report.Document
	if err := json.Unmarshal([]byte(heapdrift(t, "analyze", "--format", "json", leaky).out), &single); err != nil || single.Findings[0].ID != d.Sites[0].ID {
		t.Errorf("ids %+v and %q (%v)", single.Findings, d.Sites[0].ID, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
