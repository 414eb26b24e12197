package leaktest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Run calls fn with i = 0, 1, 2, … and fails the test if the process keeps more
// with each call than the limits permit ([MaxPerOp], [MaxObjects],
// [MaxGoroutines]), or if that cannot be told. The calls come one after the
// other ([Concurrent] changes that), first to warm up ([Warmup]), then in equal
// parts with a snapshot after each, as many as the time permits ([For]).
//
// What fn shall not free between two calls must be reachable from fn, or from a
// package variable. ctx is one for all calls, derived from the test's and
// cancelled when the last snapshot has been taken: what a call leaves waiting
// for it counts as kept. An error that fn returns fails the test at once; a
// panic passes through.
//
// Run measures the process. It refuses a test that is parallel, or a subtest of
// one, and makes a later call of t.Parallel panic.
func Run(t testing.TB, fn func(ctx context.Context, i int) error, options ...Option) {
	t.Helper()
	c := configure(t, time.Now(), options)
	if testing.Short() {
		c.shrink()
	}
	alone(t, "Run")
	m, err := newMeter(idleSnapshots + 3 + c.looks*(lookSnapshots+1))
	if err != nil {
		t.Fatalf("leaktest: %v", err)
	}
	defer m.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &running{
		c: c, m: m, target: target(t), deadline: deadline(t),
		o: &operator{fn: fn, ctx: ctx, concurrent: c.concurrent},
	}
	o, err := r.measure()
	if err != nil {
		t.Fatalf("leaktest: %v", err)
	}
	r.tell(t, o)
}

// running is a Run under way.
type running struct {
	c        *config
	m        *meter
	o        *operator
	target   snapshot.Target
	deadline time.Time // of the test binary; zero: none
	warm     int64     // operations of the warm-up
	base     uint64    // live heap before the operations, bytes
	idle     int       // goroutines before the operations

	raws  []*snapshot.Raw // of the last look, once there is no other to come
	notes []string        // what the reader should know, in sentences
	began time.Time
	spent time.Duration // from the first operation to the last
}

// measure takes all snapshots and has them judged. The first look counts only: a
// function that keeps nothing needs no more. What is not kept gets another look,
// with heap profiles, to learn where, and one more if nothing is decided by
// then. Each is judged by itself.
func (r *running) measure() (*outcome, error) {
	for range idleSnapshots {
		r.m.take(snapshot.PhaseIdle, 0, false)
	}
	r.base, r.idle = r.m.liveBytes(), r.m.goroutines
	r.began = time.Now()
	s, err := r.warmUp()
	if err != nil {
		return nil, err
	}
	r.m.take(snapshot.PhaseSteady, r.o.done.Load(), false)
	before := 0.0 // bytes per operation at the look before
	for look := 1; ; look++ {
		sites := look > 1
		if look == 2 {
			defer r.sample(s)()
		}
		if sites {
			r.counted()
			r.m.take(snapshot.PhaseSteady, r.o.done.Load(), true)
			s.snapshot = r.m.cost()
		}
		began := time.Now()
		more, err := r.look(r.c.plan(s).again(look), sites)
		if err != nil {
			return nil, err
		}
		r.spent = time.Since(r.began)
		o, raws, err := r.decide(sites)
		if err != nil {
			return nil, err
		}
		if now := o.keeps(); o.answer == broken && before > slackened*now {
			o.reopen()
			r.notes = append(r.notes, fmt.Sprintf("it kept %s an operation at the look before, %s now: a cache that fills slackens like this", report.Bytes(before), report.Bytes(max(0, now))))
		} else {
			before = now
		}
		switch {
		case o.answer == kept, o.answer == broken && sites, !more, look >= r.c.looks:
			r.raws = raws
			return o, nil
		case !r.timeFor(time.Since(began)):
			r.raws = raws
			r.notes = append(r.notes, "there was no time for another look before go test's -timeout")
			return o, nil
		}
	}
}

// counted makes warm-up of what earlier looks saw. Growth and its sites must be
// of the same operations, and judging leaves some kilobytes behind that are not
// the program's. A second look that agrees with the first is evidence of its own.
func (r *running) counted() {
	for i := range r.m.readings {
		if x := &r.m.readings[i]; x.phase == snapshot.PhaseSteady {
			x.phase = snapshot.PhaseWarmup
		}
	}
}

// sample lowers the sampling rate so that what the next look keeps leaves some
// hundreds of samples, until the function it returns is called. It stays where
// Main has not lowered it: then someone else may rely on it. What was sampled
// before is scaled wrongly by the new rate; what is born from now on is not, and
// only that is judged.
func (r *running) sample(s seen) (restore func()) {
	rate := runtime.MemProfileRate
	if rate > 0 && rate <= SampleRate {
		perOp := max(1, float64(r.m.liveBytes())-float64(r.base)) / float64(max(1, r.o.done.Load()))
		kept := perOp * float64(r.c.plan(s).ops)
		runtime.MemProfileRate = max(1, min(rate, int(kept/wantedSamples)))
	}
	return func() { runtime.MemProfileRate = rate }
}

// wantedSamples is how many sampled objects tell the site and its size to a few
// percent.
const wantedSamples = 500

// warmUp does the first operations and learns how long one takes, and how much
// it keeps.
func (r *running) warmUp() (seen, error) {
	ops, d := r.c.warmupLimits()
	began, full := time.Now(), false
	if err := r.o.until(int64(ops), func() bool {
		full = r.m.marked() > r.base+warmupRoom
		return full || time.Since(began) > d
	}); err != nil {
		return seen{}, fmt.Errorf("%w (in the warm-up)", err)
	}
	took := time.Since(began)
	r.warm = r.o.done.Load()
	if full && r.c.warmup > int(r.warm) {
		r.notes = append(r.notes, fmt.Sprintf("the warm-up ended after %s of %s operations: the live heap had grown by %s", report.Count(float64(r.warm)), report.Count(float64(ops)), report.Bytes(warmupRoom)))
	}
	r.m.take(snapshot.PhaseWarmup, r.warm, false)
	s := seen{snapshot: r.m.cost()}
	if r.warm > 0 {
		s.op = took / time.Duration(r.warm)
		s.kept = max(0, float64(r.m.liveBytes())-float64(r.base)) / float64(r.warm)
	}
	return s, nil
}

// look does the operations of one look and takes its snapshots. more is false if
// there is no room for another.
func (r *running) look(l look, sites bool) (more bool, err error) {
	start, base := r.o.done.Load(), r.m.liveBytes()
	for k := 1; k <= l.snapshots; k++ {
		began, full := time.Now(), false
		if err := r.o.until(start+int64(l.ops)*int64(k)/int64(l.snapshots), func() bool {
			full = r.m.marked() > base+2*lookRoom
			return full || time.Since(began) > l.limit
		}); err != nil {
			return false, err
		}
		r.m.take(snapshot.PhaseSteady, r.o.done.Load(), sites)
		if full || r.m.liveBytes() > base+2*lookRoom {
			r.notes = append(r.notes, fmt.Sprintf("ended after %d of %d snapshots: the live heap had grown by more than %s", k, l.snapshots, report.Bytes(2*lookRoom)))
			return false, nil
		}
	}
	return true, nil
}

// decide takes the snapshot after the operations and judges what there is. The
// snapshot is of this look alone: another may follow.
func (r *running) decide(sites bool) (*outcome, []*snapshot.Raw, error) {
	steady, last := len(r.m.readings), r.m.goroutines
	r.m.goroutines = r.idle
	r.m.awaitEnds(r.c.drain)
	r.m.goroutines = runtime.NumGoroutine()
	r.m.take(snapshot.PhaseDrain, r.o.done.Load(), sites)
	r.m.goroutines = last
	defer r.m.unsampled()()
	raws, err := r.m.raws()
	if err != nil {
		return nil, nil, err
	}
	run, err := parsed(raws, r.target)
	if err != nil {
		return nil, nil, err
	}
	if other := testBeside(run); other != "" {
		return nil, nil, fmt.Errorf("%s runs at the same time: Run measures the whole process and cannot tell whose memory it is; call it from the test's own goroutine, and do not start tests from others", other)
	}
	o := r.c.weigh(run)
	if o.answer == open || o.answer == broken && !sites {
		r.m.readings, r.m.counters = r.m.readings[:steady], r.m.counters[:steady]
	}
	return o, raws, nil
}

// timeFor reports that the test binary's time permits another look.
func (r *running) timeFor(d time.Duration) bool {
	return r.deadline.IsZero() || time.Until(r.deadline) > 2*d+time.Second
}

// deadline is when the test binary ends, zero where it does not.
func deadline(t testing.TB) time.Time {
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if at, ok := d.Deadline(); ok {
			return at
		}
	}
	return time.Time{}
}

// target says what is measured.
func target(t testing.TB) snapshot.Target {
	s := snapshot.Target{Name: t.Name(), GoVersion: runtime.Version(), PID: os.Getpid(), MemProfileRate: int64(runtime.MemProfileRate)}
	if info, ok := debug.ReadBuildInfo(); ok {
		s.Module = info.Main.Path
	}
	return s
}
