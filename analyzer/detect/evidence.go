package detect

import (
	"encoding/json"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Test is one question asked of a series: a statistic held against a bound. One
// that was not asked has no name, or a statistic of NaN: it has not failed.
type Test struct {
	Name      string
	Passed    bool
	Statistic float64
	Bound     float64 // infinite where several things are asked at once
	Unit      string  // of both
}

// Asked reports that there was something to ask of.
func (t Test) Asked() bool { return !math.IsNaN(t.Statistic) && t.Name != "" }

// Failed reports that the test was asked and not passed.
func (t Test) Failed() bool { return t.Asked() && !t.Passed }

// MarshalJSON leaves out what is infinite.
func (t Test) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name      string   `json:"name"`
		Passed    bool     `json:"passed"`
		Statistic *float64 `json:"statistic,omitempty"`
		Bound     *float64 `json:"bound,omitempty"`
		Unit      string   `json:"unit,omitempty"`
	}{t.Name, t.Passed, stats.Printable(t.Statistic), stats.Printable(t.Bound), t.Unit})
}

// Evidence is what one series says: a total, a site or a group of goroutines. It
// is measured once, and nothing writes to it afterwards; the rules read nothing
// else of a series. Growth is per unit of work, in the series' own unit (bytes,
// objects, goroutines).
type Evidence struct {
	Judged  int            // snapshots that have it
	Missing Code           // why it could not be measured; empty where it was
	Growth  stats.Interval // per unit of work
	Upper   float64        // one-sided 95 % bound of Growth
	Lower   float64        // lower bound of Growth, what a snapshot may leave behind allowed for
	Grew    float64        // over the judged snapshots: Growth's estimate times the work
	Tau     float64        // Kendall's

	Slope  Test // P of the slope, and of block means where those apply: the larger
	Rank   Test // P of the exact Mann–Kendall test
	Steps  Test // a line tells the growth better than steps do
	GoesOn Test // growth does not slacken towards the end
	// Slackens is why GoesOn failed: a code of SlackensLate to FlatAtEnd.
	Slackens Reason
	Straight Test // the upper bound of Exponent is not below 1, or the last two thirds are a line
	// Exponent is c of growth like a + b·work^c, with its interval at curveSure; zero
	// where Straight was not asked.
	Exponent stats.Interval
	// Since is how many judged snapshots lie before growth began; the tests are of
	// the others. 0 where it was not looked for, or not found.
	Since int

	Kept         Test // still there after the drain
	Unloaded     Test // growth without load, by time, is shown
	AfterLoad    Test // it went on in the drain as under load, and was not there before the load
	ByTime       Test // growth under load is shown, and what is known without load does not refute that it is by time
	PassGoesOn   Test // the last pass is shown to grow like the first
	PassStops    Test // the last pass over the same content is shown not to grow
	PassBounded  Test // and is bounded below the clean limit
	Material     Test // the lower bound is above the tolerance
	Enough       Test // Grew reaches the evidence floor
	EitherEnough Test // of a heap total: it or its partner (bytes, objects) does
	Rises        Test // by rank and by Enough alone, outliers aside: never a leak
	Bounded      Test // Upper is below the clean limit
	Flat         Test // it grew and stopped: the last half is bounded below the clean limit

	// Outliers is how many snapshots lie far from the others and were pulled in for
	// Upper; 0 where Upper is that of all.
	Outliers int

	ofTotal *totalFacts
	ofSite  *siteFacts
	ofGroup *groupFacts

	fit stats.Slope // behind Growth, Slope and Upper
}

// totalFacts is what only a total is asked.
type totalFacts struct {
	decides    bool // live bytes or objects: it may be a leak by itself
	counts     bool // goroutines: its groups say what its growth is
	added      bool // no exact counters: added up from samples
	containers bool // live bytes that rise while live objects do not
	outpaced   bool // live objects that rise while live bytes rise and slacken
	watched    bool // enough profiles to judge by them alone
	inAll      Test // enough, with what grew without load counted in
}

// siteFacts is what only an allocation site is asked.
type siteFacts struct {
	samples Test // sampled objects gained
	died    Test // hardly any of those born in the judged snapshots have died
	even    Test // without counters: not uneven towards the end
	watched bool // enough profiles to judge by them alone
	tested  int  // sites that share the level
	alpha   float64
	tiny    bool       // most of what grew are blocks that tiny objects of any site share
	grows   *container // one object that is enlarged again and again; nil: none
}

// groupFacts is what only a group of goroutines is asked.
type groupFacts struct {
	proved  bool    // some of them were, by the runtime
	leaked  float64 // of them, by its last report: 0 where they have ended since
	shown   bool    // its number grew, by the slope or, where the count of all is open, by rank
	ended   Test    // few of those that began have ended
	blocks  bool    // it waits for another goroutine, not for time or I/O
	stuck   bool    // likewise, and for nothing else: not in a select
	forever bool    // a select without cases
	brief   float64 // seconds of a watch too short to tell it from a ramp; 0: long enough
	late    Test    // came after the first third, and none has ended
	piles   Test    // those of its root pile up: they rise again and again, and none has ended
	short   Test    // by a text dump none of them waits for long: they end, or move
	// outwaits: by a text dump others began while one of them waited.
	outwaits Test
	waited   float64 // seconds, the longest of them; 0 not known
}

// Measured reports that there was enough to judge.
func (e *Evidence) Measured() bool { return e.Missing == "" }

// Significant reports that slope and rank tests pass.
func (e *Evidence) Significant() bool { return e.Measured() && e.Slope.Passed && e.Rank.Passed }

// passes reports the tests that need no units.
func (e *Evidence) passes() bool { return e.Significant() && e.Steps.Passed && e.GoesOn.Passed }

// trend is the rank test as the result has it.
func (e *Evidence) trend() *Trend {
	return &Trend{Tau: e.Tau, P: e.Rank.Statistic, N: e.Judged}
}

// asked are the tests that could be asked, in the order of the rules.
func (e *Evidence) asked() []Test {
	all := []Test{e.Slope, e.Rank, e.Steps, e.GoesOn, e.Straight, e.Kept, e.Unloaded, e.ByTime, e.AfterLoad, e.PassGoesOn, e.PassStops, e.PassBounded, e.Material, e.Enough, e.EitherEnough, e.Rises, e.Bounded, e.Flat}
	if s := e.ofSite; s != nil {
		all = append(all, s.samples, s.died, s.even)
	}
	if t := e.ofTotal; t != nil {
		all = append(all, t.inAll)
	}
	if g := e.ofGroup; g != nil {
		all = append(all, g.ended, g.late, g.piles, g.short, g.outwaits)
	}
	var out []Test
	for _, t := range all {
		if t.Asked() {
			out = append(out, t)
		}
	}
	return out
}

// Units of tests.
const (
	unitP     = "probability"
	unitShare = "share"
	unitTimes = "times"
)

// measureExact asks an exactly counted series y over work u what needs no units.
// With fewer than minTail of them, or no spread of u, it is not measured. sigma is
// an error of the slope from elsewhere (the observer's), added in quadrature; before
// is the growth per work before u began, NaN where it is not known.
func measureExact(u, y []float64, sigma, before float64) Evidence {
	e := fitted(u, y, stats.Noise{}, sigma, before)
	if !e.Measured() {
		return e
	}
	p := e.fit.P()
	if len(u) >= 2*stats.Blocks {
		// With one snapshot a block they repeat the slope's test.
		p = math.Max(p, stats.BlockTest(u, y))
	}
	level := slopeLevel(len(u), before/e.fit.PerX)
	e.Slope = Test{"slope", e.fit.PerX > 0 && p <= level, p, level, unitP}
	e.Rank.Bound, e.Rank.Passed = alphaRank, e.Rank.Statistic <= alphaRank
	e.Steps = Test{"steps are no trend", true, math.NaN(), 0, "n·ln(RSS)"}
	if e.Significant() {
		e.Steps.Statistic = stepsGain(y, e.fit.Line.RSS)
		e.Steps.Passed = e.Steps.Statistic >= 0
	}
	if e.Rank.Passed && len(u) >= leastForCurve {
		e.Straight, e.Exponent = straight(u, y)
	}
	return e
}

// measureSampled does the same for a series added up from samples: its noise z is
// known from births and deaths; where the data scatter more (φ > overdispersed)
// the block tests decide. slope and rank are the levels of the two tests.
func measureSampled(u, y []float64, z stats.Noise, before, slope, rank float64) Evidence {
	e := fitted(u, y, z, 0, before)
	if !e.Measured() {
		return e
	}
	p := sampledP(e.fit, u, y)
	e.Slope = Test{"slope", e.fit.PerX > 0 && p <= slope, p, slope, unitP}
	e.Rank.Bound, e.Rank.Passed = rank, e.Rank.Statistic <= rank
	dejumped := 1.0
	j := stats.Dejump(y)
	if s, err := stats.FitSlope(u, j, z); err == nil {
		dejumped = sampledP(s, u, j)
	}
	e.Steps = Test{"slope without the largest step", dejumped <= alphaDejump, dejumped, alphaDejump, unitP}
	return e
}

func sampledP(s stats.Slope, u, y []float64) float64 {
	if s.Phi > overdispersed {
		return stats.BlockTest(u, y)
	}
	if !(s.SE > 0) {
		return 1
	}
	return stats.NormalCDF(-s.PerX / s.SE)
}

// fitted does what exact and sampled series share.
func fitted(u, y []float64, z stats.Noise, sigma, before float64) Evidence {
	n := len(u)
	if n < minTail {
		return Evidence{Judged: n, Missing: TooFewSnapshots}
	}
	s, err := stats.FitSlope(u, y, z)
	if err != nil {
		return Evidence{Judged: n, Missing: OneMoment}
	}
	s.SE = math.Hypot(s.SE, sigma)
	k := stats.MannKendall(y)
	e := Evidence{Judged: n}
	e.fit, e.Growth, e.Upper = s, s.Interval(confidence), s.Upper(confidence)
	e.Lower, e.Grew = e.Growth.Lo, s.PerX*(u[n-1]-u[0])
	e.Tau, e.Rank = k.Tau, Test{Name: "rank", Statistic: k.P, Unit: unitP}
	e.GoesOn, e.Slackens = goesOn(u, y, s, before, z)
	return e
}

// goesOn asks whether growth goes on to the end: a cache that fills is not a
// leak. It fails when the last third grows at less than half the tail's rate,
// when the second half grows at less than two thirds of the first half's rate
// and that is no accident, when the curve is an S (fades), or when the end is flat
// (flatEnd).
//
// Where growth before the tail was more than twice as fast, the curve bends, and
// the tail may be the rest of a warm-up that never quite ends: a logarithm's
// second half has 0.58 of its first half's rate over the last two thirds of a
// run. Then it is not enough that slackening is not shown: going on must be.
func goesOn(u, y []float64, whole stats.Slope, before float64, z stats.Noise) (Test, Reason) {
	t := Test{"goes on", true, 1, lastThirdOf, unitTimes}
	n := len(u)
	if !(whole.PerX > 0) {
		return t, Reason{}
	}
	fails := func(ratio, bound float64, code Code, v Values) (Test, Reason) {
		return Test{t.Name, false, ratio, bound, t.Unit}, Reason{code, v}
	}
	k := n - max(3, int(math.Round(float64(n)/3)))
	if last, ok := rateOf(u[k:], y[k:], z); ok {
		t.Statistic = last.PerX / whole.PerX
		// Three points of a leak without noise say enough; with noise the
		// rate of a third must be low beyond its own error.
		if t.Statistic < lastThirdOf && last.PerX+last.SE < lastThirdSure*whole.PerX {
			return fails(t.Statistic, lastThirdOf, SlackensLate, Values{Share: math.Max(0, t.Statistic)})
		}
	}
	h := n / 2
	a, ok1 := rateOf(u[:h+1], y[:h+1], z)
	b, ok2 := rateOf(u[h:], y[h:], z)
	if ok1 && ok2 && b.PerX < secondHalfOf*a.PerX && a.PerX-b.PerX > secondHalfSure*math.Hypot(a.SE, b.SE) {
		return fails(b.PerX/a.PerX, secondHalfOf, SlackensHalfway, Values{Share: math.Max(0, b.PerX/a.PerX)})
	}
	if ok1 && ok2 && before > fasterBefore*whole.PerX && b.PerX-bentGoesOnAt*a.PerX < oneSided95*math.Hypot(b.SE, bentGoesOnAt*a.SE) {
		return fails(b.PerX/a.PerX, bentGoesOnAt, SlackenedBefore, Values{Times: before / whole.PerX})
	}
	if part, s := fades(u, y, whole); s && z == (stats.Noise{}) { // of births and deaths it would be chance
		return fails(part, fadesTo, Fades, Values{Share: math.Max(0, part)})
	}
	if n, part, flat := flatEnd(u, y); flat {
		return fails(part, flatEndOf, FlatAtEnd, Values{N: n})
	}
	return t, Reason{}
}

// fades reports a slow end of a curve like an S, as half a wave is from trough to
// crest: its two halves grow alike, and a power of the work cannot follow it. The
// cubic that fits best grows at the end at less than half of the whole's rate, part
// of it, and its third power is below 0 beyond doubt.
func fades(u, y []float64, whole stats.Slope) (part float64, fades bool) {
	n := len(u)
	if n < leastForCubic {
		return 0, false
	}
	// In work that is left until the end, the cubic's rate there is a coefficient.
	one, two, three := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range u {
		x := (u[i] - u[n-1]) / (u[n-1] - u[0])
		one[i], two[i], three[i] = x, x*x, x*x*x
	}
	c, err := stats.Coefficients(y, one, two, three)
	if err != nil {
		return 0, false
	}
	if part = c[0] / (u[n-1] - u[0]) / whole.PerX; part >= fadesTo {
		return part, false
	}
	t, err := stats.FitTerm(y, one, two, three)
	return part, err == nil && t.T() < -stats.StudentQuantile(1-fadesLevel, t.DF)
}

// flatEnd reports that a series which grew does so no longer: the rate over its last
// snapshots, up to a sixth of all and at least three, is below half of the rate
// before them, and what the line through all before predicts of them is missed
// beyond doubt (Chow, Econometrica 28, 1960), by Student's t of the bend in a
// broken line. n is how many snapshots are flat, part their rate over the rate
// before.
//
// Where growth comes in many steps, no line predicts anything. So from 18 snapshots
// on the last sixth is asked by itself, too: it is flat where the 95 % bound of its
// rate, by its own scatter, lies below a quarter of the whole's.
//
// A leak is found flat by chance in 1 % of runs, whatever its noise: more
// certainty would let a cache pass that is full shortly before the end. Snapshots far
// above the others are left out: one that found buffers in use hides a flat end.
// O(n²).
func flatEnd(u, y []float64) (n int, part float64, flat bool) {
	u, y = withoutHigh(u, y)
	most := max(3, len(u)/6)
	level, least := flatEndLevel/float64(most-leastFlatEnd+1), 0.0
	for m := leastFlatEnd; m <= min(most, len(u)-1-leastBefore); m++ {
		bend := hinge(u, len(u)-1-m)
		c, err := stats.Coefficients(y, u, bend) // its error takes time, and is seldom asked for
		if err != nil || !(c[0] > 0) || 1+c[1]/c[0] >= flatEndOf {
			continue
		}
		// Of the lengths that pass, the one that tells it best.
		if t, err := stats.FitTerm(y, u, bend); err == nil && t.T() < math.Min(least, -stats.StudentQuantile(1-level, t.DF)) {
			n, part, flat, least = m, 1+c[1]/c[0], true, t.T()
		}
	}
	if flat {
		return n, part, flat
	}
	if m := len(u) / 6; m >= leastLastSixth {
		k := len(u) - 1 - m
		whole, ok1 := rateOf(u, y, stats.Noise{})
		end, ok2 := rateOf(u[k:], y[k:], stats.Noise{})
		if ok1 && ok2 && end.PerX+stats.StudentQuantile(confidence, float64(m-1))*end.SE < lastSixthOf*whole.PerX {
			return m, end.PerX / whole.PerX, true
		}
	}
	return 0, 0, false
}

// hinge is how far each of u lies beyond the k-th, 0 before it.
func hinge(u []float64, k int) []float64 {
	out := make([]float64, len(u))
	for i := k + 1; i < len(u); i++ {
		out[i] = u[i] - u[k]
	}
	return out
}

// straight asks whether growth is a straight line and not a curve like that of a
// cache whose misses become rare: in a + b·work^c the upper bound of c lies below 1.
//
// A warm-up bends the beginning alone: where a line tells the rest better than the
// curve does, with up to a third of the snapshots left out at the start, it is
// straight. Snapshots far above the others are left out: one that found buffers in
// use hides a bend. O(n²).
func straight(u, y []float64) (Test, stats.Interval) {
	u, y = withoutHigh(u, y)
	c, err := stats.Exponent(u, y, curveSure)
	if err != nil {
		return Test{}, stats.Interval{}
	}
	warmUp := false
	for k := 1; k <= len(u)/3; k++ {
		line, curve := stats.PowerRSS(u[k:], y[k:], 1), stats.PowerRSS(u[k:], y[k:], c.Estimate)
		warmUp = warmUp || float64(len(u)-k)*math.Log(curve/line) > warmUpGain
	}
	return Test{"no curve", c.Hi >= 1 || warmUp, c.Hi, 1, "exponent"}, c
}

// rateOf fits a part of a series, with the sampling noise of the whole.
func rateOf(u, y []float64, z stats.Noise) (stats.Slope, bool) {
	s, err := stats.FitSlope(u, y, z)
	return s, err == nil
}
