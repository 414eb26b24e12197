package model

import (
	"math"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// frame is a target as it stood at a moment: what a picture is drawn from.
type frame struct {
	t    *target
	end  int       // moments up to it, the later ones left out
	now  bool      // nothing is left out
	at   time.Time // of the last of them
	res  *detect.Result
	mark int // index of the marked moment; −1 for none
}

// frameAt is the frame at a time, or the latest for the zero time.
func (t *target) frameAt(cursor, mark time.Time) frame {
	f := frame{t: t, end: len(t.line.moments), now: true, mark: -1}
	if !cursor.IsZero() {
		if i := t.line.index(cursor); i >= 0 && i < f.end-1 {
			f.end, f.now = i+1, false
		}
	}
	if f.end > 0 {
		f.at = t.line.moments[f.end-1].at
	}
	switch {
	case !f.now:
		f.res = t.lookAt(f.at)
	case len(t.looks) > 0:
		f.res = t.looks[len(t.looks)-1].res
	}
	if !mark.IsZero() && f.end > 0 {
		f.mark = max(0, t.line.index(mark))
	}
	return f
}

func (f *frame) moments() []moment { return f.t.line.moments[:f.end] }

// last moment of the frame; ok is false before there is any.
func (f *frame) last() (m moment, ok bool) {
	if f.end == 0 {
		return moment{}, false
	}
	return f.t.line.moments[f.end-1], true
}

// hasOps reports that growth is told per operation: as the judgement has it,
// else as the moments do.
func (f *frame) hasOps() bool {
	if f.res != nil {
		return f.res.HasOps
	}
	moves := false
	ms := f.moments()
	for i := range ms {
		if math.IsNaN(ms[i].ops) {
			return false
		}
		moves = moves || ms[i].ops != ms[0].ops
	}
	return moves
}

// work of a moment on the axis of growth.
func work(m *moment, hasOps bool) float64 {
	if hasOps {
		return m.ops
	}
	return m.seconds
}

// tail are the moments that growth is told from, as detect picks them: of the
// last uninterrupted piece, the steady phase where there are phases, else the
// last two thirds. known picks those that have the quantity.
func (f *frame) tail(known func(*moment) bool) []int {
	ms := f.moments()
	if len(ms) == 0 {
		return nil
	}
	var steady []int
	phased := false
	for i := range ms {
		m := &ms[i]
		if m.piece != ms[len(ms)-1].piece {
			continue
		}
		switch m.phase {
		case snapshot.PhaseIdle, snapshot.PhaseWarmup:
			phased = true
		case snapshot.PhaseDrain:
		default:
			if known(m) {
				steady = append(steady, i)
			}
		}
	}
	if !phased {
		steady = steady[len(steady)/3:]
	}
	return steady
}

// fitter gives least-squares slopes of many series over the same tail in one
// pass each: slope = Σ weight·y.
type fitter struct {
	at        []int
	weight    []float64 // per unit of work
	perMinute float64   // units of work a minute
}

// fitterOf prepares the slopes; with fewer than three moments they are unknown.
func (f *frame) fitterOf(known func(*moment) bool) fitter {
	hasOps := f.hasOps()
	at := f.tail(func(m *moment) bool { return known(m) && !math.IsNaN(work(m, hasOps)) })
	if len(at) < 3 {
		return fitter{}
	}
	ms := f.moments()
	mean := 0.0
	for _, i := range at {
		mean += work(&ms[i], hasOps) / float64(len(at))
	}
	sxx := 0.0
	weight := make([]float64, len(at))
	for k, i := range at {
		weight[k] = work(&ms[i], hasOps) - mean
		sxx += weight[k] * weight[k]
	}
	first, last := &ms[at[0]], &ms[at[len(at)-1]]
	minutes := (last.seconds - first.seconds) / 60
	if !(sxx > 0) || !(minutes > 0) {
		return fitter{}
	}
	for k := range weight {
		weight[k] /= sxx
	}
	return fitter{at: at, weight: weight, perMinute: (work(last, hasOps) - work(first, hasOps)) / minutes}
}

// slope of a series per unit of work; NaN where it is not known.
func (z *fitter) slope(v []float32) float64 {
	if len(z.at) == 0 || len(v) == 0 {
		return math.NaN()
	}
	base := float64(v[z.at[0]])
	sum := 0.0
	for k, i := range z.at {
		sum += z.weight[k] * (float64(v[i]) - base)
	}
	return sum
}

// value of a series at an index; NaN outside.
func value(v []float32, i int) float64 {
	if i < 0 || i >= len(v) {
		return math.NaN()
	}
	return float64(v[i])
}
