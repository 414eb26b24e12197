package series

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Window says which snapshots of an uninterrupted piece are judged, by index. It
// is worked out here and nowhere else.
type Window struct {
	Judged []int // the steady phase; without phases, all but the first third
	Early  []int // the ones before, where no phase says that they are warm-up
	Idle   []int // before the load, the first left out: the client's connection is set up in it
	Drain  []int // after the load
	Phased bool  // the phases tell where the warm-up ended
}

// WindowOf drops the warm-up: what the phases say, else the first third. That
// snapshots are called steady says nothing of the warm-up where neither it nor
// an idle phase was seen: passive recordings are called so from the start.
func WindowOf(snaps []*snapshot.Snapshot) Window {
	var w Window
	var steady []int
	warm := false
	for i, s := range snaps {
		switch s.Phase {
		case snapshot.PhaseIdle:
			w.Idle = append(w.Idle, i)
		case snapshot.PhaseWarmup:
			warm = true
		case snapshot.PhaseDrain:
			w.Drain = append(w.Drain, i)
		default:
			steady = append(steady, i)
		}
	}
	w.Phased = warm || len(w.Idle) > 0
	if len(w.Idle) > 0 {
		w.Idle = w.Idle[1:]
	}
	if w.Phased {
		w.Judged = steady
	} else {
		w.Early, w.Judged = steady[:len(steady)/3], steady[len(steady)/3:]
	}
	return w
}

// Known returns the known values of y at the snapshots of idx, with their work.
func (r *Run) Known(y []float64, idx []int) (u, v []float64, at []int) {
	for _, i := range idx {
		if !math.IsNaN(y[i]) {
			u, v, at = append(u, r.Work[i]), append(v, y[i]), append(at, i)
		}
	}
	return u, v, at
}

// OpsPerSecond is the observed rate of operations over the given snapshots, 0
// where it is not known.
func (r *Run) OpsPerSecond(at []int) float64 {
	if len(at) < 2 {
		return 0
	}
	i, j := at[0], at[len(at)-1]
	if s := r.Seconds[j] - r.Seconds[i]; s > 0 {
		return (r.Work[j] - r.Work[i]) / s
	}
	return 0
}
