package harness

import (
	"fmt"
	"math"
	"time"
)

// Window is a part of the time of a warm-up or pass, about Plan.Window long.
type Window struct {
	Start, End time.Duration // on the phase's intended clock
	Completed  int64         // operations that ended in it, errors included
	Errors     int64
	Latency    Latency // of those of them that were intended in this warm-up or pass
}

// Abort is what a load must not do for long. The zero value permits all.
type Abort struct {
	ErrorRate float64       // share of failed operations, in (0, 1]; 0: any
	P99       time.Duration // of the latencies; 0: any
}

// abortLeast is how many operations must have ended in a window for it to be
// held against the limits.
const abortLeast = 20

func (a Abort) validate() error {
	if math.IsNaN(a.ErrorRate) || a.ErrorRate < 0 || a.ErrorRate > 1 {
		return fmt.Errorf("abort at an error rate of %v: want a share above 0 and up to 1, as in 0.05", a.ErrorRate)
	}
	if a.P99 < 0 {
		return fmt.Errorf("abort at a p99 of %v: want a duration above 0", a.P99)
	}
	return nil
}

// broken says which limit a window breaks; empty: none.
func (a Abort) broken(w Window) string {
	if w.Completed < abortLeast {
		return ""
	}
	if share := float64(w.Errors) / float64(w.Completed); a.ErrorRate > 0 && share >= a.ErrorRate {
		return fmt.Sprintf("%.3g %% of the operations failed (limit %.3g %%)", 100*share, 100*a.ErrorRate)
	}
	if a.P99 > 0 && w.Latency.P99 > a.P99 {
		return fmt.Sprintf("the 99th percentile of the latency was %v (limit %v)", rounded(w.Latency.P99), a.P99)
	}
	return ""
}

// windowing is the window under way.
type windowing struct {
	start, end        time.Duration // on the phase's clock
	completed, errors int64         // of the run, at its start
	broken            string        // by the one before
}

// openWindow begins the first window of a warm-up or pass.
func (r *run) openWindow(at time.Duration) {
	r.window.broken = ""
	r.nextWindow(at)
}

func (r *run) nextWindow(at time.Duration) {
	c := r.Counts()
	r.window.start, r.window.end = at, at+r.plan.Window
	r.window.completed, r.window.errors = c.Completed, c.Errors
}

// closeWindow ends the window and begins the next. It finishes the steady
// phase if this one and the one before broke a limit.
func (r *run) closeWindow(at time.Duration) {
	last := &r.spans[len(r.spans)-1]
	c := r.Counts()
	w := Window{
		Start: r.window.start, End: at,
		Completed: c.Completed - r.window.completed, Errors: c.Errors - r.window.errors,
		Latency: r.d.latency.Window(),
	}
	r.nextWindow(at)
	if w.End <= w.Start && w.Completed == 0 {
		return
	}
	last.Windows = append(last.Windows, w)
	if last.Phase != PhaseSteady {
		return
	}
	broken := r.plan.Abort.broken(w)
	if broken != "" && r.window.broken != "" {
		r.Finish(fmt.Sprintf("the load was ended at %v of %v of the steady time: %s, in two windows of %v in a row",
			at.Round(time.Second), r.plan.Steady, broken, r.plan.Window))
	}
	r.window.broken = broken
}
