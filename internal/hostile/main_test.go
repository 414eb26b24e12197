//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tool writes a stand-in for heapdrift, which ends as its target's mode says.
func tool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	script := `#!/bin/sh
case "$*" in
*m/clean/debug/pprof*l/leak*) exit 0 ;;
*m/hang/debug/pprof*) exec sleep 60 ;;
*m/panics/debug/pprof*) exit 134 ;;
*m/ok/debug/pprof*l/ok*) exit 0 ;;
esac
exit 4
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatCountsAsAFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		want string // of the error
		rows []string
	}{
		{"all are refused, the healthy one is clean", []string{"m/html", "l/302", "l/ok"}, "", []string{"| m/html | 4 |", "| l/302 | 4 |", "| l/ok | 0 |"}},
		{"a false clean", []string{"m/clean", "m/html"}, "m/clean: clean", []string{"| m/clean | 0 **clean** |", "| m/html | 4 |"}},
		{"one that hangs", []string{"-patience", "200ms", "m/hang"}, "m/hang: hung", []string{"| m/hang | -1 **hung** |"}},
		{"one that panics", []string{"m/panics"}, "no exit code", []string{"| m/panics | 134"}},
		{"one that takes memory", []string{"-rss", "1", "m/html"}, "m/html: memory", []string{"| m/html | 4 **memory** |"}},
		{"nothing to try", nil, "usage", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(t.Context(), append([]string{"-tool", tool(t), "-at", "http://127.0.0.1:1"}, c.args...), &out)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			for _, row := range c.rows {
				if !strings.Contains(out.String(), row) {
					t.Errorf("no %q in:\n%s", row, out.String())
				}
			}
		})
	}
}
