package latency

import (
	"sync"
	"testing"
	"time"
)

func one(d time.Duration) []time.Duration { return []time.Duration{d} }

func TestQuantilesOfAUniformDistribution(t *testing.T) {
	t.Parallel()
	r, tally := NewRecorder(4), NewTally()
	r.Switch(tally)
	for i := 1; i <= 100_000; i++ {
		r.Record(i, tally, one(time.Duration(i)*10*time.Microsecond))
	}
	got := r.Summary(tally)
	for name, c := range map[string]struct{ got, want time.Duration }{
		"p50":   {got.P50, 500 * time.Millisecond},
		"p90":   {got.P90, 900 * time.Millisecond},
		"p99":   {got.P99, 990 * time.Millisecond},
		"p99.9": {got.P999, 999 * time.Millisecond},
		"max":   {got.Max, time.Second},
	} {
		if diff := c.got - c.want; diff.Abs() > c.want/1000 {
			t.Errorf("%s of 10 µs to 1 s: got %v, want %v within 0.1 %%", name, c.got, c.want)
		}
	}
	if got.N != 100_000 || got.OutOfRange != 0 {
		t.Errorf("counted %d with %d out of range, want 100000 and 0", got.N, got.OutOfRange)
	}
}

func TestOutOfRangeValuesAreCountedAndMoveTheQuantiles(t *testing.T) {
	t.Parallel()
	r, tally := NewRecorder(1), NewTally()
	r.Switch(tally)
	r.Record(0, tally, one(-time.Second))
	r.Record(0, tally, one(2*Highest))
	r.Record(0, tally, one(3*Highest))
	got := r.Summary(tally)
	if got.N != 3 || got.OutOfRange != 2 {
		t.Errorf("got N=%d OutOfRange=%d, want 3 and 2", got.N, got.OutOfRange)
	}
	if got.Max != 3*Highest {
		t.Errorf("max %v, want the exact %v", got.Max, 3*Highest)
	}
	if got.P50 < Highest {
		t.Errorf("p50 %v of {0, 2h, 3h}, want at least %v", got.P50, Highest)
	}
}

func TestLateValuesGoToTheirOwnPhase(t *testing.T) {
	t.Parallel()
	r, first, second := NewRecorder(2), NewTally(), NewTally()
	r.Switch(first)
	r.Record(0, first, one(time.Millisecond))
	r.Record(1, first, one(time.Millisecond))
	r.Switch(second)
	r.Record(0, first, one(10*time.Millisecond)) // late
	r.Record(0, second, one(time.Second))
	a, b := r.Summary(first), r.Summary(second)
	if a.N != 3 || a.Max != 10*time.Millisecond {
		t.Errorf("first phase: got N=%d max=%v, want 3 and 10ms", a.N, a.Max)
	}
	if b.N != 1 || b.Max != time.Second {
		t.Errorf("second phase: got N=%d max=%v, want 1 and 1s", b.N, b.Max)
	}
	if again := r.Summary(second); again != b {
		t.Errorf("a second look gave %+v, want the same %+v", again, b)
	}
	both := NewTally()
	both.Add(first)
	both.Add(second)
	if got := both.Summary(); got.N != 4 || got.Max != time.Second {
		t.Errorf("merged: got N=%d max=%v, want 4 and 1s", got.N, got.Max)
	}
}

func TestNothingIsLostWhileOthersLookAndSwitch(t *testing.T) {
	t.Parallel()
	const workers, each = 4, 5000
	r, tallies := NewRecorder(2), []*Tally{NewTally(), NewTally()}
	r.Switch(tallies[0])
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				r.Record(w, tallies[i%2], one(time.Millisecond))
			}
		})
	}
	for i := range 50 {
		r.Switch(tallies[i%2])
		r.Summary(tallies[0])
	}
	wg.Wait()
	a, b := r.Summary(tallies[0]), r.Summary(tallies[1])
	if a.N+b.N != workers*each || a.N != b.N {
		t.Errorf("counted %d and %d, want %d each", a.N, b.N, workers*each/2)
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	r, tally := NewRecorder(1), NewTally()
	r.Switch(tally)
	values := one(time.Millisecond)
	if n := testing.AllocsPerRun(1000, func() { r.Record(0, tally, values) }); n != 0 {
		t.Errorf("%v allocations a value, want none", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	r, tally := NewRecorder(1), NewTally()
	r.Switch(tally)
	for b.Loop() {
		r.Record(0, tally, one(1234*time.Microsecond))
	}
}
