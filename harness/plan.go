package harness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Defaults of a [Plan].
const (
	DefaultMaxInFlight    = 256
	DefaultQuiesceTimeout = 10 * time.Second
	defaultQueueSeconds   = 10
	defaultMarks          = 20  // Every = Steady / defaultMarks, at least a second
	defaultWindows        = 120 // Window = Steady / defaultWindows, at least a second
)

// Plan says what a run does. Steady is required; all else has a zero value
// that works.
type Plan struct {
	// Rate of the arrivals. Zero: none (someone else's load); phases and marks
	// still happen.
	Rate Rate

	// Poisson makes arrivals come at random, as from many independent clients,
	// instead of evenly spaced. See [Poisson].
	Poisson bool
	// Seed is of all that is random: equal Seeds give equal times.
	Seed uint64

	// Precise starts arrivals within some 20 µs of their intended times instead
	// of within about a millisecond, for one thread of its own and more CPU
	// time: arrivals do not come in batches below 20,000 a second. Linux only.
	Precise bool

	// IdleMarks marks are made before any load, IdleEvery apart, and then RestMarks
	// more, RestEvery apart: two distances tell what grows with time from what the
	// marks leave behind. Without IdleMarks there are none.
	IdleMarks, RestMarks int
	IdleEvery, RestEvery time.Duration

	// Warmup, Steady and Drain are the lengths of the phases, on the intended
	// clock. Steady is the whole steady time; it is split evenly over Passes (0
	// is 1). The drain begins when nothing is in flight any more, or
	// QuiesceTimeout after the last arrival.
	Warmup, Steady, Drain time.Duration
	Passes                int

	// Every is the distance of the marks in the steady phase: there is one at
	// its start, at the end of each pass, and every Every from the start of each
	// pass, but none within Every/2 of a pass's end. 0: Steady/20, at least 1 s. In
	// the drain there is one at its start, every min(Every, Drain/3), and one
	// at its end.
	Every time.Duration
	// Scatter makes each of them but a pass's first and last at a random moment of
	// its part of the time ([Scattered]), so that load which comes in batches cannot
	// keep step with them.
	Scatter bool

	// MaxInFlight operations run at once at most; 0: 256.
	MaxInFlight int

	// Queue arrivals may wait for one of them with their intended time; more
	// are shed and counted. 0: ten seconds' worth at the highest rate;
	// negative: none may wait.
	Queue int

	// Quiesce holds arrivals before each mark until nothing waits or is in
	// flight, at most for QuiesceTimeout (0: 10 s), and during the mark. The
	// intended clock stands still meanwhile: the hold does not show up as
	// latency and the phase ends later by as much.
	Quiesce        bool
	QuiesceTimeout time.Duration

	// Window is the length of the time windows that the latencies of warm-up
	// and steady phase are also told for (PhaseResult.Windows). 0: Steady/120, at
	// least 1 s, at most 10 s with Abort and a minute without.
	Window time.Duration

	// Abort ends the steady phase early when its limits are broken in two
	// windows in a row; the drain follows. The zero value never does.
	Abort Abort

	// OnMark is called at each mark, in order and never concurrently, and not
	// after the run's context is done. ctx is that context. Without Quiesce it
	// runs beside the arrivals, and a mark that is due while the one before
	// still runs is skipped (Result.MarksSkipped); the last mark of the steady
	// phase waits instead. An error ends the run and is returned by Run. nil: no
	// marks.
	OnMark func(ctx context.Context, m Mark) error

	// OnProgress is called about once a second, never concurrently, on a
	// goroutine of its own. nil: not at all.
	OnProgress func(Progress)
}

// Mark is a moment of the run at which something is to be looked at.
type Mark struct {
	Phase Phase
	Pass  int  // 1, 2, … within steady; 0 elsewhere. The mark on a pass's border belongs to the pass that ends.
	Last  bool // the last mark of the whole run
	// Quiesced: arrivals are held and nothing waits or is in flight. Always
	// false without arrivals of our own.
	Quiesced bool
}

// Progress is how far a run has come.
type Progress struct {
	Phase   Phase
	Pass    int
	Elapsed time.Duration // of the phase, on its intended clock
	Total   time.Duration // of the phase as planned; 0: unknown
	Held    bool          // arrivals are held for a mark
	Counts  Counts
}

// Duration is how long the plan takes at least: holds and slow marks come in
// addition.
func (p Plan) Duration() time.Duration {
	return p.idle() + p.Warmup + p.Steady + p.Drain
}

func (p Plan) idle() time.Duration {
	if p.IdleMarks == 0 {
		return 0
	}
	return time.Duration(p.IdleMarks-1)*p.IdleEvery + time.Duration(p.RestMarks)*p.RestEvery
}

// withDefaults returns p with the zero values filled in, or a sentence.
func (p Plan) withDefaults() (Plan, error) {
	if err := p.Rate.validate(); err != nil {
		return p, err
	}
	if err := p.Abort.validate(); err != nil {
		return p, err
	}
	if p.Precise && !canBePrecise {
		return p, errors.New("precise pacing needs Linux; leave it out here")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"latency window", p.Window},
		{"idle mark distance", p.IdleEvery}, {"rest mark distance", p.RestEvery}, {"warm-up", p.Warmup}, {"steady time", p.Steady}, {"drain", p.Drain},
		{"distance of marks", p.Every}, {"quiesce timeout", p.QuiesceTimeout},
	} {
		if d.value < 0 {
			return p, fmt.Errorf("%s %v: want a duration of zero or more", d.name, d.value)
		}
	}
	switch {
	case p.Steady == 0:
		return p, errors.New("steady time 0: want how long the load shall last, as in 60s")
	case p.Passes < 0:
		return p, fmt.Errorf("passes %d: want one or more", p.Passes)
	case p.IdleMarks < 0:
		return p, fmt.Errorf("idle marks %d: want zero or more", p.IdleMarks)
	case p.RestMarks < 0:
		return p, fmt.Errorf("rest marks %d: want zero or more", p.RestMarks)
	case p.MaxInFlight < 0:
		return p, fmt.Errorf("max in flight %d: want one or more operations at once", p.MaxInFlight)
	}
	p.Passes = max(p.Passes, 1)
	if p.MaxInFlight == 0 {
		p.MaxInFlight = DefaultMaxInFlight
	}
	if p.QuiesceTimeout == 0 {
		p.QuiesceTimeout = DefaultQuiesceTimeout
	}
	if p.Window == 0 {
		longest := time.Minute
		if p.Abort != (Abort{}) {
			longest = 10 * time.Second
		}
		p.Window = min(max(p.Steady/defaultWindows, time.Second), longest)
	}
	if p.Every == 0 {
		p.Every = max(p.Steady/defaultMarks, time.Second)
	}
	switch {
	case p.Queue < 0:
		p.Queue = 0
	case p.Queue == 0:
		p.Queue = int(math.Ceil(defaultQueueSeconds * p.Rate.Max()))
	}
	if pass := p.Steady / time.Duration(p.Passes); pass <= 0 {
		return p, fmt.Errorf("steady time %v: too short for %d passes", p.Steady, p.Passes)
	}
	return p, nil
}

// passEnd returns when the pass (1, 2, …) ends, since the start of the steady
// phase.
func (p Plan) passEnd(pass int) time.Duration {
	if pass == p.Passes {
		return p.Steady
	}
	return p.Steady / time.Duration(p.Passes) * time.Duration(pass)
}

// nextMark returns when the first steady mark after the given time is due.
// There is none after the end.
func (p Plan) nextMark(after time.Duration) (at time.Duration, ok bool) {
	if p.OnMark == nil || after >= p.Steady {
		return 0, false
	}
	pass := 1
	for p.passEnd(pass) <= after {
		pass++
	}
	start, end := p.passEnd(pass-1), p.passEnd(pass)
	if after < start {
		after = start
	}
	for k := int64((after - start) / p.Every); ; k++ {
		grid := start + time.Duration(k)*p.Every
		if grid > end-p.Every/2 {
			return end, true
		}
		at = grid
		if p.Scatter && k > 0 {
			at += Scattered(p.Seed+uint64(pass), k, p.Every)
		}
		if at > after {
			return at, true
		}
	}
}

// scatterOver is the part of the distance of two marks that each may lie in: no
// two come closer than the rest.
const scatterOver = 0.8

// Scattered is how far the kth of the marks that are every apart is moved, in
// [-0.4, 0.4) every. What is sampled at even distances shows a saw-tooth of nearly
// their period as a slow line (aliasing); at random moments of equal intervals it
// is noise (Shapiro and Silverman, J. SIAM 8, 1960). Equal seeds give equal moments.
func Scattered(seed uint64, k int64, every time.Duration) time.Duration {
	random := rand.New(rand.NewPCG(seed, uint64(k)))
	return time.Duration((random.Float64() - 0.5) * scatterOver * float64(every))
}
