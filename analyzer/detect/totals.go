package detect

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// total is one quantity of the whole process with its evidence.
type total struct {
	Evidence
	Decision
	series   *series.Total
	at       []int     // the judged snapshots that have it
	u, y     []float64 // work and value there, without the observer's part
	before   float64   // growth per work before them, NaN unknown
	began    float64   // seconds from the first snapshot, of growth that began in the run
	observed observer
	unloaded *unloaded // growth without load; nil where it could not be measured
}

// scale is the units of a quantity: what counts as grown, and as clean.
type scale struct {
	floor    float64
	clean    float64 // per unit of work
	observer float64 // what a snapshot leaves behind where that was not measured
	unit     string
}

func (c *Config) scaleOf(name string) scale {
	switch name {
	case series.LiveObjects:
		return scale{floorObjects, c.Clean.Objects, observerObjects, "objects"}
	case series.Goroutines:
		return scale{floorGoroutines, c.Clean.Goroutines, 0, "goroutines"}
	}
	return scale{floorBytes, c.Clean.Bytes, observerBytes, "B"}
}

// heapTotal reports the totals that may be a leak by themselves.
func heapTotal(name string) bool { return name == series.LiveBytes || name == series.LiveObjects }

// reported is the growth as it is told: the interval of all ρ by which errors may
// persist (stats.FitAutoregression), which holds the true size more surely than
// the one that is tested, and is narrower where errors do not persist; with the
// same allowances for the observer and for what was not seen. A sampled total keeps
// the interval of its noise model.
func (t *total) reported(j *judgement) stats.Interval {
	tested := t.fit.Interval(confidence)
	a, err := stats.FitAutoregression(t.u, t.y)
	if t.series.Sampled || err != nil {
		return t.Growth
	}
	iv := a.Interval(confidence)
	if known := t.observed.se * float64(len(t.u)-1) / j.workOver(t.at); t.observed.known && known > 0 {
		q := stats.NormalQuantile(0.5+confidence/2) * known
		iv.Lo, iv.Hi = iv.Estimate-math.Hypot(iv.Estimate-iv.Lo, q), iv.Estimate+math.Hypot(iv.Hi-iv.Estimate, q)
	}
	iv.Lo -= tested.Lo - t.Growth.Lo // the observer's part, where it was not measured
	if t.Growth.Hi > tested.Hi {     // what was not seen
		iv.Hi = math.Max(iv.Hi, t.Growth.Hi)
	}
	return iv
}

// measureTotals measures all totals, then what bytes and objects say together.
func (j *judgement) measureTotals() {
	for i := range j.run.Totals {
		t := j.measureTotal(&j.run.Totals[i])
		j.totals[t.series.Name] = t
	}
	b, o := j.totals[series.LiveBytes], j.totals[series.LiveObjects]
	if b != nil && b.Unloaded.Passed {
		j.res.Warn(Warning{Code: GrowsWithoutLoad, Values: Values{Rate: b.unloaded.perSecond, Per: PerSecond}})
	}
	pair(b, o)
}

// pair asks what live bytes and live objects say together; either may be nil.
func pair(b, o *total) {
	enough := func(t *total) bool { return t != nil && t.Measured() && t.Enough.Passed }
	if b != nil && b.Measured() {
		b.EitherEnough = Test{"enough, of bytes or objects", b.Enough.Passed || enough(o), b.Grew, math.Inf(1), b.Enough.Unit}
		// Containers enlarge: an append-only slice, or a buffer cache that fills. The
		// ranks tell: one disturbed snapshot hides a slope, not an order.
		b.ofTotal.containers = o != nil && !(o.Measured() && o.fit.PerX > 0 && o.Rank.Statistic <= alphaObjects && o.Grew >= floorRising)
	}
	if o != nil && o.Measured() {
		o.ofTotal.outpaced = b != nil && b.Measured() && b.Rank.Passed && (!b.GoesOn.Passed || b.Straight.Failed()) && !shownToGoOn(o.u, o.y)
		o.EitherEnough = Test{"enough, of bytes or objects", o.Enough.Passed || enough(b) && b.Significant(), o.Grew, math.Inf(1), o.Enough.Unit}
	}
}

// measureTotal asks one total all there is to ask of it alone.
func (j *judgement) measureTotal(s *series.Total) *total {
	t := &total{series: s}
	sc := j.cfg.scaleOf(s.Name)
	heap := heapTotal(s.Name)
	y := s.Y
	if heap && !s.Sampled {
		if t.observed = observe(s.Y, j.run.Seconds, j.run.Window.Idle, sc.observer); t.observed.known {
			y = append([]float64(nil), s.Y...)
			for i := range y {
				y[i] -= t.observed.perSnapshot * float64(i)
			}
		}
	}
	t.u, t.y, t.at = j.run.Known(y, j.run.Window.Judged)
	n := len(t.u)
	facts := &totalFacts{decides: heap, counts: s.Name == series.Goroutines, added: s.Sampled, watched: j.watched(t.at)}
	if n < 2 || !(t.u[n-1] > t.u[0]) {
		t.Evidence = Evidence{Judged: n, Missing: j.missing(n)}
		t.ofTotal = facts
		return t
	}
	work := t.u[n-1] - t.u[0]
	perWork := float64(n-1) / work
	t.before = j.before(y)
	var outliers *robustSlope
	if s.Sampled {
		t.Evidence = measureSampled(t.u, t.y, noiseOf(t.u, s.Noise, s.Turnover, t.at), t.before, alphaAdded, alphaRank)
	} else {
		sigma := 0.0
		if t.observed.known {
			sigma = t.observed.se * perWork
		}
		t.Evidence = measureExact(t.u, t.y, sigma, t.before)
		if heap && t.Measured() {
			if late, ok := measureLate(t.u, t.y, sigma, t.before); ok && !t.passes() {
				t.began = j.run.Seconds[t.at[late.Since]] - j.run.Seconds[0]
				t.since(late)
				n, work = len(t.u), t.u[len(t.u)-1]
				perWork = float64(n-1) / work
			}
			j.endsFlat(t, y)
		}
		if r, ok := withoutOutliers(t.u, t.y); t.Measured() && ok {
			outliers = &r
		}
	}
	e := &t.Evidence
	if e.ofTotal = facts; !e.Measured() {
		e.Missing = j.missing(n)
		return t
	}
	if outliers != nil && outliers.upper <= e.Upper {
		e.Upper, e.Outliers = outliers.upper, outliers.outliers
	}
	if j.run.HasOps && (s.Name == series.Goroutines || s.Name == series.LiveObjects) {
		// What is counted one by one and did not come in n operations may
		// still come once in n/3 of them (the rule of three).
		if unseen := e.fit.PerX + ruleOfThree/work; unseen > e.Upper {
			e.Upper, e.Outliers = unseen, 0
		}
		e.Growth.Hi = math.Max(e.Growth.Hi, e.fit.PerX+ruleOfThree/work)
	}
	if e.Lower = e.Growth.Lo; heap && !s.Sampled && !t.observed.known {
		e.Lower -= sc.observer * perWork
		e.Growth.Lo = e.Lower
	}
	e.Kept = j.kept(y, t.y[n-1], e.Grew)
	if s.Name != series.Goroutines { // they are no memory
		e.Material = j.material(e.Lower, t.at, s.Name == series.LiveObjects)
	}
	e.Enough = Test{"enough", e.Grew >= sc.floor, e.Grew, sc.floor, sc.unit}
	e.Rises = Test{"rises", e.Rank.Passed && e.Enough.Passed && !(outliers != nil && outliers.growth < sc.floor), e.Rank.Statistic, alphaRank, unitP}
	e.Bounded = Test{"bounded", e.Upper <= sc.clean, e.Upper, sc.clean, sc.unit + "/" + string(j.per())}
	e.Flat = flat(t.u, t.y, sc.clean, e.Bounded.Unit)
	j.askPasses(e, t, sc.clean)
	if s.Name == series.LiveBytes && !s.Sampled {
		j.askTime(t, sc)
	}
	if heap && !s.Sampled {
		j.askAfterLoad(t)
	}
	return t
}

// askAfterLoad asks of growth under load whether it went on in the drain, where no
// operation came, at half of its rate or more, and was bounded below half of the
// drain's rate before the load: then it is neither the operations' nor that of time.
func (j *judgement) askAfterLoad(t *total) {
	w := j.run.Window
	if !j.run.HasOps || !t.Rank.Passed {
		return
	}
	part := func(phase []int) *unloaded {
		return withoutLoad(t.series.Y, j.run.Seconds, [][]int{phase}, t.observed.perSnapshot, 0)
	}
	before, after := part(w.Idle), part(w.Drain)
	seconds := make([]float64, len(t.at))
	for k, i := range t.at {
		seconds[k] = j.run.Seconds[i]
	}
	loaded, ok := rateOf(seconds, t.y, stats.Noise{})
	if before == nil || after == nil || !ok || !(loaded.PerX > 0) {
		return
	}
	goesOn := after.lower(unloadedSure) > keptAtLeast*loaded.PerX && before.upper(unloadedSure) < keptAtLeast*after.perSecond
	share := after.perSecond / loaded.PerX
	t.AfterLoad = Test{"goes on after the load", goesOn, share, keptAtLeast, unitShare}
}

// askTime asks how much of the growth of t is there without load. What grows with
// time is no matter of a limit per operation. There is nothing to ask where the
// limit is one of time itself: operations are not known, or the rate of a loop is
// nobody's rate.
//
// Without load it grows where that is shown beyond the tolerance, before the load
// as well as after it, and not contradicted under load. Where growth under load is
// shown, at a rate s, it may be by time unless what is seen without load, r give or
// take e, is much likelier where none of it is: exp(s·(s − 2r)/2e²) times as likely
// with normal errors.
func (j *judgement) askTime(t *total, sc scale) {
	tolerance := math.Max(float64(j.cfg.TolerancePerSecond), j.cfg.Clean.BytesPerSecond)
	if !j.run.HasOps || !(tolerance > 0) {
		return
	}
	at, y, rank := t.at, t.y, t.Rank
	if !t.GoesOn.Passed { // what goes on beneath something that fills
		h := len(at) / 2
		at, y = at[h:], y[h:]
		rank.Passed = stats.MannKendall(y).P <= alphaRank
	}
	seconds := make([]float64, len(at))
	for k, i := range at {
		seconds[k] = j.run.Seconds[i]
	}
	loaded, ok := rateOf(seconds, y, stats.Noise{})
	if !ok {
		return
	}
	under := loaded.Interval(confidence)
	perSecond := float64(len(at)-1) / (seconds[len(at)-1] - seconds[0]) // snapshots
	// without is growth without load where a snapshot leaves behind about left, give
	// or take sd.
	without := func(left, sd float64) *unloaded {
		w := j.run.Window
		return withoutLoad(t.series.Y, j.run.Seconds, [][]int{w.Idle, w.Drain}, left, sd)
	}
	if t.unloaded = without(sc.observer/2, sc.observer/2); t.unloaded == nil {
		return
	}
	lower := t.unloaded.lower(unloadedSure)
	t.Unloaded = Test{"grows without load", t.unloaded.both && lower > tolerance && under.Estimate > 0 && under.Hi >= lower, lower, tolerance, "B/s"}
	if rank.Passed && under.Lo-(sc.observer-t.observed.perSnapshot)*perSecond > tolerance {
		// The least odds, whatever a snapshot leaves behind.
		odds := math.Inf(1)
		for _, left := range []float64{0, sc.observer} {
			r := without(left, 0)
			s := math.Max(0, loaded.PerX+(t.observed.perSnapshot-left)*perSecond)
			odds = math.Min(odds, math.Exp(s*(s-2*r.perSecond)/2/(r.se*r.se+loaded.SE*loaded.SE)))
		}
		t.ByTime = Test{"may be by time", odds <= notByTime, odds, notByTime, unitTimes}
	}
	all := t.unloaded.perSecond*t.unloaded.span + t.Grew
	t.ofTotal.inAll = Test{"enough, with what grew without load", all >= sc.floor, all, sc.floor, sc.unit}
}

// endsFlat asks of a total whether its end is flat with the drain's first snapshot as
// one more reading at the last operation: fewer are needed then to see that a cache
// was full. What the drain let go, as buffers of requests in flight, does not count:
// below the last reading it repeats that.
func (j *judgement) endsFlat(t *total, y []float64) {
	_, drain, _ := j.run.Known(y, j.run.Window.Drain)
	if len(drain) == 0 || !t.GoesOn.Passed && t.Slackens.Code != FlatAtEnd {
		return
	}
	end := len(t.y) - 1
	u, v := append(slices.Clip(t.u), t.u[end]), append(slices.Clip(t.y), math.Max(t.y[end], drain[0]))
	n, part, flat := flatEnd(u, v)
	t.GoesOn.Passed, t.Slackens = !flat, Reason{}
	if flat {
		t.GoesOn.Statistic, t.GoesOn.Bound = part, flatEndOf
		t.Slackens = Reason{FlatAtEnd, Values{N: n}}
	}
}

// missing says why n judged values tell no growth.
func (j *judgement) missing(n int) Code {
	switch {
	case n == 0:
		return NotRecorded
	case n < minTail:
		return TooFewSnapshots
	case j.run.HasOps:
		return NoOperations
	}
	return OneMoment
}

// watched reports that the snapshots at are enough for profiles alone.
func (j *judgement) watched(at []int) bool {
	return len(at) >= leastProfiles || len(at) > 0 && j.run.Seconds[at[len(at)-1]]-j.run.Seconds[at[0]] >= leastWatched
}

// before is the rate of growth of y over the early snapshots up to the first
// judged one, NaN where fewer than three tell it.
func (j *judgement) before(y []float64) float64 {
	w := j.run.Window
	if len(w.Judged) == 0 {
		return math.NaN()
	}
	u, v, _ := j.run.Known(y, append(slices.Clip(w.Early), w.Judged[0]))
	l, err := stats.FitLine(u, v)
	if err != nil {
		return math.NaN()
	}
	return l.Slope
}

// noiseOf averages Q_K over the judged snapshots and takes the turnover's rate.
func noiseOf(u, live, turnover []float64, at []int) stats.Noise {
	var z stats.Noise
	for _, i := range at {
		z.Live += live[i] / float64(len(at))
	}
	n := len(at)
	z.Turnover = (turnover[at[n-1]] - turnover[at[0]]) / (u[n-1] - u[0])
	return z
}

// kept asks what part of the growth to end is still there in the last snapshot of
// the drain: 1 all of it, 0 none. There is nothing to ask without a drain or growth.
func (j *judgement) kept(y []float64, end, grew float64) Test {
	_, d, _ := j.run.Known(y, j.run.Window.Drain)
	if len(d) == 0 || !(grew > 0) {
		return Test{}
	}
	part := 1 + (d[len(d)-1]-end)/grew
	return Test{"kept after the drain", part >= keptAtLeast, part, keptAtLeast, unitShare}
}

// material asks whether a lower bound of growth lies above the tolerance. Objects
// count as the smallest there are.
func (j *judgement) material(lower float64, at []int, objects bool) Test {
	if objects {
		lower *= SmallestObject
	}
	perSecond := float64(j.cfg.TolerancePerSecond)
	if j.run.Ordered { // no rate that it could be held against: growth beyond its error counts
		perSecond = 0
	}
	t := Test{"material", lower > perSecond, lower, perSecond, "B/" + string(j.per())}
	if j.run.HasOps {
		rate := j.run.OpsPerSecond(at)
		t.Passed = lower > float64(j.cfg.Tolerance) && lower*rate > perSecond
		t.Bound = math.Max(float64(j.cfg.Tolerance), perSecond/rate)
	}
	return t
}

// flat asks of a total that grew whether it then stopped: the first two snapshots
// lie below all of the last half, and that half is bounded below the clean limit.
// Without the first condition, which must hold for the question to be asked, noise
// would have two tries at a pass.
func flat(u, y []float64, clean float64, unit string) Test {
	n := len(u)
	h := n / 2
	if n-h < leastFlat || math.Max(y[0], y[1]) >= slices.Min(y[h:]) {
		return Test{}
	}
	s, ok := rateOf(u[h:], y[h:], stats.Noise{})
	if !ok {
		return Test{}
	}
	upper := s.Upper(confidence)
	return Test{"levelled off", upper <= clean, upper, clean, unit}
}

// askPasses compares the first with the last pass over the same content: whether
// the last goes on like the first, whether it stops, a cache keyed by content
// having it all by then, and whether it is bounded below the clean limit as well.
// There is nothing to ask without two passes.
func (j *judgement) askPasses(e *Evidence, t *total, clean float64) {
	pass := func(of int) (u, y []float64) {
		for k, i := range t.at {
			if j.run.Snapshots[i].Pass == of {
				u, y = append(u, t.u[k]), append(y, t.y[k])
			}
		}
		return u, y
	}
	begin, end := j.run.Snapshots[t.at[0]].Pass, j.run.Snapshots[t.at[len(t.at)-1]].Pass
	if begin < 1 || end <= begin {
		return
	}
	u1, y1 := pass(begin)
	u2, y2 := pass(end)
	if len(u1) < leastPass || len(u2) < leastPass {
		return
	}
	first, ok1 := rateOf(u1, y1, stats.Noise{})
	last, ok2 := rateOf(u2, y2, stats.Noise{})
	if !ok1 || !ok2 {
		return
	}
	grew := first.PerX-oneSided95*first.SE > 0 && y1[len(y1)-1] > y1[0]
	part, upper := last.PerX/first.PerX, last.Upper(confidence)
	e.PassGoesOn = Test{"the last pass goes on", grew && last.PerX-passGoesOnAt*first.PerX > oneSided95*math.Hypot(last.SE, passGoesOnAt*first.SE), part, passGoesOnAt, unitTimes}
	e.PassStops = Test{"the last pass stops", grew && last.PerX+oneSided95*last.SE <= passStoppedAt*first.PerX, part, passStoppedAt, unitTimes}
	e.PassBounded = Test{"the last pass is bounded", e.PassStops.Passed && upper <= clean, upper, clean, e.Bounded.Unit}
}
