package detect

import (
	"cmp"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// What needs more than one series. Before the rules decide, the three functions
// called …Others work out what a rule may know beside its own series: ramps of
// goroutines, the groups behind a count. When all is decided, tellStuck puts to
// stuck goroutines what they keep, hold takes back what repeated looks have not
// confirmed, and conclude gives the verdict of the run.

// groupOthers is what the rules of goroutines may know of a group.
func (j *judgement) groupOthers(g *group) (o Others) {
	unread := false
	for _, h := range j.groups {
		if !h.ofGroup.shown && !h.ofGroup.proved {
			o.Late += h.gained
		}
		if !g.library() || !h.library() || !h.ofGroup.shown || !g.alike(h) {
			continue
		}
		unread = unread || h.unread()
		o.Connection = o.Connection || h.series.Reason == waitsForIO && !j.onePerOp(g)
	}
	o.Connection = o.Connection && !unread
	if heap := j.measured(series.LiveBytes); heap != nil && (heap.grew() || heap.Rises.Passed) && g.ofGroup.shown && g.ofGroup.stuck {
		o.Holds = j.heldBy([]*group{g}).bytes / heap.Grew
	}
	return o
}

// totalOthers is what the rules of a total may know once the groups are judged. The
// heap may grow with goroutines that end by themselves: connections that come in, as
// in any healthy ramp, cost a heap of their own.
func (j *judgement) totalOthers(t *total) (o Others) {
	o.AtSites = j.atSites
	o.Ramp = j.theirs(t, j.mayEnd())
	if t := j.measured(series.Goroutines); t != nil && t.Grew > 0 {
		for _, g := range j.groups {
			if g.Verdict == Leak {
				o.GroupsLeak += g.gained
			}
			if g.Verdict == Leak || g.Verdict == Suspect {
				o.GroupsSuspect += g.gained
			}
		}
		o.GroupsLeak, o.GroupsSuspect = o.GroupsLeak/t.Grew, o.GroupsSuspect/t.Grew
	}
	return o
}

// siteOthers is what the rules of sites may know once the totals are judged.
func (j *judgement) siteOthers() Others {
	o := Others{Heap: j.verdict(series.LiveBytes), Objects: j.verdict(series.LiveObjects), Clean: j.cfg.Clean.Bytes}
	if t := j.totals[series.LiveBytes]; t != nil && !t.series.Sampled {
		o.HeapExact, o.HeapKnown, o.HeapUpper = true, t.Measured(), t.Upper
	}
	j.shrink = j.shrinking()
	o.Shrinks = len(j.shrink)
	return o
}

// shrinking are the sites that are shown to lose what a site must gain to be a
// leak, the largest loss first: they make room in the exact total for one that
// grows.
func (j *judgement) shrinking() []*site {
	var out []*site
	for _, s := range j.sites {
		if s.Measured() && s.Growth.Hi < 0 && -s.Grew >= floorBytes && -s.net >= minNet {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b *site) int { return cmp.Compare(a.Grew, b.Grew) })
	return out
}

// conclude gives the run verdict: the run leaks if anything does; it is clean if
// live bytes and goroutines are both known and bounded or flat, live objects are
// where they are known, and nothing asks for attention; else it is inconclusive. A
// run that failed or was ended early is never clean: the rest of it is not known.
// Neither is one of which too many snapshots measured nothing. What Config.Allow
// names decides nothing.
func (j *judgement) conclude() {
	atRest := func(name string) bool {
		t := j.res.Total(name)
		return t != nil && (t.Verdict == Stable || t.Verdict == Plateau || t.BesideAllowed != nil)
	}
	for i := range j.res.Totals {
		j.res.Totals[i].BesideAllowed = j.besideAllowed(&j.res.Totals[i])
	}
	open := !atRest(series.LiveBytes) || !atRest(series.Goroutines) || j.measured(series.LiveObjects) != nil && !atRest(series.LiveObjects) ||
		j.run.Ordered // a limit on a rate bounds nothing without one
	leaks := slices.ContainsFunc(j.res.Totals, func(t Total) bool { return t.Verdict == Leak && t.BesideAllowed == nil })
	for _, f := range j.res.Findings {
		leaks = leaks || f.Verdict == Leak && f.Allowed == ""
		open = open || f.Verdict.AsksAttention() && f.Allowed == ""
	}
	switch {
	case leaks:
		j.res.Verdict = RunLeak
	case j.unmeasured():
		j.res.Verdict = RunInconclusive
		j.res.Warn(Warning{Code: NotMeasured, Values: Values{N: j.run.Unsound, Of: j.run.Taken}})
	case open:
		j.res.Verdict = RunInconclusive
	case j.partial != "":
		j.res.Verdict = RunInconclusive
		j.res.Warn(Warning{Code: NotWholeRun, Values: Values{Text: j.partial}})
	default:
		j.res.Verdict = RunClean
	}
	j.prove()
}

// unmeasured reports that the snapshots that measured nothing are no clear minority.
func (j *judgement) unmeasured() bool {
	return float64(j.run.Unsound) > mostUnsound*float64(j.run.Taken)
}

// tellStuck tells growth that no site explains as that of the goroutines that are
// stuck, where there are enough of them.
func (j *judgement) tellStuck(sites []Finding) {
	heap := j.measured(series.LiveBytes)
	if heap == nil {
		return
	}
	stuck := 0.0
	var most *group
	for _, g := range j.groups {
		if g.Verdict == Leak && g.gained > 0 {
			stuck += g.gained
			if most == nil || g.gained > most.gained {
				most = g
			}
		}
	}
	for i := range sites {
		f := &sites[i]
		grown := float64(f.Share) * heap.Grew
		if f.Function != Unattributed || f.Verdict != Leak || most == nil || grown > perGoroutine*stuck {
			continue
		}
		f.Verdict = Growing
		f.because(PerStuckGoroutine, Values{Bytes: grown / stuck})
		most.finding.because(HeapGrowsWithEach, Values{Bytes: grown / stuck})
	}
}

// hold makes suspects of all leaks that repeated looks have not confirmed, and
// concludes anew. claims pass all tests at this look.
func (j *judgement) hold(claims, confirmed map[string]bool) {
	why := func(id string) Code {
		if claims[id] {
			return AwaitsNextLook
		}
		return BelowLevelOfLooks
	}
	for i := range j.res.Findings {
		f := &j.res.Findings[i]
		if f.Verdict == Leak && !slices.ContainsFunc(f.ids(), func(id string) bool { return confirmed[id] }) {
			f.Verdict = Suspect
			f.because(why(f.ID), Values{})
		}
	}
	order(j.res.Findings)
	stuck := slices.ContainsFunc(j.res.Findings, func(f Finding) bool { return f.Kind == KindGoroutine && f.Verdict == Leak })
	held := false
	for i := range j.res.Totals {
		t := &j.res.Totals[i]
		if t.Verdict != Leak || confirmed[t.Name] || t.Name == series.Goroutines && stuck {
			continue
		}
		t.Verdict, held = Suspect, true
		t.Reasons = append(t.Reasons, Reason{why(t.Name), Values{}})
	}
	if j.conclude(); j.res.Verdict == RunClean && held {
		j.res.Verdict = RunInconclusive
	}
}

// ids are those of the sites that f stands for, its own among them.
func (f *Finding) ids() []string {
	if len(f.Parts) > 0 {
		return f.Parts
	}
	return []string{f.ID}
}
