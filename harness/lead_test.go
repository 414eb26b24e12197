package harness

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestTheLeadFollowsWhatAWakeUpTakes(t *testing.T) {
	t.Parallel()
	l := newLead(true)
	now := time.Second
	clock := func() time.Duration { now += time.Microsecond; return now }
	late := 0
	for i := range 4000 {
		intended := now + time.Millisecond
		wake := intended - l.now() + time.Duration(20+i*37%100)*time.Microsecond // takes 20 to 120 µs
		now = wake
		if wake > intended {
			late++
		}
		if got := l.await(clock, wake, intended, true); got < intended {
			t.Fatalf("it returned at %v, before the intended %v", got, intended)
		}
	}
	if late < 800 || late > 1200 {
		t.Errorf("%d of 4000 were late, want about one in four", late)
	}
	if got := l.now(); got < 80*time.Microsecond || got > 110*time.Microsecond {
		t.Errorf("the lead is %v, want about the 75th percentile, 95 µs", got)
	}
	if got := newLead(false).now(); got != 0 {
		t.Errorf("without precision the lead is %v", got)
	}
}

func TestPrecisePacing(t *testing.T) {
	p := Plan{Rate: Rate{From: 400, To: 400}, Steady: 500 * time.Millisecond, Precise: true}
	if runtime.GOOS != "linux" {
		if _, err := New(TargetFunc(nothing), p); err == nil {
			t.Error("precise pacing was accepted where there is none")
		}
		return
	}
	// What other work on the machine adds is added to the usual pacing as well,
	// at the same time: it starts operations some 0.6 ms late by itself.
	precise, usual := time.Hour, time.Hour // half of the operations started later, in the best of some runs
	for round, measured := 0, 0; round < 20 && measured < 3; round++ {
		u := p
		u.Precise = false
		var beside *Result
		var both sync.WaitGroup
		both.Go(func() { beside = mustRun(t, TargetFunc(nothing), u) })
		res := mustRun(t, TargetFunc(nothing), p)
		both.Wait()
		if beside == nil {
			return // it has said why
		}
		if res.Counts.Completed != 200 {
			t.Errorf("%d operations, want 200", res.Counts.Completed)
		}
		if res.StartLag.N == 0 || beside.StartLag.N == 0 {
			continue // a machine that stood still: nothing was released on time
		}
		measured++
		precise, usual = min(precise, res.StartLag.P50), min(usual, beside.StartLag.P50)
	}
	t.Logf("half of the operations started more than %v late, usually %v", precise, usual)
	if precise >= usual {
		t.Errorf("half of the operations started more than %v late, with the usual pacing %v", precise, usual)
	}
}
