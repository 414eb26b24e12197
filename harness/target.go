package harness

import "context"

// Phase is a part of a run.
type Phase string

// The phases of a run, in their order.
const (
	PhaseIdle   Phase = "idle"   // before any load
	PhaseWarmup Phase = "warmup" // load whose figures do not count
	PhaseSteady Phase = "steady" // load whose figures count
	PhaseDrain  Phase = "drain"  // after the load
)

// Op is one operation.
type Op struct {
	Seq   int64 // 0, 1, 2, … in the order of starting over the whole run; never repeats: a source of fresh ids
	Index int64 // number of the arrival within its warm-up or pass, from 0: the same in every pass, for content that repeats
	Phase Phase // warm-up or steady
	Pass  int   // 1, 2, … within steady; 0 in warm-up
}

// Target is what the load is put on. Do carries out one operation and returns
// when it has ended; it is called from up to Plan.MaxInFlight goroutines at
// once. An error counts the operation as failed, under the class that
// [ErrorClass] finds. Do must return soon after ctx is done.
type Target interface {
	Do(ctx context.Context, op Op) error
}

// TargetFunc is a function as a target.
type TargetFunc func(context.Context, Op) error

// Do implements [Target].
func (f TargetFunc) Do(ctx context.Context, op Op) error { return f(ctx, op) }
