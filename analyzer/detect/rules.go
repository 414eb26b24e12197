package detect

// Rule says what evidence of a kind means. Of an ordered table the first rule
// that applies decides. The three tables below, read from top to bottom, are
// docs/METHOD.md's lists of the same names; a test holds the two equal.
type Rule struct {
	Name    string
	When    func(*Evidence, *Others) bool
	Verdict Verdict
	Reason  Code
}

// Others is what a rule may know beside its own series; reconcile.go works it out.
// The zero value knows nothing.
type Others struct {
	Heap      Verdict // of live bytes
	HeapExact bool    // live bytes are known, and not added up from samples
	HeapKnown bool    // and measured
	Objects   Verdict // of live objects
	HeapUpper float64 // their one-sided 95 % bound
	Clean     float64 // limit of live bytes
	Shrinks   int     // sites that are shown to shrink
	AtSites   atSites // parts of the growth of live bytes

	// Ramp says that a heap total grows with goroutines that end by themselves, or may.
	Ramp bool
	// Holds is the part of the heap's growth at sites that a group's goroutines hold, 0
	// where the heap is not shown to grow.
	Holds float64
	// Connection says that a group is the other end of goroutines that wait for I/O, as
	// a connection's writer is.
	Connection bool
	// GroupsLeak and GroupsSuspect are the parts of the growth of goroutines that
	// lie at groups which leak, and which leak or are suspects.
	GroupsLeak, GroupsSuspect float64
	Late                      float64 // goroutines that came late, of all groups together
}

// Decision is what a table says of a series.
type Decision struct {
	Rule    string
	Verdict Verdict
	Because Code
}

// decide finds the first rule that applies. Every table ends with one that does.
func decide(table []Rule, e *Evidence, o *Others) Decision {
	for _, r := range table {
		if r.When(e, o) {
			return Decision{r.Name, r.Verdict, r.Reason}
		}
	}
	panic("detect: a table of rules does not end with one that always applies")
}

// totalRules judges a total: live bytes and live objects may be leaks by
// themselves, goroutines are what their groups are, all others never decide a run.
func totalRules() []Rule {
	return []Rule{
		{"not measured", func(e *Evidence, _ *Others) bool { return !e.Measured() }, Unknown, TooFewSnapshots},
		{"gone after the drain", func(e *Evidence, o *Others) bool { return e.grew() && e.gone(o) }, Backlog, GoneAfterDrain},
		{"containers enlarge, bounded", func(e *Evidence, o *Others) bool {
			return e.containersEnlarge(o) && e.Bounded.Passed && !e.byTime()
		}, Stable, Bounded},
		{"containers enlarge", func(e *Evidence, o *Others) bool { return e.containersEnlarge(o) }, Growing, ContainersEnlarge},
		{"added from enough profiles", func(e *Evidence, o *Others) bool { return e.leaks(o) && e.ofTotal.added && e.ofTotal.watched }, Suspect, AddedFromSamples},
		{"added from few profiles", func(e *Evidence, o *Others) bool { return e.leaks(o) && e.ofTotal.added }, Growing, AddedFromSamples},
		{"with goroutines that may end", func(e *Evidence, o *Others) bool { return e.leaks(o) && o.Ramp }, Growing, WithGoroutines},
		{"bytes slacken", func(e *Evidence, o *Others) bool { return e.leaks(o) && e.ofTotal.outpaced }, Growing, BytesSlacken},
		{"a curve", func(e *Evidence, o *Others) bool { return e.leaks(o) && e.Straight.Failed() }, Growing, Curves},
		{"goes on after the load, and was not before it", func(e *Evidence, o *Others) bool { return e.leaks(o) && e.AfterLoad.Passed }, Growing, GrowsAfterLoad},
		{"every test passes", func(e *Evidence, o *Others) bool { return e.leaks(o) }, Leak, Rises},
		{"every test passes, by time", func(e *Evidence, o *Others) bool { return e.leaksByTime(o) }, Leak, Rises},
		{"grows without load", func(e *Evidence, _ *Others) bool { return e.Unloaded.Passed }, Suspect, GrowsWithoutLoad},
		{"may grow by time", func(e *Evidence, _ *Others) bool { return e.ByTime.Passed }, Growing, MayGrowByTime},
		{"its groups leak", func(e *Evidence, o *Others) bool { return e.countPasses() && o.GroupsLeak >= groupsAtLeast }, Leak, MadeByGroups},
		{"its groups are suspects", func(e *Evidence, o *Others) bool { return e.countPasses() && o.GroupsSuspect >= groupsAtLeast }, Suspect, MadeByGroups},
		{"no group makes it", func(e *Evidence, _ *Others) bool { return e.countPasses() }, Growing, Rises},
		{"bounded", func(e *Evidence, _ *Others) bool { return e.bounded() }, Stable, Bounded},
		{"levelled off", func(e *Evidence, _ *Others) bool { return e.Flat.Passed }, Plateau, LevelledOff},
		{"the last pass adds nothing", func(e *Evidence, _ *Others) bool { return e.PassBounded.Passed }, Plateau, SecondPassFlat},
		{"risen by rank, gone after the drain", func(e *Evidence, o *Others) bool { return e.Rises.Passed && e.gone(o) }, Backlog, GoneAfterDrain},
		{"risen by rank", func(e *Evidence, _ *Others) bool { return e.Rises.Passed }, Growing, RisesUnevenly},
		{"nothing shown", func(*Evidence, *Others) bool { return true }, Unknown, NotBounded},
	}
}

// siteRules judges an allocation site. Where the process has exact counters they
// are the judge of whether memory is kept at all, and a site says where.
func siteRules() []Rule {
	return []Rule{
		{"blocks that sites share", func(e *Evidence, o *Others) bool { return e.siteLeaks(o) && e.ofSite.tiny && o.HeapExact }, Suspect, SharedBlocks},
		{"every test passes", func(e *Evidence, o *Others) bool { return e.siteLeaks(o) }, Leak, PassesAllTests},
		{"a container that slackens", func(e *Evidence, _ *Others) bool { return e.container() && !e.ofSite.grows.sustained }, Growing, ContainerSlackens},
		{"a container, watched too briefly", func(e *Evidence, _ *Others) bool {
			return e.container() && (e.ofSite.grows.steps < leastSteps || !e.ofSite.watched)
		}, Growing, ContainerShort},
		{"a container that goes on", func(e *Evidence, _ *Others) bool { return e.container() }, Suspect, ContainerGrows},
		{"no growth shown", func(e *Evidence, _ *Others) bool { return !e.siteRises() }, Stable, NoGrowthShown},
		{"gone with the backlog", func(e *Evidence, o *Others) bool { return e.goneWith(o) }, Backlog, BacklogAtSite},
		{"ended with its process", func(e *Evidence, o *Others) bool { return !e.siteGoesOn() && e.endedWith(o) }, Plateau, LevelledOff},
		{"slackens", func(e *Evidence, _ *Others) bool { return !e.GoesOn.Passed }, Growing, SlackensLate},
		{"one step", func(e *Evidence, _ *Others) bool { return !e.Steps.Passed }, Growing, OneStep},
		{"masked by others that shrink", func(e *Evidence, o *Others) bool {
			return e.contradicted(o) && o.HeapUpper < movedBelow*e.Growth.Lo && e.hardlyDies() && !e.Kept.Failed() && o.Shrinks > 0
		}, Suspect, MaskedByOthers},
		{"moved from other sites", func(e *Evidence, o *Others) bool {
			return e.contradicted(o) && o.HeapUpper < movedBelow*e.Growth.Lo
		}, Stable, MovedFromSites},
		{"the total does not leak", func(e *Evidence, o *Others) bool { return e.contradicted(o) }, Growing, TotalDoesNotLeak},
		{"uneven, and no counters", func(e *Evidence, _ *Others) bool { return !e.ofSite.even.Passed }, Growing, GrowsUnevenly},
		{"profiles alone", func(*Evidence, *Others) bool { return true }, Growing, ProfilesCannot},
	}
}

// groupRules judges a group of goroutines. Counts are exact; the question is
// whether what grows may end by itself.
func groupRules() []Rule {
	return []Rule{
		{"proved by the runtime", func(e *Evidence, _ *Others) bool { return e.ofGroup.proved }, Leak, RuntimeProved},
		{"came late", func(e *Evidence, o *Others) bool {
			return !e.ofGroup.shown && e.ofGroup.late.Passed && o.Late >= floorGoroutines
		}, Suspect, CameLate},
		{"pile up, too few for a trend", func(e *Evidence, o *Others) bool {
			return !e.ofGroup.shown && e.ofGroup.piles.Passed && o.Late >= floorGoroutines
		}, Suspect, PileUp},
		{"no growth shown", func(e *Evidence, _ *Others) bool { return !e.ofGroup.shown }, Unknown, NoGrowthShown},
		{"ended in the drain", func(e *Evidence, _ *Others) bool { return e.Kept.Failed() }, Backlog, EndedInDrain},
		{"one waits while others begin", func(e *Evidence, o *Others) bool {
			return e.stay() && e.ofGroup.outwaits.Passed && e.ofGroup.brief == 0 && o.Holds >= mostHeld
		}, Leak, OthersBeganSince},
		{"hold the growth", func(e *Evidence, o *Others) bool {
			return e.stay() && e.Kept.Passed && o.Holds >= mostHeld && !e.passes()
		}, Suspect, HoldTheGrowth},
		{"slackens", func(e *Evidence, _ *Others) bool { return !e.GoesOn.Passed }, Growing, SlackensLate},
		{"uneven, but pile up", func(e *Evidence, _ *Others) bool { return !e.Significant() && e.ofGroup.piles.Passed }, Suspect, PileUp},
		{"uneven", func(e *Evidence, _ *Others) bool { return !e.Significant() }, Growing, CountUneven},
		{"steps", func(e *Evidence, _ *Others) bool { return !e.Steps.Passed }, Growing, StepsNotTrend},
		{"many ended", func(e *Evidence, _ *Others) bool { return e.ofGroup.ended.Failed() }, Suspect, ManyEnded},
		{"may end by itself", func(e *Evidence, _ *Others) bool { return !e.ofGroup.blocks }, Suspect, MayEnd},
		{"end with their connections", func(_ *Evidence, o *Others) bool { return o.Connection }, Suspect, EndWithConnection},
		{"nothing can end it", func(e *Evidence, _ *Others) bool { return e.ofGroup.forever }, Leak, SelectNoCases},
		{"watched too briefly", func(e *Evidence, _ *Others) bool { return e.ofGroup.brief > 0 }, Suspect, ShortWatch},
		{"begins and does not end", func(*Evidence, *Others) bool { return true }, Leak, DoNotEnd},
	}
}

// stay reports goroutines that wait for another one, and of which hardly any ended.
func (e *Evidence) stay() bool { return e.ofGroup.stuck && !e.ofGroup.ended.Failed() }

// grew reports that a total grew beyond doubt and by enough to speak of, whatever
// else the tests say.
func (e *Evidence) grew() bool { return e.Significant() && e.Enough.Passed }

// gone reports that the drain took the growth of a total. What the sites that grew
// retain is no part of what it took.
func (e *Evidence) gone(o *Others) bool {
	return e.Kept.Failed() && !(e.ofTotal.decides && o.AtSites.Retained >= keptAtLeast)
}

// leaks reports that bytes or objects pass every test.
func (e *Evidence) leaks(o *Others) bool { return e.passesAll(o) && e.EitherEnough.Passed }

// passesAll reports the same but for how much there must be.
func (e *Evidence) passesAll(o *Others) bool {
	return e.ofTotal.decides && e.passes() && e.Material.Passed && !e.gone(o) && !e.PassStops.Passed
}

// byTime reports growth that is there without load or may be.
func (e *Evidence) byTime() bool { return e.Unloaded.Passed || e.ByTime.Passed }

// leaksByTime reports bytes that pass every test under load, and grow without it,
// too: then what they grew by without load counts as well.
func (e *Evidence) leaksByTime(o *Others) bool {
	return e.passesAll(o) && !e.Straight.Failed() && !e.ofTotal.containers && e.Unloaded.Passed && e.ByTime.Passed && e.ofTotal.inAll.Passed
}

// containersEnlarge reports bytes that pass every test while objects do not rise:
// an append-only slice, or a buffer cache that fills. A second pass that goes on
// tells the two apart, and so does a longer run; or sites count the objects, where
// the live objects of all are too uncertain to.
func (e *Evidence) containersEnlarge(o *Others) bool {
	return e.leaks(o) && e.ofTotal.containers && !e.PassGoesOn.Passed && o.AtSites.Counted < countedAtLeast
}

// countPasses reports that the number of goroutines passes its tests.
func (e *Evidence) countPasses() bool { return e.ofTotal.counts && e.passes() && e.Enough.Passed }

// bounded reports evidence of absence. A bound without outliers counts for none
// where the total levelled off: what grew and stopped has outliers too, its first.
func (e *Evidence) bounded() bool { return e.Bounded.Passed && !(e.Outliers > 0 && e.Flat.Passed) }

// open reports that a total rises, by rank at least, and was not shown to stop.
func (e *Evidence) open() bool {
	return e.Rises.Passed && !e.Kept.Failed() && !e.bounded() && !e.Flat.Passed && !e.PassBounded.Passed
}

// siteRises asks the tests that tell growth of a site from none.
func (e *Evidence) siteRises() bool {
	return e.Significant() && e.ofSite.samples.Passed && e.Enough.Passed && e.Material.Passed
}

// siteLeaks reports that a site passes every test, and that nothing else contradicts
// it.
func (e *Evidence) siteLeaks(o *Others) bool {
	return e.siteRises() && !e.goneWith(o) && e.siteGoesOn() && !e.contradicted(o) && !e.alone(o)
}

// siteGoesOn asks those that tell a leak from growth that ends.
func (e *Evidence) siteGoesOn() bool { return e.GoesOn.Passed && e.Steps.Passed }

// hardlyDies reports a site that frees next to nothing of what it allocates.
func (e *Evidence) hardlyDies() bool { return e.ofSite.died.Passed }

// container reports that one object is enlarged again and again.
func (e *Evidence) container() bool { return e.ofSite.grows != nil }

// goneWith reports a site that went away in the drain, as its process did.
func (e *Evidence) goneWith(o *Others) bool { return o.Heap == Backlog && e.Kept.Failed() }

// endedWith reports that a site which does not go on growing has nothing left that
// a longer run could tell: the exact total of its process grew as well and then
// stopped, or it is known that neither of them grew by more than the clean limit
// allows.
func (e *Evidence) endedWith(o *Others) bool {
	return o.HeapExact && (o.Heap == Plateau || o.Heap == Stable && e.Growth.Hi <= o.Clean)
}

// contradicted reports that the exact totals, which are the judge, do not leak: a
// site that grows while the process does not is memory moving between sites.
func (e *Evidence) contradicted(o *Others) bool {
	return o.HeapExact && o.HeapKnown && o.Heap != Leak && o.Objects != Leak
}

// alone reports that there are no exact counters, and that profiles by themselves
// are too few or too uneven to tell a leak from a cache that fills.
func (e *Evidence) alone(o *Others) bool {
	return !o.HeapExact && (!e.ofSite.watched || !e.ofSite.even.Passed)
}
