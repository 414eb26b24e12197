package detect

import (
	"fmt"
	"math"
)

// container is one slice, buffer or table at a site that is copied into a
// larger one again and again: what appending for ever looks like in a profile,
// where one sampled object steps up in size and none is added.
type container struct {
	steps       int     // enlargements within the judged snapshots
	from, to    float64 // bytes at their ends
	factor      float64 // mean enlargement
	sustained   bool    // went on growing as fast, and is not overdue
	first, last float64 // work at the first and the last enlargement
}

// Containers: append enlarges large slices by a quarter, small ones and tables
// by two; what is in between may be rounded to a size class.
const (
	leastFactor = 1.1
	mostFactor  = 2.6
	leastSteps  = 4 // enlargements that make a law of it
)

// containerAt looks for one at a site: in each judged snapshot the largest
// object in use; it only ever grows, by factors of append's kind, and each
// smaller one is gone when the larger is there.
//
// A container that is filled at a steady rate is enlarged at moments whose
// distances grow by the same factor as it does. So one that is overdue by half
// has stopped filling, and one whose size grew less than half as fast over the
// second half of the enlargements is a cache's.
func (a *analysis) containerAt(x *siteMeasure) (c container, ok bool) {
	var work, size []float64 // at the moments of enlargement, the first snapshot's before them
	held := 0.0
	for _, i := range x.at {
		largest, others := 0.0, 0.0
		for _, z := range x.site.Sizes() {
			if z.Samples[i] > 0 && float64(z.Size) > largest {
				largest = float64(z.Size)
			}
		}
		for _, z := range x.site.Sizes() {
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
			work, size = append(work, a.r.Work[i]), append(size, largest)
		}
	}
	n := len(size) - 1
	if n < leastSteps-1 || size[n]-size[0] < floorBytes {
		return c, false
	}
	c = container{steps: n, from: size[0], to: size[n], factor: math.Pow(size[n]/size[0], 1/float64(n)), first: work[1], last: work[n]}
	end := a.r.Work[x.at[len(x.at)-1]]
	due := c.factor * (work[n] - work[n-1])
	h := (1 + n) / 2
	early := (size[h] - size[1]) / (work[h] - work[1])
	late := (size[n] - size[h]) / (work[n] - work[h])
	c.sustained = end-work[n] <= 1.5*due && !(late < 0.5*early)
	return c, true
}

// judge gives the verdict of a container and says why. watched says that the
// run is long enough to tell it from a cache's table.
func (c container) judge(watched bool) (Verdict, string) {
	why := fmt.Sprintf("one object is enlarged again and again: %d times by about %.2f, from %.0f to %.0f bytes", c.steps, c.factor, c.from, c.to)
	switch {
	case !c.sustained:
		return Growing, why + "; but not as fast as before: a cache that fills looks like this"
	case c.steps < leastSteps || !watched:
		return Growing, why + "; a table that fills looks like this for as long: run longer"
	}
	return Suspect, why + ", as fast at the end as at the start: appending for ever looks like this"
}
