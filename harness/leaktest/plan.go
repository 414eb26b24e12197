package leaktest

import (
	"math"
	"time"
)

// Snapshots: how many are taken before the operations, of which the first is
// not used; how many are judged for one look, by default and at least.
const (
	idleSnapshots  = 6
	lookSnapshots  = 20
	leastSnapshots = 12
)

// Without a number of operations, the warm-up takes a part of those of a look and
// a part of its time, and of a look so much is for operations at the least.
const (
	warmupOpsPart  = 5
	warmupTimePart = 4
	leastOpsPart   = 4
)

// stuckPart is how many times as long as planned a part of a look may take.
const stuckPart = 2 * patience

// Limits of what a leak may take while it is measured, bytes.
const (
	warmupRoom = 64 << 20
	lookRoom   = 256 << 20
)

// warmupLimits say when the warm-up is over: after so many operations, or,
// where the number was not chosen, after the time.
func (c *config) warmupLimits() (ops int, d time.Duration) {
	if c.warmup >= 0 {
		return c.warmup, time.Duration(math.MaxInt64)
	}
	return max(1, c.ops/warmupOpsPart), c.duration / warmupTimePart
}

// seen is what the idle snapshots and the warm-up tell of what is to come.
type seen struct {
	snapshot time.Duration // one takes
	op       time.Duration // one takes; 0 where none was done
	kept     float64       // bytes an operation kept, at most
}

// enoughOps is how many operations show that goroutines are fewer than 0.01 an
// operation, and patience how many times the time of a look they may take: what
// passes on a calm machine shall pass on a busy one.
const (
	enoughOps = 400
	patience  = 4
)

// look is the plan of one look: a number of snapshots, and operations in equal
// parts before them.
type look struct {
	snapshots int
	ops       int           // of the look; at least one for each snapshot
	limit     time.Duration // after which a part ends early
}

// plan divides the time of a look between operations and snapshots. At least a
// quarter of it is for operations; where snapshots take the most of it (a large
// heap takes long to collect) fewer are taken. It takes longer where the time
// holds less than enough operations.
func (c *config) plan(s seen) look {
	l := look{snapshots: lookSnapshots, ops: c.ops, limit: time.Duration(math.MaxInt64)}
	if !c.opsSet {
		if s.snapshot > 0 {
			affordable := int((c.duration - c.duration/leastOpsPart) / s.snapshot)
			l.snapshots = max(leastSnapshots, min(l.snapshots, affordable))
		}
		forOps := max(c.duration/leastOpsPart, c.duration-time.Duration(l.snapshots)*s.snapshot)
		if s.op > 0 {
			l.ops = min(l.ops, max(int(forOps/s.op), min(enoughOps, int(patience*c.duration/s.op))))
		}
		l.limit = stuckPart * forOps / time.Duration(l.snapshots)
	}
	if s.kept > 0 {
		l.ops = int(min(float64(l.ops), lookRoom/s.kept))
	}
	l.snapshots = min(l.snapshots, max(l.ops, leastSnapshots))
	l.ops = max(l.ops, l.snapshots)
	return l
}

// again is the plan of a later look: from the third on, for which the evidence of
// the second was not enough, it is twice as long.
func (l look) again(number int) look {
	if number >= 3 {
		l.ops *= 2
		if l.limit < math.MaxInt64/2 {
			l.limit *= 2
		}
	}
	return l
}
