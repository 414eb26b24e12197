package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTablesOfRounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(dir); err == nil || !strings.Contains(err.Error(), "round 1") {
		t.Errorf("an empty folder: %v", err)
	}
	put("round-1.seconds", "390\n")
	put("round-1.json", `[
		{"scenario":"closure","pass":true,"truth":{"bytes_per_op":1000,"goroutines_per_op":1},
		 "leaky":{"verdict":"leak","totals":{"live_bytes":{"per_op":{"estimate":990}},"goroutines":{"per_op":{"estimate":1}}}},"fixed":{"verdict":"clean"}},
		{"scenario":"burst","pass":true,"fixed":{"verdict":"clean"}}]`)
	put("round-2.seconds", "420\n")
	put("round-2.json", `[
		{"scenario":"closure","pass":true,"truth":{"bytes_per_op":1000,"goroutines_per_op":1},
		 "leaky":{"verdict":"leak","totals":{"live_bytes":{"per_op":{"estimate":1020}},"goroutines":{"per_op":{"estimate":0.99}}}},"fixed":{"verdict":"clean"}},
		{"scenario":"burst","pass":false,"fixed":{"verdict":"inconclusive"}}]`)
	rounds, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := write(&got, rounds); err != nil {
		t.Fatal(err)
	}
	want := `| round | minutes | comparisons | wrong |
|--:|--:|--:|--:|
| 1 | 6.5 | 2 | 0 |
| 2 | 7.0 | 2 | 1 |

| scenario | right | leaky | fixed | B/op measured | truth | off by at most | goroutines/op measured | truth | off by at most |
|---|--:|---|---|--:|--:|--:|--:|--:|--:|
| closure | 2 of 2 | leak | clean | 990 to 1020 | 1000 | 2.0 % | 0.990 to 1.000 | 1.000 | 1.0 % |
| burst | 1 of 2 |  | clean, inconclusive |  | |  |  | |  |
`
	if got.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", got.String(), want)
	}
	put("round-3.json", "no JSON")
	if _, err := read(dir); err == nil || !strings.Contains(err.Error(), "round 3") {
		t.Errorf("a broken report: %v", err)
	}
}
