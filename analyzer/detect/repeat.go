package detect

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// repeat is what a second pass over the same content says: a cache that is keyed
// by content has it all by then.
type repeat struct {
	first, last stats.Slope // growth per work in the first and the last pass
	stopped     bool        // grew in the first, and in the last by a tenth of it at most
	wentOn      bool        // the last is shown to have grown at more than six tenths
}

// leastPass is how many snapshots of a pass tell its rate.
const leastPass = 4

// repeated compares the first with the last pass; nil where there are no two.
func (a *analysis) repeated(m *measure) *repeat {
	passes := func(pass int) (u, y []float64) {
		for k, i := range m.tail {
			if a.r.Snapshots[i].Pass == pass {
				u, y = append(u, m.u[k]), append(y, m.y[k])
			}
		}
		return u, y
	}
	end := a.r.Snapshots[m.tail[len(m.tail)-1]].Pass
	begin := a.r.Snapshots[m.tail[0]].Pass
	if begin < 1 || end <= begin {
		return nil
	}
	u1, y1 := passes(begin)
	u2, y2 := passes(end)
	if len(u1) < leastPass || len(u2) < leastPass {
		return nil
	}
	var r repeat
	var ok1, ok2 bool
	r.first, ok1 = rate(u1, y1)
	r.last, ok2 = rate(u2, y2)
	if !ok1 || !ok2 {
		return nil
	}
	grew := r.first.PerX-beyondFloor*r.first.SE > 0 && y1[len(y1)-1] > y1[0]
	r.stopped = grew && r.last.PerX+beyondFloor*r.last.SE <= 0.1*r.first.PerX
	r.wentOn = grew && r.last.PerX-0.6*r.first.PerX > beyondFloor*math.Hypot(r.last.SE, 0.6*r.first.SE)
	return &r
}

// why says what the passes tell, "" where they tell nothing.
func (r *repeat) why() string {
	switch {
	case r == nil:
		return ""
	case r.stopped:
		return "it grew in the first pass and not in the second: a cache keyed by content"
	case r.wentOn:
		return fmt.Sprintf("the second pass grew like the first (%.0f %% of its rate): no cache keyed by content", 100*r.last.PerX/r.first.PerX)
	}
	return ""
}
