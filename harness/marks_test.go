package harness

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMarksAreMadeInOrder(t *testing.T) {
	t.Parallel()
	const s = time.Second
	type at struct {
		at time.Duration
		Mark
	}
	steady := func(t time.Duration, pass int) at { return at{t, Mark{Phase: PhaseSteady, Pass: pass}} }
	for _, c := range []struct {
		name    string
		plan    Plan
		want    []at
		skipped int
	}{
		{
			"all phases, instant marks",
			Plan{Rate: Rate{From: 10, To: 10}, IdleMarks: 2, IdleEvery: s, Warmup: 2 * s, Steady: 4 * s, Every: 2 * s, Drain: 3 * s},
			[]at{
				{0, Mark{Phase: PhaseIdle, Quiesced: true}}, {1 * s, Mark{Phase: PhaseIdle, Quiesced: true}},
				steady(3*s, 1), steady(5*s, 1), steady(7*s, 1),
				{7 * s, Mark{Phase: PhaseDrain, Quiesced: true}}, {8 * s, Mark{Phase: PhaseDrain, Quiesced: true}},
				{9 * s, Mark{Phase: PhaseDrain, Quiesced: true}}, {10 * s, Mark{Phase: PhaseDrain, Quiesced: true, Last: true}},
			}, 0,
		},
		{
			"idle marks at two distances",
			Plan{Rate: Rate{From: 10, To: 10}, IdleMarks: 3, IdleEvery: s, RestMarks: 2, RestEvery: 4 * s, Steady: 2 * s, Every: 2 * s},
			[]at{
				{0, Mark{Phase: PhaseIdle, Quiesced: true}}, {1 * s, Mark{Phase: PhaseIdle, Quiesced: true}}, {2 * s, Mark{Phase: PhaseIdle, Quiesced: true}},
				{6 * s, Mark{Phase: PhaseIdle, Quiesced: true}}, {10 * s, Mark{Phase: PhaseIdle, Quiesced: true}},
				steady(10*s, 1), {12 * s, Mark{Phase: PhaseSteady, Pass: 1, Last: true}},
			}, 0,
		},
		{
			"no drain: the end of the steady phase is the last",
			Plan{Rate: Rate{From: 10, To: 10}, Steady: 2 * s, Every: s},
			[]at{steady(0, 1), steady(1*s, 1), {2 * s, Mark{Phase: PhaseSteady, Pass: 1, Last: true}}}, 0,
		},
		{
			"a border belongs to the pass that ends, and no mark lies close before it",
			Plan{Rate: Rate{From: 10, To: 10}, Steady: 5 * s, Passes: 2, Every: s},
			[]at{
				steady(0, 1), steady(1*s, 1), steady(2500*time.Millisecond-500*time.Millisecond, 1), steady(2500*time.Millisecond, 1),
				steady(3500*time.Millisecond, 2), steady(4500*time.Millisecond, 2), {5 * s, Mark{Phase: PhaseSteady, Pass: 2, Last: true}},
			}, 0,
		},
		{
			"someone else's load: nothing is quiesced",
			Plan{Quiesce: true, IdleMarks: 1, Steady: 2 * s, Every: s, Drain: s, Warmup: s},
			[]at{
				{0, Mark{Phase: PhaseIdle}}, steady(1*s, 1), steady(2*s, 1), steady(3*s, 1),
				{3 * s, Mark{Phase: PhaseDrain}}, {3*s + s/3, Mark{Phase: PhaseDrain}}, {3*s + s/3*2, Mark{Phase: PhaseDrain}},
				{4 * s, Mark{Phase: PhaseDrain, Last: true}},
			}, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var got []at
				c.plan.OnMark = func(_ context.Context, m Mark) error {
					got = append(got, at{time.Since(begin), m})
					return nil
				}
				res := mustRun(t, TargetFunc(nothing), c.plan)
				if !slices.Equal(got, c.want) {
					t.Errorf("got  %+v\nwant %+v", got, c.want)
				}
				if res.MarksSkipped != c.skipped {
					t.Errorf("skipped %d, want %d", res.MarksSkipped, c.skipped)
				}
			})
		})
	}
}

// marksOf are the times of the steady marks of a plan, one after another as they
// fall due.
func marksOf(p Plan) []time.Duration {
	p.OnMark = func(context.Context, Mark) error { return nil }
	p.Passes = max(p.Passes, 1)
	out := []time.Duration{0}
	for at, ok := p.nextMark(0); ok; at, ok = p.nextMark(at) {
		out = append(out, at)
	}
	return out
}

func TestScatteredMarksKeepToTheirPartOfTheTime(t *testing.T) {
	t.Parallel()
	const s = time.Second
	p := Plan{Steady: 40 * s, Passes: 2, Every: s, Scatter: true}
	even, first := marksOf(Plan{Steady: p.Steady, Passes: p.Passes, Every: s}), marksOf(p)
	for seed := range uint64(200) {
		p.Seed = seed
		got := marksOf(p)
		if len(got) != len(even) {
			t.Fatalf("seed %d: %d marks, want %d", seed, len(got), len(even))
		}
		for i, at := range got {
			if border := even[i]%(20*s) == 0; border && at != even[i] || (at-even[i]).Abs() > 2*s/5 {
				t.Errorf("seed %d: mark %d at %v, planned about %v", seed, i, at, even[i])
			}
			if i > 0 && at-got[i-1] < s/5 {
				t.Errorf("seed %d: mark %d at %v, the one before at %v", seed, i, at, got[i-1])
			}
		}
		if seed == 0 != slices.Equal(got, first) {
			t.Errorf("seed %d: the times of seed 0: %v", seed, seed != 0)
		}
	}
	// One that is asked for in between moves none of them.
	p.OnMark = func(context.Context, Mark) error { return nil }
	for after := s / 4; after < p.Steady; after += s / 4 {
		at, ok := p.nextMark(after)
		if i := slices.IndexFunc(marksOf(p), func(x time.Duration) bool { return x > after }); !ok || at != marksOf(p)[i] {
			t.Fatalf("after %v comes %v, want %v", after, at, marksOf(p)[i])
		}
	}
}

// A batch that is flushed every 29/30 of the distance of two marks is found a
// thirtieth fuller at each of 20 marks at even distances. At scattered ones what
// is found at the end is no more than at the beginning, but for chance.
func TestScatteredMarksDoNotKeepStepWithABatch(t *testing.T) {
	t.Parallel()
	const every, flushed = 1500 * time.Millisecond, 1450 * time.Millisecond
	rise := func(p Plan) (rise float64) {
		marks := marksOf(p)
		h := len(marks) / 2
		for i, at := range marks[:2*h] {
			sign := float64(1)
			if i < h {
				sign = -1
			}
			rise += sign * float64(at%flushed) / float64(flushed) / float64(h)
		}
		return rise
	}
	p := Plan{Steady: 20 * every, Every: every}
	if got := rise(p); got < 0.3 {
		t.Fatalf("at even distances the second half finds %.2f of a batch more; the case shows nothing", got)
	}
	p.Scatter = true
	mean := 0.0
	const seeds = 400
	for p.Seed = range uint64(seeds) {
		mean += rise(p) / seeds
	}
	if math.Abs(mean) > 0.12 {
		t.Errorf("at scattered marks the second half finds %.2f of a batch more on the average", mean)
	}
}

func TestSlowMarksDoNotHoldArrivals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var running atomic.Int32
		var at []time.Duration
		res := mustRun(t, takes(5*time.Millisecond), Plan{
			Rate: Rate{From: 100, To: 100}, Steady: 10 * time.Second, Every: time.Second,
			OnMark: func(context.Context, Mark) error {
				if running.Add(1) > 1 {
					t.Error("two marks at once")
				}
				at = append(at, time.Since(begin))
				time.Sleep(2500 * time.Millisecond)
				running.Add(-1)
				return nil
			},
		})
		const s = time.Second
		// The last waits for the one before, which ends at 11.5 s.
		if want := []time.Duration{0, 3 * s, 6 * s, 9 * s, 11500 * time.Millisecond}; !slices.Equal(at, want) {
			t.Errorf("marks at %v, want %v", at, want)
		}
		if res.MarksSkipped != 6 {
			t.Errorf("skipped %d, want 6", res.MarksSkipped)
		}
		if got := res.Steady.Latency.Max; got > 6*time.Millisecond {
			t.Errorf("slowest %v: arrivals were held", got)
		}
		if res.Steady.Counts.Completed != 1000 {
			t.Errorf("completed %d, want 1000", res.Steady.Counts.Completed)
		}
	})
}

func TestQuiesceHoldsTheIntendedClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var busy, marks atomic.Int64
		var l *Load
		var sentAt []int64
		target := TargetFunc(func(context.Context, Op) error {
			busy.Add(1)
			defer busy.Add(-1)
			time.Sleep(300 * time.Millisecond)
			return nil
		})
		l, err := New(target, Plan{
			Rate: Rate{From: 100, To: 100}, Warmup: time.Second, Steady: 10 * time.Second, Every: time.Second, Quiesce: true,
			OnMark: func(_ context.Context, m Mark) error {
				marks.Add(1)
				if n := busy.Load(); n != 0 || !m.Quiesced {
					t.Errorf("%+v with %d in flight", m, n)
				}
				sentAt = append(sentAt, l.Counts().Sent)
				time.Sleep(time.Second) // a slow snapshot
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		res, err := l.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkSums(t, res)
		if got := res.Steady.Latency.Max; got != 300*time.Millisecond {
			t.Errorf("slowest %v, want what an operation takes: the hold is no latency", got)
		}
		if res.Steady.Counts.Completed != 1000 || res.Steady.Active != 10*time.Second || !res.Valid {
			t.Errorf("got %+v active %v valid %v, want 1000 in 10 s", res.Steady.Counts, res.Steady.Active, res.Valid)
		}
		// 11 marks of a second and the waits for what was in flight (290 ms
		// after each arrival that came 10 ms before the mark).
		if got, want := time.Since(begin), 22*time.Second+11*290*time.Millisecond; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
		for i, n := range sentAt {
			if want := int64(100 + 100*i); n != want {
				t.Errorf("mark %d after %d arrivals, want exactly %d", i, n, want)
			}
		}
		if marks.Load() != 11 {
			t.Errorf("%d marks, want 11", marks.Load())
		}
	})
}

func TestQuiesceGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var quiesced []bool
		res := mustRun(t, takes(7*time.Second), Plan{
			Rate: Rate{From: 10, To: 10}, Steady: 2 * time.Second, Every: time.Second, Quiesce: true, QuiesceTimeout: 3 * time.Second,
			OnMark: func(_ context.Context, m Mark) error { quiesced = append(quiesced, m.Quiesced); return nil },
		})
		if want := []bool{true, false, false}; !slices.Equal(quiesced, want) || res.Unquiesced != 2 {
			t.Errorf("quiesced %v, %d given up; want %v and 2", quiesced, res.Unquiesced, want)
		}
		// Ten began before the first of the holds, so the slowest counts 7 s; the
		// second ten likewise. 6 s of them were spent in holds.
		if got := res.Steady.Latency.Max; got != 7*time.Second && got != res.Steady.Latency.P50 {
			t.Errorf("slowest %v, want 7 s", got)
		}
	})
}

func TestCancellationEndsTheRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		op        TargetFunc
		quiesce   bool
		wantTook  time.Duration
		errors    int64
		abandoned int64
	}{
		{"operations end soon", takes(50 * time.Millisecond), false, 5*time.Second + 40*time.Millisecond, 0, 0},
		{"operations honour their context", takes(time.Hour), false, 5*time.Second + interruptWait, 10, 0},
		{"operations honour nothing", func(context.Context, Op) error { time.Sleep(8 * time.Second); return nil }, false, 5*time.Second + interruptWait + abandonWait, 0, 10},
		{"during a hold", takes(time.Hour), true, 5*time.Second + interruptWait, 10, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				begin, cancelled := time.Now(), false
				marks := 0
				l, err := New(c.op, Plan{
					Rate: Rate{From: 100, To: 100}, Warmup: time.Second, Steady: time.Minute, Drain: time.Second, MaxInFlight: 10, Every: 10 * time.Second,
					Quiesce: c.quiesce, QuiesceTimeout: time.Hour,
					OnMark: func(context.Context, Mark) error {
						if marks++; cancelled {
							t.Error("a mark after cancellation")
						}
						return nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(5*time.Second-time.Nanosecond, func() { cancelled = true; cancel() })
				res, err := l.Run(ctx)
				if err != nil || !res.Interrupted {
					t.Fatalf("err %v, interrupted %v; want none and true", err, res.Interrupted)
				}
				checkSums(t, res)
				if got := time.Since(begin); (got - c.wantTook).Abs() > 10*time.Millisecond {
					t.Errorf("took %v, want about %v", got, c.wantTook)
				}
				got := res.Counts
				if got.Queued != 0 || got.InFlight != c.abandoned || res.Abandoned != c.abandoned || got.Errors != c.errors {
					t.Errorf("got %+v, abandoned %d; want nothing queued, %d in flight, %d errors", got, res.Abandoned, c.abandoned, c.errors)
				}
				if !c.quiesce {
					if due := got.Sent + got.Shed; due != 500 {
						t.Errorf("%d arrivals accounted for, want the 500 that were due", due)
					}
				}
				time.Sleep(8 * time.Second) // the abandoned end, so that the bubble can
			})
		})
	}
}

func TestCancellationBeforeAndBetweenPhases(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 2500 * time.Millisecond, 8500 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				l, err := New(TargetFunc(nothing), Plan{
					Rate: Rate{From: 10, To: 10}, IdleMarks: 3, IdleEvery: time.Second, Warmup: 2 * time.Second, Steady: 4 * time.Second, Drain: 4 * time.Second,
					OnMark: func(ctx context.Context, _ Mark) error { return ctx.Err() },
				})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				res, err := l.Run(ctx)
				if err != nil || !res.Interrupted {
					t.Fatalf("err %v, interrupted %v; want none and true", err, res.Interrupted)
				}
				checkSums(t, res)
				if got := time.Since(begin); got != after {
					t.Errorf("took %v, want %v", got, after)
				}
				if after < 4*time.Second && res.Valid {
					t.Error("valid without a steady phase")
				}
			})
		})
	}
}

func TestAFailedMarkEndsTheRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	for _, quiesce := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			l, err := New(TargetFunc(nothing), Plan{
				Rate: Rate{From: 10, To: 10}, Steady: time.Minute, Every: time.Second, Quiesce: quiesce,
				OnMark: func(context.Context, Mark) error {
					if time.Since(begin) > 3500*time.Millisecond {
						return broken
					}
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			res, err := l.Run(t.Context())
			if !errors.Is(err, broken) || !strings.Contains(err.Error(), "steady, pass 1") {
				t.Errorf("err %v, want the mark named and its error wrapped", err)
			}
			if res == nil || !res.Interrupted || res.Counts.Completed < 39 || res.Counts.Completed > 41 {
				t.Errorf("result %+v, want what was counted in 4 s", res)
			}
		})
	}
}

func TestTheDrainIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var drain []Mark
		res := mustRun(t, takes(time.Hour), Plan{
			Rate: Rate{From: 100, To: 100}, Steady: 2 * time.Second, MaxInFlight: 3, Drain: 3 * time.Second, QuiesceTimeout: 4 * time.Second,
			OnMark: func(_ context.Context, m Mark) error {
				if m.Phase == PhaseDrain {
					drain = append(drain, m)
				}
				return nil
			},
		})
		if got := time.Since(begin); got != 9*time.Second {
			t.Errorf("took %v, want 2 s of load, 4 s of waiting, 3 s of drain", got)
		}
		if len(drain) != 4 || drain[0].Quiesced || !drain[3].Last {
			t.Errorf("drain marks %+v, want four, not quiesced, the fourth last", drain)
		}
		if res.Counts.Shed != 197 || res.ErrorClasses["canceled"] != 3 {
			t.Errorf("got %+v %v, want 197 shed and 3 canceled", res.Counts, res.ErrorClasses)
		}
	})
}

func TestProgressIsToldOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []Progress
		mustRun(t, TargetFunc(nothing), Plan{
			Rate: Rate{From: 10, To: 10}, Warmup: 1500 * time.Millisecond, Steady: 2 * time.Second,
			OnProgress: func(p Progress) { got = append(got, p) },
		})
		if len(got) != 3 {
			t.Fatalf("told %d times in 3.5 s, want 3", len(got))
		}
		if p := got[0]; p.Phase != PhaseWarmup || p.Elapsed != time.Second || p.Total != 1500*time.Millisecond {
			t.Errorf("first %+v", p)
		}
		if p := got[2]; p.Phase != PhaseSteady || p.Pass != 1 || p.Elapsed != 1500*time.Millisecond || p.Counts.Sent < 30 {
			t.Errorf("third %+v", p)
		}
	})
}

func TestAMarkThatIsAskedForComesAtOnceAndMovesNoOther(t *testing.T) {
	t.Parallel()
	for _, quiesce := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const s = time.Second
			var at []time.Duration
			begin := time.Now()
			var l *Load
			l, err := New(takes(5*time.Millisecond), Plan{
				Rate: Rate{From: 100, To: 100}, IdleMarks: 2, IdleEvery: s, Warmup: s, Steady: 4 * s, Every: 2 * s, Drain: s,
				Quiesce: quiesce, QuiesceTimeout: s, MaxInFlight: 4,
				OnMark: func(_ context.Context, m Mark) error {
					if m.Phase == PhaseSteady {
						at = append(at, time.Since(begin).Round(100*time.Millisecond)-2*s)
					}
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, after := range []time.Duration{2*s + s/2, 6*s + s/2} { // the last in the drain
				time.AfterFunc(after, l.MarkNow)
			}
			if _, err := l.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if want := []time.Duration{0, s / 2, 2 * s, 4 * s}; !slices.Equal(at, want) {
				t.Errorf("quiesce %v: steady marks at %v, want %v", quiesce, at, want)
			}
		})
	}
}

// An idle mark that takes long moves those after it: their distance is what tells
// time apart.
func TestALateIdleMarkCostsNoDistance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		const s = time.Second
		mustRun(t, TargetFunc(nothing), Plan{
			Rate: Rate{From: 10, To: 10}, IdleMarks: 2, IdleEvery: s, RestMarks: 2, RestEvery: 4 * s, Steady: s,
			OnMark: func(_ context.Context, m Mark) error {
				if m.Phase == PhaseIdle {
					at = append(at, time.Since(begin))
					time.Sleep(3 * s)
				}
				return nil
			},
		})
		if want := []time.Duration{0, 3 * s, 7 * s, 11 * s}; !slices.Equal(at, want) {
			t.Errorf("idle marks at %v, want %v", at, want)
		}
	})
}
