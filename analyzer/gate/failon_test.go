package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
)

// leakyBy is leaky with how that is known.
func leakyBy(p detect.Proof) func(*detect.Result) {
	return func(r *detect.Result) {
		leaky(r)
		r.Proof = p
		for i := range r.Totals {
			if r.Totals[i].Verdict == detect.Leak {
				r.Totals[i].Proof = p
			}
		}
		r.Findings[0].Proof = p
	}
}

// With fail_on: proved growth alone fails nothing and passes nothing.
func TestWhatFails(t *testing.T) {
	t.Parallel()
	base := &Entry{Key: Key{"shop", "go1.26", "amd64"}, LiveBytes: iv(10, 9, 11), Goroutines: iv(0, 0, 0.001)}
	rules, err := NewRules([]Suppression{{Site: "metrics.*", Reason: "bounded by labels", Expires: "2027-03-31"}}, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	siteAlone := func(r *detect.Result) { // and the whole is not known to grow
		leakyBy(detect.ProofGrowth)(r)
		set(r, total("live_bytes", detect.Stable, iv(0.5, -2, 3)))
		set(r, total("live_objects", detect.Stable, iv(0, -0.01, 0.01)))
	}
	nothingElse := func(r *detect.Result) {
		siteAlone(r)
		r.Findings = nil
	}
	suspected := func(r *detect.Result) {
		leakyBy(detect.ProofProved)(r)
		set(r, total("live_bytes", detect.Suspect, iv(80, 79, 81)))
		set(r, total("live_objects", detect.Stable, iv(0, -0.01, 0.01)))
		r.Verdict, r.Findings = detect.RunInconclusive, nil
	}
	for _, c := range []struct {
		name   string
		change func(*detect.Result)
		failOn detect.Proof
		limit  *float64
		base   *Entry
		rules  *Rules
		want   State
		says   string
	}{
		{"growth fails where nothing is said", leakyBy(detect.ProofGrowth), "", nil, nil, nil, Failed, "above the budget"},
		{"growth fails", leakyBy(detect.ProofGrowth), detect.ProofGrowth, nil, nil, nil, Failed, "above the budget"},
		{"growth alone is undecided", leakyBy(detect.ProofGrowth), detect.ProofProved, nil, nil, nil, Undecided, "live_bytes_per_op: 80.0 B/op [79.0, 81.0] is above the budget of 0 B/op: growth alone"},
		{"what is proved fails", leakyBy(detect.ProofProved), detect.ProofProved, nil, nil, nil, Failed, "above the budget"},
		{"growth beyond the baseline, below the budget", leakyBy(detect.ProofGrowth), detect.ProofProved, ptr(100), base, nil, Undecided, "more than the baseline's 10.0 B/op [9.0, 11.0]: growth alone"},
		{"the same, proved", leakyBy(detect.ProofProved), detect.ProofProved, ptr(100), base, nil, Failed, "more than the baseline's"},
		{"growth within its budget passes", leakyBy(detect.ProofGrowth), detect.ProofProved, ptr(100), nil, nil, Passed, "kept"},
		{"growth that is suppressed passes", leakyBy(detect.ProofGrowth), detect.ProofProved, nil, nil, rules, Passed, "kept"},
		{"a site alone", siteAlone, detect.ProofProved, nil, nil, nil, Undecided, "metrics.(*Registry).Counter grows by 80.0 B/op [74.0, 86.0]: growth alone"},
		{"the run's verdict alone", nothingElse, detect.ProofProved, nil, nil, nil, Undecided, "the run's verdict is leak: growth alone"},
		{"the run's verdict alone, where growth fails", nothingElse, detect.ProofGrowth, nil, nil, nil, Failed, "the run's verdict is leak"},
		{"a suspect is not proved", suspected, detect.ProofProved, nil, nil, nil, Undecided, "growth alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Judge(Input{Name: "shop", Run: run(), Result: result(c.change), Limits: Limits{LiveBytesPerOp: c.limit}, Tolerance: 1, FailOn: c.failOn, Baseline: c.base, Rules: c.rules})
			if s.State != c.want || !strings.Contains(s.Summary, c.says) {
				t.Errorf("%s: %s; want %s saying %q", s.State, s.Summary, c.want, c.says)
			}
			r := Report{Scenarios: []Scenario{s}}
			r.Settle(Settling{FailCode: CodeFailed})
			if want := map[State]int{Passed: 0, Failed: 1, Undecided: 3}[c.want]; r.ExitCode != want {
				t.Errorf("exit code %d, want %d", r.ExitCode, want)
			}
		})
	}
}
