package harness

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Arrivals are claimed many at once, and taken back when one blocks: every
// number is still used once, and the counts add up at any time.
func TestArrivalsTakenBackAreCarriedOutOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		var seqs, indexes [n]atomic.Int32
		var wrong atomic.Int64
		var l *Load
		var blocked sync.WaitGroup
		l, err := New(TargetFunc(func(_ context.Context, op Op) error {
			seqs[op.Seq].Add(1)
			indexes[op.Index].Add(1)
			if op.Seq%1000 == 730 {
				blocked.Add(1)
				time.Sleep(20 * time.Millisecond)
				c := l.Counts()
				if c.Sent-c.Completed != c.InFlight || c.InFlight < 1 || c.Sent+c.Shed+c.Queued > n {
					wrong.Add(1)
				}
				blocked.Done()
			}
			return nil
		}), Plan{Rate: Rate{From: 100_000, To: 100_000}, Steady: n * time.Second / 100_000, MaxInFlight: 64})
		if err != nil {
			t.Fatal(err)
		}
		res, err := l.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkSums(t, res)
		blocked.Wait()
		for i := range n {
			if a, b := seqs[i].Load(), indexes[i].Load(); a != 1 || b != 1 {
				t.Fatalf("number %d was given %d times and arrival %d carried out %d times, want once each", i, a, i, b)
			}
		}
		if wrong.Load() > 0 {
			t.Errorf("counts were wrong %d times", wrong.Load())
		}
		if got := res.Steady.Latency.P99; got > 5*time.Millisecond {
			t.Errorf("p99 %v: operations waited behind one that blocked", got)
		}
	})
}

func TestErrorsWithinAClaimAreAllCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		res := mustRun(t, TargetFunc(func(_ context.Context, op Op) error {
			if op.Seq%3 == 0 {
				return &StatusError{Code: 500}
			}
			return nil
		}), Plan{Rate: Rate{From: 30_000, To: 30_000}, Steady: 2 * time.Second})
		if c := res.Steady.Counts; c.Completed != 60_000 || c.Errors != 20_000 || res.ErrorClasses["status 500"] != 20_000 {
			t.Errorf("got %+v %v, want 60000 completed and 20000 errors", c, res.ErrorClasses)
		}
	})
}

// Operations that take next to nothing share a reading of the clock: none may be
// told as quicker than it was, nor as slower than the few beside it.
func TestOperationsTimedTogetherAreNeverToldTooLow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, slow = 10_000, 100 // one in a hundred takes 50 ms
		res := mustRun(t, TargetFunc(func(_ context.Context, op Op) error {
			if op.Seq%slow == 37 && op.Seq > n/2 {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		}), Plan{Rate: Rate{From: 10_000, To: 10_000}, Steady: time.Second, MaxInFlight: 500})
		l := res.Steady.Latency
		if l.N != n || l.Max < 50*time.Millisecond || l.P50 > 2*time.Millisecond {
			t.Errorf("got %+v, want a slowest of 50 ms and a median of a batch", l)
		}
		// 50 of 10,000 are slow, with at most three told with each of them: 99.9 %
		// are above the slow ones' quantile, 97 % are below.
		if l.P999 < 50*time.Millisecond || l.P90 > 5*time.Millisecond {
			t.Errorf("p99.9 %v, p90 %v; want 50 ms and no more than batches", l.P999, l.P90)
		}
	})
}

func TestFailedOperationsDoNotCountAsServed(t *testing.T) {
	t.Parallel()
	c := &claim{segment: segment{stream: newStream(PhaseSteady, 1, Constant(1))}}
	if got := c.time(0, 4, 0, 400, context.Canceled); got != 100 || c.served != 3 || c.service != 300 || c.quickest != 100 {
		t.Errorf("three of four succeeded in 400 ns: mean %d, %d served in %d, quickest %d", got, c.served, c.service, c.quickest)
	}
	if c.time(4, 5, 400, 401, context.Canceled); c.served != 3 || c.quickest != 100 || len(c.latencies) != 5 {
		t.Errorf("after one that failed at once: %d served, quickest %d, %d latencies", c.served, c.quickest, len(c.latencies))
	}
}
