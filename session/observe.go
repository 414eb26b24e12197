package session

import (
	"slices"
	"sync"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Observation is a run as far as it is known while it goes on. What it points
// to is shared and belongs to nobody: it must not be changed.
type Observation struct {
	Event Event // the state; its Message is empty
	// News are the events with a message since the last observation, and Probes
	// the light probes since then, oldest first. Of more than mostPending the
	// oldest are left out.
	News   []Event
	Probes []capture.ProbePoint

	Run    *snapshot.Run // so far; nil before the first snapshot
	Phases []snapshot.PhaseSpan
	// Result is of the last look, which may have seen fewer snapshots than Run
	// has; nil before the first.
	Result *detect.Result
	Final  bool // Result is the verdict of the run
}

// mostPending is how many news, and how many probes, wait for a slow observer.
const mostPending = 256

// observer hands observations to a listener from a goroutine of its own, so
// that a slow one never holds the run up: what it has not taken yet is joined
// into one. A nil observer takes nothing.
type observer struct {
	to   func(Observation)
	wake chan struct{} // capacity 1
	done chan struct{} // closed when the goroutine has ended
	stop chan struct{}

	mu      sync.Mutex
	pending Observation
}

// startObserver returns nil for a nil listener.
func startObserver(to func(Observation)) *observer {
	if to == nil {
		return nil
	}
	o := &observer{to: to, wake: make(chan struct{}, 1), done: make(chan struct{}), stop: make(chan struct{})}
	go o.deliver()
	return o
}

func (o *observer) deliver() {
	defer close(o.done)
	for {
		select {
		case <-o.wake:
			o.hand()
		case <-o.stop:
			select {
			case <-o.wake:
				o.hand()
			default:
			}
			return
		}
	}
}

func (o *observer) hand() {
	o.mu.Lock()
	next := o.pending
	o.pending.News, o.pending.Probes = nil, nil
	o.mu.Unlock()
	o.to(next)
}

// close hands out what is left and waits for the listener.
func (o *observer) close() {
	if o == nil {
		return
	}
	close(o.stop)
	<-o.done
}

func (o *observer) change(f func(*Observation)) {
	if o == nil {
		return
	}
	o.mu.Lock()
	f(&o.pending)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *observer) event(e Event) {
	o.change(func(p *Observation) {
		if e.Message != "" {
			p.News = pend(p.News, e)
		}
		e.Message, e.Warning = "", false
		p.Event = e
	})
}

func (o *observer) probe(at capture.ProbePoint) {
	o.change(func(p *Observation) { p.Probes = pend(p.Probes, at) })
}

func (o *observer) run(run *snapshot.Run, phases []snapshot.PhaseSpan) {
	o.change(func(p *Observation) { p.Run, p.Phases = run, phases })
}

func (o *observer) result(run *snapshot.Run, res *detect.Result, final bool) {
	o.change(func(p *Observation) {
		if final {
			p.Run = run
		}
		p.Result, p.Final = res, final
	})
}

// pend appends to what waits. Its backing is never that of what was handed out.
func pend[T any](waiting []T, v T) []T {
	if len(waiting) == mostPending {
		waiting = slices.Delete(waiting, 0, 1)
	}
	return append(waiting, v)
}
