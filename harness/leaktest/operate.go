package leaktest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// operation is the function under test.
type operation func(ctx context.Context, i int) error

// operator does operations, one after the other or several at a time, numbered
// from 0.
type operator struct {
	fn         operation
	ctx        context.Context
	concurrent int

	claimed atomic.Int64 // the number of the next operation
	done    atomic.Int64
	stopped atomic.Bool

	mu  sync.Mutex // of err, and of the one that asks whether to stop
	err error      // the first
}

// until does operations until so many are done in all, or stop says so, which
// is asked about once a millisecond, or one of them fails.
func (o *operator) until(total int64, stop func() bool) error {
	o.stopped.Store(false)
	if o.concurrent <= 1 {
		o.work(total, stop)
		return o.err
	}
	var wg sync.WaitGroup
	for range o.concurrent {
		wg.Add(1)
		go func() {
			defer wg.Done()
			o.workApart(total, stop)
		}()
	}
	wg.Wait()
	return o.err
}

// work is one worker.
func (o *operator) work(total int64, stop func() bool) {
	chunk, since := 1, time.Now()
	for n := 0; !o.stopped.Load(); {
		i := o.claimed.Add(1) - 1
		if i >= total {
			o.claimed.Add(-1)
			return
		}
		if err := o.fn(o.ctx, int(i)); err != nil {
			o.fail(fmt.Errorf("operation %d failed: %w", i, err))
			return
		}
		o.done.Add(1)
		if n++; n < chunk {
			continue
		}
		now := time.Now()
		if now.Sub(since) < time.Millisecond/2 && chunk < 1<<16 {
			chunk *= 2
		} else if now.Sub(since) > 2*time.Millisecond && chunk > 1 {
			chunk /= 2
		}
		n, since = 0, now
		if o.mu.TryLock() {
			if stop() {
				o.stopped.Store(true)
			}
			o.mu.Unlock()
		}
	}
}

// workApart is a worker with a goroutine of its own: an operation that ends it
// (t.FailNow) must not leave the others to themselves. A panic ends the process,
// as anywhere.
func (o *operator) workApart(total int64, stop func() bool) {
	whole := false
	defer func() {
		if !whole {
			o.fail(fmt.Errorf("an operation ended its goroutine (runtime.Goexit, t.FailNow or t.Fatal): with Concurrent, return an error instead"))
		}
	}()
	o.work(total, stop)
	whole = true
}

func (o *operator) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
	o.stopped.Store(true)
}
