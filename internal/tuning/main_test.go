package main

import (
	"strings"
	"testing"
)

func TestScaleChangesOneNumber(t *testing.T) {
	const source = "const (\n\thalfOf   = 0.65 // of it\n\thalfOfIt = 3\n\tsure = 0.995\n)\n"
	for _, c := range []struct {
		name  string
		times float64
		want  string
	}{
		{"halfOf", 0.8, strings.Replace(source, "0.65", "0.52", 1)},
		{"halfOfIt", 1.2, strings.Replace(source, "3\n", "3.6\n", 1)},
		{"sure", 1.2, strings.Replace(source, "0.995", "0.994", 1)},
	} {
		if got, _, err := scale([]byte(source), c.name, c.times); err != nil || string(got) != c.want {
			t.Errorf("%s × %v:\n%s(%v), want\n%s", c.name, c.times, got, err, c.want)
		}
	}
	if _, _, err := scale([]byte(source), "half", 1); err == nil {
		t.Error("a number that is not there is changed")
	}
}

func TestRowReadsTheTablesOfTheCalibration(t *testing.T) {
	const printed = `=== RUN

seed 1

| exact totals: false alarms, % of 10 runs each | N = 10 | N = 20 | N = 40 |
|---|--:|--:|--:|
| white noise | 9.00 | 0.10 | 0.00 |
| steps | 0.00 | 0.00 | 0.30 |
| **all** | 3 of 20 | 1 of 20 | 0 of 20 |
--- PASS

| called a leak, % of what the oracle tells from one (and of what it cannot tell) | N = 10 | N = 20 | told | not told |
|---|--:|--:|--:|--:|
| u^0.6 | 2.0 (40.0) | – (50.0) | 1 / 2 / 3 | 4 / 5 / 6 |
| u^0.7 | 4.0 (40.0) | 6.0 (50.0) | 1 / 2 / 3 | 4 / 5 / 6 |

| exact totals: leak found, growth in standard deviations | 3 | 6 | 12 | 25 | 50 |
|---|--:|--:|--:|--:|--:|
| N = 10 | 1.0 % | 2.0 % | 10.0 % | 20.0 % | 90.0 % |
| N = 20 | 1.0 % | 2.0 % | 20.0 % | 40.0 % | 100.0 % |
`
	const want = "| halfOf = 0.52 | 0.8 | 1 of 40; 0.30 %: steps | 4.0 % | 15.0 / 30.0 / 95.0 % |"
	if got := row("halfOf", 0.52, 0.8, printed); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRowReadsTheTablesOfLooks(t *testing.T) {
	const printed = `
| | looks | shapes on the scale of | looks judged alone | confirmed | worst family |
|---|---|--:|--:|--:|---|
| heap | every snapshot from 8 to 60 | 8 snapshots | 1.4 % | 1 of 170, ≤ 0.16 % | none |
| heap | every snapshot from 20 to 60 | 20 snapshots | 0.5 % | 2 of 170, ≤ 0.16 % | none |
| heap | every snapshot from 8 to 60 | 20 snapshots | 7.4 % | 9 of 42, ≤ 1.41 % | fills: 2 of 25 |

| looks at every snapshot from 8 to 60: growth between two, in standard deviations | 0.2 | 0.5 | 1 |
|---|--:|--:|--:|
| confirmed | 1.3 % | 93.3 % | 100.0 % |
| at snapshot (median) | – | 43 | 31 |
`
	const want = "| looksGoOnAt = 0.7 | 1.0 | looks: 3 of 340 |  | 0.2 / 0.5 / 1 a snapshot: 1.3 % / 93.3 % / 100.0 %, at snapshot 43 / 31 |"
	if got := row("looksGoOnAt", 0.7, 1, printed); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
