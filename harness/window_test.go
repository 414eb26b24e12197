package harness

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapdrift/heapdrift/internal/apart"
)

func TestLatencyIsToldForEachWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		target := TargetFunc(func(context.Context, Op) error {
			if time.Since(begin) >= 6*time.Second {
				time.Sleep(100 * time.Millisecond)
			} else {
				time.Sleep(10 * time.Millisecond)
			}
			if time.Since(begin) > 8*time.Second {
				return &StatusError{Code: 500}
			}
			return nil
		})
		res := mustRun(t, target, Plan{Rate: Rate{From: 100, To: 100}, Warmup: 2 * time.Second, Steady: 8 * time.Second, Passes: 2, Window: 2 * time.Second})
		if n := len(res.Phases); n != 3 {
			t.Fatalf("%d phases, want warm-up and two passes", n)
		}
		if w := res.Phases[0].Windows; len(w) != 1 || w[0].Start != 0 || w[0].End != 2*time.Second {
			t.Errorf("warm-up has windows %+v, want one of 2 s", w)
		}
		for i, w := range res.Steady.Windows {
			wantStart := time.Duration(i) * 2 * time.Second
			want, failed := 10*time.Millisecond, int64(0)
			if i >= 2 { // from 6 s of the run on
				want = 100 * time.Millisecond
			}
			if i == 3 {
				failed = 200
			}
			if w.Start != wantStart || w.End != wantStart+2*time.Second {
				t.Errorf("window %d is from %v to %v", i, w.Start, w.End)
			}
			if (w.Latency.P99-want).Abs() > want/100 || w.Completed < 180 || w.Completed > 210 || w.Latency.N < w.Completed-20 || w.Latency.N > w.Completed+20 || w.Errors < failed-1 || w.Errors > failed {
				t.Errorf("window %d: %+v, want a p99 of %v, about 200 operations and %d errors", i, w, want, failed)
			}
		}
		if n := len(res.Steady.Windows); n != 4 {
			t.Errorf("%d windows of the steady phase, want 4", n)
		}
	})
}

func TestALoadIsEndedWhenItsLimitsAreBrokenForLong(t *testing.T) {
	t.Parallel()
	failAfter := func(from, until time.Duration, d time.Duration, err error) func(time.Time) TargetFunc {
		return func(begin time.Time) TargetFunc {
			return func(context.Context, Op) error {
				if at := time.Since(begin); at < from || at >= until {
					return nil
				}
				time.Sleep(d)
				return err
			}
		}
	}
	for _, c := range []struct {
		name   string
		target func(time.Time) TargetFunc
		abort  Abort
		ends   time.Duration // on the steady clock
		want   string
	}{
		{"errors in two windows in a row", failAfter(5*time.Second, time.Hour, 0, &StatusError{Code: 503}), Abort{ErrorRate: 0.5}, 7 * time.Second, "100 % of the operations failed (limit 50 %)"},
		{"errors in one window", failAfter(5*time.Second, 6*time.Second, 0, &StatusError{Code: 503}), Abort{ErrorRate: 0.5}, 30 * time.Second, ""},
		{"slow answers", failAfter(5*time.Second, time.Hour, 300*time.Millisecond, nil), Abort{P99: 200 * time.Millisecond}, 7 * time.Second, "the 99th percentile of the latency was 300"},
		{"slow answers within the limit", failAfter(5*time.Second, time.Hour, 300*time.Millisecond, nil), Abort{P99: 400 * time.Millisecond}, 30 * time.Second, ""},
		{"no limits", failAfter(0, time.Hour, 0, &StatusError{Code: 503}), Abort{}, 30 * time.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var marks []Mark
				res := mustRun(t, c.target(time.Now()), Plan{
					Rate: Rate{From: 100, To: 100}, Steady: 30 * time.Second, Drain: 3 * time.Second, Window: time.Second, Abort: c.abort, Every: 10 * time.Second,
					OnMark: func(_ context.Context, m Mark) error { marks = append(marks, m); return nil },
				})
				if res.Steady.Active < c.ends-time.Second || res.Steady.Active > c.ends {
					t.Errorf("the steady phase took %v, want about %v", res.Steady.Active, c.ends)
				}
				if !strings.Contains(res.Ended, c.want) || (res.Ended == "") != (c.want == "") {
					t.Errorf("ended because %q, want %q", res.Ended, c.want)
				}
				if res.Interrupted || !res.Valid {
					t.Errorf("interrupted %v, valid %v (%s): an early end is neither", res.Interrupted, res.Valid, res.Reason)
				}
				last, n := marks[len(marks)-1], len(res.Phases)
				if !last.Last || last.Phase != PhaseDrain || res.Phases[n-1].Phase != PhaseDrain {
					t.Errorf("last mark %+v in phase %s, want that of the drain", last, res.Phases[n-1].Phase)
				}
			})
		})
	}
}

func TestALoadCanBeFinishedFromAMark(t *testing.T) {
	t.Parallel()
	for _, quiesce := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var l *Load
			n := 0
			l, err := New(TargetFunc(nothing), Plan{
				Rate: Rate{From: 100, To: 100}, Warmup: time.Second, Steady: time.Hour, Passes: 2, Every: time.Minute, Quiesce: quiesce, Drain: time.Second,
				OnMark: func(_ context.Context, m Mark) error {
					if m.Phase == PhaseSteady && m.Pass != 1 {
						t.Errorf("a mark of pass %d, which never began", m.Pass)
					}
					if n++; n == 5 {
						l.Finish("it is decided")
						l.Finish("again")
					}
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
			want := int64(24000)
			if !quiesce {
				want++ // the one that is due as the mark begins
			}
			if res.Ended != "it is decided" || res.Steady.Active != 4*time.Minute || res.Steady.Counts.Completed != want {
				t.Errorf("ended %q after %v and %+v, want after 4 minutes and 24000 operations", res.Ended, res.Steady.Active, res.Steady.Counts)
			}
		})
	}
}

// An hour's load, on a simulated clock, must not take more memory at its end
// than after its first minutes.
func TestMemoryIsFlatOverAnHour(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			live := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			var early, late uint64
			minute := 0
			res := mustRun(t, TargetFunc(nothing), Plan{
				Rate: Rate{From: 25, To: 25}, Poisson: true, Steady: time.Hour, Every: time.Minute,
				OnMark: func(context.Context, Mark) error {
					switch minute++; minute {
					case 15: // the random times of some blocks are kept
						early = live()
					case 60:
						late = live()
					}
					return nil
				},
			})
			if res.Counts.Completed < 89_000 {
				t.Fatalf("only %d operations", res.Counts.Completed)
			}
			if grew := int64(late) - int64(early); grew > 32<<10 {
				t.Errorf("live heap grew by %d bytes from the 15th minute to the last, want at most 32 KiB", grew)
			}
			if n := len(res.Steady.Windows); n < 100 || n > 130 {
				t.Errorf("%d windows, want about 120", n)
			}
		})
	})
}

func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for _, a := range []Abort{{ErrorRate: -1}, {ErrorRate: 1.5}, {P99: -1}} {
		if _, err := New(TargetFunc(nothing), Plan{Rate: Rate{From: 1, To: 1}, Steady: time.Second, Abort: a}); err == nil {
			t.Errorf("%+v was accepted", a)
		}
	}
}
