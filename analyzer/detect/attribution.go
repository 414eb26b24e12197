package detect

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// claim is what a site is said to retain of the growth of its process.
type claim struct {
	*site
	parts   []*part // that hold it
	samples float64 // sampled objects of them; 0 where the site's own growth is what counts
	bytes   float64 // what they stand for, or what its size class grew by; likewise
	objects float64 // likewise; a whole site's are those of its parts
	class   *class  // where that alone points at the site
}

// claimed is what a site that is judged by its own growth is said to retain.
func claimed(s *site) claim {
	c := claim{site: s, parts: s.retained()}
	c.objects = math.Max(c.Grew, 0) * s.perByte(c.parts)
	return c
}

// grew is the part of the total's growth that a claim explains, bytes.
func (c claim) grew() float64 {
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
		case s.Verdict == Leak, s.Because == SharedBlocks:
			proved = append(proved, s)
		case s.Verdict == Growing:
			open = append(open, s)
		case s.Verdict == Backlog:
			behind = append(behind, s)
		}
	}
	leaks := j.heapLeaks()
	var out []Finding
	attributed, objects := 0.0, 0.0 // of the growth
	add := func(c claim, v Verdict, why Reason) {
		f := j.siteFinding(c, v, heap)
		f.Reasons = append([]Reason{why}, f.Reasons...)
		if len(c.site.grown) > 0 {
			f.because(PartOfSite, j.placed(c.site.grown))
		}
		if v == Suspect && why.Code != SharedBlocks && tiny(c.parts) {
			f.because(SharedBlocks, Values{Samples: c.samples})
		}
		attributed, objects = attributed+c.grew(), objects+c.objects
		out = append(out, f)
	}
	as := func(all []*site) {
		for _, s := range all {
			add(claimed(s), s.Verdict, s.reason(j.shrink, j.cfg.Module, j.per()))
		}
	}
	as(proved)
	as(masked)
	as(enlarged)
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
		named = append(named, c.site)
		z := c.class.series
		add(c, Suspect, Reason{OnlyOfItsSize, Values{From: float64(z.Over + 1), To: float64(z.Size), Rate: c.class.fit.PerX, Per: j.per()}})
	}
	if heap != nil && !heap.series.Sampled && heap.Verdict == Leak {
		attribute(out, heap.reported(j))
	}
	if f, ok := j.remainder(heap, attributed, named); ok {
		out = append(out, f)
	} else if len(out) > 0 {
		largest := 0
		for i := range out {
			if weigh(&out[i]) > weigh(&out[largest]) {
				largest = i
			}
		}
		j.unseen(&out[largest], heap, objects)
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
// explained; then likewise those that explain the growth of live objects, where
// that is proved: small objects that leak beside large ones are few of the bytes. A
// site that turns over is left out: its difference between two moments is noise.
func (j *judgement) shares(proved []*site, heap *total) []claim {
	if heap == nil || !(heap.Grew > 0) {
		return nil
	}
	var bytes, objects float64
	for _, s := range proved {
		c := claimed(s)
		bytes, objects = bytes+c.grew(), objects+c.objects
	}
	var all []claim
	for _, s := range j.sites {
		if slices.Contains(proved, s) || s.container() {
			continue
		}
		if c := j.stayed(s); c.bytes > 0 {
			all = append(all, c)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].bytes > all[j].bytes })
	n := 0
	for n < len(all) && bytes < sitesExplain*heap.Grew && all[n].bytes >= leastShare*heap.Grew {
		bytes, objects = bytes+all[n].bytes, objects+all[n].objects
		n++
	}
	out, rest := all[:n:n], all[n:]
	count := j.measured(series.LiveObjects)
	if count == nil || count.Verdict != Leak {
		return out
	}
	sort.SliceStable(rest, func(i, j int) bool { return rest[i].objects > rest[j].objects })
	for _, c := range rest {
		// One sample of small objects stands for very many of them.
		if c.samples < minSamples {
			continue
		}
		if objects >= sitesExplain*count.Grew || c.objects < leastShare*count.Grew {
			break
		}
		objects += c.objects
		out = append(out, c)
	}
	return out
}

// stayed is what a site retains of the judged snapshots' sampled objects: those of
// its parts that retain what they allocate, and that their exactly counted size
// class does not rule out.
func (j *judgement) stayed(s *site) claim {
	c := claim{site: s}
	work := j.workOver(s.at)
	for _, p := range s.parts {
		if !p.keeps || j.ruledOut(&p.SizeSeries, p.net, work) {
			continue
		}
		c.parts = append(c.parts, p)
		c.samples += p.net
		c.bytes += p.bytes()
		c.objects += p.objects()
	}
	return c
}

// unseen tells of growth that is most of the objects and little of the bytes, where
// the sites named explain the bytes: small objects are sampled rarely.
func (j *judgement) unseen(f *Finding, heap *total, objects float64) {
	count := j.measured(series.LiveObjects)
	if count == nil || count.Verdict != Leak || count.Grew-objects < mostUnseen*count.Grew {
		return
	}
	f.because(ObjectsUnseen, Values{Rate: count.fit.PerX, Per: j.per(), Share: 1 - objects/count.Grew})
	if sizes := j.sizesThatLeak(heap); len(sizes) > 0 {
		f.because(SizesThatGrow, Values{Parts: sizes})
	}
}

// unproved are the parts of sites not named that rose and make a good part of the
// growth by themselves: where the rest is likely to be, without proof.
func (j *judgement) unproved(heap *total, named []*site) Values {
	var all []*part
	for _, s := range j.sites {
		if slices.Contains(named, s) || observing(s.series.Stack.Frames) {
			continue
		}
		for _, p := range s.parts {
			if _, y, _ := j.run.Known(p.Bytes, s.at); p.bytes() >= restShare*heap.Grew && stats.MannKendall(y).P <= alphaRest {
				all = append(all, p)
			}
		}
	}
	return j.placed(all)
}

// placed names the lines of parts, the largest first, with the mean size of their
// objects.
func (j *judgement) placed(parts []*part) Values {
	work := j.res.Window.Work
	sorted := slices.SortedStableFunc(slices.Values(parts), func(a, b *part) int { return cmp.Compare(b.bytes(), a.bytes()) })
	var v Values
	var bytes, objects float64
	for _, p := range sorted {
		bytes, objects = bytes+p.bytes(), objects+p.objects()
		if len(v.Parts) == mostParts {
			v.More++
			continue
		}
		place := series.Trim(p.Stack.Frames)[0]
		v.Parts = append(v.Parts, Part{Function: place.Function, File: place.File, Line: place.Line, Rate: p.bytes() / work, Per: j.per()})
	}
	if objects > 0 {
		v.Bytes = bytes / objects
	}
	return v
}

// siteFinding fills a finding from a site.
func (j *judgement) siteFinding(c claim, v Verdict, heap *total) Finding {
	s := c.series
	f := Finding{Kind: KindHeap, Verdict: v, ID: SiteID(s.Key)}
	f.blame(c.shown(c.parts), j.cfg.Module)
	f.LiveBytes, f.Count = Bytes(last(s.Bytes)), Count(last(s.Objects))
	if v != Leak && c.container() {
		f.Shape = shapeContainer
	}
	f.buffers = j.buffersAt(c.site)
	if c.Measured() {
		f.Trend, f.Tests = c.trend(), c.asked()
		growth := c.Growth
		objects := c.Growth
		switch {
		case c.class != nil:
			growth, objects = c.class.perWork(), c.class.Growth
		default:
			if v == Suspect && c.samples > 0 {
				// A Poisson count times the mean weight of one.
				growth = stats.PoissonInterval(int(math.Round(c.samples)), confidence).Scale(c.bytes / c.samples / j.workOver(c.at))
			}
			objects = growth.Scale(c.perByte(c.parts))
		}
		f.Bytes = &Rate{growth, j.per()}
		if j.run.HasOps {
			if objects.Estimate != 0 {
				f.Objects = &Rate{objects, j.per()}
			}
			f.Allocated = j.allocated(s, c.at).perWork(j.workOver(c.at))
		}
	}
	if heap != nil && heap.Grew > 0 && heap.Verdict == Leak {
		f.Share = Share(math.Min(1, c.grew()/heap.Grew))
	}
	return f
}

// remainder is the finding for growth that is proved and that no site explains.
func (j *judgement) remainder(heap *total, attributed float64, named []*site) (Finding, bool) {
	if heap == nil || !(heap.Grew > 0) {
		return Finding{}, false
	}
	share := (heap.Grew - attributed) / heap.Grew
	if len(named) > 0 && heap.Grew-attributed < unexplained*heap.Grew {
		return Finding{}, false
	}
	f := Finding{Kind: KindHeap, Verdict: Leak, Function: Unattributed, ID: identify(KindHeap, Unattributed), Share: Share(share), Trend: heap.trend(), Tests: heap.asked()}
	f.Bytes = &Rate{heap.reported(j).Scale(share), j.per()}
	if len(named) > 0 {
		f.Verdict = Growing
		f.because(PartAtNoSite, Values{Share: share})
	} else {
		f.because(NoSiteExplains, Values{})
	}
	if sizes := j.sizesThatLeak(heap); len(sizes) > 0 {
		f.because(SizesThatGrow, Values{Parts: sizes})
	}
	if v := j.unproved(heap, named); len(v.Parts) > 0 {
		f.because(GrewUnproved, v)
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
