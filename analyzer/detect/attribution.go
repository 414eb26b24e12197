package detect

import (
	"math"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// claim is what a site is said to keep of the growth of its process.
type claim struct {
	*site
	samples float64 // sampled objects that stayed; 0 where its own growth is what counts
	bytes   float64 // what they stand for, or what its size class grew by; likewise
	class   *class  // where that alone points at the site
}

// grown is the part of the total's growth that a claim explains.
func (c claim) grown() float64 {
	if c.bytes > 0 {
		return c.bytes
	}
	return math.Max(c.Grew, 0)
}

// heapFindings says where the memory goes. A site is a leak alone where the rules
// say so; where the exact total is proved to leak, the sites that share its growth
// are suspects, and what no site explains is a finding of its own.
func (j *judgement) heapFindings() []Finding {
	heap := j.measured(series.LiveBytes)
	var proved, open, behind, enlarged, masked []*site
	for _, s := range j.sites {
		switch {
		case s.Because == ContainerGrows, s.Because == ContainerShort, s.Because == ContainerSlackens:
			enlarged = append(enlarged, s)
		case s.Because == MaskedByOthers:
			masked = append(masked, s)
		case s.Verdict == Leak:
			proved = append(proved, s)
		case s.Verdict == Growing:
			open = append(open, s)
		case s.Verdict == Backlog:
			behind = append(behind, s)
		}
	}
	leaks := j.heapLeaks()
	var out []Finding
	attributed := 0.0
	add := func(c claim, v Verdict, why Reason) {
		f := j.siteFinding(c, v, heap)
		f.Reasons = append([]Reason{why}, f.Reasons...)
		attributed += c.grown()
		out = append(out, f)
	}
	as := func(all []*site) {
		for _, s := range all {
			add(claim{site: s}, s.Verdict, s.reason(j.shrink, j.cfg.Module, j.per()))
		}
	}
	as(proved)
	as(masked)
	for _, s := range enlarged {
		if s.Verdict == Suspect || !leaks {
			as([]*site{s})
		}
	}
	if !leaks {
		as(open)
		as(behind)
		return out
	}
	named := append(proved, enlarged...)
	for _, c := range j.shares(proved, heap) {
		named = append(named, c.site)
		add(c, Suspect, Reason{SharesGrowth, Values{Samples: c.samples}})
	}
	for _, c := range j.onlyOfItsSize(named, heap) {
		z := c.class.series
		add(c, Suspect, Reason{OnlyOfItsSize, Values{From: float64(z.Over + 1), To: float64(z.Size), Rate: c.class.fit.PerX, Per: j.per()}})
	}
	if heap != nil && !heap.series.Sampled && heap.Verdict == Leak {
		attribute(out, heap.Growth)
	}
	if f, ok := j.remainder(heap, attributed, len(out)); ok {
		out = append(out, f)
	}
	return out
}

// heapLeaks reports that an exact heap total is proved to leak.
func (j *judgement) heapLeaks() bool {
	for _, name := range []string{series.LiveBytes, series.LiveObjects} {
		if t := j.totals[name]; t != nil && !t.series.Sampled && t.Verdict == Leak {
			return true
		}
	}
	return false
}

// shares picks the sites that explain a proved growth of the total: those with
// sampled objects that stayed, the largest growth first, until nine tenths are
// explained. A site that turns over is left out: its difference between two
// moments is noise.
func (j *judgement) shares(proved []*site, heap *total) []claim {
	if heap == nil || !(heap.Grew > 0) {
		return nil
	}
	explained := 0.0
	for _, s := range proved {
		explained += claim{site: s}.grown()
	}
	var all []claim
	for _, s := range j.sites {
		if s.Verdict == Leak || s.container() {
			continue
		}
		if n, bytes := j.stayed(s); bytes > 0 {
			all = append(all, claim{site: s, samples: n, bytes: bytes})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].bytes > all[j].bytes })
	for i, c := range all {
		if explained >= sitesExplain*heap.Grew || c.bytes < leastShare*heap.Grew {
			return all[:i]
		}
		explained += c.bytes
	}
	return all
}

// stayed counts the sampled objects of the judged snapshots that stayed, and their
// bytes, over the object sizes that keep what they allocate. Without growth births
// and deaths are equally likely, so net/√(births+deaths) is about standard normal;
// a size counts when few of its births died or that is above 3. Sizes that their
// exactly counted class rules out do not.
func (j *judgement) stayed(s *site) (objects, bytes float64) {
	first, end := s.first(), s.end()
	work := j.run.Work[end] - j.run.Work[first]
	for _, z := range s.series.Sizes() {
		net := z.Samples[end] - z.Samples[first]
		if net < 1 {
			continue
		}
		births := z.Births[end] - z.Births[first]
		deaths := math.Max(0, births-net)
		if deaths > mostDied*births && net < sureNet*math.Sqrt(births+deaths) || j.ruledOut(z, net, work) {
			continue
		}
		objects += net
		bytes += net * z.Weight
	}
	return objects, bytes
}

// siteFinding fills a finding from a site.
func (j *judgement) siteFinding(c claim, v Verdict, heap *total) Finding {
	s := c.series
	f := Finding{Kind: KindHeap, Verdict: v, ID: SiteID(s.Key)}
	f.blame(s.Stack, j.cfg.Module)
	f.LiveBytes, f.Count = Bytes(last(s.Bytes)), Count(last(s.Objects))
	if v != Leak && c.container() {
		f.Shape = shapeContainer
	}
	f.buffers = j.buffersAt(c.site)
	if c.Measured() {
		f.Trend, f.Tests = c.trend(), c.asked()
		growth := c.Growth
		var objects *Rate
		if n, b := last(s.Objects), last(s.Bytes); n > 0 && b > 0 { // over the mean size of those in use
			objects = &Rate{growth.Scale(n / b), j.per()}
		}
		switch {
		case c.class != nil:
			growth, objects = c.class.perWork(), &Rate{c.class.Growth, j.per()}
		case v == Suspect && c.samples > 0:
			// A Poisson count times the mean weight of one.
			growth = stats.PoissonInterval(int(math.Round(c.samples)), confidence).Scale(c.bytes / c.samples / j.workOver(c.at))
		}
		f.Bytes = &Rate{growth, j.per()}
		if j.run.HasOps {
			f.Objects = objects
			f.Allocated = j.allocated(s, c.at).perWork(j.workOver(c.at))
		}
	}
	if heap != nil && heap.Grew > 0 && heap.Verdict == Leak {
		f.Share = Share(math.Min(1, c.grown()/heap.Grew))
	}
	return f
}

// remainder is the finding for growth that is proved and that no site explains.
func (j *judgement) remainder(heap *total, attributed float64, named int) (Finding, bool) {
	if heap == nil || !(heap.Grew > 0) {
		return Finding{}, false
	}
	share := (heap.Grew - attributed) / heap.Grew
	if named > 0 && heap.Grew-attributed < unexplained*heap.Grew {
		return Finding{}, false
	}
	f := Finding{Kind: KindHeap, Verdict: Leak, Function: Unattributed, ID: identify(KindHeap, Unattributed), Share: Share(share), Trend: heap.trend(), Tests: heap.asked()}
	f.Bytes = &Rate{heap.Growth.Scale(share), j.per()}
	if named > 0 {
		f.Verdict = Growing
		f.because(PartAtNoSite, Values{Share: share})
	} else {
		f.because(NoSiteExplains, Values{})
	}
	if sizes := j.sizesThatLeak(heap); len(sizes) > 0 {
		f.because(SizesThatGrow, Values{Parts: sizes})
	}
	switch p := j.run.Period; { // what makes the next run see the site
	case len(j.run.Sites) == 0:
		f.because(NoHeapProfile, Values{})
	case p > 16384:
		f.because(SampledTooRarely, Values{Period: p})
	default:
		f.because(SampleMore, Values{})
	}
	return f, true
}

// attribute holds the sites to the exact total: together they cannot keep more
// than the process does. Where their estimates x_i of variance v_i add up to more
// than the exact T of variance w, the excess is sampling noise, and each takes the
// part of it that its variance makes likely, as of normal errors given their sum:
//
//	x_i − (Σx − T)·v_i/(Σv + w)    of variance v_i·(1 − v_i/(Σv + w))
//
// Only the upper bounds become surer by it: that nothing is left for a site that no
// sample shows is not known, so a lower bound stays where it was, or goes down with
// the estimate. Where they add up to less, the rest is another site's, and nothing
// is known of whose. Intervals that are no wider than 0 stay.
func attribute(sites []Finding, total stats.Interval) {
	variance := func(iv *stats.Interval) float64 {
		h := (iv.Hi - iv.Lo) / 2
		return h * h
	}
	sum, spread := 0.0, variance(&total)
	for i := range sites {
		if f := &sites[i]; f.Bytes != nil && len(f.Stack) > 0 {
			sum, spread = sum+f.Bytes.Estimate, spread+variance(&f.Bytes.Interval)
		}
	}
	excess := sum - total.Estimate
	if !(excess > 0) || !(spread > 0) || !finite(spread) {
		return
	}
	for i := range sites {
		f := &sites[i]
		if f.Bytes == nil || len(f.Stack) == 0 || !(f.Bytes.Hi > f.Bytes.Lo) {
			continue
		}
		iv := f.Bytes.Interval
		part := variance(&iv) / spread
		narrow := math.Sqrt(math.Max(0, 1-part))
		held := iv
		held.Estimate -= math.Min(excess*part, math.Max(0, iv.Estimate))
		held.Lo = math.Min(iv.Lo, held.Estimate-(iv.Estimate-iv.Lo)*narrow)
		held.Hi = held.Estimate + (iv.Hi-iv.Estimate)*narrow
		if o := f.Objects; o != nil && iv.Estimate > 0 {
			f.Objects = &Rate{o.Scale(held.Estimate / iv.Estimate), o.Per}
		}
		f.Bytes = &Rate{held, f.Bytes.Per}
	}
}
