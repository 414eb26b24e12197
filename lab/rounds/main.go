// Command rounds writes what several rounds of `heapdrift lab compare --all
// --format json` came to, as a table in Markdown. lab/rounds.sh runs it with the
// folder that holds their reports, round-N.json, and times, round-N.seconds.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rounds FOLDER")
		os.Exit(2)
	}
	rounds, err := read(os.Args[1])
	if err == nil {
		err = write(os.Stdout, rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rounds:", err)
		os.Exit(1)
	}
}

// round is one `lab compare --all`.
type round struct {
	seconds     int
	comparisons []comparison
}

type comparison struct {
	Scenario string
	Pass     bool
	Mismatch []string
	Truth    *sizes
	Leaky    *variant
	Fixed    *variant
}

type sizes struct {
	Bytes      float64 `json:"bytes_per_op"`
	Goroutines float64 `json:"goroutines_per_op"`
}

type variant struct {
	Verdict string
	Totals  struct {
		Bytes      total `json:"live_bytes"`
		Goroutines total
	}
}

type total struct {
	PerOp struct{ Estimate float64 } `json:"per_op"`
}

// read reads round-1, round-2, and so on until there is none.
func read(dir string) ([]round, error) {
	var rounds []round
	for n := 1; ; n++ {
		name := filepath.Join(dir, fmt.Sprintf("round-%d", n))
		b, err := os.ReadFile(name + ".json")
		if os.IsNotExist(err) && n > 1 {
			return rounds, nil
		}
		var r round
		if err == nil {
			err = json.Unmarshal(b, &r.comparisons)
		}
		if err != nil {
			return nil, fmt.Errorf("read the report of round %d: %w", n, err)
		}
		if b, err = os.ReadFile(name + ".seconds"); err == nil {
			r.seconds, err = strconv.Atoi(strings.TrimSpace(string(b)))
		}
		if err != nil {
			return nil, fmt.Errorf("read the time of round %d: %w", n, err)
		}
		rounds = append(rounds, r)
	}
}

// row is one scenario over all rounds.
type row struct {
	name                string
	right               int
	leaky, fixed        string // verdicts
	bytes, goroutines   span
	truth               sizes
	bytesOff, countsOff float64 // the largest deviations from the truth, in parts of it
}

// span is from the least to the most of what was measured.
type span struct{ lo, hi float64 }

func (s *span) add(v float64, first bool) {
	if first {
		*s = span{v, v}
	}
	s.lo, s.hi = math.Min(s.lo, v), math.Max(s.hi, v)
}

func (r *row) add(c comparison) {
	first := r.name == ""
	r.name = c.Scenario
	if c.Pass {
		r.right++
	}
	r.fixed = joined(r.fixed, c.Fixed)
	if c.Leaky == nil {
		return
	}
	r.leaky = joined(r.leaky, c.Leaky)
	bytes, goroutines := c.Leaky.Totals.Bytes.PerOp.Estimate, c.Leaky.Totals.Goroutines.PerOp.Estimate
	r.bytes.add(bytes, first)
	r.goroutines.add(goroutines, first)
	if c.Truth != nil {
		r.truth = *c.Truth
		r.bytesOff = math.Max(r.bytesOff, deviation(bytes, c.Truth.Bytes))
		r.countsOff = math.Max(r.countsOff, deviation(goroutines, c.Truth.Goroutines))
	}
}

// joined adds a verdict to those seen before.
func joined(seen string, v *variant) string {
	switch {
	case v == nil || strings.Contains(seen, v.Verdict):
		return seen
	case seen == "":
		return v.Verdict
	}
	return seen + ", " + v.Verdict
}

func deviation(measured, truth float64) float64 {
	if truth == 0 {
		return 0
	}
	return math.Abs(measured/truth - 1)
}

// write writes the table of the rounds and that of the scenarios.
func write(w io.Writer, rounds []round) error {
	var b strings.Builder
	var order []string
	rows := map[string]*row{}
	b.WriteString("| round | minutes | comparisons | wrong |\n|--:|--:|--:|--:|\n")
	for i, r := range rounds {
		wrong := 0
		for _, c := range r.comparisons {
			if rows[c.Scenario] == nil {
				rows[c.Scenario] = &row{}
				order = append(order, c.Scenario)
			}
			rows[c.Scenario].add(c)
			if !c.Pass {
				wrong++
			}
		}
		fmt.Fprintf(&b, "| %d | %.1f | %d | %d |\n", i+1, float64(r.seconds)/60, len(r.comparisons), wrong)
	}
	b.WriteString("\n| scenario | right | leaky | fixed | B/op measured | truth | off by at most | goroutines/op measured | truth | off by at most |\n" +
		"|---|--:|---|---|--:|--:|--:|--:|--:|--:|\n")
	for _, name := range order {
		r := rows[name]
		fmt.Fprintf(&b, "| %s | %d of %d | %s | %s | %s | %s |\n", name, r.right, len(rounds), r.leaky, r.fixed,
			cells(r.bytes, r.truth.Bytes, r.bytesOff, "%.0f"), cells(r.goroutines, r.truth.Goroutines, r.countsOff, "%.3f"))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	return nil
}

// cells are what was measured, the truth, and how far the two were apart; empty
// where the truth states nothing.
func cells(s span, truth, off float64, format string) string {
	if truth == 0 {
		return " | | "
	}
	return fmt.Sprintf(format+" to "+format+" | "+format+" | %.1f %%", s.lo, s.hi, truth, 100*off)
}
