package detect

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// site is one allocation site with its evidence.
type site struct {
	Evidence
	Decision
	series *series.Site
	at     []int   // the judged snapshots that have a heap profile
	net    float64 // sampled objects more in use at their end than at their start
	parts  []*part
	grown  []*part // that show the growth where the whole site does not; else none
}

// first and end are the ends of the judged snapshots.
func (s *site) first() int { return s.at[0] }
func (s *site) end() int   { return s.at[len(s.at)-1] }

// part is one part of a site over the judged snapshots, in sampled objects.
type part struct {
	*series.Part
	net, born float64
	most      float64 // in use at once
	keeps     bool    // retains what it allocates
}

// bytes that a part grew by, and objects.
func (p *part) bytes() float64 { return p.net * p.Weight }
func (p *part) objects() float64 {
	if p.Size <= 0 {
		return 0
	}
	return p.bytes() / float64(p.Size)
}

// retained are the parts that hold the growth of a site: those that show it where
// the whole site does not, else those that retain what they allocate.
func (s *site) retained() []*part {
	if len(s.grown) > 0 {
		return s.grown
	}
	var out []*part
	for _, p := range s.parts {
		if p.keeps {
			out = append(out, p)
		}
	}
	return out
}

// shown is the stack that the most of parts' growth comes through, that of the
// whole site's where there are none.
func (s *site) shown(parts []*part) *snapshot.Stack {
	grew := map[*snapshot.Stack]float64{}
	best := s.series.Stack
	for _, p := range parts { // in a fixed order: of equal ones the first is shown
		if grew[p.Stack] += p.bytes(); grew[p.Stack] > grew[best] {
			best = p.Stack
		}
	}
	return best
}

// perByte is how many objects a byte of parts' growth is, of those in use where
// there are none; 0 where it is not known.
func (s *site) perByte(parts []*part) float64 {
	var objects, bytes float64
	for _, p := range parts {
		objects, bytes = objects+p.objects(), bytes+p.bytes()
	}
	if !(objects > 0) {
		objects, bytes = last(s.series.Objects), last(s.series.Bytes)
	}
	if !(bytes > 0) {
		return 0
	}
	return objects / bytes
}

// tiny reports parts that grow mainly by blocks of the tiny allocator: objects of
// less than 16 bytes without pointers share blocks of 16, of which each is profiled as
// the object of whichever site opened it and stays as long as any object in it does.
// A block of one's own of that size looks the same.
func tiny(parts []*part) bool {
	var shared, all float64
	for _, p := range parts {
		all += p.bytes()
		if p.Size == SmallestObject {
			shared += p.bytes()
		}
	}
	return shared > mainPart*all
}

// partsOf are the parts of a site that were seen in the judged snapshots.
//
// Without growth births and deaths are equally likely, so net/√(births+deaths) is
// about standard normal. A part retains what it allocates when that is above
// sureNet, or when few of its births died since the process began: over the judged
// snapshots alone, one object that lives long would look retained.
func partsOf(s *site) []*part {
	var out []*part
	first, end := s.first(), s.end()
	for _, p := range s.series.Parts() {
		x := &part{Part: p, net: p.Samples[end] - p.Samples[first], born: p.Births[end] - p.Births[first]}
		for _, i := range s.at {
			x.most = math.Max(x.most, p.Samples[i])
		}
		if x.most == 0 {
			continue
		}
		deaths := math.Max(0, x.born-x.net)
		dead := math.Max(0, p.Births[end]-p.Samples[end])
		x.keeps = x.net >= 1 && (dead <= mostDied*p.Births[end] || x.net >= sureNet*math.Sqrt(x.born+deaths))
		out = append(out, x)
	}
	return out
}

// measureSites measures every site that was seen in the judged snapshots. The
// level is shared by those that held enough samples to be tested. Parts have a level
// of their own, shared likewise.
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
		x := &site{series: s, at: at}
		x.parts = partsOf(x)
		if most >= minSamples {
			j.tested++
		}
		if len(x.parts) > 1 {
			for _, p := range x.parts {
				if p.most >= minSamples {
					j.testedParts++
				}
			}
		}
		j.sites = append(j.sites, x)
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
	if s.Measured() && !(s.siteRises() && s.siteGoesOn()) && s.ofSite.grows == nil && len(s.parts) > 1 {
		j.measureParts(s)
	}
	s.ofSite.tiny = tiny(s.retained())
}

// measureParts looks for growth that the births and deaths of a site's other
// objects hide. Each part that retains what it allocates is tested at the level that
// all parts of the run share. Where one passes, all that retain speak for the site,
// if they go on together: of a cache that fills, some part may not show that it
// slackens.
func (j *judgement) measureParts(s *site) {
	alpha := alphaParts * j.cfg.Alpha
	level := alpha / float64(j.testedParts)
	var all []*part
	passed, net := false, 0.0
	for _, p := range s.parts {
		if !p.keeps {
			continue
		}
		all, net = append(all, p), net+p.net
		if p.net >= minNet && !passed {
			e := j.partsEvidence(s, level, p)
			passed = e.siteRises() && e.siteGoesOn()
		}
	}
	if !passed || len(all) == len(s.parts) {
		return
	}
	if e := j.partsEvidence(s, level, all...); e.siteRises() && e.siteGoesOn() {
		e.ofSite.tested, e.ofSite.alpha = j.testedParts, alpha
		s.Evidence, s.grown, s.net = e, all, net
	}
}

// partsEvidence is the evidence of some parts of a site together.
func (j *judgement) partsEvidence(s *site, level float64, parts ...*part) Evidence {
	n := len(s.series.Bytes)
	y, live, turnover := make([]float64, n), make([]float64, n), make([]float64, n)
	net := 0.0
	for i := range n {
		y[i] = s.series.Bytes[i] * 0 // NaN where there is no profile
	}
	for _, p := range parts {
		net += p.net
		w := p.Weight * p.Weight
		for i := range n {
			y[i] += p.Bytes[i]
			live[i] += w * p.Samples[i]
			turnover[i] += w * (2*p.Births[i] - p.Samples[i]) // births + (births − in use)
		}
	}
	u, v, _ := j.run.Known(y, s.at)
	e := j.sampledEvidence(u, v, noiseOf(u, live, turnover, s.at), j.before(y), s.at, net, level)
	e.Kept = j.kept(y, v[len(v)-1], e.Grew)
	return e
}

// siteEvidence asks a site's series what tells growth: bytes y over work u with
// the noise z, at the snapshots at; net is the sampled objects gained.
func (j *judgement) siteEvidence(u, y []float64, z stats.Noise, before float64, at []int, net float64) Evidence {
	e := j.sampledEvidence(u, y, z, before, at, net, j.cfg.Alpha/float64(j.tested))
	e.ofSite.tested, e.ofSite.alpha = j.tested, j.cfg.Alpha
	return e
}

// sampledEvidence does the same at the level alpha of its slope and rank.
func (j *judgement) sampledEvidence(u, y []float64, z stats.Noise, before float64, at []int, net, alpha float64) Evidence {
	e := measureSampled(u, y, z, before, alpha, alpha)
	e.ofSite = &siteFacts{watched: j.watched(at)}
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
