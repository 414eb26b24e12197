package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// mustRun runs the plan to its end.
func mustRun(t *testing.T, target Target, p Plan) *Result {
	t.Helper()
	l, err := New(target, p)
	if err != nil {
		t.Fatal(err)
	}
	res, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, res)
	return res
}

// checkSums holds a result to what must be true of each.
func checkSums(t *testing.T, res *Result) {
	t.Helper()
	var sum Counts
	for _, p := range res.Phases {
		sum = sum.add(p.Counts)
		if p.Counts.Completed != p.Latency.N {
			t.Errorf("%s %d: %d completed but %d latencies", p.Phase, p.Pass, p.Counts.Completed, p.Latency.N)
		}
		if p.End.Before(p.Start) {
			t.Errorf("%s %d ends at %v before it starts at %v", p.Phase, p.Pass, p.End, p.Start)
		}
	}
	if sum != res.Counts {
		t.Errorf("phases add up to %+v, the run says %+v", sum, res.Counts)
	}
	var classes int64
	for _, n := range res.ErrorClasses {
		classes += n
	}
	if classes != res.Counts.Errors {
		t.Errorf("classes add up to %d errors, the run says %d", classes, res.Counts.Errors)
	}
}

func nothing(context.Context, Op) error { return nil }

func takes(d time.Duration) TargetFunc {
	return func(ctx context.Context, _ Op) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestCountsAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		plan           Plan
		warmup, steady int64
	}{
		{"a constant rate", Plan{Rate: Rate{From: 200, To: 200}, Steady: 30 * time.Second}, 0, 6000},
		{"a slow rate", Plan{Rate: Rate{From: 0.5, To: 0.5}, Steady: 9 * time.Second}, 0, 5},
		{"a fast rate in batches", Plan{Rate: Rate{From: 20000, To: 20000}, Steady: 2 * time.Second}, 0, 40000},
		{"a ramp whose warm-up runs at its first rate", Plan{Rate: Rate{From: 50, To: 400}, Warmup: 2 * time.Second, Steady: 10 * time.Second}, 100, 2250},
		{"three passes", Plan{Rate: Rate{From: 100, To: 100}, Warmup: time.Second, Steady: 9 * time.Second, Passes: 3}, 100, 900},
		{"no arrivals at all", Plan{Steady: time.Second, Warmup: time.Second}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				res := mustRun(t, TargetFunc(nothing), c.plan)
				want := Counts{Sent: c.steady, Completed: c.steady}
				if res.Steady.Counts != want {
					t.Errorf("steady: got %+v, want %+v", res.Steady.Counts, want)
				}
				if got := res.Counts.Sent - res.Steady.Counts.Sent; got != c.warmup {
					t.Errorf("warm-up: got %d, want %d", got, c.warmup)
				}
				if res.Steady.Active != c.plan.Steady {
					t.Errorf("steady was active for %v, want %v", res.Steady.Active, c.plan.Steady)
				}
				if !res.Valid {
					t.Errorf("not valid: %s", res.Reason)
				}
				if want := float64(c.steady) / c.plan.Steady.Seconds(); res.Steady.AchievedRate != want || res.Steady.IntendedRate != want {
					t.Errorf("rates: achieved %v, intended %v, want %v", res.Steady.AchievedRate, res.Steady.IntendedRate, want)
				}
			})
		})
	}
}

func TestOperationsArriveAtTheirIntendedTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		begin := time.Now()
		var at []time.Duration
		mustRun(t, TargetFunc(func(context.Context, Op) error {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(begin))
			return nil
		}), Plan{Rate: Rate{From: 100, To: 100}, Steady: time.Second})
		for i, got := range at {
			if want := time.Duration(i) * 10 * time.Millisecond; got != want {
				t.Errorf("operation %d began at %v, want %v", i, got, want)
			}
		}
	})
}

func TestOpsAreNumbered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ops []Op
		mustRun(t, TargetFunc(func(_ context.Context, op Op) error {
			mu.Lock()
			defer mu.Unlock()
			ops = append(ops, op)
			return nil
		}), Plan{Rate: Rate{From: 10, To: 10}, Warmup: time.Second, Steady: 2 * time.Second, Passes: 2})
		var want []Op
		for i := range int64(30) {
			op := Op{Seq: i, Index: i % 10, Phase: PhaseSteady, Pass: int(i / 10)}
			if i < 10 {
				op.Phase = PhaseWarmup
			}
			want = append(want, op)
		}
		if !slices.Equal(ops, want) {
			t.Errorf("got  %+v\nwant %+v", ops, want)
		}
	})
}

// The target stands still for 1 s in every 5. Of all arrivals 1 in 5 falls into
// a stall and waits for what is left of it, 0 to 1 s evenly: the 99th percentile
// of all is the 95th of those, 950 ms. At every cap.
func TestAStallShowsInTheLatencyAtEveryCap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ inFlight, queue int }{{16, 0}, {64, 0}, {1500, 0}} {
		t.Run(fmt.Sprintf("%d in flight", c.inFlight), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				target := TargetFunc(func(context.Context, Op) error {
					if in := time.Since(begin) % (5 * time.Second); in < time.Second {
						time.Sleep(time.Second - in)
					}
					time.Sleep(100 * time.Microsecond)
					return nil
				})
				res := mustRun(t, target, Plan{Rate: Rate{From: 1000, To: 1000}, Steady: 20 * time.Second, MaxInFlight: c.inFlight, Queue: c.queue})
				if got, want := res.Steady.Latency.P99, 950*time.Millisecond; (got - want).Abs() > want/20 {
					t.Errorf("p99 %v, want %v within 5 %%", got, want)
				}
				if got := res.Steady.Latency.P50; got > time.Millisecond {
					t.Errorf("p50 %v, want what an operation takes", got)
				}
				if res.Steady.Counts.Shed != 0 || res.Steady.Counts.Completed != 20000 {
					t.Errorf("got %+v, want 20000 completed and none shed", res.Steady.Counts)
				}
				if !res.Valid {
					t.Errorf("not valid: %s", res.Reason)
				}
			})
		})
	}
}

func TestWhatFindsTheQueueFullIsShed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		queue          int
		wantQueueDelay time.Duration // of the slowest
		sent           [2]int64      // at least, at most
	}{
		// 2 workers at 100 ms serve 20/s of 100/s for 10 s. What waits at the
		// end is worked off after it.
		{"50 may wait", 50, 2600 * time.Millisecond, [2]int64{247, 253}},
		// Without a queue a worker that is free waits for the next arrival, up to 10 ms.
		{"none may wait", -1, 100 * time.Millisecond, [2]int64{180, 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				res := mustRun(t, takes(100*time.Millisecond), Plan{Rate: Rate{From: 100, To: 100}, Steady: 10 * time.Second, MaxInFlight: 2, Queue: c.queue})
				got := res.Steady.Counts
				if got.Sent+got.Shed != 1000 || got.Queued != 0 || got.InFlight != 0 {
					t.Errorf("got %+v, want sent and shed to make 1000 and nothing left", got)
				}
				if got.Sent < c.sent[0] || got.Sent > c.sent[1] {
					t.Errorf("sent %d, want %d to %d", got.Sent, c.sent[0], c.sent[1])
				}
				if max := res.Steady.Latency.Max; (max - c.wantQueueDelay).Abs() > 100*time.Millisecond {
					t.Errorf("slowest %v, want about %v", max, c.wantQueueDelay)
				}
				if res.Valid || res.MaxInFlight != 2 {
					t.Errorf("valid=%v max in flight %d, want false and 2", res.Valid, res.MaxInFlight)
				}
				if !strings.Contains(res.Reason, "cap is too small") || !strings.Contains(res.Reason, "need 10 in flight") {
					t.Errorf("reason %q, want the cap and that 10 are needed", res.Reason)
				}
				if rate := res.Steady.AchievedRate; rate < 18 || rate > 21 {
					t.Errorf("achieved %v/s, want what the workers made within the phase, about 20/s", rate)
				}
			})
		})
	}
}

func TestATargetThatSlowsDownIsCalledSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var serial = make(chan struct{}, 1) // it serves one at a time
		target := TargetFunc(func(ctx context.Context, _ Op) error {
			serial <- struct{}{}
			time.Sleep(20 * time.Millisecond)
			<-serial
			return nil
		})
		res := mustRun(t, target, Plan{Rate: Rate{From: 100, To: 100}, Steady: 10 * time.Second, MaxInFlight: 20})
		if res.Valid || !strings.Contains(res.Reason, "the target is slow") {
			t.Errorf("valid=%v, reason %q; want false, and the target named", res.Valid, res.Reason)
		}
	})
}

func TestErrorsAreCountedByClass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		res := mustRun(t, TargetFunc(func(_ context.Context, op Op) error {
			switch op.Seq % 4 {
			case 0:
				return &StatusError{Code: 503}
			case 1:
				return fmt.Errorf("call: %w", context.DeadlineExceeded)
			case 2:
				return errors.New("no such thing")
			}
			return nil
		}), Plan{Rate: Rate{From: 100, To: 100}, Steady: time.Second})
		for class, want := range map[string]int64{"status 503": 25, "timeout": 25, "other": 25} {
			if got := res.ErrorClasses[class]; got != want {
				t.Errorf("%s: %d, want %d", class, got, want)
			}
		}
		if got := res.ErrorExamples["other"]; got != "no such thing" {
			t.Errorf("example of other: %q", got)
		}
		if got := res.Steady.Counts; got.Completed != 100 || got.Errors != 75 {
			t.Errorf("got %+v, want 100 completed, 75 of them errors", got)
		}
	})
}

// A target that has taken nanoseconds so far is served by one worker; when it
// suddenly blocks, the arrivals behind must not wait for it.
func TestASuddenlySlowTargetHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		res := mustRun(t, TargetFunc(func(context.Context, Op) error {
			if time.Since(begin) >= time.Second {
				time.Sleep(10 * time.Second)
			}
			return nil
		}), Plan{Rate: Rate{From: 20000, To: 20000}, Steady: 1100 * time.Millisecond, MaxInFlight: 5000, Drain: 0})
		if got := res.Steady.Latency.Max; got > 10*time.Second+10*time.Millisecond {
			t.Errorf("slowest %v, want 10 s and a few ms", got)
		}
		if got := res.MaxInFlight; got < 1990 || got > 2020 {
			t.Errorf("%d in flight at most, want the 2000 that came in the last 100 ms, give or take a batch", got)
		}
	})
}

func TestPlansAreChecked(t *testing.T) {
	t.Parallel()
	ok := Plan{Rate: Rate{From: 1, To: 1}, Steady: time.Second}
	for _, c := range []struct {
		want   string
		change func(*Plan)
	}{
		{"steady time", func(p *Plan) { p.Steady = 0 }},
		{"steady time -1s", func(p *Plan) { p.Steady = -time.Second }},
		{"drain -1s", func(p *Plan) { p.Drain = -time.Second }},
		{"rate -1", func(p *Plan) { p.Rate.From = -1 }},
		{"passes -1", func(p *Plan) { p.Passes = -1 }},
		{"idle marks -1", func(p *Plan) { p.IdleMarks = -1 }},
		{"rest marks -1", func(p *Plan) { p.RestMarks = -1 }},
		{"max in flight -1", func(p *Plan) { p.MaxInFlight = -1 }},
		{"too short", func(p *Plan) { p.Steady, p.Passes = 1, 2 }},
	} {
		p := ok
		c.change(&p)
		if _, err := New(TargetFunc(nothing), p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
	if _, err := New(nil, ok); err == nil {
		t.Error("arrivals without a target were accepted")
	}
	l, err := New(nil, Plan{Steady: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := l.Run(t.Context()); err == nil {
		t.Error("a load ran twice")
	}
}
