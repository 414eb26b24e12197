package session

import (
	"context"
	"time"

	"github.com/heapdrift/heapdrift/harness"
)

// watchOnly takes snapshots under someone else's load: it knows no phases, so
// that the analysis decides what was warm-up.
func (s *session) watchOnly(ctx context.Context) error {
	if err := sleep(ctx, s.cfg.Plan.Warmup); err != nil {
		return err
	}
	return watchEvery(ctx, s.cfg.Plan, s.cfg.Plan.Steady, s.cfg.SnapshotNow, func(ctx context.Context, last bool) error {
		return s.mark(ctx, moment{last: last})
	}, func(done time.Duration) {
		s.report.update(func(e *Event) {
			e.Phase, e.Done, e.Total = PhaseWatch, done, s.cfg.Plan.Steady
		})
	})
}

// watchEvery calls take at once, every plan.Every, scattered like the marks of a
// load, at the end of total, and whenever somebody wants it now; total 0 has no
// end but ctx's. Calls that are late are not made up for.
func watchEvery(ctx context.Context, plan harness.Plan, total time.Duration, now <-chan struct{}, take func(ctx context.Context, last bool) error, tell func(time.Duration)) error {
	start := time.Now()
	k := int64(0)
	for at := time.Duration(0); ; {
		last := total > 0 && at >= total
		if err := take(ctx, last); err != nil {
			return err
		}
		if last {
			return nil
		}
		for late := time.Since(start); at <= late; {
			k = max(k+1, int64(late/plan.Every))
			at = time.Duration(k)*plan.Every + harness.Scattered(plan.Seed, k, plan.Every)
		}
		if total > 0 && time.Duration(k)*plan.Every > total-plan.Every/2 { // no two at the end
			at = total
		}
		for {
			done := time.Since(start)
			tell(done)
			if done >= at {
				break
			}
			asked, err := sleepOr(ctx, min(at-done, time.Second), now)
			if err == nil && asked {
				err = take(ctx, false)
			}
			if err != nil {
				return err
			}
		}
	}
}

// sleepOr waits; asked reports that somebody wanted it to end.
func sleepOr(ctx context.Context, d time.Duration, now <-chan struct{}) (asked bool, err error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-now:
		return true, nil
	case <-t.C:
		return false, nil
	}
}
