package detect

import (
	"math"
	"slices"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// window says which snapshots are judged.
type window struct {
	tail   []int // the judged ones
	early  []int // the ones before, where no phase says that they are warm-up
	idle   []int // before the load, the first left out
	drain  []int
	phased bool // the harness said where warm-up ended
}

// windowOf drops the warm-up: what the phases say, else the first third. That
// snapshots are called steady says nothing of the warm-up where neither it nor
// an idle phase was seen: passive recordings are called so from the start.
func windowOf(r *series.Run) window {
	var w window
	var steady []int
	warm := false
	for i, s := range r.Snapshots {
		switch s.Phase {
		case snapshot.PhaseIdle:
			w.idle = append(w.idle, i)
		case snapshot.PhaseWarmup:
			warm = true
		case snapshot.PhaseDrain:
			w.drain = append(w.drain, i)
		default:
			steady = append(steady, i)
		}
	}
	w.phased = warm || len(w.idle) > 0
	if len(w.idle) > 0 {
		w.idle = w.idle[1:]
	}
	if w.phased {
		w.tail = steady
	} else {
		w.early, w.tail = steady[:len(steady)/3], steady[len(steady)/3:]
	}
	return w
}

// pick returns the known values of y at the snapshots of idx, with their work.
func pick(r *series.Run, y []float64, idx []int) (u, v []float64, at []int) {
	for _, i := range idx {
		if !math.IsNaN(y[i]) {
			u, v, at = append(u, r.Work[i]), append(v, y[i]), append(at, i)
		}
	}
	return u, v, at
}

// before is the rate of growth of y over the early snapshots up to the tail's
// first, NaN where fewer than three tell it.
func (a *analysis) before(y []float64) float64 {
	if len(a.w.tail) == 0 {
		return math.NaN()
	}
	u, v, _ := pick(a.r, y, append(a.w.early[:len(a.w.early):len(a.w.early)], a.w.tail[0]))
	l, err := stats.FitLine(u, v)
	if err != nil {
		return math.NaN()
	}
	return l.Slope
}

// observer is what a snapshot itself leaves behind in the target.
type observer struct {
	perSnapshot float64
	se          float64
	known       bool
	excess      float64 // growth per idle snapshot beyond what a snapshot can leave behind
}

// What a snapshot leaves behind where no idle snapshots measured it: the upper
// ends of METHOD.md, section 2.6.
const (
	observerBytes   = 400
	observerObjects = 1
)

// mostObserved is how many times as much at most is put down to the observer
// where idle snapshots measured it: what grows faster without load is the
// program's own growth, and taking it out would hide a leak by time.
const mostObserved = 5

// observe measures the effect on y from the idle snapshots: the median of the
// increments, which a one-off initialisation does not move; its error from
// their median deviation. A negative effect is a settling program, not the
// observer's: 0. usual is the effect where none was measured; half of it, give or
// take all of it, is what is believed before.
func observe(y []float64, idle []int, usual float64) observer {
	var d []float64
	for k := 1; k < len(idle); k++ {
		a, b := y[idle[k-1]], y[idle[k]]
		if !math.IsNaN(a) && !math.IsNaN(b) && idle[k] == idle[k-1]+1 {
			d = append(d, b-a)
		}
	}
	if len(d) < 3 {
		return observer{}
	}
	least := slices.Min(d) // of a program that settles, little by the end
	m := median(d)
	dev := make([]float64, len(d))
	for i := range d {
		dev[i] = math.Abs(d[i] - m)
	}
	// sd of a median ≈ 1.253 σ/√n; σ ≈ 1.4826 MAD
	se := 1.253 * 1.4826 * median(dev) / math.Sqrt(float64(len(d)))
	known, left := weighed(m, se, usual/2, usual)
	own := math.Min(math.Max(0, known), mostObserved*usual)
	return observer{perSnapshot: own, se: left, known: true, excess: math.Max(0, least-own)}
}

// weighed joins a measurement with what was known before it, both normal: the
// mean weighs each by the inverse of its variance. A program whose idle heap
// goes up and down by kilobytes tells little of its observer's few hundred
// bytes, and the run must not pay for that.
func weighed(m, se, before, sd float64) (mean, left float64) {
	if !(se > 0) {
		return m, 0
	}
	w, w0 := 1/(se*se), 1/(sd*sd)
	return (w*m + w0*before) / (w + w0), 1 / math.Sqrt(w+w0)
}

// median sorts v.
func median(v []float64) float64 {
	sort.Float64s(v)
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}
