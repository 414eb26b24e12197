package detect

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// siteMeasure is one allocation site over the judged tail.
type siteMeasure struct {
	gates
	site   *series.Site
	ok     bool
	net    float64 // sampled objects more in use at its end than at its start
	stayed float64 // sampled objects of the tail that stayed
	bytes  float64 // what they stand for
	sd     float64 // of bytes, by births and deaths
	at     []int
	kept   float64       // part of the growth still there after the drain; NaN unknown
	grows  *container    // one object that is enlarged again and again; nil: none
	class  *classMeasure // its size class, where that alone points at the site
}

// minSamples is how many sampled objects a site must have held at once to be
// tested at all, and minNet how many it must have grown by to be a leak alone.
const (
	minSamples = 4
	minNet     = 8
)

// measureSites judges every site with samples; M is the number of sites that
// share α.
func (a *analysis) measureSites() (sites []*siteMeasure, m int) {
	for _, s := range a.r.Sites {
		u, y, at := pick(a.r, s.Bytes, a.w.tail)
		n := len(u)
		if n < 2 {
			continue
		}
		x := &siteMeasure{site: s, at: at}
		most := 0.0
		for _, i := range at {
			most = math.Max(most, s.Samples[i])
		}
		if most == 0 {
			continue
		}
		if most >= minSamples {
			m++
		}
		first, end := at[0], at[n-1]
		x.net = s.Samples[end] - s.Samples[first]
		x.sd = math.Sqrt(math.Min(s.Live[first]+s.Live[end], s.Turnover[end]-s.Turnover[first]))
		x.gates, x.ok = a.sampled(u, y, s.Live, s.Turnover, at, a.before(s.Bytes))
		x.kept = a.afterDrain(s.Bytes, y[n-1], x.growth)
		sites = append(sites, x)
	}
	return sites, max(1, m)
}

// sites names where the memory goes. A site is a leak alone when it passes all
// gates at α/M; when the exact total is proved to leak, the sites that share
// its growth are suspects.
func (a *analysis) sites() []Finding {
	total := a.totals[series.LiveBytes]
	sites, m := a.measureSites()
	var proved, open, behind []*siteMeasure
	for _, x := range sites {
		switch v := a.judgeSite(x, total, a.cfg.Alpha/float64(m)); v {
		case Leak:
			proved = append(proved, x)
		case Suspect, Growing:
			open = append(open, x)
		case Backlog:
			behind = append(behind, x)
		}
	}
	open, enlarged := a.containers(sites, proved, open)
	totalLeaks := a.heapLeaks()
	var out []Finding
	attributed, variance := 0.0, 0.0
	add := func(x *siteMeasure, v Verdict, why string) {
		f := a.siteFinding(x, v, total)
		f.Why = append([]string{why}, f.Why...)
		attributed += x.growthBytes()
		variance += x.sd * x.sd
		out = append(out, f)
	}
	for _, x := range proved {
		add(x, Leak, fmt.Sprintf("passes all gates at α = %.3g/%d sites: +%.0f sampled objects (tau %.2f, p %.2g)", a.cfg.Alpha, m, x.net, x.kendall.Tau, math.Max(x.p, x.kendall.P)))
	}
	for _, x := range enlarged {
		v, why := x.grows.judge(a.watched(x.at))
		if v == Suspect || !totalLeaks {
			add(x, v, why)
		}
	}
	if totalLeaks {
		shared := a.share(sites, proved, total)
		for _, x := range shared {
			add(x, Suspect, fmt.Sprintf("the process keeps memory beyond doubt; this site holds %.0f of the sampled objects that stayed", x.stayed))
		}
		for _, x := range a.narrow(sites, slices.Concat(proved, shared, enlarged), total) {
			x.siteMeasure.class, x.bytes = x.class, x.class.bytes()
			add(x.siteMeasure, Suspect, x.why(a.unit()))
		}
		if total != nil && total.ok && !total.total.Sampled && a.verdict[series.LiveBytes] == Leak {
			attribute(out, total.interval)
		}
		if f, ok := a.remainder(total, attributed, math.Sqrt(variance), len(out)); ok {
			out = append(out, f)
		}
	} else {
		for _, x := range open {
			add(x, Growing, x.openWhy(a.cfg.Alpha/float64(m), total != nil && !total.total.Sampled))
		}
		for _, x := range behind {
			if x.grows != nil {
				continue // told above
			}
			add(x, Backlog, fmt.Sprintf("+%.0f sampled objects under load (tau %.2f, p %.2g); %.0f %% of the growth went away in the drain", x.net, x.kendall.Tau, math.Max(x.p, x.kendall.P), 100*math.Min(1, 1-x.kept)))
		}
	}
	return out
}

// containers finds the sites at which one object is enlarged again and again,
// and takes them out of those that are open for other reasons.
func (a *analysis) containers(sites, proved, open []*siteMeasure) (rest, enlarged []*siteMeasure) {
	for _, x := range sites {
		if slices.Contains(proved, x) {
			continue
		}
		if c, ok := a.containerAt(x); ok {
			x.grows = &c
			enlarged = append(enlarged, x)
		}
	}
	open = slices.DeleteFunc(open, func(x *siteMeasure) bool { return x.grows != nil })
	return open, enlarged
}

// heapLeaks reports that an exact heap total is proved to leak.
func (a *analysis) heapLeaks() bool {
	for _, name := range []string{series.LiveBytes, series.LiveObjects} {
		if m := a.totals[name]; m != nil && !m.total.Sampled && a.verdict[name] == Leak {
			return true
		}
	}
	return false
}

// judgeSite puts one site through METHOD.md's gates.
func (a *analysis) judgeSite(x *siteMeasure, total *measure, alpha float64) Verdict {
	if !a.siteRises(x, alpha) {
		return Stable
	}
	if a.verdict[series.LiveBytes] == Backlog && x.kept < 0.5 {
		return Backlog
	}
	if !x.goesOn() {
		if a.bounded(x, total) {
			return Plateau
		}
		return Growing
	}
	if total != nil && total.ok && !total.total.Sampled && a.verdict[series.LiveBytes] != Leak {
		// The exact total is the judge: a site that grows while the process
		// does not is memory moving from one site to another.
		if total.upper < 0.5*x.interval.Lo {
			return Stable
		}
		return Growing
	}
	if (total == nil || total.total.Sampled) && (!a.watched(x.at) || !x.even(alpha)) {
		return Growing
	}
	return Leak
}

// bounded reports that a site which does not go on growing has nothing left that
// a longer run could tell: the exact total of its process grew as well and then
// stopped, or it is known that neither of them grew by more than the clean limit
// allows.
func (a *analysis) bounded(x *siteMeasure, total *measure) bool {
	if total == nil || total.total.Sampled {
		return false
	}
	switch a.verdict[series.LiveBytes] {
	case Plateau:
		return true
	case Stable:
		return x.interval.Hi <= a.cfg.Clean.Bytes
	}
	return false
}

// siteRises asks the gates that tell growth from none.
func (a *analysis) siteRises(x *siteMeasure, alpha float64) bool {
	return x.ok && x.slope.PerX > 0 && x.p <= alpha && x.kendall.P <= alpha && x.net >= minNet && x.growth >= floorBytes && a.materialSite(x)
}

// goesOn asks those that tell a leak from growth that ends.
func (x *siteMeasure) goesOn() bool { return x.sustained && x.dejumped <= alphaDejump }

// even is asked of a site where the sampled profile is all there is: the last
// third of its growth is between half and twice the rate of the whole, whatever
// the noise, and without its largest step it passes at its own level, α/M. Rates
// that wander grow fast at the end or not at all; both were behind two thirds of
// the false alarms of 20 snapshots.
func (x *siteMeasure) even(alpha float64) bool {
	return x.dejumped <= alpha && x.ratio >= 0.5 && x.ratio <= 2
}

func (a *analysis) materialSite(x *siteMeasure) bool {
	lower := x.interval.Lo
	if !a.r.HasOps {
		return lower > a.cfg.TolerancePerSecond
	}
	return lower > a.cfg.Tolerance && lower*a.opsPerSecond(x.at) > a.cfg.TolerancePerSecond
}

// stayedInterval is the growth per work of the sampled objects that stayed, a
// Poisson count times the mean weight of one.
func (x *siteMeasure) stayedInterval(work float64) stats.Interval {
	k := int(math.Round(x.stayed))
	return stats.PoissonInterval(k, confidence).Scale(x.bytes / x.stayed / work)
}

// growthBytes is the part of the total's growth that x explains.
func (x *siteMeasure) growthBytes() float64 {
	if x.bytes > 0 {
		return x.bytes
	}
	return math.Max(x.growth, 0)
}

func (x *siteMeasure) openWhy(alpha float64, exact bool) string {
	switch {
	case !x.sustained:
		return x.falling + ": a cache that fills looks like this"
	case x.dejumped > alphaDejump:
		return "one step makes the growth; without it there is none"
	}
	if !exact && !x.even(alpha) {
		return fmt.Sprintf("grows at α = %.2g, but not evenly (the last third at %.0f %% of the rate of the whole), and there are no exact counters to decide", alpha, 100*math.Max(0, x.ratio))
	}
	if !exact {
		return fmt.Sprintf("grows at α = %.2g, but %d profiles alone cannot tell a leak from a cache that fills: let heapdrift record, or take %d and more over a longer time", alpha, len(x.at), leastProfiles+leastProfiles/2)
	}
	return fmt.Sprintf("grows at α = %.2g, but the exact total does not leak", alpha)
}

// share picks the sites that explain a proved growth of the total: those with
// sampled objects that stayed, the largest growth first, until nine tenths are
// explained. A site that turns over is left out: its difference between two
// moments is noise.
func (a *analysis) share(sites, proved []*siteMeasure, total *measure) []*siteMeasure {
	if total == nil || !total.ok || !(total.growth > 0) {
		return nil
	}
	done := map[*siteMeasure]bool{}
	explained := 0.0
	for _, x := range proved {
		done[x] = true
		explained += x.growthBytes()
	}
	var c []*siteMeasure
	for _, x := range sites {
		if done[x] || x.grows != nil {
			continue
		}
		if x.stayed, x.bytes = a.staying(x); x.bytes > 0 {
			c = append(c, x)
		}
	}
	sort.SliceStable(c, func(i, j int) bool { return c[i].bytes > c[j].bytes })
	var out []*siteMeasure
	for _, x := range c {
		if explained >= 0.9*total.growth || x.bytes < 0.05*total.growth {
			break
		}
		out = append(out, x)
		explained += x.bytes
	}
	return out
}

// staying counts the sampled objects of the tail that stayed, and their bytes,
// over the object sizes that keep what they allocate. Without growth births and
// deaths are equally likely, so net/√(births+deaths) is about standard normal;
// a size counts when few of its births died or that is above 3.
// Sizes that their exactly counted class rules out do not.
func (a *analysis) staying(x *siteMeasure) (objects, bytes float64) {
	first, end := x.at[0], x.at[len(x.at)-1]
	work := a.r.Work[end] - a.r.Work[first]
	for _, z := range x.site.Sizes() {
		net := z.Samples[end] - z.Samples[first]
		if net < 1 {
			continue
		}
		births := z.Births[end] - z.Births[first]
		deaths := math.Max(0, births-net)
		if deaths > 0.25*births && net < 3*math.Sqrt(births+deaths) || a.ruledOut(z, net, work) {
			continue
		}
		objects += net
		bytes += net * z.Weight
	}
	return objects, bytes
}

// siteFinding fills a finding from a site.
func (a *analysis) siteFinding(x *siteMeasure, v Verdict, total *measure) Finding {
	s := x.site
	f := Finding{Kind: KindHeap, Verdict: v, ID: SiteID(s.Key)}
	f.blame(s.Stack, a.cfg.Module)
	f.LiveBytes, f.Count = last(s.Bytes), last(s.Objects)
	if x.grows != nil {
		f.Shape = shapeContainer
	}
	f.buffers = a.buffersAt(x)
	if x.ok {
		f.Trend = x.trend()
		iv := x.interval
		if v == Suspect && x.stayed > 0 {
			iv = x.stayedInterval(a.r.Work[x.at[len(x.at)-1]] - a.r.Work[x.at[0]])
		}
		objects := a.objectsOf(x)
		if x.class != nil {
			n := x.class.interval
			iv, objects = x.class.perWork(), &n
		}
		if a.r.HasOps {
			f.BytesPerOp, f.ObjectsPerOp = &iv, objects
			f.AllocPerOp = a.allocated(s, x.at).perWork(a.workOver(x.at))
		} else {
			f.BytesPerSecond = &iv
		}
	}
	if total != nil && total.ok && total.growth > 0 && a.verdict[series.LiveBytes] == Leak {
		f.Share = math.Min(1, x.growthBytes()/total.growth)
	}
	return f
}

// objectsOf is the growth in objects: that in bytes over the mean size of the
// objects that are in use.
func (a *analysis) objectsOf(x *siteMeasure) *stats.Interval {
	n, b := last(x.site.Objects), last(x.site.Bytes)
	if !(n > 0) || !(b > 0) {
		return nil
	}
	iv := x.interval.Scale(n / b)
	return &iv
}

// remainder is the finding for growth that is proved and that no site explains.
func (a *analysis) remainder(total *measure, attributed, sd float64, named int) (Finding, bool) {
	if total == nil || !total.ok || !(total.growth > 0) {
		return Finding{}, false
	}
	rest := total.growth - attributed
	if named > 0 && rest < 0.3*total.growth {
		return Finding{}, false
	}
	v := Leak
	if named > 0 {
		v = Growing
	}
	f := Finding{Kind: KindHeap, Verdict: v, Function: Unattributed, ID: identify(KindHeap, Unattributed), Share: rest / total.growth, Trend: total.trend()}
	scale := total.interval.Scale(rest / total.growth)
	if a.r.HasOps {
		f.BytesPerOp = &scale
	} else {
		f.BytesPerSecond = &scale
	}
	why := "the exact counters prove the growth; no sampled site explains it"
	if named > 0 {
		why = fmt.Sprintf("%.0f %% of the growth that the exact counters prove is at no sampled site", 100*rest/total.growth)
	}
	f.Why = append(f.Why, why)
	if sizes := a.sizesThatLeak(total); sizes != "" {
		f.Why = append(f.Why, sizes)
	}
	f.Why = append(f.Why, a.remedy())
	return f, true
}

// remedy says what makes the next run see the site.
func (a *analysis) remedy() string {
	switch p := a.r.Period; {
	case len(a.r.Sites) == 0:
		return "there is no heap profile with samples: start the target with GODEBUG=memprofilerate=16384 and import net/http/pprof"
	case p > 16384:
		return fmt.Sprintf("one object in %d bytes is sampled: start the target with GODEBUG=memprofilerate=16384, or run longer", p)
	}
	return "run longer, or lower the sampling rate further (GODEBUG=memprofilerate=4096 for the target; --memprofilerate 4096 for a command that heapdrift starts)"
}
