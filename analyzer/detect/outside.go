package detect

import (
	"fmt"
	"math"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// anonymous is the counter of the resident memory that no file backs, bytes
// (RssAnon of /proc/PID/status), where the capture knows it.
const anonymous = "RssAnon"

// outsideFloor is the growth of the process below which nothing is said of what
// lies outside the Go heap: the runtime's own caches move by as much.
const outsideFloor = 4 << 20

// outside looks for memory that climbs where the runtime did not take it: cgo,
// mapped memory. Of the resident memory that no file backs, what the runtime has
// taken from the system and not returned, Sys − HeapReleased (its heap in use and
// idle, stacks, tables), is taken off snapshot by snapshot: what the scavenger
// returns and the heap takes again leaves no trace in the rest, and the rest goes
// through the gates of any exact total.
//
// A page that the runtime has taken and nobody has touched is not resident, so the
// rest may rise without anything outside: a ring buffer that is filled, tables
// that come into use. That ends where all is touched, at a rest of 0; and what the
// runtime calls returned may stay resident for a while (madvdontneed=0). So growth
// counts only if the rest ends above 0 and the resident memory itself rose.
//
// Where only the resident set is known, which pages of mapped files enlarge as they
// are read, it is a warning and never a finding.
func (a *analysis) outside() (Finding, bool) {
	all := a.counter(anonymous)
	if all == nil {
		a.residentAlone()
		return Finding{}, false
	}
	rest := a.quantity(OutsideGoHeap, func(get func(string) (float64, bool)) (float64, bool) {
		anon, ok1 := get(anonymous)
		sys, ok2 := get("Sys")
		returned, ok3 := get("HeapReleased")
		return anon - (sys - returned), ok1 && ok2 && ok3
	})
	if rest == nil || !rest.passes() || !a.material(rest) || rest.growth < outsideFloor || rest.kept < 0.5 {
		return Finding{}, false
	}
	if all.growth < 0.5*rest.growth {
		return Finding{}, false
	}
	said, _ := a.explained(all)
	why := fmt.Sprintf("resident memory that no file backs grew by %s; %s; by %s more than the runtime took from the system", megabytes(all.growth), said, megabytes(rest.growth))
	held := last(rest.total.Y)
	if !(held > 0) {
		a.res.Warnings = append(a.res.Warnings, why+": memory of C code or mapped memory, or pages of the Go heap that were not touched before; run longer to tell")
		return Finding{}, false
	}
	f := Finding{Kind: KindHeap, Verdict: Suspect, Function: OutsideGoHeap, ID: identify(KindHeap, OutsideGoHeap), Trend: rest.trend(), LiveBytes: held}
	iv := rest.interval
	if a.r.HasOps {
		f.BytesPerOp = &iv
	} else {
		f.BytesPerSecond = &iv
	}
	f.Why = []string{
		why, fmt.Sprintf("%s at the end are more than all that it has taken and not returned", megabytes(held)),
		"memory of C code (cgo) or mapped memory is not in the heap profile: look at what calls C.malloc, mmap, or a library that does",
	}
	return f, true
}

// residentAlone warns of a resident set that climbs while the live heap and what
// else is the runtime's do not, where it is not known what it consists of.
func (a *analysis) residentAlone() {
	m, heap := a.totals[series.RSSBytes], a.totals[series.LiveBytes]
	if m == nil || !m.ok || heap == nil || !heap.ok || a.verdict[series.LiveBytes] == Leak {
		return
	}
	if !m.passes() || !a.material(m) || m.growth < outsideFloor || heap.growth > 0.5*m.growth || m.kept < 0.5 {
		return
	}
	said, explained := a.explained(m)
	if m.growth-explained < 0.5*m.growth {
		return // the runtime's own memory: it is used again, or has a total of its own
	}
	a.res.Warnings = append(a.res.Warnings, fmt.Sprintf("the resident set grew by %s, the live heap by %s; %s: memory of C code or mapped memory, or only pages of mapped files; /proc/PID/smaps_rollup tells them apart",
		megabytes(m.growth), megabytes(math.Max(0, heap.growth)), said))
}

// counter judges one of the exact counters; nil where it is not known.
func (a *analysis) counter(name string) *measure {
	return a.quantity(name, func(get func(string) (float64, bool)) (float64, bool) { return get(name) })
}

// quantity judges what can be computed from the exact counters of a snapshot.
func (a *analysis) quantity(name string, of func(get func(string) (float64, bool)) (float64, bool)) *measure {
	y := make([]float64, len(a.r.Snapshots))
	known := 0
	for i, s := range a.r.Snapshots {
		y[i] = math.NaN()
		if v, ok := of(func(name string) (float64, bool) {
			v, ok := s.Counters.Get(name)
			return float64(v), ok
		}); ok {
			y[i], known = v, known+1
		}
	}
	if known < minTail {
		return nil
	}
	m := a.measureTotal(&series.Total{Name: name, Y: y})
	if !m.ok {
		return nil
	}
	return m
}

// explained is what the runtime's own memory outside the live heap grew by over
// the judged snapshots, and in words.
func (a *analysis) explained(of *measure) (string, float64) {
	difference := func(x, y string) func(func(string) (float64, bool)) (float64, bool) {
		return func(get func(string) (float64, bool)) (float64, bool) {
			v, ok1 := get(x)
			w, ok2 := get(y)
			return v - w, ok1 && ok2
		}
	}
	total := 0.0
	var parts []string
	for _, p := range []struct {
		name string
		of   func(func(string) (float64, bool)) (float64, bool)
	}{
		{"stacks", difference("StackInuse", "")},
		{"idle heap not yet returned", difference("HeapIdle", "HeapReleased")},
		{"fragments of the heap", difference("HeapInuse", "HeapAlloc")},
		{"the live heap", difference("HeapAlloc", "")},
		{"the runtime's tables", func(get func(string) (float64, bool)) (float64, bool) {
			sum, any := 0.0, false
			for _, n := range []string{"MSpanSys", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys"} {
				if v, ok := get(n); ok {
					sum, any = sum+v, true
				}
			}
			return sum, any
		}},
	} {
		compute := p.of
		m := a.quantity(p.name, func(get func(string) (float64, bool)) (float64, bool) {
			return compute(func(n string) (float64, bool) {
				if n == "" {
					return 0, true
				}
				return get(n)
			})
		})
		if m != nil && m.growth > 0.01*of.growth {
			total += m.growth
			parts = append(parts, fmt.Sprintf("%s %s", p.name, megabytes(m.growth)))
		}
	}
	if len(parts) == 0 {
		return "none of the runtime's own memory grew", 0
	}
	return fmt.Sprintf("of it %s (%.0f %% in all)", strings.Join(parts, ", "), math.Min(100, 100*total/of.growth)), total
}

func megabytes(v float64) string { return fmt.Sprintf("%.1f MiB", v/(1<<20)) }
