package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/backoff"
)

// Schedule is how often a source is asked: at once again, after Min, when all
// that it brought was new, since there may have been more; less and less often,
// down to every Max, while it brings nothing new or fails.
type Schedule struct{ Min, Max time.Duration }

// DefaultSchedule asks every second to every five minutes.
func DefaultSchedule() Schedule { return Schedule{Min: time.Second, Max: 5 * time.Minute} }

// next returns the pause after a poll, from the pause before it.
func (s Schedule) next(last time.Duration, o Outcome) time.Duration {
	var temporary *backoff.Temporary
	switch {
	case o.Err != nil:
		last = max(2*last, s.Min)
		if errors.As(o.Err, &temporary) {
			last = max(last, temporary.After)
		}
	case o.New > 0 && o.Known == 0 && o.Failed == 0:
		last = s.Min
	case o.New > 0:
		last = max(last/2, s.Min)
	default:
		last = max(2*last, s.Min)
	}
	return min(last, s.Max)
}

// Outcome is what became of one poll.
type Outcome struct {
	Source    Source
	New       int   // documents that are stored now
	Known     int   // documents that were stored before, and have not changed
	Failed    int   // documents that could not be processed
	Bytes     int64 // received
	Unchanged bool  // the source said that nothing is new
	Err       error // the source's own
}

// Observer is told what happens. It is called by several goroutines.
type Observer interface {
	Polled(Outcome)
	Failed(s Source, doc pipeline.Document, err error)
}

// Run asks a source until ctx ends, and returns nil.
func Run(ctx context.Context, s Source, sink Sink, schedule Schedule, observer Observer) error {
	if schedule.Min <= 0 || schedule.Max < schedule.Min {
		return fmt.Errorf("poll %s: every %s to every %s: both must be above 0 and in order", s.Name(), schedule.Min, schedule.Max)
	}
	pause := schedule.Min
	for {
		o := Poll(ctx, s, sink, observer)
		if ctx.Err() != nil {
			return nil
		}
		observer.Polled(o)
		pause = schedule.next(pause, o)
		if backoff.Sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// Poll asks a source once, and returns when all its documents are stored or
// have failed.
func Poll(ctx context.Context, s Source, sink Sink, observer Observer) Outcome {
	var fresh, known, failed atomic.Int64
	var mu sync.Mutex
	var again []string // what may get through another time
	d := newDelivery(ctx, sink, func(doc pipeline.Document, was bool, err error) {
		switch {
		case err != nil:
			failed.Add(1)
			if Reason(err) != "malformed" {
				mu.Lock()
				again = append(again, doc.ID)
				mu.Unlock()
			}
			observer.Failed(s, doc, err)
		case was:
			known.Add(1)
		default:
			fresh.Add(1)
		}
	})
	round, err := s.Poll(ctx, d.deliver)
	d.wait()
	for _, id := range again {
		s.Forget(id)
	}
	return Outcome{
		Source: s, New: int(fresh.Load()), Known: int(known.Load()), Failed: int(failed.Load()),
		Bytes: round.Bytes, Unchanged: round.Unchanged, Err: err,
	}
}
