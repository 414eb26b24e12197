package detect

import (
	"math"
	"slices"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// class is the live objects of one size class with their evidence.
type class struct {
	Evidence
	series *series.Class
}

// bytes that the class grew by.
func (c *class) bytes() float64 { return c.Grew * float64(c.series.Size) }

// perWork is the growth of the class in bytes.
func (c *class) perWork() stats.Interval { return c.Growth.Scale(float64(c.series.Size)) }

// measureClasses measures the size classes, where the target tells them.
func (j *judgement) measureClasses() {
	for i := range j.run.Classes {
		s := &j.run.Classes[i]
		u, y, _ := j.run.Known(s.Objects, j.run.Window.Judged)
		if e := measureExact(u, y, 0, j.before(s.Objects)); e.Measured() {
			j.classes = append(j.classes, &class{e, s})
		}
	}
}

// classOf is the measured class of objects of a size, nil where it is not known.
func (j *judgement) classOf(size int64) *class {
	i := sort.Search(len(j.classes), func(i int) bool { return int64(j.classes[i].series.Size) >= size })
	if i < len(j.classes) && j.classes[i].series.Holds(size) {
		return j.classes[i]
	}
	return nil
}

// ruledOut reports that the exact count of its size class shows that objects of
// a size did not grow by even half as many as net samples of it stand for: what
// stayed of them, others of the same size made room for.
func (j *judgement) ruledOut(z *series.SizeSeries, net, work float64) bool {
	c := j.classOf(z.Size)
	return c != nil && c.Upper*work < classRulesOut*net*z.Weight/float64(z.Size)
}

// leakingClasses are those that pass all tests and make a good part of the
// total's growth, of its bytes or of its objects, the largest first.
func (j *judgement) leakingClasses(heap *total) []*class {
	if heap == nil || !(heap.Grew > 0) {
		return nil
	}
	objects := math.Inf(1)
	if t := j.measured(series.LiveObjects); t != nil && t.Verdict == Leak {
		objects = t.Grew
	}
	var out []*class
	for _, c := range j.classes {
		if c.passes() && c.Grew >= floorRising && (c.bytes() >= minorClass*heap.Grew || c.Grew >= minorClass*objects) {
			out = append(out, c)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].bytes() > out[j].bytes() })
	return out
}

// onlyOfItsSize names sites by the size of what leaks: for each leaking class that
// the sites named so far do not explain, the one that keeps what it allocates of
// that size. A sample of the class that is in use at the end counts as kept where
// hardly any of its site died, however long it has been there: the class as a
// whole grows beyond doubt, and something allocates it. Of two that are alike
// neither is named.
func (j *judgement) onlyOfItsSize(named []*site, heap *total) []claim {
	type candidate struct {
		site *site
		held float64 // sampled objects of the class in use at the end
		net  float64 // of them, more than at the start of the judged snapshots
		dead float64 // sampled objects of the class that died, since the process began
	}
	var out []claim
	for _, c := range j.leakingClasses(heap) {
		explained := 0.0
		var found []candidate
		for _, s := range j.sites {
			n := candidate{site: s}
			weight := 0.0
			for _, z := range s.series.Sizes() {
				if !c.series.Holds(z.Size) {
					continue
				}
				n.held += z.Samples[s.end()]
				n.net += z.Samples[s.end()] - z.Samples[s.first()]
				n.dead += max(0, z.Births[s.end()]-z.Samples[s.end()])
				weight = z.Weight
			}
			if slices.Contains(named, s) {
				explained += max(0, n.net) * weight
			} else if n.held > 0 && n.dead <= mostDied*(n.held+n.dead) {
				found = append(found, n)
			}
		}
		if explained >= classExplained*c.bytes() || len(found) == 0 {
			continue
		}
		sort.SliceStable(found, func(i, j int) bool {
			if found[i].net != found[j].net {
				return found[i].net > found[j].net
			}
			return found[i].held > found[j].held
		})
		if len(found) > 1 && found[0].net == found[1].net && found[0].held < twiceTheNext*found[1].held {
			continue
		}
		if !slices.ContainsFunc(out, func(k claim) bool { return k.site == found[0].site }) {
			out = append(out, claim{site: found[0].site, class: c, bytes: c.bytes(), objects: c.Grew})
		}
	}
	return out
}

// sizesThatLeak are the object sizes that grow.
func (j *judgement) sizesThatLeak(heap *total) []Part {
	var parts []Part
	for i, c := range j.leakingClasses(heap) {
		if i == mostSizes {
			break
		}
		parts = append(parts, Part{Bytes: float64(c.series.Size), Rate: c.fit.PerX, Per: j.per()})
	}
	return parts
}
