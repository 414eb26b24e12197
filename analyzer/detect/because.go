package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// This file gives a decision its figures: the reason of the rule that decided,
// and what else a reader of it should know, in the order in which it is told.

// reasons of a total. A heap total that was taken for growth that comes with
// goroutines is told of the other one, too, where it grows.
func (t *total) reasons(j *judgement) []Reason {
	e, per, contents := &t.Evidence, j.per(), j.contents
	var out []Reason
	add := func(code Code, v Values) { out = append(out, Reason{code, v}) }
	ranks := Values{N: e.Judged, Tau: e.Tau, P: e.Rank.Statistic, SlopeP: e.Slope.Statistic}
	rises := e.Significant() || t.Verdict == Growing || t.Verdict == Backlog
	if e.ofTotal.added {
		add(AddedFromSamples, Values{})
	}
	if j.ramp() && e.ofTotal.decides && t.Verdict == Growing {
		add(WithGoroutines, Values{})
	}
	if t.Because == ContainersEnlarge {
		add(ContainersEnlarge, Values{})
	}
	if t.Verdict == Leak && e.ofTotal.containers && j.atSites.Counted >= countedAtLeast {
		add(CountedAtSites, Values{Share: j.atSites.Counted})
	}
	switch {
	case e.Significant() && !e.Steps.Passed:
		add(StepsNotTrend, Values{})
	case e.Significant():
		add(Rises, Values{N: e.Judged, Tau: e.Tau, P: math.Max(e.Slope.Statistic, e.Rank.Statistic), Exponent: e.exponent()})
	case rises:
		add(RisesUnevenly, ranks)
	}
	if e.Since > 0 {
		add(GrowsSince, Values{Seconds: t.began})
	}
	if rises && !e.GoesOn.Passed {
		out = append(out, e.Slackens)
	}
	if t.Because == BytesSlacken {
		add(BytesSlacken, Values{})
	}
	if rises && e.Straight.Failed() {
		add(Curves, Values{Exponent: e.exponent(), Per: per})
	}
	if e.Significant() && !e.Enough.Passed && t.Verdict != Leak {
		add(BelowFloor, Values{Grew: e.Grew, Floor: e.Enough.Bound})
	}
	if rises && e.Enough.Passed && e.Kept.Asked() {
		switch gone := math.Min(1, 1-e.Kept.Statistic); {
		case e.Kept.Passed:
			add(KeptAfterDrain, Values{})
		case t.Verdict == Leak:
			add(RetainedAtSites, Values{Share: j.atSites.Retained})
		case e.Kept.Statistic < moreThanGrew:
			add(MoreGoneThanGrew, Values{})
		default:
			add(GoneAfterDrain, Values{Share: gone})
		}
	}
	if t.Because == GrowsAfterLoad {
		add(GrowsAfterLoad, Values{Share: e.AfterLoad.Statistic})
	}
	switch {
	case e.Unloaded.Passed:
		add(GrowsWithoutLoad, Values{Rate: t.unloaded.perSecond, Per: PerSecond})
	case e.ByTime.Passed:
		add(MayGrowByTime, Values{Rate: t.unloaded.perSecond, Upper: t.unloaded.upper(unloadedSure), Per: PerSecond})
	}
	if rises || t.Verdict == Plateau {
		switch {
		case e.PassStops.Passed:
			add(SecondPassFlat, Values{})
		case e.PassGoesOn.Passed:
			add(SecondPassGrew, Values{Share: e.PassGoesOn.Statistic, N: contents})
		}
	}
	switch t.Verdict {
	case Plateau:
		if e.Flat.Passed {
			add(LevelledOff, Values{Upper: math.Max(0, e.Flat.Statistic), Limit: e.Flat.Bound, Per: per})
		}
	case Stable:
		add(Bounded, Values{Upper: math.Max(0, e.Upper), Limit: e.Bounded.Bound, Per: per})
		if e.Outliers > 0 {
			add(OutliersWeighLess, Values{N: e.Outliers, Of: e.Judged})
		}
	case Unknown:
		add(NotBounded, Values{Upper: e.Upper, Limit: e.Bounded.Bound, Per: per, Times: e.longer()})
	}
	if t.Because == MadeByGroups {
		add(MadeByGroups, Values{})
	}
	return out
}

// exponent is that of the growth, nil where it was not fitted.
func (e *Evidence) exponent() *stats.Interval {
	if !e.Straight.Asked() {
		return nil
	}
	c := e.Exponent
	return &c
}

// longer is how many times as long a run of the same would bound the growth below
// the clean limit, 0 where that cannot be told: with independent errors and evenly
// spaced snapshots the slope's error falls with the length of the run to the power
// 3/2.
func (e *Evidence) longer() float64 {
	spare := e.Bounded.Bound - math.Max(0, e.fit.PerX)
	spread := e.Upper - e.fit.PerX
	if !(spare > 0) || !(spread > spare) {
		return 0
	}
	times := math.Pow(spread/spare, 2.0/3)
	if times > 1000 {
		return 0
	}
	return math.Max(1.1, times)
}

// reason of a site. shrink are the sites that mask it, where some do.
func (s *site) reason(shrink []*site, module string, per Per) Reason {
	e := &s.Evidence
	p := math.Max(e.Slope.Statistic, e.Rank.Statistic)
	v := Values{}
	switch s.Because {
	case PassesAllTests:
		v = Values{Level: e.ofSite.alpha, N: e.ofSite.tested, Samples: s.net, Tau: e.Tau, P: p}
	case SharedBlocks:
		v = Values{Samples: s.net}
	case ContainerSlackens, ContainerShort, ContainerGrows:
		c := e.ofSite.grows
		v = Values{N: c.steps, Times: c.factor, From: c.from, To: c.to}
	case BacklogAtSite:
		v = Values{Samples: s.net, Tau: e.Tau, P: p, Share: math.Min(1, 1-e.Kept.Statistic)}
	case SlackensLate:
		return e.Slackens
	case GrowsUnevenly:
		v = Values{Level: e.Slope.Bound, Share: math.Max(0, e.GoesOn.Statistic)}
	case ProfilesCannot:
		v = Values{Level: e.Slope.Bound, N: len(s.at), Of: leastProfiles + leastProfiles/2}
	case TotalDoesNotLeak:
		v = Values{Level: e.Slope.Bound}
	case MaskedByOthers:
		v = Values{Level: e.Slope.Bound, N: len(shrink), Per: per}
		for _, x := range shrink {
			v.Rate -= x.fit.PerX
		}
		var most Finding
		most.blame(shrink[0].series.Stack, module)
		v.Function = most.Function
	}
	return Reason{s.Because, v}
}

// reasons of a group.
func (g *group) reasons() []Reason {
	e := &g.Evidence
	var out []Reason
	add := func(code Code, v Values) { out = append(out, Reason{code, v}) }
	if w := e.ofGroup.waited; w > 0 {
		add(HaveWaited, Values{Seconds: w})
	}
	because := g.Because
	proved := because == RuntimeProved
	if proved && e.ofGroup.shown { // what the growth says by itself is told first
		because = decide(groupRules()[1:], e, &g.others).Because
	}
	switch because {
	case RuntimeProved: // is told last
	case CameLate:
		add(CameLate, Values{Count: e.ofGroup.late.Statistic, Seconds: g.quiet})
		return out
	case PileUp:
		add(PileUp, Values{Count: g.gained, Seconds: g.watched})
	case HoldTheGrowth:
		add(HoldTheGrowth, Values{Share: math.Min(1, g.others.Holds)})
		if !e.GoesOn.Passed {
			out = append(out, e.Slackens)
		}
	case OthersBeganSince:
		add(OthersBeganSince, Values{Count: e.ofGroup.outwaits.Statistic, Share: math.Min(1, g.others.Holds)})
	case EndedInDrain:
		add(EndedInDrain, Values{Share: math.Min(1, 1-e.Kept.Statistic)})
	case SlackensLate:
		out = append(out, e.Slackens)
	case CountUneven:
		add(CountUneven, Values{Tau: e.Tau, P: e.Rank.Statistic, SlopeP: e.Slope.Statistic})
	case ManyEnded:
		add(ManyEnded, Values{Share: e.ofGroup.ended.Statistic})
	case ShortWatch:
		add(ShortWatch, Values{Seconds: e.ofGroup.brief})
	case DoNotEnd:
		add(DoNotEnd, Values{Count: e.Grew, N: e.Judged, Tau: e.Tau, P: math.Max(e.Slope.Statistic, e.Rank.Statistic)})
	default:
		add(because, Values{})
	}
	if e.Kept.Passed {
		add(StillAfterDrain, Values{})
	}
	if proved {
		add(RuntimeProved, Values{Count: e.ofGroup.leaked})
	}
	return out
}

// because adds a reason to a finding.
func (f *Finding) because(code Code, v Values) {
	f.Reasons = append(f.Reasons, Reason{code, v})
}
