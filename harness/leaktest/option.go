package leaktest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
)

// Option changes what [Run] or [NoGoroutines] does by default.
type Option func(*config)

// Defaults of Run. Under -short, For and Ops are a quarter of what is set.
const (
	defaultFor    = 1500 * time.Millisecond
	defaultOps    = 50_000
	defaultDrain  = 250 * time.Millisecond
	shortPart     = 4
	defaultPerOp  = 1        // bytes
	fewBytes      = 64 << 10 // of all judged operations together, that pass by default: the evidence floor
	mostFew       = 8        // of them, per operation
	leastBytes    = 0.1      // per operation: the least limit that "kept" is held against
	leastObjects  = 0.01     // likewise
	leastGorouts  = 0.01     // likewise: without any in n operations, 3/n is what can be shown
	mostLooks     = 3
	mostLooksFast = 2 // under -short
)

// config is what the options say. Negative numbers are "not set".
type config struct {
	warmup     int           // operations
	ops        int           // of one look, at most
	opsSet     bool          // ops, however long they take
	duration   time.Duration // of one look, at most
	drain      time.Duration
	concurrent int
	bytes      float64 // per operation
	objects    float64 // per operation
	goroutines float64 // per operation
	bytesSet   bool
	goroutSet  bool
	objectsSet bool
	looks      int
	allowed    []allowed
	errs       []error
	runOnly    []string // options given that say nothing to NoGoroutines
}

// Warmup is how many operations are done before anything is judged: at least as
// many as it takes to fill the caches, pools and tables of the code under test.
// By default a quarter of the time of [For], at most a fifth of [Ops].
func Warmup(n int) Option {
	return func(c *config) {
		c.only("Warmup")
		c.warmup = n
		c.check(n >= 0, "Warmup(%d): want a number of operations, 0 or more", n)
	}
}

// Ops is how many operations are done for one look, however long they take; by
// default as many as fit into the time of [For], at most 50,000.
func Ops(n int) Option {
	return func(c *config) {
		c.only("Ops")
		c.ops, c.opsSet = n, true
		c.check(n >= leastSnapshots, "Ops(%d): want at least %d operations, one before each snapshot", n, leastSnapshots)
	}
}

// For is how long operations are done for one look at the evidence, 1.5 s by
// default, snapshots included; up to four times as long if it holds less than 400
// operations. What does not pass gets a second look, to learn
// where, and what is not decided by then a third, twice as long; under -short
// no third.
func For(d time.Duration) Option {
	return func(c *config) {
		c.only("For")
		c.duration = d
		c.check(d > 0, "For(%v): want a time above 0", d)
	}
}

// Drain is how long to wait at the end for goroutines that are still ending,
// 250 ms by default. It is over at once when as few are left as before.
func Drain(d time.Duration) Option {
	return func(c *config) {
		c.drain = d
		c.check(d >= 0, "Drain(%v): want a time, 0 or more", d)
	}
}

// Concurrent has n operations done at a time, by default one after the other.
// They stand still while a snapshot is taken.
func Concurrent(n int) Option {
	return func(c *config) {
		c.only("Concurrent")
		c.concurrent = n
		c.check(n >= 1, "Concurrent(%d): want 1 or more", n)
	}
}

// MaxPerOp is how many bytes an operation may keep on the average. Run passes
// when the upper end of the interval is at most that, or 0.1 if that is less. By
// default it is 1, and of fewer than 65,536 operations, which can show less, more
// passes: 64 KiB, the least growth that is evidence, over their number, 8 bytes an
// operation at most.
func MaxPerOp(bytes float64) Option {
	return func(c *config) {
		c.only("MaxPerOp")
		c.bytes, c.bytesSet = bytes, true
		c.check(finite(bytes) && bytes >= 0, "MaxPerOp(%v): want bytes per operation, 0 or more", bytes)
	}
}

// MaxObjects is how many objects an operation may keep on the average, by
// default a sixteenth of [MaxPerOp]: those of 16 bytes. It is judged against
// 0.01 if it is less.
func MaxObjects(n float64) Option {
	return func(c *config) {
		c.only("MaxObjects")
		c.objects, c.objectsSet = n, true
		c.check(finite(n) && n >= 0, "MaxObjects(%v): want objects per operation, 0 or more", n)
	}
}

// MaxGoroutines is how many goroutines an operation may leave behind on the
// average. By default and for 0, none that can be shown, and the run must be
// long enough to show that they are fewer than 0.01: 300 operations.
func MaxGoroutines(n float64) Option {
	return func(c *config) {
		c.only("MaxGoroutines")
		c.goroutines, c.goroutSet = n, n > 0
		c.check(finite(n) && n >= 0, "MaxGoroutines(%v): want goroutines per operation, 0 or more", n)
	}
}

// Allow accepts what a site or a goroutine keeps. In pattern, * stands for any
// characters; it is held against each function of the stack with its whole
// import path or what follows one of its slashes: "metrics.(*Registry).*".
// Reason and expiry are mandatory; from the day after expiry (2006-01-02, UTC)
// on the test fails until one of the two is mended. What matches nothing is
// logged.
func Allow(pattern, reason, expiry string) Option {
	return func(c *config) {
		a, err := newAllowed(pattern, reason, expiry)
		if err != nil {
			c.errs = append(c.errs, err)
			return
		}
		c.allowed = append(c.allowed, a)
	}
}

func (c *config) only(name string) { c.runOnly = append(c.runOnly, name) }

func (c *config) check(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// configure applies the options to the defaults and ends the test if one of
// them says nothing that can be done, or an allowance has expired.
func configure(t testing.TB, now time.Time, opts []Option) *config {
	t.Helper()
	c := &config{
		warmup: -1, ops: defaultOps, duration: defaultFor, drain: defaultDrain, concurrent: 1,
		bytes: defaultPerOp, objects: -1, looks: mostLooks,
	}
	for _, o := range opts {
		o(c)
	}
	for _, err := range c.errs {
		t.Errorf("leaktest: %v", err)
	}
	if len(c.errs) > 0 {
		t.FailNow()
	}
	for _, a := range c.allowed {
		if a.expired(now) {
			t.Errorf("leaktest: the allowance of %q (%s) expired on %s: mend what it allows, or renew it", a.pattern, a.reason, a.expiry.Format(time.DateOnly))
		}
	}
	if !c.objectsSet {
		c.objects = c.bytes / detect.SmallestObject
	}
	return c
}

// shrink is what -short asks for.
func (c *config) shrink() {
	c.duration /= shortPart
	c.ops = max(leastSnapshots, c.ops/shortPart)
	c.looks = mostLooksFast
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
