package harness

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connPool is the kept-alive connections to one address. Its methods may be
// called from any goroutine.
type connPool struct {
	dial func(context.Context) (net.Conn, error)
	busy chan struct{} // a place for each connection in use
	warm atomic.Bool   // operations of the warm-up came, and none after them

	mu   sync.Mutex
	keep int     // connections at rest, at most
	rest []*conn // the last to come to rest is the first to be used again
}

func newConnPool(most, keep int, dial func(context.Context) (net.Conn, error)) *connPool {
	return &connPool{dial: dial, keep: keep, busy: make(chan struct{}, most)}
}

// enter tells the pool of which phase the next operation is. From the first after the
// warm-up on no more connections are kept than the warm-up opened: one more, whenever
// a little more is in flight than ever before, would look like growth of the target.
// Where there is no warm-up the limit stays.
func (p *connPool) enter(phase Phase) {
	if phase == PhaseWarmup {
		p.warm.Store(true)
		return
	}
	if p.warm.CompareAndSwap(true, false) {
		p.mu.Lock()
		p.keep = min(p.keep, max(1, len(p.rest)+len(p.busy)))
		p.mu.Unlock()
	}
}

// take returns a connection: one at rest unless fresh is asked for, else a new
// one. It waits while as many as may be are in use, until ctx or the deadline.
// Each connection taken must be given back.
func (p *connPool) take(ctx context.Context, deadline time.Time, fresh bool) (c *conn, isNew bool, err error) {
	select {
	case p.busy <- struct{}{}:
	default:
		if err := p.await(ctx, deadline); err != nil {
			return nil, false, err
		}
	}
	for !fresh {
		p.mu.Lock()
		n := len(p.rest)
		if n == 0 {
			p.mu.Unlock()
			break
		}
		c := p.rest[n-1]
		p.rest[n-1] = nil
		p.rest = p.rest[:n-1]
		p.mu.Unlock()
		if c.usable(time.Now()) && c.under(ctx, deadline) {
			return c, false, nil
		}
		c.close()
		if err := ctx.Err(); err != nil {
			<-p.busy
			return nil, false, err
		}
	}
	dialing, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	n, err := p.dial(dialing)
	if err != nil {
		<-p.busy
		if dialing.Err() != nil {
			err = dialing.Err()
		}
		return nil, false, err
	}
	c = newConn(n)
	if !c.under(ctx, deadline) {
		c.close()
		<-p.busy
		return nil, false, context.Cause(ctx)
	}
	return c, true, nil
}

// await waits for a place.
func (p *connPool) await(ctx context.Context, deadline time.Time) error {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case p.busy <- struct{}{}:
		return nil
	case <-timer.C:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// give returns a connection after its operation; reuse says whether it may
// serve another.
func (p *connPool) give(c *conn, reuse bool) {
	if reuse {
		c.used = time.Now()
		p.mu.Lock()
		if reuse = len(p.rest) < p.keep; reuse {
			p.rest = append(p.rest, c)
		}
		p.mu.Unlock()
	}
	if !reuse {
		c.close()
	}
	<-p.busy
}

// close gives up the connections at rest. It may be used again after.
func (p *connPool) close() {
	p.mu.Lock()
	rest := p.rest
	p.rest = nil
	p.mu.Unlock()
	for _, c := range rest {
		c.close()
	}
}
