package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary stand in for heapdrift: it reports how many
// snapshots it was given.
func TestMain(m *testing.M) {
	if os.Getenv("VERDICTS_FAKE") != "" {
		os.Exit(fake(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func fake(args []string) int {
	dir := args[len(args)-1]
	if got := strings.Join(args[:len(args)-1], " "); got != "analyze --quiet --format json" {
		fmt.Println("asked with", got)
		return 0
	}
	n, _ := filepath.Glob(filepath.Join(dir, "snapshots", "*", "heap.pb.gz"))
	loose, _ := filepath.Glob(filepath.Join(dir, "*.p*"))
	if len(n)+len(loose) == 0 {
		return 2
	}
	fmt.Printf(`{"verdict":"leak","why":["a sentence"],"totals":{"live_objects":{"verdict":"stable","per_op":{"estimate":0.5,"lo":-1}},
		"goroutines":{},"live_bytes":{"per_second":{"estimate":%d,"lo":1,"hi":1234567.89}}},
		"findings":[{"id":"1e7e","kind":"heap","verdict":"suspect","function":"main.f","share":0.25,"bytes_per_op":{"estimate":1,"lo":0,"hi":2}}]}`,
		len(n)+len(loose))
	return 1
}

func TestVerdicts(t *testing.T) {
	t.Setenv("VERDICTS_FAKE", "1")
	corpus := filepath.Join(t.TempDir(), "corpus")
	for name, content := range map[string]string{
		"real/b/run.json":                      "{}",
		"real/b/snapshots/000000/heap.pb.gz":   "",
		"real/b/snapshots/000001/heap.pb.gz":   "",
		"real/b/snapshots/000002/heap.pb.gz":   "",
		"real/b/inside/heap.pb.gz":             "", // of the recording, not one of its own
		"real/a/snapshots/000000/heap.pb.gz":   "",
		"loose/heap-1.pb.gz":                   "",
		"loose/heap-2.pb.gz":                   "",
		"loose/heap-2.txt":                     "heap profile: 1: 2 [3: 4] @ heap/1\n",
		"loose/heap-3.pprof":                   "",
		"loose/README.md":                      "not a profile",
		"texts/one":                            "goroutine profile: total 1\n",
		"programs/main.go":                     "package main",
		"programs/testdata/profile.go/main.go": "package main",
	} {
		path := filepath.Join(corpus, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	of := func(name string, n int) string {
		return fmt.Sprintf(`%s exit 1 leak
  live_bytes - per_second %d [1, 1.23457e+06]
  live_objects stable per_op 0.5 [-1, ?]
  1e7e heap suspect main.f bytes_per_op 1 [0, 2] share 0.25
`, name, n)
	}
	for _, c := range []struct{ flags, want string }{
		{"", of("corpus/loose", 3) + of("corpus/real/a", 1) + of("corpus/real/b", 3) + "corpus/texts exit 2 no verdict\n"},
		{"-at-once 1 -prefix 1", of("corpus/loose", 1) + of("corpus/real/b", 1)},
		{"-prefix 2", of("corpus/loose", 2) + of("corpus/real/b", 2)},
		{"-prefix 3", ""},
	} {
		var out bytes.Buffer
		args := append([]string{"-tool", os.Args[0]}, append(strings.Fields(c.flags), corpus)...)
		if err := run(context.Background(), args, &out); err != nil {
			t.Fatalf("%s: %v", c.flags, err)
		}
		if out.String() != c.want {
			t.Errorf("with %q:\n%s\nwant\n%s", c.flags, &out, c.want)
		}
	}
}

// TestToolFails takes a tool that cannot be run, or that writes no JSON, for no
// verdict.
func TestToolFails(t *testing.T) {
	corpus := t.TempDir()
	if err := os.WriteFile(filepath.Join(corpus, "heap.pb.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(context.Background(), []string{"-tool", filepath.Join(corpus, "absent"), corpus}, &out); err == nil {
		t.Errorf("a tool that is not there says %q", &out)
	}
	if err := run(context.Background(), []string{corpus}, &out); err == nil || out.Len() > 0 {
		t.Errorf("no tool says %q, %v", &out, err)
	}
	if _, err := describe("x", 0, []byte("panic: …")); err == nil {
		t.Error("what is no JSON is described")
	}
}
