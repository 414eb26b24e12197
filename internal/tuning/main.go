// Command tuning shows what the verdict owes to a number of thresholds.go
// that was set by simulation: the calibration's false alarms and recall with the
// number at 0.8 to 1.2 of what it is.
//
//	go run ./internal/tuning -runs 400 -seed 1 perParameter secondHalfOf
//
// The number is changed in a copy of the file that the compiler is given in its
// place (go build -overlay); nothing in the module is written to. The figures are
// read from the tables that `make calibrate` prints.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// thresholds is where the numbers are, from the module's root.
const thresholds = "analyzer/detect/thresholds.go"

// tests print the tables; looks print those of repeated looks, on which alone the
// numbers named looks… bear.
const (
	tests = "^TestCalibrationOf(FalseAlarms|Recall|Shapes)$/^(exact_totals|families)$"
	looks = "^TestCalibrationOfLooks(Recall)?$"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "tuning:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("tuning", flag.ContinueOnError)
	runs := flags.Int("runs", 400, "simulated runs per setting, as RUNS of make calibrate")
	seed := flags.Int("seed", 1, "picks them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("usage: tuning [-runs N] [-seed N] NAME [NAME …]")
	}
	source, err := os.ReadFile(thresholds)
	if err != nil {
		return fmt.Errorf("run it in the module's root: %w", err)
	}
	dir, err := os.MkdirTemp("", "tuning")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprint(out, header)
	asIs := map[string]string{} // what the tests print where nothing is changed
	for _, name := range flags.Args() {
		which := tests
		if strings.HasPrefix(name, "looks") {
			which = looks
		}
		for _, times := range []float64{0.8, 0.9, 1, 1.1, 1.2} {
			changed, value, err := scale(source, name, times)
			if err != nil {
				return err
			}
			tables := asIs[which]
			if times != 1 || tables == "" {
				if tables, err = calibrate(ctx, dir, changed, which, *runs, *seed); err != nil {
					return fmt.Errorf("%s = %v: %w", name, value, err)
				}
			}
			if times == 1 {
				asIs[which] = tables
			}
			fmt.Fprintln(out, row(name, value, times, tables))
		}
	}
	return nil
}

// scale multiplies the named constant. A probability near 1 has its distance from
// 1 multiplied: 0.995 × 1.2 would be none.
func scale(source []byte, name string, times float64) (changed []byte, value float64, err error) {
	at := regexp.MustCompile(`(?m)^(\s+` + regexp.QuoteMeta(name) + `\s+= )([0-9.]+)`)
	m := at.FindSubmatchIndex(source)
	if m == nil {
		return nil, 0, fmt.Errorf("%s has no number %s", thresholds, name)
	}
	value, err = strconv.ParseFloat(string(source[m[4]:m[5]]), 64)
	if err != nil {
		return nil, 0, err
	}
	if value > 0.9 && value < 1 {
		value = 1 - times*(1-value)
	} else {
		value *= times
	}
	changed = append(changed, source[:m[4]]...)
	changed = strconv.AppendFloat(changed, value, 'g', 6, 64)
	return append(changed, source[m[5]:]...), value, nil
}

// calibrate runs the tests with a changed copy of the numbers and returns what
// they print. That they fail is what a changed number may lead to.
func calibrate(ctx context.Context, dir string, changed []byte, which string, runs, seed int) (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	instead := filepath.Join(dir, "thresholds.go")
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, thresholds): instead}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(instead, changed, 0o600), os.WriteFile(overlay, text, 0o600)); err != nil {
		return "", err
	}
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-timeout", "60m", "-overlay", overlay, "-run", which, "./analyzer/detect/")
	test.Env = append(os.Environ(), "HEAPDRIFT_SEED="+strconv.Itoa(seed), "HEAPDRIFT_CALIBRATE="+strconv.Itoa(runs))
	var said bytes.Buffer
	test.Stdout, test.Stderr = &said, &said
	if err := test.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(said.String(), "\n|---|") {
			return "", fmt.Errorf("go test: %w\n%s", err, said.String())
		}
	}
	return said.String(), nil
}

const header = "| number | × | false alarms from 20 snapshots on; worst family | shapes told from a leak, called one | leaks of 12 / 25 / 50 standard deviations found |\n|---|--:|---|--:|--:|\n"

// row says it in a line of a table. What the tests did not print stays empty.
func row(name string, value, times float64, printed string) string {
	alarms, told, found := "", "", ""
	for _, t := range tables(printed) {
		switch head := t[0][0]; {
		case strings.HasPrefix(head, "exact totals: false alarms"):
			worst, of, bad, runs := -1.0, "", 0.0, 0.0
			for _, r := range t[1:] {
				for _, cell := range r[2:] { // but for N = 10
					var k, n float64
					if v := number(cell); !strings.HasPrefix(r[0], "**") && v > worst {
						worst, of = v, r[0]
					} else if _, err := fmt.Sscanf(cell, "%g of %g", &k, &n); err == nil {
						bad, runs = bad+k, runs+n
					}
				}
			}
			alarms = fmt.Sprintf("%.0f of %.0f; %.2f %%: %s", bad, runs, worst, of)
		case strings.HasPrefix(head, "called a leak, % of what the oracle tells"):
			total, n := 0.0, 0
			for _, r := range t[1:] {
				for _, cell := range r[1 : len(r)-2] {
					if told, _, _ := strings.Cut(cell, " ("); told != "–" {
						total, n = total+number(told), n+1
					}
				}
			}
			told = fmt.Sprintf("%.1f %%", total/float64(max(1, n)))
		case strings.HasPrefix(head, "exact totals: leak found"):
			var at [3]float64
			for _, r := range t[1:] {
				for k := range at {
					at[k] += number(r[3+k]) / float64(len(t)-1)
				}
			}
			found = fmt.Sprintf("%.1f / %.1f / %.1f %%", at[0], at[1], at[2])
		case head == "" && len(t[0]) > 5: // repeated looks: those that saw the end of the shapes
			bad, runs := 0.0, 0.0
			for _, r := range t[1:] {
				var k, n float64
				if _, err := fmt.Sscanf(r[4], "%g of %g", &k, &n); err == nil && !strings.Contains(r[1], " 8 to") || strings.HasPrefix(r[2], "8 ") {
					bad, runs = bad+k, runs+n
				}
			}
			alarms = fmt.Sprintf("looks: %.0f of %.0f", bad, runs)
		case strings.HasPrefix(head, "looks at every snapshot from 8 to 60: growth"):
			found = fmt.Sprintf("0.2 / 0.5 / 1 a snapshot: %s / %s / %s, at snapshot %s / %s", t[1][1], t[1][2], t[1][3], t[2][2], t[2][3])
		}
	}
	return fmt.Sprintf("| %s = %.4g | %.1f | %s | %s | %s |", name, value, times, alarms, told, found)
}

// tables are the Markdown tables of a text: rows of cells, without the line below
// the first.
func tables(text string) (all [][][]string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
			continue
		case strings.HasPrefix(line, "|---"):
			continue
		case !inside:
			all, inside = append(all, nil), true
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		all[len(all)-1] = append(all[len(all)-1], cells)
	}
	return all
}

// number is what a cell begins with, 0 where it is no number.
func number(cell string) float64 {
	v, err := strconv.ParseFloat(strings.Fields(cell + " ?")[0], 64)
	if err != nil {
		return 0
	}
	return v
}
