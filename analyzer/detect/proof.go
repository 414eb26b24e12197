package detect

import (
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Proof says how a leak is known.
type Proof string

// The proofs. What is no leak has none.
const (
	// ProofGrowth: it grew by every test until the run ended. A bounded cache that
	// is not full yet looks the same, and no test of growth tells the two apart.
	ProofGrowth Proof = "growth"
	// ProofProved: there is evidence that a cache on its way to a bound does not give.
	ProofProved Proof = "proved"
)

// proofs are the reasons that prove a leak, each with what its figures must say.
type proofs map[Code]func(Values) bool

// proving is the table of all of them.
func proving() proofs {
	always := func(Values) bool { return true }
	return proofs{
		RuntimeProved:     always,
		SelectNoCases:     always,
		DoNotEnd:          always,
		OthersBeganSince:  always,
		MadeByGroups:      always, // of a total that leaks: by groups that leak
		HeldByStuck:       always,
		PerStuckGoroutine: always,
		SecondPassGrew:    func(v Values) bool { return v.N > 1 }, // one request repeated is no second content
		ProvedByHolder:    always,
	}
}

// in is the first of the reasons that proves; nil for none.
func (table proofs) in(all []Reason) *Reason {
	for i := range all {
		if holds := table[all[i].Code]; holds != nil && holds(all[i].Values) {
			return &all[i]
		}
	}
	return nil
}

// prove says of each leak, and of a run that leaks, how it is known. A heap total
// is proved by a reason of its own or by the findings that are proved, where those
// make half of its growth; a second pass over the whole heap proves its sites.
func (j *judgement) prove() {
	res := j.res
	res.Proof, res.Reasons = "", nil
	table := proving()
	if !slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Kind == KindGoroutine && f.Verdict == Leak }) {
		delete(table, HeldByStuck) // a later look took it back
	}
	var ofHeap *Reason
	for _, name := range []string{series.LiveBytes, series.LiveObjects} {
		if t := res.Total(name); t != nil && t.Verdict == Leak && ofHeap == nil {
			ofHeap = table.in(t.Reasons)
		}
	}
	var first *Reason // of all that is proved
	share := 0.0      // of the heap's growth, at findings that are proved
	for i := range res.Findings {
		f := &res.Findings[i]
		if f.Proof = ""; f.Allowed != "" {
			continue
		}
		why := table.in(f.Reasons)
		if why != nil && f.Kind == KindHeap {
			share += float64(f.Share)
		}
		if why == nil && f.Kind == KindHeap {
			why = ofHeap
		}
		f.Proof, first = proved(f.Verdict, why, first)
	}
	for i := range res.Totals {
		t := &res.Totals[i]
		if t.Proof = ""; t.BesideAllowed != nil {
			continue
		}
		why := table.in(t.Reasons)
		if why == nil && heapTotal(t.Name) {
			if why = ofHeap; share >= groupsAtLeast {
				why = first
			}
		}
		t.Proof, first = proved(t.Verdict, why, first)
	}
	switch {
	case res.Verdict != RunLeak:
	case first != nil:
		res.Proof, res.Reasons = ProofProved, []Reason{*first}
	default:
		res.Proof, res.Reasons = ProofGrowth, []Reason{j.growthAlone()}
	}
}

// proved is the proof of what has a verdict and, where there is one, a reason that
// proves it; and the first such reason of all so far.
func proved(v Verdict, why, first *Reason) (Proof, *Reason) {
	switch {
	case v != Leak:
		return "", first
	case why == nil:
		return ProofGrowth, first
	case first == nil:
		first = why
	}
	return ProofProved, first
}

// growthAlone says what a cache would have to be to look like this run: it takes
// more than the work that was done to fill, and more than what was kept.
func (j *judgement) growthAlone() Reason {
	v := Values{Count: j.res.Seconds, Per: j.res.Per}
	if j.res.Per == PerOp {
		v.Count = float64(j.res.Ops)
	}
	kept := func(i *stats.Interval) float64 {
		if i == nil {
			return 0
		}
		return max(0, i.Estimate) * v.Count
	}
	sites := 0.0
	for i := range j.res.Findings {
		if f := &j.res.Findings[i]; f.Verdict == Leak && f.Kind == KindHeap && f.Allowed == "" {
			sites += kept(f.Bytes.On(j.res.Per))
			if v.Function == "" && len(f.Stack) > 0 {
				v.Function = f.Function
			}
		}
	}
	if v.Bytes = kept(j.res.Total(series.LiveBytes).In(j.res.Per)); v.Bytes == 0 {
		v.Bytes = sites
	}
	return Reason{GrowthAlone, v}
}

// allow marks the findings whose function Config.Allow names.
func (j *judgement) allow() {
	for i := range j.res.Findings {
		f := &j.res.Findings[i]
		if at := slices.IndexFunc(j.cfg.Allow, func(p string) bool { return series.Matches(p, f.Function) }); at >= 0 && f.Verdict.AsksAttention() {
			f.Allowed = j.cfg.Allow[at]
		}
	}
}

// besideAllowed is the upper bound, per unit of work, of what a total may have grown
// by beside the allowed findings. nil: nothing is allowed, or something else of its
// kind asks for attention, or they cannot make all that is shown to grow; then the
// total decides as any other.
func (j *judgement) besideAllowed(t *Total) *float64 {
	kind, of := KindHeap, func(f *Finding) *Rate { return f.Bytes }
	switch t.Name {
	case series.LiveBytes:
	case series.LiveObjects:
		of = func(f *Finding) *Rate { return f.Objects }
	case series.Goroutines:
		kind, of = KindGoroutine, func(f *Finding) *Rate { return f.Goroutines }
	default:
		return nil
	}
	growth := t.In(j.res.Per)
	if growth == nil {
		return nil
	}
	lo, hi, allowed := growth.Lo, growth.Hi, false
	for i := range j.res.Findings {
		f := &j.res.Findings[i]
		if f.Kind != kind || !f.Verdict.AsksAttention() {
			continue
		}
		if f.Allowed == "" {
			if len(f.Stack) > 0 {
				return nil
			}
			continue // what no site explains: it is in the total
		}
		allowed = true
		if g := of(f).On(j.res.Per); g != nil {
			lo, hi = lo-g.Hi, hi-max(0, g.Lo)
		} else {
			lo = 0 // its size is not known: it may be all of it
		}
	}
	if !allowed || lo > j.cfg.scaleOf(t.Name).clean {
		return nil
	}
	hi = max(0, hi)
	return &hi
}
