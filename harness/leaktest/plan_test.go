package leaktest

import (
	"math"
	"testing"
	"time"
)

func TestPlanDividesTheTime(t *testing.T) {
	base := config{warmup: -1, ops: defaultOps, duration: 2 * time.Second}
	with := func(change func(*config)) config { c := base; change(&c); return c }
	for _, c := range []struct {
		name      string
		c         config
		s         seen
		snapshots int
		ops       int
	}{
		{"fast operations: the most there may be", base, seen{time.Millisecond, time.Microsecond, 0}, 20, 50_000},
		{"1 ms each: the time but the snapshots'", base, seen{time.Millisecond, time.Millisecond, 0}, 20, 1980},
		{"10 ms each: enough of them", base, seen{time.Millisecond, 10 * time.Millisecond, 0}, 20, 400},
		{"40 ms each: as many as patience permits", base, seen{time.Millisecond, 40 * time.Millisecond, 0}, 20, 200},
		{"1 s each: one before each of the fewest snapshots", base, seen{time.Millisecond, time.Second, 0}, 12, 12},
		{"snapshots of 100 ms: fewer, and a quarter of the time for operations", base, seen{100 * time.Millisecond, time.Millisecond, 0}, 15, 500},
		{"snapshots of 1 s: the fewest", base, seen{time.Second, time.Millisecond, 0}, 12, 500},
		{"1 MiB kept by each: what memory permits", base, seen{time.Millisecond, time.Microsecond, 1 << 20}, 20, 256},
		{"100 MiB kept by each: one before each snapshot", base, seen{time.Millisecond, time.Microsecond, 100 << 20}, 12, 12},
		{"a number of operations, however slow", with(func(c *config) { c.ops, c.opsSet = 700, true }), seen{time.Second, time.Second, 0}, 20, 700},
		{"a small number of operations", with(func(c *config) { c.ops, c.opsSet = 13, true }), seen{time.Millisecond, time.Second, 0}, 13, 13},
		{"nothing known", base, seen{}, 20, 50_000},
	} {
		got := c.c.plan(c.s)
		if got.snapshots != c.snapshots || got.ops != c.ops {
			t.Errorf("%s: %d snapshots and %d operations, want %d and %d", c.name, got.snapshots, got.ops, c.snapshots, c.ops)
		}
	}
}

func TestShortIsAQuarter(t *testing.T) {
	c := config{warmup: -1, ops: 50_000, duration: 2 * time.Second, looks: mostLooks}
	c.shrink()
	if c.ops != 12_500 || c.duration != 500*time.Millisecond || c.looks != mostLooks-1 {
		t.Errorf("-short makes of it %+v", c)
	}
	c = config{ops: 20}
	c.shrink()
	if c.ops != leastSnapshots {
		t.Errorf("-short makes %d operations of 20, want %d: one before each snapshot", c.ops, leastSnapshots)
	}
}

func TestWarmupIsAPartOrWhatWasSaid(t *testing.T) {
	c := config{warmup: -1, ops: 1000, duration: time.Second}
	if ops, d := c.warmupLimits(); ops != 200 || d != 250*time.Millisecond {
		t.Errorf("by default %d operations, %v; want 200, 250ms", ops, d)
	}
	c.warmup = 5000
	if ops, d := c.warmupLimits(); ops != 5000 || d < time.Hour {
		t.Errorf("Warmup(5000): %d operations, %v; want 5000, no limit", ops, d)
	}
}

func TestTheThirdLookIsTwiceAsLong(t *testing.T) {
	l := look{snapshots: 20, ops: 500, limit: time.Second}
	for number, want := range map[int]look{1: l, 2: l, 3: {snapshots: 20, ops: 1000, limit: 2 * time.Second}} {
		if got := l.again(number); got != want {
			t.Errorf("look %d: %+v, want %+v", number, got, want)
		}
	}
	if got := (look{limit: math.MaxInt64}).again(3).limit; got != math.MaxInt64 {
		t.Errorf("no limit became %v", got)
	}
}
