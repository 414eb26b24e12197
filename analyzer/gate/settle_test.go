package gate

import (
	"strings"
	"testing"
	"time"
)

func TestTheWorstStateDecides(t *testing.T) {
	t.Parallel()
	sc := func(s State) Scenario { return Scenario{State: s} }
	for _, c := range []struct {
		name      string
		scenarios []Scenario
		problems  []Problem
		failCode  int
		want      State
		code      int
	}{
		{"none at all never reads as a pass", nil, nil, 1, Undecided, 3},
		{"all passed", []Scenario{sc(Passed), sc(Passed)}, nil, 1, Passed, 0},
		{"one undecided", []Scenario{sc(Passed), sc(Undecided)}, nil, 1, Undecided, 3},
		{"an error above an undecided one", []Scenario{sc(Errored), sc(Undecided)}, nil, 1, Errored, 4},
		{"a failure above an error", []Scenario{sc(Errored), sc(Failed)}, nil, 1, Failed, 1},
		{"a failure with a code of its own", []Scenario{sc(Failed)}, nil, 9, Failed, 9},
		{"the code is that of failures alone", []Scenario{sc(Errored)}, nil, 9, Errored, 4},
		{"a problem of no scenario", []Scenario{sc(Passed)}, []Problem{{Undecided, "interrupted"}}, 1, Undecided, 3},
	} {
		r := Report{Scenarios: c.scenarios, Problems: c.problems}
		r.Settle(Settling{FailCode: c.failCode})
		if r.State != c.want || r.ExitCode != c.code {
			t.Errorf("%s: %s, code %d; want %s, %d", c.name, r.State, r.ExitCode, c.want, c.code)
		}
	}
}

func TestSuppressionsEndAsTheyShould(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 22, 23, 59, 0, 0, time.FixedZone("far west", -8*3600)) // the 23rd, UTC
	for _, c := range []struct {
		name    string
		expires string
		matched int
		whole   bool
		judged  bool
		want    SuppressionState
		warns   string
		fails   bool
	}{
		{"far off and used", "2027-11-22", 2, true, true, SuppressionActive, "", false},
		{"fifteen days left", "2026-12-08", 1, true, true, SuppressionActive, "", false},
		{"fourteen days left", "2026-12-07", 1, true, true, SuppressionExpiring, "expires in 14 days", false},
		{"on its last day", "2026-11-23", 1, true, true, SuppressionExpiring, "expires in 0 days", false},
		{"the day after", "2026-11-22", 0, true, true, SuppressionExpired, "", true},
		{"without a match", "2027-11-22", 0, true, true, SuppressionUnused, "silenced nothing", false},
		{"without a match in a part of the scenarios", "2027-11-22", 0, false, true, SuppressionActive, "", false},
		{"without a match where a scenario was not judged", "2027-11-22", 0, true, false, SuppressionActive, "", false},
	} {
		rules, err := NewRules([]Suppression{{Site: "a.b", Reason: "known", Expires: c.expires, Position: "heapdrift.yaml:3:5"}}, day)
		if err != nil {
			t.Fatal(err)
		}
		s := Scenario{State: Passed}
		if c.judged {
			s.Run = Judge(Input{Run: run(), Result: result(nil)}).Run
		}
		for range c.matched {
			s.Findings = append(s.Findings, Finding{Suppressed: rules.match("x/a.b")})
		}
		r := Report{Scenarios: []Scenario{s}}
		r.Settle(Settling{Rules: rules, Whole: c.whole, FailCode: 1})
		got := r.Suppressions[0]
		if got.State != c.want || got.Matched != c.matched {
			t.Errorf("%s: %s with %d matches; want %s with %d", c.name, got.State, got.Matched, c.want, c.matched)
		}
		if said := strings.Join(r.Warnings, "\n"); (c.warns == "") != (said == "") || !strings.Contains(said, c.warns) {
			t.Errorf("%s: warnings %q; want %q", c.name, said, c.warns)
		}
		if (r.State == Failed) != c.fails || c.fails && !strings.Contains(r.Problems[0].Text, "heapdrift.yaml:3:5: the suppression of a.b (known) expired on") {
			t.Errorf("%s: %s with %v; fails should be %v", c.name, r.State, r.Problems, c.fails)
		}
	}
}

func TestSuppressionsNeedAReasonAndADay(t *testing.T) {
	t.Parallel()
	for _, s := range []Suppression{
		{Site: "a", Expires: "2027-01-01"},
		{Site: "a", Reason: " ", Expires: "2027-01-01"},
		{Reason: "r", Expires: "2027-01-01"},
		{Site: "a", Reason: "r"},
		{Site: "a", Reason: "r", Expires: "2027-02-30"},
	} {
		if _, err := NewRules([]Suppression{s}, time.Time{}); err == nil {
			t.Errorf("%+v is taken; want an error", s)
		}
	}
}
