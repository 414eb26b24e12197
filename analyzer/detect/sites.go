package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// site is one allocation site with its evidence.
type site struct {
	Evidence
	Decision
	series *series.Site
	at     []int   // the judged snapshots that have a heap profile
	net    float64 // sampled objects more in use at their end than at their start
}

// first and end are the ends of the judged snapshots.
func (s *site) first() int { return s.at[0] }
func (s *site) end() int   { return s.at[len(s.at)-1] }

// measureSites measures every site that was seen in the judged snapshots. The
// level is shared by those that held enough samples to be tested.
func (j *judgement) measureSites() {
	for _, s := range j.run.Sites {
		_, _, at := j.run.Known(s.Bytes, j.run.Window.Judged)
		most := 0.0
		for _, i := range at {
			most = math.Max(most, s.Samples[i])
		}
		if len(at) < 2 || most == 0 {
			continue
		}
		if most >= minSamples {
			j.tested++
		}
		j.sites = append(j.sites, &site{series: s, at: at})
	}
	j.tested = max(1, j.tested)
	for _, s := range j.sites {
		j.measureSite(s)
	}
}

func (j *judgement) measureSite(s *site) {
	z := s.series
	u, y, _ := j.run.Known(z.Bytes, s.at)
	first, end := s.first(), s.end()
	s.net = z.Samples[end] - z.Samples[first]
	s.Evidence = j.siteEvidence(u, y, noiseOf(u, z.Live, z.Turnover, s.at), j.before(z.Bytes), s.at, s.net)
	if born := z.Births[end] - z.Births[first]; born > 0 {
		died := math.Max(0, born-s.net) / born
		s.ofSite.died = Test{"hardly any died", died <= hardlyDie, died, hardlyDie, unitShare}
	}
	s.Kept = j.kept(z.Bytes, y[len(y)-1], s.Grew)
	if c, ok := j.containerAt(s); ok {
		s.ofSite.grows = &c
	}
}

// siteEvidence asks a site's series what tells growth: bytes y over work u with
// the noise z, at the snapshots at; net is the sampled objects gained.
func (j *judgement) siteEvidence(u, y []float64, z stats.Noise, before float64, at []int, net float64) Evidence {
	alpha := j.cfg.Alpha / float64(j.tested)
	e := measureSampled(u, y, z, before, alpha, alpha)
	e.ofSite = &siteFacts{watched: j.watched(at), tested: j.tested, alpha: j.cfg.Alpha}
	if !e.Measured() {
		return e
	}
	e.Material = j.material(e.Growth.Lo, at, false)
	e.Enough = Test{"enough", e.Grew >= floorBytes, e.Grew, floorBytes, "B"}
	e.ofSite.samples = Test{"enough samples", net >= minNet, net, minNet, "sampled objects"}
	// Where the sampled profile is all there is, rates that wander grow fast at the
	// end or not at all; both were behind two thirds of the false alarms of 20
	// snapshots. So the last third grows at between half and twice the rate of the
	// whole, whatever the noise, and without its largest step a site passes at its
	// own level.
	ratio := e.GoesOn.Statistic
	e.ofSite.even = Test{"even", e.Steps.Statistic <= alpha && ratio >= lastThirdOf && ratio <= unevenOver, ratio, math.Inf(1), unitTimes}
	return e
}

// container is one slice, buffer or table at a site that is copied into a
// larger one again and again: what appending for ever looks like in a profile,
// where one sampled object steps up in size and none is added.
type container struct {
	steps     int     // enlargements within the judged snapshots
	from, to  float64 // bytes at their ends
	factor    float64 // mean enlargement
	sustained bool    // went on growing as fast, and is not overdue
}

// containerAt looks for one at a site: in each judged snapshot the largest
// object in use; it only ever grows, by factors of append's kind, and each
// smaller one is gone when the larger is there.
//
// A container that is filled at a steady rate is enlarged at moments whose
// distances grow by the same factor as it does. So one that is overdue by half
// has stopped filling, and one whose size grew less than half as fast over the
// second half of the enlargements is a cache's.
func (j *judgement) containerAt(s *site) (c container, ok bool) {
	var work, size []float64 // at the moments of enlargement, the first snapshot's before them
	held := 0.0
	sizes := s.series.Sizes()
	for _, i := range s.at {
		largest, others := 0.0, 0.0
		for _, z := range sizes {
			if z.Samples[i] > 0 && float64(z.Size) > largest {
				largest = float64(z.Size)
			}
		}
		for _, z := range sizes {
			if s := float64(z.Size); s < largest && s >= held/mostFactor {
				others += z.Samples[i]
			}
		}
		switch {
		case largest == 0 || largest < held || others > 1: // copying may hold two
			return c, false
		case largest > held:
			if held > 0 && (largest < held*leastFactor || largest > held*math.Pow(mostFactor, 2)) {
				return c, false
			}
			held = largest
			work, size = append(work, j.run.Work[i]), append(size, largest)
		}
	}
	n := len(size) - 1
	if n < leastSteps-1 || size[n]-size[0] < floorBytes {
		return c, false
	}
	c = container{steps: n, from: size[0], to: size[n], factor: math.Pow(size[n]/size[0], 1/float64(n))}
	due := c.factor * (work[n] - work[n-1])
	h := (1 + n) / 2
	early := (size[h] - size[1]) / (work[h] - work[1])
	late := (size[n] - size[h]) / (work[n] - work[h])
	c.sustained = j.run.Work[s.end()]-work[n] <= overdue*due && !(late < containerLateAt*early)
	return c, true
}
