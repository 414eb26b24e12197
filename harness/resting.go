package harness

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

// resting opens the connections that an HTTP target keeps when nothing is in
// flight, all of them at the beginning. A connection costs a Go server a
// goroutine and about 10 KB of live heap; were they opened one by one, whenever
// a little more happened to be in flight than ever before, the target would
// seem to grow.
//
// The first operations of the warm-up that were given a new connection wait
// with it until there are enough of them, at most for patience after the first.
type resting struct {
	want     int
	patience time.Duration

	mu      sync.Mutex
	have    int
	expired bool
	all     chan struct{} // closed when have is want, or patience is over
	timer   *time.Timer
}

// openPatience is how long an operation of the warm-up may be held back.
const openPatience = 250 * time.Millisecond

func newResting(want int) *resting {
	return &resting{want: want, patience: openPatience, all: make(chan struct{})}
}

// trace returns ctx with the hook that makes an operation wait, while there
// are connections to open.
func (r *resting) trace(ctx context.Context, op Op) context.Context {
	if op.Phase != PhaseWarmup || r.over() {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(c httptrace.GotConnInfo) {
			if !c.Reused {
				r.arrive(ctx)
			}
		},
	})
}

// opened makes the operation for which a connection was opened wait, likewise.
func (r *resting) opened(ctx context.Context, op Op) {
	if op.Phase == PhaseWarmup {
		r.arrive(ctx)
	}
}

func (r *resting) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.expired || r.have >= r.want
}

func (r *resting) arrive(ctx context.Context) {
	r.mu.Lock()
	if r.expired || r.have >= r.want {
		r.mu.Unlock()
		return
	}
	if r.have++; r.have == 1 {
		r.timer = time.AfterFunc(r.patience, r.expire)
	}
	if r.have == r.want {
		r.timer.Stop()
		close(r.all)
	}
	r.mu.Unlock()
	select {
	case <-r.all:
	case <-ctx.Done():
	}
}

func (r *resting) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.expired && r.have < r.want {
		r.expired = true
		close(r.all)
	}
}
