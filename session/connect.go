package session

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/harness"
)

// connectSeq is where the operations of connect begin: no run comes so far.
const connectSeq = 90_000_000

// connectRounds: a connection that lost the race for its first operation has
// another chance of one.
const connectRounds = 2

// connectPatience bounds connect: what the target cannot do in this time it
// does under load.
const connectPatience = 10 * time.Second

// connect does so many operations at once, before anything is measured, for
// the connections that they open. Each is two goroutines and some 10 KiB in a
// Go server: opened by chance during the run, in a moment in which the target
// was slow, they read as growth. An error here comes again under load, and is
// told then.
func connect(ctx context.Context, t harness.Target, conns int) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	seq := int64(connectSeq)
	for range connectRounds {
		var wg sync.WaitGroup
		for i := range conns {
			op := harness.Op{Seq: seq, Index: int64(i), Phase: harness.PhaseWarmup}
			seq++
			wg.Go(func() { _ = t.Do(ctx, op) })
		}
		wg.Wait()
	}
}

// connections is how many connect opens: what arrives within a second, as many
// as may be in flight.
func (c *Config) connections() int {
	most := c.Plan.MaxInFlight
	if most <= 0 {
		most = harness.DefaultMaxInFlight
	}
	return min(most, int(math.Ceil(min(max(c.Plan.Rate.From, c.Plan.Rate.To), harness.MaxRate))))
}
