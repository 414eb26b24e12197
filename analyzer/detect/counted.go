package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// atSites is what the sites that pass their own tests say of the growth of live
// bytes: parts of it, 0 where no site says anything.
type atSites struct {
	// Counted is the part in objects that were born and stayed: growth in number.
	// Where it is most of the growth, no container was enlarged, however few the
	// objects are beside the noise of all.
	Counted float64
	// Retained is the part that is still in use at the same sites after the drain.
	// What else the drain freed was there before: a standing buffer is no part of
	// the growth.
	Retained float64
}

// countAtSites works them out. Sampled births are Poisson whatever the number of
// live objects does, and of objects larger than the sampling rate nearly every
// one is sampled. Enlarging is the birth of a large object and the death of a
// smaller one, so objects of up to enlargedFrom times smaller that went away
// anywhere are taken off, where they are more than births and deaths explain.
// Nothing is counted where live objects are shown to grow by less.
func (j *judgement) countAtSites() (a atSites) {
	heap, objects := j.measured(series.LiveBytes), j.measured(series.LiveObjects)
	if heap == nil || heap.series.Sampled || !(heap.Grew > 0) {
		return a
	}
	bytes, n := 0.0, 0.0
	for _, s := range j.sites {
		if !s.Measured() || !s.siteRises() || !s.siteGoesOn() || s.container() {
			continue
		}
		if s.Kept.Asked() {
			a.Retained += s.Grew * math.Min(1, s.Kept.Statistic) / heap.Grew
			if s.Kept.Failed() {
				continue
			}
		}
		for _, z := range s.series.Sizes() {
			net, died := s.turnover(z)
			if z.Size > 0 && net >= 1 && died <= mostDied*(net+died) {
				bytes, n = bytes+net*z.Weight, n+net*z.Weight/float64(z.Size)
			}
		}
	}
	if n == 0 || objects != nil && objects.Upper*j.workOver(objects.at) < countedAtLeast*n {
		return a
	}
	gone := 0.0
	for _, s := range j.sites {
		for _, z := range s.series.Sizes() {
			net, died := s.turnover(z)
			if float64(z.Size)*enlargedFrom >= bytes/n && -net > sureLess*math.Sqrt(net+2*died) {
				gone -= net * z.Weight / float64(z.Size)
			}
		}
	}
	a.Counted = bytes / heap.Grew * math.Max(0, 1-gone/n)
	return a
}

// turnover of the objects of one size over the judged snapshots: how many samples
// more are in use at their end, and how many died.
func (s *site) turnover(z *series.SizeSeries) (net, died float64) {
	first, end := s.first(), s.end()
	net = z.Samples[end] - z.Samples[first]
	return net, math.Max(0, z.Births[end]-z.Births[first]-net)
}
