package session

import (
	"context"
	"time"
)

// watchOnly takes snapshots under someone else's load: it knows no phases, so
// that the analysis decides what was warm-up.
func (s *session) watchOnly(ctx context.Context) error {
	if err := sleep(ctx, s.cfg.Plan.Warmup); err != nil {
		return err
	}
	return watchEvery(ctx, s.cfg.Plan.Every, s.cfg.Plan.Steady, func(ctx context.Context, last bool) error {
		return s.mark(ctx, moment{last: last})
	}, func(done time.Duration) {
		s.report.update(func(e *Event) {
			e.Phase, e.Done, e.Total = PhaseWatch, done, s.cfg.Plan.Steady
		})
	})
}

// watchEvery calls take at once, every `every`, and at the end of total; total
// 0 has no end but ctx's. Calls that are late are not made up for.
func watchEvery(ctx context.Context, every, total time.Duration, take func(ctx context.Context, last bool) error, tell func(time.Duration)) error {
	start := time.Now()
	for at := time.Duration(0); ; {
		last := total > 0 && at >= total
		if err := take(ctx, last); err != nil {
			return err
		}
		if last {
			return nil
		}
		at += every
		if late := time.Since(start) - at; late > 0 {
			at += (late/every + 1) * every
		}
		if total > 0 {
			at = min(at, total)
		}
		for {
			now := time.Since(start)
			tell(now)
			if now >= at {
				break
			}
			if err := sleep(ctx, min(at-now, time.Second)); err != nil {
				return err
			}
		}
	}
}
