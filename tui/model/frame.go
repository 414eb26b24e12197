package model

import (
	"math"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
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

// per is the unit of work that growth is told by: as the judgement has it, else
// as the moments do.
func (f *frame) per() detect.Per {
	if f.res != nil {
		return f.res.Per
	}
	ms := f.moments()
	per := detect.PerSecond
	for i := range ms {
		if math.IsNaN(ms[i].ops) {
			return detect.PerSecond
		}
		if ms[i].ops != ms[0].ops {
			per = detect.PerOp
		}
	}
	return per
}

// work of a moment on the axis of growth.
func work(m *moment, per detect.Per) float64 {
	if per == detect.PerOp {
		return m.ops
	}
	return m.seconds
}

// judged are the moments that the verdict was reached from and that have the
// quantity which known asks for. Before the first judgement there are none.
func (f *frame) judged(known func(*moment) bool) []int {
	if f.res == nil {
		return nil
	}
	var at []int
	ms := f.moments()
	for i := range ms {
		if f.res.Window.Holds(ms[i].at) && known(&ms[i]) {
			at = append(at, i)
		}
	}
	return at
}

// workPerMinute is how many units of work a minute had while it was judged; NaN
// where that is not known.
func (f *frame) workPerMinute() float64 {
	if f.res == nil {
		return math.NaN()
	}
	w := f.res.Window
	minutes := w.To.Sub(w.From).Minutes()
	if !(minutes > 0) {
		return math.NaN()
	}
	return w.Work / minutes
}

// fitter gives least-squares slopes of many series over the judged moments in
// one pass each: slope = Σ weight·y.
type fitter struct {
	at     []int
	weight []float64 // per unit of work
}

// fitterOf prepares the slopes; with fewer than three moments they are unknown.
func (f *frame) fitterOf(known func(*moment) bool) fitter {
	per := f.per()
	at := f.judged(func(m *moment) bool { return known(m) && !math.IsNaN(work(m, per)) })
	if len(at) < 3 {
		return fitter{}
	}
	ms := f.moments()
	mean := 0.0
	for _, i := range at {
		mean += work(&ms[i], per) / float64(len(at))
	}
	sxx := 0.0
	weight := make([]float64, len(at))
	for k, i := range at {
		weight[k] = work(&ms[i], per) - mean
		sxx += weight[k] * weight[k]
	}
	if !(sxx > 0) {
		return fitter{}
	}
	for k := range weight {
		weight[k] /= sxx
	}
	return fitter{at: at, weight: weight}
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
