package detect

import (
	"math"
	"math/rand/v2"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// detectable is the smallest leak, in bytes per work, that the run would have been
// called a leak for: in small objects, and in those of LargeLeak bytes each, which
// are few beside what the number of live objects does by itself. upTo is the
// largest size of objects, bytes, for which small holds as well, within a tenth. nil
// where even a very large leak would not, and where live bytes are not counted.
func (j *judgement) detectable() (small *float64, upTo int, large *float64) {
	t := j.measured(series.LiveBytes)
	if t == nil || t.series.Sampled {
		return nil, 0, nil
	}
	start := math.Max(floorBytes/j.workOver(t.at)/2, (t.Growth.Hi-t.Growth.Lo)/2)
	noise := j.paths(t)
	find := func(size, start float64) *float64 {
		v := smallestIn(noise.leaks(size), foundIn, start)
		if !finite(v) {
			return nil
		}
		return &v
	}
	upTo = smallLeaks
	if small = find(smallLeaks, start); small == nil {
		return nil, 0, nil
	}
	for 8*upTo <= LargeLeak && foundOn(noise.leaks(float64(8*upTo)), 1.1**small) {
		upTo *= 8
	}
	return small, upTo, find(LargeLeak, *small)
}

// foundOn reports that a leak of a size is found on foundIn of the paths.
func foundOn(paths []func(float64) bool, slope float64) bool {
	left := len(paths) - foundIn
	for _, path := range paths {
		if !path(slope) {
			left--
		}
		if left < 0 {
			return false
		}
	}
	return true
}

// noisePaths is leakPaths paths of noise of a run's own kind, in place of what its
// live bytes and objects did.
type noisePaths struct {
	j              *judgement
	bytes, objects *law
	noise, count   [][]float64 // per path
	others         Others
}

func (j *judgement) paths(t *total) *noisePaths {
	p := &noisePaths{j: j, bytes: j.lawOf(t), others: j.totalOthers(t)}
	p.others.AtSites = atSites{}
	if o := j.measured(series.LiveObjects); o != nil && !o.series.Sampled && len(o.at) == len(t.at) {
		p.objects = j.lawOf(o)
	}
	for k := range uint64(leakPaths) {
		p.noise = append(p.noise, p.bytes.noise(rand.New(rand.NewPCG(1, k)))) // the same paths for the same run
		if p.objects != nil {                                                 // what moves bytes moves objects
			p.count = append(p.count, p.objects.noise(rand.New(rand.NewPCG(1, k))))
		}
	}
	return p
}

// leaks are judgements of the paths with a leak in objects of the given size from the
// first snapshot under load on. Each reports whether the run is called a leak for
// so many bytes per work.
func (p *noisePaths) leaks(size float64) []func(slope float64) bool {
	j := p.j
	out := make([]func(float64) bool, leakPaths)
	for k := range out {
		random := rand.New(rand.NewPCG(2, uint64(k)))
		born, sampled := unitPath(random), unitPath(random)
		out[k] = func(slope float64) bool {
			kept := func(work float64) float64 { return born(slope * work / size) }
			s := p.bytes.with(p.noise[k], func(work float64) float64 { return size * kept(work) })
			if p.bytes.hopeless(s) {
				return false
			}
			b := j.measureTotal(s)
			if !b.Measured() || !b.passes() || !b.Material.Passed {
				return false
			}
			var o *total
			if p.objects != nil {
				o = j.measureTotal(p.objects.with(p.count[k], kept))
			}
			pair(b, o)
			mine := p.others
			if b.ofTotal.containers || b.Kept.Failed() {
				mine.AtSites = j.injectedSite(slope, size, sampled)
			}
			return decide(totalRules(), &b.Evidence, &mine).Verdict == Leak
		}
	}
	return out
}

// law is a total without its growth, and the noise that it may have.
type law struct {
	run    *series.Run
	total  *total
	loaded []int     // the snapshots under load that have it: before the judged ones, and those
	base   []float64 // per snapshot: the level, warm-up and what the drain freed; NaN not known
	errors stats.Autoregression
	fresh  []float64 // what is new in each error, of variance 1
	df     float64   // degrees of freedom of σ
}

// lawOf takes the fitted line from a total. Errors are a first-order autoregression
// of which ρ and σ are drawn anew for each path, as the series leaves them open, and
// what is new in an error is one of the run's own: bursts stay bursts. What came
// before the judged snapshots is a warm-up if it grew otherwise; else it is more of
// the same noise, and tells of bursts that the judged ones had too few of.
func (j *judgement) lawOf(t *total) *law {
	w := &law{run: j.run, total: t, base: make([]float64, len(t.series.Y))}
	line := t.fit.Line
	on := func(i int) float64 { return line.MeanY + line.Slope*(j.run.Work[i]-line.MeanX) }
	value := func(i int) float64 { return t.series.Y[i] - t.observed.perSnapshot*float64(i) }
	for i := range w.base {
		w.base[i] = value(i)
	}
	last := t.at[len(t.at)-1]
	for _, i := range j.run.Window.Drain {
		w.base[i] = line.MeanY + value(i) - on(last)
	}
	var early []int
	for _, i := range j.run.Window.Early {
		if !math.IsNaN(t.series.Y[i]) {
			early = append(early, i)
		}
	}
	w.loaded = append(early, t.at...)
	u, y := make([]float64, len(w.loaded)), make([]float64, len(w.loaded))
	for k, i := range w.loaded {
		u[k], y[k], w.base[i] = j.run.Work[i], value(i), line.MeanY
	}
	if from := len(early); from > 0 {
		a, err := stats.FitSlope(u[:from], y[:from], stats.Noise{})
		if err != nil || math.Abs(a.PerX-t.fit.PerX) > sureWarmUp*math.Hypot(a.SE, t.fit.SE) {
			for k, i := range early {
				w.base[i] += y[k] - on(i)
			}
			u, y = u[from:], y[from:]
		}
	}
	w.errors, _ = stats.FitAutoregression(u, y)
	if line, err := stats.FitLine(u, y); err == nil {
		rho, res := w.errors.Rho(), line.Residuals(u, y)
		for i := 1; i < len(res); i++ {
			w.fresh = append(w.fresh, res[i]-rho*res[i-1])
		}
	}
	mean := stats.Mean(w.fresh)
	for i := range w.fresh {
		w.fresh[i] -= mean
	}
	if sd := math.Sqrt(meanSquare(w.fresh)); sd > 0 {
		for i := range w.fresh {
			w.fresh[i] /= sd
		}
	}
	w.df = math.Max(leastDF, math.Min(float64(len(u)-2), freedom(w.fresh)))
	return w
}

// freedom is how many normal errors tell as much of their variance as these, of
// variance 1, do: 2n/V of the long-run variance V of their squares, which is large
// where tails are heavy and where large errors come together; by Bartlett's weights
// up to the lag n^(1/3) (Newey & West, Econometrica 55, 1987).
func freedom(e []float64) float64 {
	n := len(e)
	most := int(math.Cbrt(float64(n)))
	v := 0.0
	for lag := 0; lag <= most; lag++ {
		weight := 2 * (1 - float64(lag)/float64(most+1))
		if lag == 0 {
			weight = 1
		}
		for i := lag; i < n; i++ {
			v += weight * (e[i]*e[i] - 1) * (e[i-lag]*e[i-lag] - 1) / float64(n)
		}
	}
	return 2 * float64(n) / math.Max(v, 1e-9)
}

func meanSquare(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x * x / float64(len(v))
	}
	return s
}

// noise is one path of the law's errors, for each snapshot under load.
func (w *law) noise(random *rand.Rand) []float64 {
	rho, sd := w.errors.Draw(random, w.df)
	out := make([]float64, len(w.loaded))
	if !(sd > 0) || len(w.fresh) == 0 {
		return out
	}
	root := math.Sqrt(1 - rho*rho)
	v := w.fresh[random.IntN(len(w.fresh))]
	for i := range runIn + len(out) {
		v = rho*v + root*w.fresh[random.IntN(len(w.fresh))]
		if i >= runIn {
			out[i-runIn] = sd * v
		}
	}
	return out
}

// with is the total with a path of noise and what a leak keeps of the work done.
func (w *law) with(noise []float64, kept func(work float64) float64) *series.Total {
	y := append([]float64(nil), w.base...)
	from := w.run.Work[w.loaded[0]]
	for k, i := range w.loaded {
		y[i] += noise[k] + kept(w.run.Work[i]-from)
	}
	n := len(w.loaded)
	for _, i := range w.run.Window.Drain {
		y[i] += noise[n-1] + kept(w.run.Work[w.loaded[n-1]]-from)
	}
	for i := range y {
		y[i] += w.total.observed.perSnapshot * float64(i)
	}
	return &series.Total{Name: w.total.series.Name, Y: y}
}

// hopeless reports a slope too small for any level, by its smallest error: it saves
// the time of the other tests.
func (w *law) hopeless(s *series.Total) bool {
	u, y, _ := w.run.Known(s.Y, w.run.Window.Judged)
	l, err := stats.FitLine(u, y)
	return err != nil || l.Slope < -stats.NormalQuantile(10*alphaSlope)*l.SE
}

// injectedSite is what the site of a leak would say of the total: all of the growth
// where it passes its tests, nothing where it does not or where there is no profile.
// Objects of the given size are sampled as they are born, and none is freed.
func (j *judgement) injectedSite(slope, size float64, path func(float64) float64) atSites {
	if len(j.run.Sites) == 0 || j.run.Period <= 0 {
		return atSites{}
	}
	u, _, at := j.run.Known(j.run.Sites[0].Bytes, j.run.Window.Judged)
	n := len(u)
	if n < minTail {
		return atSites{}
	}
	w := series.Weight(size, float64(j.run.Period))
	y, square, index := make([]float64, n), make([]float64, n), make([]int, n)
	for i := range u {
		born := path(slope * (u[i] - u[0]) / w)
		y[i], square[i], index[i] = w*born, w*w*born, i
	}
	e := j.siteEvidence(u, y, noiseOf(u, square, square, index), slope, at, y[n-1]/w)
	if !e.Measured() || !e.siteRises() || !e.siteGoesOn() {
		return atSites{}
	}
	return atSites{Counted: 1, Retained: 1}
}

// detectableGoroutines is the smallest number of goroutines per work that begin,
// wait for another one and do not end, which a group of them would have been called
// a leak for. A group has no noise but that of its beginnings.
func (j *judgement) detectableGoroutines() *float64 {
	t := j.measured(series.Goroutines)
	if t == nil {
		return nil
	}
	var others Others
	w := j.run.Window
	loaded := append(append([]int(nil), w.Early...), w.Judged...)
	paths := make([]func(float64) bool, leakPaths)
	for k := range paths {
		born := unitPath(rand.New(rand.NewPCG(3, uint64(k))))
		paths[k] = func(rate float64) bool {
			y := make([]float64, len(j.run.Snapshots))
			n := 0.0
			for _, i := range append(loaded, w.Drain...) {
				if y[i] = math.NaN(); j.run.Snapshots[i].Goroutines != nil {
					n = math.Max(n, born(rate*(j.run.Work[i]-j.run.Work[loaded[0]])))
					y[i] = n
				}
			}
			g := j.measureGroup(&series.Group{Reason: "chan receive", Count: y}, false)
			return decide(groupRules(), &g.Evidence, &others).Verdict == Leak
		}
	}
	v := smallestIn(paths, foundIn, floorGoroutines/j.workOver(t.at))
	if !finite(v) {
		return nil
	}
	return &v
}

// smallestIn is the smallest size that is found on at least need of the paths, to a
// tenth: doubled from start until it is, then halved between. A size found on a path
// is taken to be found there whenever it is larger. +Inf where none is.
func smallestIn(paths []func(float64) bool, need int, start float64) float64 {
	missed, found := make([]float64, len(paths)), make([]float64, len(paths))
	for k := range found {
		found[k] = math.Inf(1)
	}
	enough := func(v float64) bool {
		n, left := 0, len(paths)-need // left may be missed
		for k, path := range paths {
			switch {
			case v >= found[k]:
			case v <= missed[k]:
				left--
				continue
			case path(v):
				found[k] = v
			default:
				missed[k] = v
				left--
				if left < 0 {
					return false
				}
				continue
			}
			if n++; n >= need {
				return true
			}
		}
		return n >= need
	}
	lo, hi := 0.0, start
	for i := 0; !enough(hi); i++ {
		if i == 30 {
			return math.Inf(1)
		}
		lo, hi = hi, hi*2
	}
	for hi > 1.1*lo && hi > start/1024 {
		if mid := (lo + hi) / 2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}
