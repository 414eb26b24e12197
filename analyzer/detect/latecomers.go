package detect

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// quietSpan is for how long none of the latecomers may have ended, seconds:
// longer than the usual time-outs of a request.
const quietSpan = 60

// latecomers are groups too small for a trend that came all the same: not there
// in the first third of the recording, two of them at least, blocked, none of
// them ever ended, and the last of them came a minute before the end or longer.
// A deadlock that one call in a thousand runs into looks so. Together they must
// reach the evidence floor, and they are no more than suspects: a pool of
// workers that is started late looks the same. Where operations are counted, or
// a drain was seen, the tests of the whole count say more, and nothing is named.
func (a *analysis) latecomers(have []*groupFinding) []*groupFinding {
	if a.r.HasOps || len(a.w.drain) > 0 || len(a.w.early) == 0 {
		return nil
	}
	judged := map[*series.Group]bool{}
	for _, f := range have {
		judged[f.group] = true
	}
	var out []*groupFinding
	sum := 0.0
	for _, g := range a.r.Groups {
		if judged[g] || !blocks(g.Reason) || g.Reason == "select" {
			continue
		}
		n, quiet := a.cameLate(g)
		if n < 2 || quiet < quietSpan {
			continue
		}
		f := a.groupFinding(g, gates{growth: n}, Suspect)
		f.Why = append(f.Why, fmt.Sprintf("%.0f of them came after the first third of the recording, and none has ended in %.0f s: too few for a trend", n, quiet))
		out = append(out, f)
		sum += n
	}
	if sum < floorGoroutines {
		return nil
	}
	return out
}

// cameLate returns how many of a group came after the first third, 0 if one was
// there before or one has ended; and the seconds since the last of them came.
func (a *analysis) cameLate(g *series.Group) (n, quiet float64) {
	all := append(a.w.early[:len(a.w.early):len(a.w.early)], a.w.tail...)
	came := -1
	for k, i := range all {
		y := g.Count[i]
		switch {
		case math.IsNaN(y):
			continue
		case k < len(a.w.early) && y > 0, y < n:
			return 0, 0
		case y > n:
			n, came = y, i
		}
	}
	if came < 0 {
		return 0, 0
	}
	return n, a.r.Seconds[all[len(all)-1]] - a.r.Seconds[came]
}
