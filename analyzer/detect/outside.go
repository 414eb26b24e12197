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

// outside looks for resident memory that climbs while the live heap does not:
// cgo, mapped memory, stacks, fragmentation. It is told from the memory that no
// file backs; where only the resident set is known, which pages of mapped files
// enlarge as they are read, it is a warning and never a finding.
func (a *analysis) outside() (Finding, bool) {
	heap := a.totals[series.LiveBytes]
	name := "resident memory that no file backs"
	m := a.counter(anonymous)
	if m == nil {
		name, m = "the resident set", a.totals[series.RSSBytes]
	}
	if m == nil || !m.ok || heap == nil || !heap.ok || a.verdict[series.LiveBytes] == Leak {
		return Finding{}, false
	}
	if !m.passes() || !a.material(m) || m.growth < outsideFloor || heap.growth > 0.5*m.growth || m.kept < 0.5 {
		return Finding{}, false
	}
	said, explained := a.explained(m)
	rest := m.growth - explained
	if rest < 0.5*m.growth {
		return Finding{}, false // the runtime's own memory: it is used again, or has a total of its own
	}
	why := fmt.Sprintf("%s grew by %s, the live heap by %s; %s", name, megabytes(m.growth), megabytes(math.Max(0, heap.growth)), said)
	if a.counter(anonymous) == nil {
		a.res.Warnings = append(a.res.Warnings, why+": memory of C code or mapped memory, or only pages of mapped files; /proc/PID/smaps_rollup tells them apart")
		return Finding{}, false
	}
	f := Finding{Kind: KindHeap, Verdict: Suspect, Function: OutsideGoHeap, ID: identify(KindHeap, OutsideGoHeap), Trend: m.trend(), LiveBytes: rest}
	iv := m.interval.Scale(rest / m.growth)
	if a.r.HasOps {
		f.BytesPerOp = &iv
	} else {
		f.BytesPerSecond = &iv
	}
	f.Why = []string{why, "memory of C code (cgo) or mapped memory is not in the heap profile: look at what calls C.malloc, mmap, or a library that does"}
	return f, true
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
