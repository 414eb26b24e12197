package detect

import (
	"encoding/json"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Reason is why something was judged as it was: a code and the figures of its
// sentence, which package report writes. Codes and figures are part of
// report/v1: scripts may depend on them.
type Reason struct {
	Code   Code   `json:"code"`
	Values Values `json:"values,omitzero"`
}

// Warning is what a verdict could not use, or what else its reader should know.
// Text is the sentence of one that came with the recording; the others are
// worded by package report.
type Warning struct {
	Code   Code
	Values Values
	Text   string
}

// in reports that the same warning is among all.
func (w Warning) in(all []Warning) bool {
	for _, x := range all {
		if x.Code == w.Code && x.Text == w.Text && x.Values.same(w.Values) {
			return true
		}
	}
	return false
}

// Values are the figures of a reason or a warning; what a code does not use is
// zero. Sizes are bytes, times seconds, shares in 0..1.
type Values struct {
	N         int     `json:"n,omitempty"`          // snapshots, or what else is counted
	Of        int     `json:"of,omitempty"`         // what N is a part of, or is held against
	Tau       float64 `json:"tau,omitempty"`        // Kendall's
	P         float64 `json:"p,omitempty"`          // the larger of slope's and rank's
	SlopeP    float64 `json:"slope_p,omitempty"`    // where it differs from P
	Level     float64 `json:"level,omitempty"`      // that P was held against
	Share     float64 `json:"share,omitempty"`      // of what the code says
	Times     float64 `json:"times,omitempty"`      // a factor
	Grew      float64 `json:"grew,omitempty"`       // over the judged snapshots
	Floor     float64 `json:"floor,omitempty"`      // that Grew was held against
	Upper     float64 `json:"upper,omitempty"`      // 95 % bound of growth per unit of work
	Limit     float64 `json:"limit,omitempty"`      // that Upper was held against
	Samples   float64 `json:"samples,omitempty"`    // sampled objects
	Count     float64 `json:"count,omitempty"`      // goroutines, or objects
	From      float64 `json:"from,omitempty"`       // bytes
	To        float64 `json:"to,omitempty"`         // bytes
	Bytes     float64 `json:"bytes,omitempty"`      // of one, or of all, as the code says
	Rate      float64 `json:"rate,omitempty"`       // per unit of work
	Seconds   float64 `json:"seconds,omitempty"`    // a time
	Period    int64   `json:"period,omitempty"`     // bytes a sample of the heap profile
	OldPeriod int64   `json:"old_period,omitempty"` // of the first of two runs
	Per       Per     `json:"per,omitempty"`        // the unit of work
	// Exponent is c of growth like a + b·work^c, with its 98 % interval; nil where it was not fitted.
	Exponent *stats.Interval `json:"exponent,omitempty"`
	Function string          `json:"function,omitempty"` // that the reason is about
	Wait     string          `json:"wait,omitempty"`     // of goroutines
	Parts    []Part          `json:"parts,omitempty"`    // what it is made of, the largest first
	More     int             `json:"more,omitempty"`     // parts that are not listed
	Run      string          `json:"run,omitempty"`      // of a comparison: "first" or "second"
	Text     string          `json:"text,omitempty"`     // a sentence that came with the recording
}

// Part is one of several things that a reason lists. Which of its figures are
// there depends on the code.
type Part struct {
	Name     string  `json:"name,omitempty"`
	Function string  `json:"function,omitempty"`
	File     string  `json:"file,omitempty"`
	Line     int     `json:"line,omitempty"`
	Bytes    float64 `json:"bytes,omitempty"`
	Share    float64 `json:"share,omitempty"`
	Rate     float64 `json:"rate,omitempty"` // per unit of work
	Per      Per     `json:"per,omitempty"`
}

// MarshalJSON writes figures with nine digits and leaves out what is infinite.
func (v Values) MarshalJSON() ([]byte, error) {
	v.Parts = slices.Clone(v.Parts)
	for _, f := range v.figures() {
		if p := stats.PrintableAt(f); p != nil {
			*f = *p
		} else {
			*f = 0
		}
	}
	type plain Values
	return json.Marshal(plain(v))
}

func (v *Values) figures() []*float64 {
	all := []*float64{
		&v.Tau, &v.P, &v.SlopeP, &v.Level, &v.Share, &v.Times, &v.Grew, &v.Floor, &v.Upper, &v.Limit,
		&v.Samples, &v.Count, &v.From, &v.To, &v.Bytes, &v.Rate, &v.Seconds,
	}
	for i := range v.Parts {
		p := &v.Parts[i]
		all = append(all, &p.Bytes, &p.Share, &p.Rate)
	}
	return all
}

// IsZero reports values without a figure.
func (v Values) IsZero() bool { return v.same(Values{}) }

func (v Values) same(w Values) bool {
	a, errA := json.Marshal(v)
	b, errB := json.Marshal(w)
	return errA == nil && errB == nil && string(a) == string(b)
}

// Code names a reason or a warning.
type Code string

// Reasons of totals, and what they share with sites and groups.
const (
	AddedFromSamples  Code = "added-from-samples"   // no exact counters
	NotRecorded       Code = "not-recorded"         // no judged snapshot has it
	TooFewSnapshots   Code = "too-few-snapshots"    // N of at least Of
	NoOperations      Code = "no-operations"        // between the judged snapshots
	OneMoment         Code = "one-moment"           // all judged snapshots
	WithGoroutines    Code = "with-goroutines"      // it grows with goroutines that may end by themselves
	ContainersEnlarge Code = "containers-enlarge"   // bytes rise and objects do not
	CountedAtSites    Code = "counted-at-sites"     // objects that make Share of the growth were born and stayed
	StepsNotTrend     Code = "steps-not-trend"      // a staircase tells it better than a line
	Rises             Code = "rises"                // in N snapshots
	RisesUnevenly     Code = "rises-unevenly"       // likewise, but not along a line
	SlackensLate      Code = "slackens-late"        // the last third at Share of the whole's rate
	SlackensHalfway   Code = "slackens-halfway"     // the second half at Share of the first's
	SlackenedBefore   Code = "slackened-before"     // Times as fast before
	Fades             Code = "fades"                // a curve like an S, at Share of the whole's rate at the end
	FlatAtEnd         Code = "flat-at-end"          // the last N snapshots
	BytesSlacken      Code = "bytes-slacken"        // while objects rise
	Curves            Code = "curves"               // like work to the power of Exponent
	GrowsSince        Code = "grows-since"          // Seconds after the first snapshot
	BelowFloor        Code = "below-floor"          // Grew less than Floor
	GoneAfterDrain    Code = "gone-after-drain"     // Share of the growth
	MoreGoneThanGrew  Code = "more-gone-than-grew"  // in the drain
	RetainedAtSites   Code = "retained-at-sites"    // after the drain, Share of the growth: what went was there before
	KeptAfterDrain    Code = "kept-after-drain"     //
	SecondPassFlat    Code = "second-pass-flat"     // a cache keyed by content
	SecondPassGrew    Code = "second-pass-grew"     // at Share of the first's rate, over the same N contents; 0 not known to repeat
	LevelledOff       Code = "levelled-off"         // over the last half at most Upper, Limit
	Bounded           Code = "bounded"              // at most Upper, Limit
	OutliersWeighLess Code = "outliers-weigh-less"  // N of Of snapshots
	NotBounded        Code = "not-bounded"          // at most Upper, Limit; Times as long would tell
	MadeByGroups      Code = "made-by-groups"       // no worse than the groups that make the growth
	AwaitsNextLook    Code = "awaits-next-look"     // a leak if the next look finds it again
	BelowLevelOfLooks Code = "below-level-of-looks" // passes a single judgement only
	SizeBelowPower    Code = "size-below-power"     // the size is an upper end: below Rate, nine in ten are not found
	ProvedByHolder    Code = "proved-by-holder"     // reserved: the object graph shows who holds it
	GrowthAlone       Code = "growth-alone"         // Bytes were kept over Count units of work: a cache above both looks the same
	NoGrowthShown     Code = "no-growth-shown"      // at the level of its test
	NotMeasured       Code = "not-measured"         // N of Of snapshots measured nothing, or garbage
	NotWholeRun       Code = "not-whole-run"        // the run failed or was ended early: Text
	GrowsWithoutLoad  Code = "grows-without-load"   // by Rate a second, before the load and in the drain
	GrowsAfterLoad    Code = "grows-after-load"     // by Rate a second in the drain, Share of the rate under load, and not before it
	MayGrowByTime     Code = "may-grow-by-time"     // by Rate a second without load, at most Upper
)

// Reasons of sites.
const (
	PassesAllTests    Code = "passes-all-tests"     // at Level over N sites: +Samples
	ContainerSlackens Code = "container-slackens"   // N enlargements by Times, From … To
	ContainerShort    Code = "container-short"      // likewise; too short to tell from a table that fills
	ContainerGrows    Code = "container-grows"      // likewise, as fast at the end
	SharesGrowth      Code = "shares-growth"        // Samples of what stayed are here
	SharedBlocks      Code = "shared-blocks"        // of 16 bytes: +Samples, and objects of other sites may be what holds them
	PartOfSite        Code = "part-of-site"         // the other objects of the site come and go; those that grow are of Bytes at Parts
	OnlyOfItsSize     Code = "only-of-its-size"     // objects of From to To bytes grow by Rate
	OneStep           Code = "one-step"             // makes the growth
	GrowsUnevenly     Code = "grows-unevenly"       // the last third at Share of the whole's rate
	ProfilesCannot    Code = "profiles-cannot-tell" // N profiles alone; take Of
	TotalDoesNotLeak  Code = "total-does-not-leak"  //
	MovedFromSites    Code = "moved-from-sites"     // the total is bounded below what the site gained
	MaskedByOthers    Code = "masked-by-others"     // likewise, but what it gained stays: Function and N−1 others shrink by Rate
	BacklogAtSite     Code = "backlog-at-site"      // +Samples, Share went away in the drain
	NoSiteExplains    Code = "no-site-explains"     //
	PartAtNoSite      Code = "part-at-no-site"      // Share of the growth
	ObjectsUnseen     Code = "objects-unseen"       // Share of the Rate of objects is at no named site
	GrewUnproved      Code = "grew-unproved"        // Parts, beside what is named
	SizesThatGrow     Code = "sizes-that-grow"      // Parts: Bytes and Rate
	NoHeapProfile     Code = "no-heap-profile"      // remedy: link one
	SampledTooRarely  Code = "sampled-too-rarely"   // remedy: lower Period
	SampleMore        Code = "sample-more"          // remedy: run longer, or lower the rate further
	PerStuckGoroutine Code = "per-stuck-goroutine"  // Bytes each
	OthersWithStuck   Code = "others-with-stuck"    // N sites that grow with stuck goroutines
	AsManyAt          Code = "as-many-at"           // as Function, under one caller
	GrowTogether      Code = "grow-together"        // N sites: Parts
	LittleBeside      Code = "little-beside"        // Parts
	SeriesPerLabel    Code = "series-per-label"     // Function, of a metrics library, is on the way
	ContextNotEnded   Code = "context-not-ended"    // Function is on the way
	TimerNotStopped   Code = "timer-not-stopped"    // Function is on the way
	LargeBuffers      Code = "large-buffers"        // Rate objects of Bytes are kept
	KeepsNothing      Code = "keeps-nothing"        // of the Share of allocations that it makes
	ChurnByLine       Code = "churn-by-line"        // Parts: File, Line and Share
	GrowsOutside      Code = "grows-outside"        // Grew in all, Bytes of it outside; Parts explain Share
	OutsideAtEnd      Code = "outside-at-end"       // Bytes
	LookOutside       Code = "look-outside"         // remedy
)

// Reasons of groups of goroutines.
const (
	RuntimeProved     Code = "runtime-proved"       // Count of them, by goroutineleak
	EndedInDrain      Code = "ended-in-drain"       // Share of them
	CountUneven       Code = "count-uneven"         // rises, but not along a line
	ManyEnded         Code = "many-ended"           // Share as many ended as began
	MayEnd            Code = "may-end"              // what waits for time or I/O
	SelectNoCases     Code = "select-no-cases"      // nothing can end them
	ShortWatch        Code = "short-watch"          // Seconds without drain or operations
	DoNotEnd          Code = "do-not-end"           // +Count in N snapshots
	StillAfterDrain   Code = "still-after-drain"    //
	HaveWaited        Code = "have-waited"          // one of them, Seconds
	PileUp            Code = "pile-up"              // Count of them came, none has ended in Seconds
	HoldTheGrowth     Code = "hold-the-growth"      // Share of the heap's, and stay
	OthersBeganSince  Code = "others-began-since"   // Count others; they hold Share of the heap's growth
	EndWithConnection Code = "end-with-connection"  // as their other end, which waits for I/O
	CameLate          Code = "came-late"            // Count after the first third, none ended in Seconds
	MemoryGrowsWith   Code = "memory-grows-with"    // them, at Function
	HeldByStuck       Code = "held-by-stuck"        // Count goroutines that do not end retain it
	HeapGrowsWithEach Code = "heap-grows-with-each" // of them, by Bytes
	BodyNotClosed     Code = "body-not-closed"      // they read connections of net/http's client
	SoDo              Code = "so-do"                // those that wait at Wait in Function
)

// What a forecast takes for granted.
const (
	RuntimeKeepsLimit Code = "runtime-keeps-limit"
	LimitKeepsLow     Code = "limit-keeps-low" // GOMEMLIMIT, which is lower
	PeaksBeforeGC     Code = "peaks-before-gc" // at Times what is live
	ResidentGoesOn    Code = "resident-goes-on"
)

// Reasons of comparisons.
const (
	TooFewInOneRun    Code = "too-few-in-one-run"
	GrowsMoreSlowly   Code = "grows-more-slowly"
	GrowthNotShown    Code = "growth-not-shown"
	GrowsFaster       Code = "grows-faster"
	NewlyGrows        Code = "newly-grows"
	DifferenceBounded Code = "difference-bounded"
	BothBounded       Code = "both-bounded"
	TooUncertain      Code = "too-uncertain"
	NotInFirstRun     Code = "not-in-first-run"
	NotInSecondRun    Code = "not-in-second-run"
	LeakInSecondRun   Code = "leak-in-second-run"
	WorseCounts       Code = "worse-counts"
	MovedBetween      Code = "moved-between"      // N more, Of less
	BetterUnconfirmed Code = "better-unconfirmed" // N sites
	WorseUnconfirmed  Code = "worse-unconfirmed"  // N sites
	StillLeaks        Code = "still-leaks"
	RunLonger         Code = "run-longer"
	OneLacksOps       Code = "one-lacks-operations" // warning: Run
	PeriodsDiffer     Code = "periods-differ"       // warning: OldPeriod, Period
	LoadsDiffer       Code = "loads-differ"         // warning: From, To operations a second
)

// Warnings of a judgement.
const (
	Recorded          Code = "recorded" // of reading or recording, in Text
	NoSnapshots       Code = "no-snapshots"
	FewSnapshots      Code = "few-snapshots" // N after the warm-up, Of needed
	LiveBytesUnknown  Code = "live-bytes-unknown"
	NoExactCounters   Code = "no-exact-counters"
	GoroutinesUnknown Code = "goroutines-unknown"
	GoroutinesOnce    Code = "goroutines-once" // Count, in one snapshot alone
	ProfilingOff      Code = "profiling-off"
	StacksCut         Code = "stacks-cut"
	OperationsUnknown Code = "operations-unknown"
	ResidentClimbs    Code = "resident-climbs"   // Grew, the live heap Bytes; Parts explain Share
	OutsideUntouched  Code = "outside-untouched" // as GrowsOutside; may be pages not touched before
	LoadNotValid      Code = "load-not-valid"    // in Text
)
