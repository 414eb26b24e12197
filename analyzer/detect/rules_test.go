package detect

import (
	"fmt"
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

func passed() Test { return Test{Name: "asked", Passed: true, Statistic: 1} }
func failed() Test { return Test{Name: "asked", Statistic: 1} }

// leakingTotal is the evidence of a total that passes every test.
func leakingTotal() *Evidence {
	e := Evidence{Judged: 14}
	e.Slope, e.Rank, e.Steps, e.GoesOn, e.Straight, e.Kept = passed(), passed(), passed(), passed(), passed(), passed()
	e.Material, e.Enough, e.EitherEnough, e.Rises, e.Bounded, e.Flat = passed(), passed(), passed(), passed(), failed(), failed()
	e.ofTotal = &totalFacts{decides: true}
	return &e
}

// risingSite is the evidence of a site that passes every test.
func risingSite() *Evidence {
	e := Evidence{Judged: 14}
	e.Slope, e.Rank, e.Steps, e.GoesOn, e.Kept, e.Material, e.Enough = passed(), passed(), passed(), passed(), Test{}, passed(), passed()
	e.Growth.Estimate, e.Growth.Lo, e.Growth.Hi = 50, 40, 60
	e.ofSite = &siteFacts{samples: passed(), even: passed(), watched: true, tested: 1, alpha: 0.01}
	return &e
}

// stuckGroup is the evidence of a group that begins and does not end.
func stuckGroup() *Evidence {
	e := Evidence{Judged: 14}
	e.Slope, e.Rank, e.Steps, e.GoesOn = passed(), passed(), passed(), passed()
	e.ofGroup = &groupFacts{shown: true, ended: passed(), blocks: true, stuck: true}
	return &e
}

// A ruleCase is evidence that a rule decides, and the rule that would if it were
// taken out of its table: so the order is told, too.
type ruleCase struct {
	rule, without string // without is empty for the last of a table
	edit          func(e *Evidence, o *Others)
}

type ruleTable struct {
	name  string
	rules []Rule
	base  func() (*Evidence, Others)
	cases []ruleCase
}

func ruleTables() []ruleTable {
	counts := func(e *Evidence) { e.ofTotal = &totalFacts{counts: true} }
	return []ruleTable{
		{"totals", totalRules(), func() (*Evidence, Others) { return leakingTotal(), Others{} }, []ruleCase{
			{"not measured", "nothing shown", func(e *Evidence, _ *Others) {
				facts := e.ofTotal
				*e = Evidence{Judged: 3, Missing: TooFewSnapshots}
				e.ofTotal = facts
			}},
			{"gone after the drain", "risen by rank, gone after the drain", func(e *Evidence, _ *Others) { e.Kept = failed() }},
			{"containers enlarge, bounded", "containers enlarge", func(e *Evidence, _ *Others) { e.ofTotal.containers, e.Bounded = true, passed() }},
			{"containers enlarge", "every test passes", func(e *Evidence, _ *Others) { e.ofTotal.containers, e.PassGoesOn = true, failed() }},
			{"added from enough profiles", "added from few profiles", func(e *Evidence, _ *Others) { e.ofTotal.added, e.ofTotal.watched = true, true }},
			{"added from few profiles", "with goroutines that may end", func(e *Evidence, o *Others) { e.ofTotal.added, o.Ramp = true, true }},
			{"with goroutines that may end", "bytes slacken", func(e *Evidence, o *Others) { e.ofTotal.outpaced, o.Ramp = true, true }},
			{"bytes slacken", "a curve", func(e *Evidence, _ *Others) { e.ofTotal.outpaced, e.Straight = true, failed() }},
			{"a curve", "every test passes", func(e *Evidence, _ *Others) { e.Straight = failed() }},
			{"goes on after the load, and was not before it", "every test passes", func(e *Evidence, _ *Others) { e.AfterLoad = passed() }},
			{"every test passes", "risen by rank", func(e *Evidence, _ *Others) { e.ofTotal.containers, e.PassGoesOn = true, passed() }},
			{"every test passes, by time", "grows without load", func(e *Evidence, _ *Others) {
				e.EitherEnough, e.Unloaded, e.ByTime, e.ofTotal.inAll = failed(), passed(), passed(), passed()
			}},
			{"grows without load", "may grow by time", func(e *Evidence, _ *Others) {
				e.EitherEnough, e.Unloaded, e.ByTime, e.ofTotal.inAll = failed(), passed(), passed(), failed()
			}},
			{"may grow by time", "bounded", func(e *Evidence, _ *Others) {
				e.EitherEnough, e.ByTime, e.Bounded = failed(), passed(), passed()
			}},
			{"its groups leak", "its groups are suspects", func(e *Evidence, o *Others) {
				counts(e)
				o.GroupsLeak, o.GroupsSuspect = groupsAtLeast, groupsAtLeast
			}},
			{"its groups are suspects", "no group makes it", func(e *Evidence, o *Others) {
				counts(e)
				o.GroupsLeak, o.GroupsSuspect = 0.99*groupsAtLeast, groupsAtLeast
			}},
			{"no group makes it", "bounded", func(e *Evidence, o *Others) {
				counts(e)
				e.Bounded, o.GroupsLeak, o.GroupsSuspect = passed(), 0.99*groupsAtLeast, 0.99*groupsAtLeast
			}},
			{"bounded", "levelled off", func(e *Evidence, _ *Others) { e.Material, e.Bounded, e.Flat = failed(), passed(), passed() }},
			{"levelled off", "the last pass adds nothing", func(e *Evidence, _ *Others) {
				e.Bounded, e.Outliers, e.Flat = passed(), 2, passed()
				e.PassStops, e.PassBounded = passed(), passed()
			}},
			{"the last pass adds nothing", "risen by rank", func(e *Evidence, _ *Others) { e.PassStops, e.PassBounded = passed(), passed() }},
			{"risen by rank, gone after the drain", "risen by rank", func(e *Evidence, _ *Others) { e.Slope, e.Kept = failed(), failed() }},
			{"risen by rank", "nothing shown", func(e *Evidence, _ *Others) { e.Slope = failed() }},
			{"nothing shown", "", func(e *Evidence, _ *Others) { e.Slope, e.Rises = failed(), failed() }},
		}},
		{"sites", siteRules(), func() (*Evidence, Others) {
			return risingSite(), Others{Heap: Leak, HeapExact: true, HeapKnown: true, HeapUpper: 100, Clean: 64}
		}, []ruleCase{
			{"blocks that sites share", "every test passes", func(e *Evidence, _ *Others) { e.ofSite.tiny = true }},
			{"every test passes", "a container that slackens", func(e *Evidence, _ *Others) { e.ofSite.grows = &container{} }},
			{"a container that slackens", "a container, watched too briefly", func(e *Evidence, o *Others) {
				e.ofSite.grows, o.Heap = &container{steps: leastSteps - 1}, Growing
			}},
			{"a container, watched too briefly", "a container that goes on", func(e *Evidence, o *Others) {
				e.ofSite.grows, e.ofSite.watched, o.Heap = &container{steps: leastSteps, sustained: true}, false, Growing
			}},
			{"a container that goes on", "no growth shown", func(e *Evidence, _ *Others) {
				e.ofSite.grows, e.ofSite.samples = &container{steps: leastSteps, sustained: true}, failed()
			}},
			{"no growth shown", "gone with the backlog", func(e *Evidence, o *Others) { e.ofSite.samples, e.Kept, o.Heap = failed(), failed(), Backlog }},
			{"gone with the backlog", "slackens", func(e *Evidence, o *Others) { e.GoesOn, e.Kept, o.Heap = failed(), failed(), Backlog }},
			{"ended with its process", "slackens", func(e *Evidence, o *Others) { e.GoesOn, o.Heap = failed(), Plateau }},
			{"slackens", "one step", func(e *Evidence, _ *Others) { e.GoesOn, e.Steps = failed(), failed() }},
			{"one step", "moved from other sites", func(e *Evidence, o *Others) { e.Steps, o.Heap, o.HeapUpper = failed(), Growing, 19 }},
			{"masked by others that shrink", "moved from other sites", func(e *Evidence, o *Others) {
				e.ofSite.died, e.Kept, o.Heap, o.HeapUpper, o.Shrinks = passed(), passed(), Stable, 19, 1
			}},
			{"moved from other sites", "the total does not leak", func(e *Evidence, o *Others) {
				e.ofSite.died, e.Kept, o.Heap, o.HeapUpper = passed(), passed(), Stable, 19
			}},
			{"the total does not leak", "uneven, and no counters", func(e *Evidence, o *Others) { e.ofSite.even, o.Heap, o.HeapUpper = failed(), Stable, 20 }},
			{"uneven, and no counters", "profiles alone", func(e *Evidence, o *Others) {
				e.ofSite.even, o.Heap, o.HeapExact, o.HeapKnown = failed(), Suspect, false, false
			}},
			{"profiles alone", "", func(e *Evidence, o *Others) {
				e.ofSite.watched, o.Heap, o.HeapExact, o.HeapKnown = false, Suspect, false, false
			}},
		}},
		{"goroutines", groupRules(), func() (*Evidence, Others) { return stuckGroup(), Others{} }, []ruleCase{
			{"proved by the runtime", "came late", func(e *Evidence, o *Others) {
				e.ofGroup.proved, e.ofGroup.shown, e.ofGroup.late, o.Late = true, false, passed(), floorGoroutines
			}},
			{"came late", "no growth shown", func(e *Evidence, o *Others) {
				e.ofGroup.shown, e.ofGroup.late, o.Late = false, passed(), floorGoroutines
			}},
			{"pile up, too few for a trend", "no growth shown", func(e *Evidence, o *Others) {
				e.ofGroup.shown, e.ofGroup.late, e.ofGroup.piles, o.Late = false, failed(), passed(), floorGoroutines
			}},
			{"no growth shown", "ended in the drain", func(e *Evidence, o *Others) {
				e.ofGroup.shown, e.ofGroup.late, e.ofGroup.piles, e.Kept, o.Late = false, passed(), passed(), failed(), floorGoroutines-1
			}},
			{"ended in the drain", "slackens", func(e *Evidence, o *Others) {
				e.Kept, e.GoesOn, e.ofGroup.outwaits, o.Holds = failed(), failed(), failed(), 1
			}},
			{"one waits while others begin", "hold the growth", func(e *Evidence, o *Others) {
				e.Kept, e.GoesOn, e.ofGroup.outwaits, o.Holds = passed(), failed(), passed(), mostHeld
			}},
			{"hold the growth", "slackens", func(e *Evidence, o *Others) {
				e.Kept, e.GoesOn, e.ofGroup.outwaits, o.Holds = passed(), failed(), failed(), mostHeld
			}},
			{"slackens", "uneven, but pile up", func(e *Evidence, o *Others) {
				e.Kept, e.GoesOn, e.Slope, e.ofGroup.piles, e.ofGroup.outwaits, o.Holds = passed(), failed(), failed(), passed(), passed(), 0.99*mostHeld
			}},
			{"uneven, but pile up", "uneven", func(e *Evidence, _ *Others) { e.Slope, e.ofGroup.piles = failed(), passed() }},
			{"uneven", "steps", func(e *Evidence, _ *Others) { e.Slope, e.Steps = failed(), failed() }},
			{"steps", "many ended", func(e *Evidence, _ *Others) { e.Steps, e.ofGroup.ended = failed(), failed() }},
			{"many ended", "may end by itself", func(e *Evidence, o *Others) {
				e.Kept, e.GoesOn, e.ofGroup.outwaits, o.Holds = passed(), passed(), passed(), 1
				e.ofGroup.ended, e.ofGroup.blocks = failed(), false
			}},
			{"may end by itself", "end with their connections", func(e *Evidence, o *Others) { e.ofGroup.blocks, o.Connection = false, true }},
			{"end with their connections", "nothing can end it", func(e *Evidence, o *Others) { e.ofGroup.forever, o.Connection = true, true }},
			{"nothing can end it", "watched too briefly", func(e *Evidence, _ *Others) { e.ofGroup.forever, e.ofGroup.brief = true, 13 }},
			{"watched too briefly", "begins and does not end", func(e *Evidence, _ *Others) { e.ofGroup.brief = 13 }},
			{"begins and does not end", "", func(*Evidence, *Others) {}},
		}},
	}
}

// A table is whole: its last rule always applies, no name comes twice, and there
// is a case for each rule, in their order.
func TestTheTablesOfRules(t *testing.T) {
	t.Parallel()
	for _, table := range ruleTables() {
		var names, tried []string
		for _, r := range table.rules {
			if slices.Contains(names, r.Name) || r.Name == "" {
				t.Errorf("%s: the name %q comes twice", table.name, r.Name)
			}
			if r.Reason == "" {
				t.Errorf("%s: %q has no reason", table.name, r.Name)
			}
			names = append(names, r.Name)
		}
		for _, c := range table.cases {
			tried = append(tried, c.rule)
		}
		if !slices.Equal(names, tried) {
			t.Errorf("%s: rules %q, cases %q", table.name, names, tried)
		}
		last := table.rules[len(table.rules)-1]
		if !last.When(nil, nil) {
			t.Errorf("%s: the last rule asks something", table.name)
		}
	}
}

// What two rules could claim, or what no exact total could be measured for.
func TestRulesOfRareEvidence(t *testing.T) {
	added := leakingTotal()
	added.ofTotal.added, added.ofTotal.containers = true, true
	if d := decide(totalRules(), added, &Others{}); d.Rule != "containers enlarge" || d.Verdict != Growing {
		t.Errorf("added from samples, objects that do not rise: %+v, want containers that enlarge", d)
	}
	for _, c := range []struct {
		others Others
		want   Verdict
	}{
		{Others{HeapExact: true}, Leak}, // there, but not measured: the site tells
		{Others{HeapExact: true, HeapKnown: true, HeapUpper: 1e6}, Growing},
		{Others{HeapExact: true, HeapKnown: true, Heap: Leak}, Leak},
		{Others{HeapExact: true, HeapKnown: true, Heap: Growing, Objects: Leak}, Leak}, // bytes in steps, as of a table; objects along a line
	} {
		if d := decide(siteRules(), risingSite(), &c.others); d.Verdict != c.want {
			t.Errorf("a site beside %+v: %+v, want %s", c.others, d, c.want)
		}
	}
}

// The first rule that applies decides; without it another one would.
func TestEachRuleDecides(t *testing.T) {
	t.Parallel()
	for _, table := range ruleTables() {
		for i, c := range table.cases {
			t.Run(table.name+": "+c.rule, func(t *testing.T) {
				e, o := table.base()
				c.edit(e, &o)
				r := table.rules[i]
				if got, want := decide(table.rules, e, &o), (Decision{r.Name, r.Verdict, r.Reason}); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				rest := slices.Concat(table.rules[:i], table.rules[i+1:])
				if c.without == "" {
					defer func() {
						if recover() == nil {
							t.Error("a table without a last rule decides")
						}
					}()
				}
				if got := decide(rest, e, &o); got.Rule != c.without {
					t.Errorf("without it %q decides, want %q", got.Rule, c.without)
				}
			})
		}
	}
}

// Without exact counters a site is all that tells of a leak: where the blocks are
// shared, the process leaks all the same.
func TestSharedBlocksWithoutCounters(t *testing.T) {
	t.Parallel()
	e := risingSite()
	e.ofSite.tiny = true
	if d := decide(siteRules(), e, &Others{}); d.Verdict != Leak {
		t.Errorf("%+v, want a leak", d)
	}
}

// Each total is asked what its rules read: goroutines, here of one number, are not
// held against a tolerance of bytes, nor their rise against steps; live bytes alone
// are asked what they do without load.
func TestEachTotalIsAskedWhatItsRulesRead(t *testing.T) {
	t.Parallel()
	asked := func(res *Result, total string) (names []string) {
		for _, x := range res.Total(total).Tests {
			names = append(names, x.Name)
		}
		return names
	}
	res := judge(leakingTwice(20).run(), DefaultConfig()).res
	for total, want := range map[string][]string{
		series.LiveBytes:   {"slope", "rank", "steps are no trend", "goes on", "no curve", "grows without load", "may be by time", "material", "enough", "enough, of bytes or objects", "rises", "bounded", "levelled off", "enough, with what grew without load"},
		series.LiveObjects: {"slope", "rank", "steps are no trend", "goes on", "no curve", "material", "enough", "enough, of bytes or objects", "rises", "bounded", "levelled off"},
		series.Goroutines:  {"slope", "rank", "goes on", "enough", "rises", "bounded"},
	} {
		if got := asked(res, total); !slices.Equal(got, want) {
			t.Errorf("%s: asked %q, want %q", total, got, want)
		}
	}
}

// Rules only read: asked twice, in any order, of evidence that stays as it was.
func TestRulesOnlyRead(t *testing.T) {
	t.Parallel()
	for _, table := range ruleTables() {
		for _, c := range table.cases {
			e, o := table.base()
			c.edit(e, &o)
			was, others := printed(e), o
			first := decide(table.rules, e, &o)
			for _, r := range slices.Backward(table.rules) {
				r.When(e, &o)
			}
			if again := decide(table.rules, e, &o); again != first || printed(e) != was || o != others {
				t.Errorf("%s: %+v, then %+v\nevidence %s\nwas      %s", c.rule, first, again, printed(e), was)
			}
		}
	}
}

// printed is all that evidence holds.
func printed(e *Evidence) string {
	c := *e
	c.ofTotal, c.ofSite, c.ofGroup = nil, nil, nil
	s := fmt.Sprintf("%+v", c)
	if f := e.ofTotal; f != nil {
		s += fmt.Sprintf(" %+v", *f)
	}
	if f := e.ofSite; f != nil {
		g := *f
		if g.grows != nil {
			s += fmt.Sprintf(" %+v", *g.grows)
			g.grows = nil
		}
		s += fmt.Sprintf(" %+v", g)
	}
	if f := e.ofGroup; f != nil {
		s += fmt.Sprintf(" %+v", *f)
	}
	return s
}
