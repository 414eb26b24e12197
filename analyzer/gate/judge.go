package gate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Input is one judged run with what it is held against. Run and Result are
// only read.
type Input struct {
	Name   string
	Run    *snapshot.Run
	Result *detect.Result
	Limits Limits
	// Tolerance is the detector's: a difference to the baseline below it is none.
	Tolerance detect.BytesPerOp
	// Baseline is the entry that the growth is compared with; nil: none.
	Baseline *Entry
	// Rules silence findings; nil: none.
	Rules *Rules
	// FailOn is what growth must be to fail: empty and ProofGrowth ask for every
	// test of growth, ProofProved for a proof. What is not is undecided.
	FailOn detect.Proof
}

// Judge holds a run against its budgets, its baseline and the suppressions. It
// fills Name, State, Summary, Budgets, Findings and Run of the scenario; all
// else is the caller's. It never fails: what cannot be judged is undecided.
// O(findings × (rules + sites of the baseline)).
func Judge(in Input) Scenario {
	j := &judge{Input: in, doc: report.New(in.Run, in.Result), heap: cmp.Or(in.Limits.LiveBytesPerOp, in.Limits.BytesPerSecond)}
	j.quantities = j.growths()
	j.findings()
	j.budgets()
	j.accuse()
	s := Scenario{Name: in.Name, Budgets: j.rows, Findings: append(j.found, j.gone()...), Warnings: []string{}, Attempts: 1, Module: in.Run.Target.Module, Run: j.doc}
	s.State, s.Summary = j.conclude()
	return s
}

type judge struct {
	Input
	doc *report.Document
	// heap is the growth of the live heap that is allowed by name, in bytes per
	// operation or per second; nil: none.
	heap       *float64
	quantities []quantity
	rows       []Budget
	found      []Finding
}

// findings takes those to speak of, with their status and suppression.
func (j *judge) findings() {
	for i := range j.Result.Findings {
		from := &j.Result.Findings[i]
		if !from.Verdict.AsksAttention() {
			continue
		}
		f := Finding{Finding: j.doc.Findings[i]}
		f.Suppressed = j.Rules.match(from.Function)
		if j.Baseline != nil {
			now, _ := f.Growth()
			f.Status = StatusNew
			if site := j.Baseline.site(from); site != nil {
				f.Before = site.Growth
				f.Status = compare(now, site.Growth, j.margin(quantity{kind: from.Kind}, site.Growth))
			}
		}
		j.found = append(j.found, f)
	}
}

// gone are the sites of the baseline that this run has not; none where the run
// could not tell.
func (j *judge) gone() []Finding {
	if j.Baseline == nil || j.Result.Verdict == detect.RunInconclusive {
		return nil
	}
	var out []Finding
	for _, s := range j.Baseline.Sites {
		if slices.ContainsFunc(j.Result.Findings, func(f detect.Finding) bool { return f.Verdict.AsksAttention() && s.is(&f) }) {
			continue
		}
		out = append(out, Finding{
			Finding: report.NewFinding(&detect.Finding{ID: s.ID, Kind: s.Kind, Function: s.Function, File: s.File, Line: s.Line}),
			Status:  StatusGone, Before: s.Growth,
		})
	}
	return out
}

// accuse says which findings fail the scenario or leave it open: those that no
// suppression and no budget of their kind covers.
func (j *judge) accuse() {
	for i := range j.found {
		f := &j.found[i]
		if f.Suppressed != nil || j.covers(f) {
			continue
		}
		f.Fails = f.Verdict == detect.Leak && j.fails(f.Proof)
		f.Opens = !f.Fails
	}
}

// fails reports that growth which is known so is a failure.
func (j *judge) fails(p detect.Proof) bool {
	return j.FailOn != detect.ProofProved || p == detect.ProofProved
}

// covers reports that a budget above 0 allows a finding: the budget of its kind
// is not broken, the finding alone is no larger than it, and the baseline, if
// there is one, knows it. (Where the budget is undecided, so is the scenario.)
func (j *judge) covers(f *Finding) bool {
	if f.Verdict == detect.Leak && (f.Status == StatusNew || f.Status == StatusWorse) {
		return false
	}
	names := []string{NameLiveBytes, NameBytesSecond}
	if f.Kind == detect.KindGoroutine {
		names = []string{NameGoroutines}
	}
	now, _ := f.Growth()
	for _, b := range j.rows {
		if !slices.Contains(names, b.Name) || b.Implied || b.Limit == 0 || b.State == BudgetBroken {
			continue
		}
		if b.Name == NameBytesSecond {
			return true // the site's growth per second is not stated
		}
		if now != nil && stats.Finite(now.Lo) && now.Lo <= b.Limit {
			return true
		}
	}
	return false
}

// conclude gives the state of the scenario and the sentence that says why.
func (j *judge) conclude() (State, string) {
	for _, b := range j.rows {
		if b.State == BudgetBroken {
			return Failed, b.Name + ": " + b.Why
		}
	}
	for _, f := range j.found {
		if f.Fails {
			now, unit := f.Growth()
			s := fmt.Sprintf("%s leaks %s", f.Function, Measurement(now, unit))
			if f.Status != StatusNone && f.Status != StatusSame {
				s += fmt.Sprintf(", %s against the baseline", f.Status)
			}
			return Failed, s + "; no suppression and no budget covers it"
		}
	}
	for _, b := range j.rows {
		if b.State == BudgetUndecided {
			return Undecided, b.Name + ": " + b.Why
		}
	}
	for _, f := range j.found {
		if f.Opens {
			now, unit := f.Growth()
			if f.Verdict == detect.Leak {
				return Undecided, fmt.Sprintf("%s grows by %s: %s", f.Function, Measurement(now, unit), growthAlone)
			}
			return Undecided, fmt.Sprintf("%s is %s (%s): run it longer, or with a longer warm-up, to tell", f.Function, f.Verdict, Measurement(now, unit))
		}
	}
	if why := j.whyUndecided(); why != "" {
		return Undecided, why
	}
	if j.Result.Verdict == detect.RunLeak && !j.allowed() {
		if !j.fails(j.Result.Proof) {
			return Undecided, "the run's verdict is leak: " + growthAlone
		}
		return Failed, "the run's verdict is leak; " + j.kept()
	}
	return Passed, j.kept()
}

// growthAlone is why growth that is not proved leaves a gate undecided.
const growthAlone = "growth alone, which a cache shows that is not full yet, and fail_on is proved: run past its bound to tell, or suppress it"

// allowed reports that what leaks is known to be within a budget above 0, or
// suppressed: each total, and, as none of them fails, each finding.
func (j *judge) allowed() bool {
	leaks := false
	for _, name := range []string{"live_bytes", "live_objects", "goroutines"} {
		t := j.Result.Total(name)
		if t == nil || t.Verdict != detect.Leak {
			continue
		}
		leaks = true
		if !slices.ContainsFunc(j.rows, func(b Budget) bool {
			of := j.totalOf(b.Name)
			if of == "live_bytes" && name == "live_objects" { // theirs, where it is not kept, was told before
				of = name
			}
			return of == name && b.State == BudgetKept && (b.Limit > 0 || b.Suppressed)
		}) {
			return false
		}
	}
	return leaks || slices.ContainsFunc(j.found, func(f Finding) bool { return f.Verdict == detect.Leak })
}

// lenient reports that a suppression or a budget above 0 takes part: what makes
// the detector's own verdict inconclusive was weighed with it.
func (j *judge) lenient() bool {
	return slices.ContainsFunc(j.found, func(f Finding) bool { return f.Suppressed != nil || j.covers(&f) }) ||
		slices.ContainsFunc(j.rows, func(b Budget) bool { // an open interval below the budget
			return b.State == BudgetKept && !b.Implied && b.Limit > 0 && b.Allowed == b.Limit
		})
}

// whyUndecided says why a run that keeps every budget is still no pass; empty where
// it is one. The reasons of an inconclusive run that budgets and findings
// showed were weighed before this.
func (j *judge) whyUndecided() string {
	switch {
	case j.Run.Failed != "":
		return "this is no whole run: " + j.Run.Failed
	case j.Run.Ended != "":
		return "this is no whole run: " + j.Run.Ended
	case j.Result.Verdict != detect.RunInconclusive || j.lenient():
		return ""
	}
	why := "it is too short, or too noisy; run it longer"
	if n := len(j.doc.Warnings); n > 0 {
		why = j.doc.Warnings[n-1]
	}
	return "the run is inconclusive: " + why
}

// kept is the sentence of a pass: the bounds that were shown.
func (j *judge) kept() string {
	s := report.Plural(float64(len(j.rows)), "budget") + " kept"
	for _, b := range j.rows {
		if (b.Name == NameLiveBytes || b.Name == NameBytesSecond) && b.Measured != nil {
			s += ": " + Measurement(b.Measured, b.Unit)
			break
		}
	}
	if j.Result.HasOps() {
		s += fmt.Sprintf(" in %s operations", report.Count(float64(j.Result.Ops)))
	}
	return s
}
