package session

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapdrift/heapdrift/harness"
)

func TestAllConnectionsAreThereBeforeAnythingIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns = 5
		var mu sync.Mutex
		together, most, seen := 0, 0, map[int64]bool{}
		connect(t.Context(), harness.TargetFunc(func(_ context.Context, op harness.Op) error {
			mu.Lock()
			together++
			most = max(most, together)
			seen[op.Seq] = true
			mu.Unlock()
			time.Sleep(time.Second) // in which the others begin
			mu.Lock()
			together--
			mu.Unlock()
			return nil
		}), conns)
		if most != conns || len(seen) != conns*connectRounds {
			t.Errorf("%d at once, %d different operations; want %d and %d", most, len(seen), conns, conns*connectRounds)
		}
	})
}

func TestConnectingDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		connect(t.Context(), harness.TargetFunc(func(ctx context.Context, _ harness.Op) error {
			<-ctx.Done()
			return ctx.Err()
		}), 3)
		if took := time.Since(start); took != connectPatience {
			t.Errorf("it took %s; want %s", took, connectPatience)
		}
	})
}

func TestConnectionsAreThoseOfASecondAtMost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate harness.Rate
		most int
		want int
	}{
		{harness.Rate{From: 200, To: 200}, 256, 200},
		{harness.Rate{From: 50, To: 400}, 256, 256},
		{harness.Rate{From: 0.5, To: 0.5}, 256, 1},
		{harness.Rate{From: 1e8, To: 1e8}, 0, harness.DefaultMaxInFlight},
		{harness.Rate{}, 16, 0},
	} {
		cfg := Config{Plan: harness.Plan{Rate: c.rate, MaxInFlight: c.most}}
		if got := cfg.connections(); got != c.want {
			t.Errorf("rate %s, %d in flight: %d connections; want %d", c.rate, c.most, got, c.want)
		}
	}
}
