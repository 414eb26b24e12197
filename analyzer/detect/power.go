package detect

import (
	"math"
	"math/rand/v2"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// power says what leak the run would have found: leaks of growing size are injected
// into copies of its judgement (inject.go) and judged by the same rules; the
// smallest that foundIn of the paths are called a leak for is stated.
func (j *judgement) power() *Power {
	b, upTo, large := j.detectable()
	g := j.detectableGoroutines()
	if b == nil && g == nil {
		return nil
	}
	p := &Power{Bytes: b, ObjectsUpTo: upTo, LargeBytes: large, Goroutines: g, SiteBytes: j.nameable(b), Per: j.per(), Confidence: powerAt}
	p.Busiest = j.busiest(p.SiteBytes)
	return p
}

// nameable is the smallest leak, in bytes per work, at a site that frees nothing
// that would have been a leak of its own there: where the total proves it, and
// the site passes its tests. Sampled births that are all kept make a slope whose
// z is √(K/1.2) for K of them (Var = 6/5·K/U² over the work U, that of the
// integral of white noise), give or take 1. So K must be 1.2·(z + 1.28)² for
// powerAt of them to reach z, the stricter of the level α/M and of what is asked
// without the largest step, which takes some three away; and another part for the
// gate of slackening, simulated. An object much smaller than the sampling rate R
// stands for R bytes; of larger ones fewer do. At a site that also frees, more is
// needed. nil where there is no profile with samples or the total has no power.
func (j *judgement) nameable(total *float64) *float64 {
	at := j.run.Window.Judged
	if total == nil || j.run.Period <= 1 || len(j.run.Sites) == 0 || len(at) < minTail {
		return nil
	}
	work := j.run.Work[at[len(at)-1]] - j.run.Work[at[0]]
	if !(work > 0) {
		return nil
	}
	const step, bent = 3, 1.1
	reach := func(level float64) float64 {
		z := stats.NormalQuantile(1-level) - lower90
		return 1.2 * z * z
	}
	k := bent * math.Max(reach(j.cfg.Alpha/float64(j.tested)), reach(alphaDejump)+step)
	v := math.Max(*total, k*float64(j.run.Period)/work)
	return &v
}

// likelySpread is the factor that makes residuals as wide as the errors they stand
// for. A fitted line makes them too small, by √(n/(n−2)), and few of them may look
// calmer than the program is: their variance is raised to its upper 90 % bound,
// ν/χ²(0.1; ν) (Wilson & Hilferty, PNAS 17, 1931, for the quantile of χ²).
func likelySpread(s stats.Slope) float64 {
	n := float64(s.N)
	nu := s.DF
	if !(nu >= 1) {
		nu = n - 2
	}
	v := 2 / (9 * nu)
	q := math.Max(0.05, 1-v+lower90*math.Sqrt(v))
	return math.Sqrt(n / (n - 2) / (q * q * q))
}

// smallestFound doubles from start until found, then bisects to 5 %.
func smallestFound(found func(float64) bool, start float64) float64 {
	lo, hi := 0.0, start
	for i := 0; !found(hi); i++ {
		if i == 40 {
			return math.Inf(1)
		}
		lo, hi = hi, hi*2
	}
	for hi > lo*1.05 && hi-lo > 1e-12 {
		mid := (lo + hi) / 2
		if found(mid) {
			hi = mid
		} else {
			lo = mid
		}
		if lo == 0 && hi < start/1024 {
			break
		}
	}
	return hi
}

// busiest is what a leak at the site that is hardest to judge must have been: of
// the sites that free a good part of what they allocate, the one whose slope has
// the largest error. Poisson leaks of growing size are injected into the residuals
// of its own series, shifted around, with the births, the noise and the samples
// that they would have added, and put through the site's tests; stated is the
// smallest that pathsAt of them find. The leaked objects are taken to be small
// beside the sampling rate R, so that each sample stands for R bytes: larger ones
// are found sooner. clean is what the sites that free nothing need: nil is
// returned where this one needs no more, and where there is none.
func (j *judgement) busiest(clean *float64) *SitePower {
	if clean == nil {
		return nil
	}
	var worst *site
	for _, s := range j.sites {
		births := s.series.Births[s.end()] - s.series.Births[s.first()]
		if !s.Measured() || births < minNet || births-s.net < mostDied*births || observing(s.series.Stack.Frames) {
			continue
		}
		if worst == nil || s.fit.SE > worst.fit.SE {
			worst = s
		}
	}
	if worst == nil {
		return nil
	}
	v := math.Max(j.injected(worst), *clean)
	if !finite(v) || v < notablyMore**clean {
		return nil
	}
	var f Finding
	f.blame(worst.series.Stack, j.cfg.Module)
	return &SitePower{Function: f.Function, File: f.File, Line: f.Line, Bytes: v, Per: j.per(), Confidence: busyPowerAt}
}

// injected is the smallest leak found at a site in pathsAt of the injections; +Inf where
// even a very large one is not.
func (j *judgement) injected(x *site) float64 {
	s := x.series
	u, y, at := j.run.Known(s.Bytes, j.run.Window.Judged)
	n := len(u)
	length := u[n-1] - u[0]
	res := x.fit.Line.Residuals(u, y)
	wide := math.Max(likelySpread(x.fit), samplingSpread(res, noiseOf(u, s.Live, s.Turnover, at), length))
	for i := range res {
		res[i] *= wide
	}
	before := j.before(s.Bytes)
	w := float64(j.run.Period)
	random := rand.New(rand.NewPCG(1, 2)) // the same paths for the same run
	needs := make([]float64, 0, busyPaths)
	for k := range busyPaths {
		shift := k * n / busyPaths
		path := unitPath(random)
		work, live, turnover := make([]float64, n), make([]float64, n), make([]float64, n)
		index := make([]int, n)
		found := func(slope float64) bool {
			for i := range work {
				born := path(slope * (u[i] - u[0]) / w)
				work[i] = res[(i+shift)%n] + w*born
				live[i] = s.Live[at[i]] + w*w*born
				turnover[i] = s.Turnover[at[i]] + w*w*born
				index[i] = i
			}
			e := j.siteEvidence(u, work, noiseOf(u, live, turnover, index), before-x.fit.PerX+slope, at, (work[n-1]-work[0])/w)
			return e.siteRises() && e.siteGoesOn()
		}
		needs = append(needs, smallestFound(found, floorBytes/length))
	}
	sort.Float64s(needs)
	return needs[int(math.Ceil(pathsAt*busyPaths))-1]
}

// samplingSpread is how many times as far residuals would scatter if they had the whole
// variance of the sampling noise: of lifetimes that are long beside the snapshots'
// distance, a fitted line takes a good part away, and a short series may look calm
// by luck. The variance is Q_K, or what births and deaths make over half the
// length where they are slow.
func samplingSpread(res []float64, z stats.Noise, length float64) float64 {
	rss := 0.0
	for _, v := range res {
		rss += v * v
	}
	return math.Sqrt(math.Min(z.Live, z.Turnover*length/2) * float64(len(res)) / math.Max(rss, 1))
}

// surelyMany is the count from which a Poisson process is taken to be as many as
// it is expected to be.
const surelyMany = 4096

// unitPath is one path of a Poisson process of rate 1: the number of arrivals up
// to x. More of the same path for a larger x: that keeps what is found of a small
// leak found of a larger one.
func unitPath(random *rand.Rand) func(x float64) float64 {
	var arrivals []float64
	now := 0.0
	return func(x float64) float64 {
		if x > surelyMany {
			return x
		}
		for now <= x {
			now += random.ExpFloat64()
			arrivals = append(arrivals, now)
		}
		return float64(sort.Search(len(arrivals), func(i int) bool { return arrivals[i] > x }))
	}
}
