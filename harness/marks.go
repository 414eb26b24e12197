package harness

import (
	"context"
	"time"
)

// quiesces reports whether marks hold the arrivals.
func (r *run) quiesces() bool { return r.plan.Quiesce && !r.plan.Rate.Zero() }

// mark makes a mark and waits for it.
func (r *run) mark(ctx context.Context, m Mark) error {
	if r.plan.OnMark == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.plan.OnMark(ctx, m); err != nil {
		return wrapMark(m, err)
	}
	return nil
}

// steadyMark makes the mark that is due at nextMark, and finds the next. With
// Quiesce the arrivals are held for it; else it runs beside them, or is
// skipped if the one before still does.
func (r *run) steadyMark(ctx context.Context, pass int) error {
	at := r.nextMark
	r.nextMark, r.hasMark = r.plan.nextMark(at)
	m := Mark{Phase: PhaseSteady, Pass: pass}
	switch {
	case r.quiesces():
		return r.heldMark(ctx, m, at)
	case r.marking:
		r.skipped++
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.marking = true
	go func() {
		// Has room: at most one runs at a time, and its result is taken before
		// the next. windUp waits for it.
		if err := r.plan.OnMark(ctx, m); err != nil {
			r.markDone <- wrapMark(m, err)
			return
		}
		r.markDone <- nil
	}()
	return nil
}

// heldMark stops the clock at the given reading, waits for what is in flight,
// makes the mark and lets the clock go on.
func (r *run) heldMark(ctx context.Context, m Mark, at time.Duration) error {
	r.clock.hold(at)
	defer r.clock.resume()
	m.Quiesced = r.d.awaitRest(ctx, r.plan.QuiesceTimeout)
	if err := ctx.Err(); err != nil {
		return err
	}
	if !m.Quiesced {
		r.unquiesced++
	}
	return r.mark(ctx, m)
}

// finalMark makes the mark at the end of the steady phase, after the one that
// may still run. There are no arrivals any more.
func (r *run) finalMark(ctx context.Context, pass int, end time.Duration) error {
	r.hasMark = false
	if r.plan.OnMark == nil {
		return nil
	}
	if r.marking {
		err := <-r.markDone // honours ctx
		r.marking = false
		if err != nil {
			return err
		}
	}
	m := Mark{Phase: PhaseSteady, Pass: pass, Last: r.plan.Drain == 0}
	if r.quiesces() {
		return r.heldMark(ctx, m, end)
	}
	return r.mark(ctx, m)
}
