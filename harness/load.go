package harness

import (
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// maxShards bounds the histograms that are written to at once; see package
// latency.
const maxShards = 8

// The goroutines of a load carry a pprof label, so that in a profile of a
// process that holds both the load can be told from the rest.
const (
	labelKey     = "heapdrift"
	labelLoad    = "load"    // carry out operations; the target's own goroutines inherit it
	labelPacer   = "pacer"   // lets them go; with what it calls back
	labelCommand = "command" // looks after a child process
)

// Load is one run of a plan against a target. It runs once.
type Load struct {
	plan    Plan
	clock   *clock
	d       *dispatcher
	warmup  *stream
	passes  []*stream
	current atomic.Pointer[stream]
	ran     atomic.Bool

	asked     chan struct{} // capacity 1; by MarkNow
	finishing chan struct{} // closed by Finish
	finish    func(reason string)
	reason    atomic.Pointer[string]
}

// New checks the plan and allocates what the run takes. The target may be nil
// if the plan has no arrivals.
func New(t Target, p Plan) (*Load, error) {
	p, err := p.withDefaults()
	if err != nil {
		return nil, err
	}
	if t == nil && !p.Rate.Zero() {
		return nil, errors.New("the plan has arrivals but no target; give a target, or rate 0 for someone else's load")
	}
	base := time.Now()
	now := func() time.Duration { return time.Since(base) }
	l := &Load{
		plan:  p,
		clock: &clock{now: now},
		d:     newDispatcher(t, p, min(runtime.GOMAXPROCS(0), maxShards), now),
	}
	l.asked = make(chan struct{}, 1)
	l.finishing = make(chan struct{})
	var once sync.Once
	l.finish = func(reason string) {
		once.Do(func() {
			l.reason.Store(&reason)
			close(l.finishing)
		})
	}
	warmup, pacer := Pacer(Constant(p.Rate.From)), p.Rate.Pacer(p.Steady)
	if p.Poisson {
		warmup = NewPoisson(Rate{From: p.Rate.From, To: p.Rate.From}, 0, ^p.Seed)
		pacer = NewPoisson(p.Rate, p.Steady, p.Seed)
	}
	if p.Warmup > 0 {
		l.warmup = newStream(PhaseWarmup, 0, warmup)
	}
	for pass := range p.Passes {
		l.passes = append(l.passes, newStream(PhaseSteady, pass+1, pacer))
	}
	return l, nil
}

// Counts returns what became of the arrivals so far, over all phases. It is
// consistent, cheap, and may be called by anyone at any time.
func (l *Load) Counts() Counts { return l.d.counts() }

// Latency returns the latencies of the current warm-up or pass so far; during
// the drain those of the last pass. It may be called by anyone at any time and
// costs some 100 µs.
func (l *Load) Latency() Latency {
	s := l.current.Load()
	if s == nil {
		return Latency{}
	}
	return l.d.latency.Summary(s.tally)
}

// ErrorClasses returns how many operations failed so far, by [ErrorClass]. It
// may be called by anyone at any time.
func (l *Load) ErrorClasses() map[string]int64 {
	classes, _ := l.d.errorClasses()
	return classes
}

// Finish ends the steady phase now, or as it begins, for a reason that the
// result tells; the drain follows. It may be called by anyone at any time; the
// first call counts.
func (l *Load) Finish(reason string) { l.finish(reason) }

// MarkNow makes the steady phase's next mark now; those that are planned stay
// where they are. Outside the steady phase it waits for it. It may be called by
// anyone at any time; calls while one waits come to nothing.
func (l *Load) MarkNow() {
	select {
	case l.asked <- struct{}{}:
	default:
	}
}

// Plan returns the plan with its defaults filled in.
func (l *Load) Plan() Plan { return l.plan }

// Run carries out the plan. When ctx is done it ends the arrivals at once,
// waits a bounded time for what is in flight, and returns what was counted so
// far with Interrupted set and no error. An error of OnMark ends the run in the
// same way and is returned beside the result. OnMark must honour its context:
// Run waits for it.
func (l *Load) Run(ctx context.Context) (*Result, error) {
	if l.ran.Swap(true) {
		return nil, errors.New("this load has run already; make a new one for each run")
	}
	ops, cancelOps := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelOps()
	l.d.ctx = ops

	// What this goroutine starts inherits the label, unless it has one of its
	// own: marks and progress belong to the pacing.
	var (
		r    = &run{Load: l, markDone: make(chan error, 1)}
		stop func()
		err  error
	)
	pprof.Do(ctx, pprof.Labels(labelKey, labelPacer), func(ctx context.Context) {
		stop = l.reportProgress()
		err = r.phases(ctx)
	})
	r.interrupted = err != nil
	if ctx.Err() != nil {
		err = nil
	}
	r.windUp(cancelOps)
	stop()
	return r.result(), err
}

// reportProgress calls OnProgress about once a second until the returned
// function is called, which waits for it.
func (l *Load) reportProgress() (stop func()) {
	if l.plan.OnProgress == nil {
		return func() {}
	}
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p := l.clock.progress()
				p.Counts = l.Counts()
				l.plan.OnProgress(p)
			case <-ending:
				return
			}
		}
	}()
	return func() {
		close(ending)
		<-ended
	}
}
