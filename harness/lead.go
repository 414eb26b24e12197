package harness

import (
	"sync/atomic"
	"time"
)

// lead is how long before their intended times precise arrivals are released:
// about what it takes to wake a worker, which then waits for the time without
// sleeping. It follows what that takes here and now: three steps up for each
// worker that came too late, one down for each that did not, so that one in four
// is late. The nil lead is none.
type lead struct{ ns atomic.Int64 }

// The bounds of a lead, its first value and its step. What is waited without
// sleeping is CPU time.
const (
	leadFirst = 50 * time.Microsecond
	leadLeast = 5 * time.Microsecond
	leadMost  = 250 * time.Microsecond
	leadStep  = time.Microsecond
)

func newLead(precise bool) *lead {
	if !precise {
		return nil
	}
	l := new(lead)
	l.ns.Store(int64(leadFirst))
	return l
}

func (l *lead) now() time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(l.ns.Load())
}

// await returns when the clock, which reads begin, has come to the intended
// time. woken says that the worker has just been woken for it.
func (l *lead) await(clock func() time.Duration, begin, intended time.Duration, woken bool) time.Duration {
	if woken {
		step := -leadStep
		if begin > intended {
			step = 3 * leadStep
		}
		// Two workers at once may lose a step: it is an estimate.
		l.ns.Store(int64(min(max(l.now()+step, leadLeast), leadMost)))
	}
	for begin < intended {
		begin = clock()
	}
	return begin
}
