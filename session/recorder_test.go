package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// script is a source that answers from a list of errors, then well.
type script struct {
	errs   []error
	asked  int
	limits []time.Duration // that each snapshot was given
	leaks  []bool
	probes []capture.ProbePoint
	// counters of the n-th snapshot; nil: live bytes alone.
	counters func(n int) map[string]uint64
}

func (s *script) Snapshot(ctx context.Context, opt capture.Options) (*snapshot.Raw, error) {
	deadline, _ := ctx.Deadline()
	s.limits = append(s.limits, time.Until(deadline))
	s.leaks = append(s.leaks, opt.Leak)
	n := s.asked
	s.asked++
	if n < len(s.errs) && s.errs[n] != nil {
		if errors.Is(s.errs[n], context.DeadlineExceeded) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return nil, s.errs[n]
	}
	raw := &snapshot.Raw{Counters: snapshot.Counters{Values: map[string]uint64{"HeapAlloc": 1000 + uint64(n)}}}
	if s.counters != nil {
		raw.Counters.Values = s.counters(n)
	}
	raw.Time = time.Now()
	if opt.Ops != nil {
		ops := opt.Ops()
		raw.Ops = &ops
	}
	return raw, nil
}

func (s *script) Probe(context.Context, int) (capture.ProbePoint, error) {
	if len(s.probes) == 0 {
		return capture.ProbePoint{}, nil
	}
	p := s.probes[0]
	s.probes = s.probes[1:]
	return p, nil
}

// shelf is a sink in memory.
type shelf struct {
	raws   []*snapshot.Raw
	probes []capture.ProbePoint
	full   error
}

func (s *shelf) Add(r *snapshot.Raw) (string, error) {
	if s.full != nil {
		return "", s.full
	}
	s.raws = append(s.raws, r)
	return "", nil
}

func (s *shelf) Probe(p capture.ProbePoint) error {
	s.probes = append(s.probes, p)
	return nil
}

func recorderOf(src *script, dst *shelf) *recorder {
	return &recorder{
		source: src, sink: dst, report: newReporter(nil), timeout: 30 * time.Second,
		pid: func() int { return 7 }, in: snapshot.NewInterner(),
		counts: func() harness.Counts { return harness.Counts{Completed: 42, InFlight: 3} },
	}
}

var steady = moment{phase: snapshot.PhaseSteady, pass: 1}

func TestOneFailedSnapshotIsAWarningAndIsLeftOut(t *testing.T) {
	t.Parallel()
	src, dst := &script{errs: []error{nil, errors.New("status 500")}}, &shelf{}
	r := recorderOf(src, dst)
	for range 3 {
		if err := r.take(t.Context(), steady); err != nil {
			t.Fatalf("take = %v; want the run to go on", err)
		}
	}
	if len(dst.raws) != 2 || len(r.run.Snapshots) != 2 {
		t.Errorf("%d snapshots kept, %d parsed; want 2 and 2", len(dst.raws), len(r.run.Snapshots))
	}
	if w := r.report.all(); len(w) != 1 || w[0].Code != WarnSnapshotFailed || !strings.Contains(w[0].Text, "status 500") {
		t.Errorf("warnings %q; want one that says status 500", w)
	}
	s := r.run.Snapshots[1]
	if s.Phase != snapshot.PhaseSteady || s.Pass != 1 || s.PID != 7 || *s.Ops != 42 || *s.InFlight != 3 {
		t.Errorf("snapshot %+v; want phase, pass, PID 7, 42 operations and 3 in flight", s.Meta)
	}
}

func TestThreeFailuresInARowMeanThatTheTargetIsGone(t *testing.T) {
	t.Parallel()
	bad := errors.New("status 500")
	src := &script{errs: []error{bad, bad, nil, bad, bad, bad}}
	r := recorderOf(src, &shelf{})
	var got []error
	for range 6 {
		got = append(got, r.take(t.Context(), steady))
	}
	for i, err := range got[:5] {
		if err != nil {
			t.Errorf("snapshot %d: %v; a good one in between starts the count anew", i, err)
		}
	}
	if died(got[5]) == nil || !errors.Is(got[5], bad) {
		t.Errorf("the third failure in a row gives %v; want a target that is gone, because of status 500", got[5])
	}
}

func TestATargetHasTimeToBeStartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &capture.TargetError{URL: "u", Problem: "refused", Err: syscall.ECONNREFUSED}
		src := &script{errs: []error{refused, refused, refused, refused, refused, refused, refused}}
		r := recorderOf(src, &shelf{})
		r.patience = 5 * time.Second
		var err error
		n := 0
		for ; err == nil; n++ {
			if n > 0 {
				time.Sleep(time.Second) // to the next mark
			}
			err = r.take(t.Context(), steady)
		}
		if died(err) == nil || n != 6 || !strings.Contains(err.Error(), "6 snapshots in a row") {
			t.Errorf("after %d snapshots, a second apart: %v; want a target that is gone after 6", n, err)
		}
	})
}

func TestAHangingTargetIsNotGivenTheWholeTimeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := context.DeadlineExceeded
		src := &script{errs: []error{hang, hang, hang}}
		r := recorderOf(src, &shelf{})
		start := time.Now()
		var err error
		for range 3 {
			err = r.take(t.Context(), steady)
		}
		if died(err) == nil || !strings.Contains(err.Error(), "no whole snapshot within 10s") {
			t.Errorf("err = %v; want a target that is gone, and the limit of the last try", err)
		}
		if took := time.Since(start); took != 50*time.Second {
			t.Errorf("it took %s to notice; want 30 s and twice 10 s", took)
		}
	})
}

func TestADeadTargetIsAskedAgainBetweenDistantSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &capture.TargetError{URL: "u", Problem: "refused", Err: syscall.ECONNREFUSED}
		src := &script{errs: []error{refused, refused, refused}}
		r := recorderOf(src, &shelf{})
		r.retry = []time.Duration{15 * time.Second, 15 * time.Second}
		start := time.Now()
		if err := r.take(t.Context(), steady); died(err) == nil {
			t.Errorf("take = %v; want a target that is gone", err)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("it took %s; want two waits of 15 s", took)
		}
		// A target that answers, but badly, is not asked again at once.
		src.errs, src.asked, r.failed = []error{errors.New("status 500")}, 0, 0
		start = time.Now()
		if err := r.take(t.Context(), steady); err != nil || time.Since(start) != 0 {
			t.Errorf("take = %v after %s; want to go on at once", err, time.Since(start))
		}
	})
}

func TestACancelledSnapshotIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the end of the day")
	cancel(why)
	r := recorderOf(&script{errs: []error{context.Canceled}}, &shelf{})
	if err := r.take(ctx, steady); !errors.Is(err, why) || r.failed != 0 || len(r.report.all()) != 0 {
		t.Errorf("take = %v, %d failures, warnings %q; want the cause and nothing else", err, r.failed, r.report.all())
	}
}

func TestASnapshotWithoutItsOperationCountHasNone(t *testing.T) {
	t.Parallel()
	r := recorderOf(&script{}, &shelf{})
	value, fail := 10.0, error(nil)
	r.metric = func(context.Context) (float64, error) { return value, fail }
	for _, step := range []struct {
		value float64
		fail  error
	}{{10, nil}, {0, errors.New("no /metrics")}, {30, nil}} {
		value, fail = step.value, step.fail
		if err := r.take(t.Context(), steady); err != nil {
			t.Fatal(err)
		}
	}
	s := r.run.Snapshots
	if *s[0].Ops != 10 || s[1].Ops != nil || *s[2].Ops != 30 {
		t.Errorf("operations %v, %v, %v; want 10, none, 30", s[0].Ops, s[1].Ops, s[2].Ops)
	}
	if len(s[1].Missing) != 1 || !strings.Contains(s[1].Missing[0], "no /metrics") {
		t.Errorf("missing %q; want the reason", s[1].Missing)
	}
}

func TestAFullDiskDoesNotEndTheRun(t *testing.T) {
	t.Parallel()
	r := recorderOf(&script{}, &shelf{full: syscall.ENOSPC})
	for range 2 {
		if err := r.take(t.Context(), steady); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.run.Snapshots) != 2 || len(r.report.all()) != 1 {
		t.Errorf("%d snapshots, warnings %q; want 2 and one sentence", len(r.run.Snapshots), r.report.all())
	}
}

func TestOnlyTheLastSnapshotAsksForLeakedGoroutines(t *testing.T) {
	t.Parallel()
	src := &script{}
	r := recorderOf(src, &shelf{})
	for _, m := range []moment{{phase: snapshot.PhaseIdle}, steady, {phase: snapshot.PhaseDrain, last: true}} {
		if err := r.take(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(src.leaks); got != "[false false true]" {
		t.Errorf("asked for goroutineleak: %s; want the last alone", got)
	}
	var spans []string
	for _, s := range r.spans {
		spans = append(spans, string(s.Phase))
	}
	if got := strings.Join(spans, " "); got != "idle steady drain" {
		t.Errorf("phases %q; want idle steady drain", got)
	}
}

func TestProbesKeepPeaksAndStopWhereThereIsNothingToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dst := &shelf{}
		r := recorderOf(&script{probes: []capture.ProbePoint{
			{LiveBytes: 5000, RSS: 90}, {LiveBytes: 9000, RSS: 70}, {LiveBytes: 100, RSS: 80},
		}}, dst)
		if err := r.take(t.Context(), steady); err != nil { // 1,000 bytes live
			t.Fatal(err)
		}
		r.probeEvery(t.Context(), time.Second) // ends by itself at the first empty point
		if r.run.Peak != (snapshot.Peak{LiveBytes: 9000, RSS: 90}) || len(dst.probes) != 3 {
			t.Errorf("peak %+v of %d probes; want 9000 and 90 of 3", r.run.Peak, len(dst.probes))
		}
	})
}

func TestARecordingKeepsNothingInMemory(t *testing.T) {
	t.Parallel()
	dst := &shelf{}
	r := recorderOf(&script{}, dst)
	r.drop = true
	for range 5 {
		if err := r.take(t.Context(), moment{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.run.Snapshots) != 0 || r.kept != 5 || len(dst.raws) != 5 {
		t.Errorf("%d in memory, %d counted, %d in the bundle; want 0, 5, 5", len(r.run.Snapshots), r.kept, len(dst.raws))
	}
}

func TestATargetThatAnswersTheSameAgainIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for _, drop := range []bool{false, true} {
		src, dst := &script{counters: func(n int) map[string]uint64 {
			moved := uint64(min(n, 3))
			return map[string]uint64{"HeapAlloc": 1000, "Mallocs": 500 + moved, "Frees": 100, "NumGC": 2 * moved, "NumForcedGC": 2 * moved}
		}}, &shelf{}
		r := recorderOf(src, dst)
		r.drop = drop
		var told []int
		r.report = newReporter(func(e Event) {
			if e.Warning {
				told = append(told, len(dst.raws))
			}
		})
		for range 8 {
			if err := r.take(t.Context(), steady); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(told, []int{5}) || len(dst.raws) != 8 {
			t.Errorf("drop %v: told after snapshots %v of %d, want once, after the fifth of 8", drop, told, len(dst.raws))
		}
	}
}

func TestACounterThatIsNoCountOfOperations(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{1e300, -1, math.NaN(), math.Inf(1)} {
		src, dst := &script{}, &shelf{}
		r := recorderOf(src, dst)
		r.metric = func(context.Context) (float64, error) { return v, nil }
		if err := r.take(t.Context(), steady); err != nil {
			t.Fatal(err)
		}
		if raw := dst.raws[0]; raw.Ops != nil || len(raw.Missing) != 1 || r.report.all()[0].Code != WarnNoOperationCount {
			t.Errorf("counter %g: operations %v, missing %q", v, raw.Ops, raw.Missing)
		}
	}
}
