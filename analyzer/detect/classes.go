package detect

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// classMeasure is the live objects of one size class over the judged snapshots.
type classMeasure struct {
	gates
	class *series.Class
}

// bytes that the class grew by.
func (c *classMeasure) bytes() float64 { return c.growth * float64(c.class.Size) }

// measureClasses judges the size classes, where the target tells them.
func (a *analysis) measureClasses() {
	for i := range a.r.Classes {
		c := &classMeasure{class: &a.r.Classes[i]}
		u, y, _ := pick(a.r, c.class.Objects, a.w.tail)
		var ok bool
		if c.gates, ok = exact(u, y, 0, a.before(c.class.Objects)); ok {
			a.classes = append(a.classes, c)
		}
	}
}

// classOf is the measured class of objects of a size, nil where it is not known.
func (a *analysis) classOf(size int64) *classMeasure {
	i := sort.Search(len(a.classes), func(i int) bool { return int64(a.classes[i].class.Size) >= size })
	if i < len(a.classes) && a.classes[i].class.Holds(size) {
		return a.classes[i]
	}
	return nil
}

// ruledOut reports that the exact count of its size class shows that objects of
// a size did not grow by even half as many as net samples of it stand for: what
// stayed of them, others of the same size made room for.
func (a *analysis) ruledOut(z *series.SizeSeries, net, work float64) bool {
	c := a.classOf(z.Size)
	return c != nil && c.upper*work < 0.5*net*z.Weight/float64(z.Size)
}

// minorClass is the part of the growth below which a class is not followed.
const minorClass = 0.05

// leakingClasses are those that grow by all gates and make a good part of the
// total's growth, the largest first.
func (a *analysis) leakingClasses(total *measure) []*classMeasure {
	if total == nil || !total.ok || !(total.growth > 0) {
		return nil
	}
	var out []*classMeasure
	for _, c := range a.classes {
		if c.passes() && c.growth >= floorGoroutines && c.bytes() >= minorClass*total.growth {
			out = append(out, c)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].bytes() > out[j].bytes() })
	return out
}

// narrowed is a site that a leaking size class points at.
type narrowed struct {
	*siteMeasure
	class *classMeasure
	held  float64 // sampled objects of the class in use at the end
	net   float64 // of them, more than at the start of the judged snapshots
	dead  float64 // sampled objects of the class that died, since the process began
}

// narrow names sites by the size of what leaks: for each leaking class that the
// sites named so far do not explain, the one that keeps what it allocates of
// that size. A sample of the class that is in use at the end counts as kept where
// hardly any of its site died, however long it has been there: the class as a
// whole grows beyond doubt, and something allocates it. Of two that are alike
// neither is named.
func (a *analysis) narrow(sites, named []*siteMeasure, total *measure) []narrowed {
	var out []narrowed
	for _, c := range a.leakingClasses(total) {
		explained := 0.0
		var found []narrowed
		for _, x := range sites {
			n := narrowed{siteMeasure: x, class: c}
			weight := 0.0
			for _, z := range x.site.Sizes() {
				if !c.class.Holds(z.Size) {
					continue
				}
				first, end := x.at[0], x.at[len(x.at)-1]
				n.held += z.Samples[end]
				n.net += z.Samples[end] - z.Samples[first]
				n.dead += math.Max(0, z.Births[end]-z.Samples[end])
				weight = z.Weight
			}
			if slices.Contains(named, x) {
				explained += math.Max(0, n.net) * weight
			} else if n.held > 0 && n.dead <= 0.25*(n.held+n.dead) {
				found = append(found, n)
			}
		}
		if explained >= 0.5*c.bytes() || len(found) == 0 {
			continue
		}
		sort.SliceStable(found, func(i, j int) bool {
			if found[i].net != found[j].net {
				return found[i].net > found[j].net
			}
			return found[i].held > found[j].held
		})
		if len(found) > 1 && found[0].net == found[1].net && found[0].held < 2*found[1].held {
			continue
		}
		if !slices.ContainsFunc(out, func(n narrowed) bool { return n.siteMeasure == found[0].siteMeasure }) {
			out = append(out, found[0])
		}
	}
	return out
}

// perWork is the growth of the class in bytes.
func (c *classMeasure) perWork() stats.Interval { return c.interval.Scale(float64(c.class.Size)) }

func (n narrowed) why(unit string) string {
	return fmt.Sprintf("objects of %d to %d bytes are proved to grow by %s per %s, and this site keeps what it allocates of that size; its size is that of all of them", n.class.class.Over+1, n.class.class.Size, figure(n.class.slope.PerX), unit)
}

// sizesThatLeak says which object sizes grow, "" where that is not known.
func (a *analysis) sizesThatLeak(total *measure) string {
	var parts []string
	for i, c := range a.leakingClasses(total) {
		if i == 4 {
			break
		}
		parts = append(parts, fmt.Sprintf("%d bytes (%s per %s)", c.class.Size, figure(c.slope.PerX), a.unit()))
	}
	if len(parts) == 0 {
		return ""
	}
	return "what grows are objects of up to " + strings.Join(parts, ", ")
}
