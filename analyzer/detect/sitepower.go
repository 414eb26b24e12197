package detect

import (
	"math"
	"math/rand/v2"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// SitePower is what a leak at one site that also frees must have been to be named.
type SitePower struct {
	Function   string // culprit of the site
	File       string
	Line       int
	Bytes      float64 // growth per operation where known, else per second
	Confidence float64
}

// busyAt is the probability with which the leak stated of a site that churns would
// have been named. It is found in more of the injections, pathsAt of busyPaths: one
// short run's residuals know only so well what comes and goes at a site, and in
// fresh runs what 95 % of the injections find is named in 90 to 96 % (simulated).
const (
	busyAt    = 0.85
	pathsAt   = 0.95
	busyPaths = 40
)

// busiest is what a leak at the site that is hardest to judge must have been: of
// the sites that free a good part of what they allocate, the one whose slope has
// the largest error. Poisson leaks of growing size are injected into the residuals
// of its own series, shifted around, with the births, the noise and the samples
// that they would have added, and put through the site's gates; stated is the
// smallest that pathsAt of them find. The leaked objects are taken to be small
// beside the sampling rate R, so that each sample stands for R bytes: larger ones
// are found sooner. clean is what the sites that free nothing need: nil is
// returned where this one needs no more, and where there is none.
func (a *analysis) busiest(clean *float64) *SitePower {
	if clean == nil {
		return nil
	}
	sites, m := a.measureSites()
	var worst *siteMeasure
	for _, x := range sites {
		first, end := x.at[0], x.at[len(x.at)-1]
		births := x.site.Births[end] - x.site.Births[first]
		if !x.ok || births < minNet || births-x.net < 0.25*births || observing(x.site.Stack.Frames) {
			continue
		}
		if worst == nil || x.slope.SE > worst.slope.SE {
			worst = x
		}
	}
	if worst == nil {
		return nil
	}
	v := a.injected(worst, a.cfg.Alpha/float64(m))
	if v = math.Max(v, *clean); !finite(v) || v < 1.1**clean {
		return nil
	}
	var f Finding
	f.blame(worst.site.Stack, a.cfg.Module)
	return &SitePower{Function: f.Function, File: f.File, Line: f.Line, Bytes: v, Confidence: busyAt}
}

// injected is the smallest leak found at a site in pathsAt of the injections; +Inf where
// even a very large one is not.
func (a *analysis) injected(x *siteMeasure, alpha float64) float64 {
	s := x.site
	u, y, at := pick(a.r, s.Bytes, a.w.tail)
	n := len(u)
	length := u[n-1] - u[0]
	res := x.slope.Line.Residuals(u, y)
	wide := math.Max(widening(x.slope), calmer(res, noiseOf(u, s.Live, s.Turnover, at), length))
	for i := range res {
		res[i] *= wide
	}
	before := a.before(s.Bytes)
	w := float64(a.r.Period)
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
			g, ok := a.sampled(u, work, live, turnover, index, before-x.slope.PerX+slope)
			p := &siteMeasure{gates: g, ok: ok, at: at, net: (work[n-1] - work[0]) / w}
			return a.siteRises(p, alpha) && p.goesOn()
		}
		needs = append(needs, smallestFound(found, floorBytes/length))
	}
	sort.Float64s(needs)
	return needs[int(math.Ceil(pathsAt*busyPaths))-1]
}

// calmer is how many times as far residuals would scatter if they had the whole
// variance of the sampling noise: of lifetimes that are long beside the snapshots'
// distance, a fitted line takes a good part away, and a short series may look calm
// by luck. The variance is Q_K, or what births and deaths make over half the
// length where they are slow.
func calmer(res []float64, z stats.Noise, length float64) float64 {
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
