package harness

import (
	"sync"
	"time"
)

// clock is the intended clock of the current phase. It reads the time since
// the phase began, less the holds. Times are since the start of the run, on
// the monotonic clock.
type clock struct {
	now func() time.Duration

	mu     sync.Mutex
	phase  Phase
	pass   int
	total  time.Duration
	origin time.Duration // reads zero here
	heldAt time.Duration // time of the hold; meaningless unless held
	held   bool
}

// begin starts the clock of a phase at zero.
func (c *clock) begin(phase Phase, pass int, total time.Duration) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase, c.pass, c.total, c.origin, c.held = phase, pass, total, now, false
}

// enter changes the pass; the clock goes on.
func (c *clock) enter(pass int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass = pass
}

// read returns the elapsed time and the time at which the clock would have
// begun without holds.
func (c *clock) read() (elapsed, origin time.Duration) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		now = c.heldAt
	}
	return now - c.origin, c.origin
}

func (c *clock) elapsed() time.Duration {
	elapsed, _ := c.read()
	return elapsed
}

// hold stops the clock as of the given reading, which may lie in the past.
func (c *clock) hold(elapsed time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.heldAt = true, c.origin+elapsed
}

// resume lets it go on from where it was held.
func (c *clock) resume() {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		c.origin += now - c.heldAt
		c.held = false
	}
}

func (c *clock) progress() Progress {
	elapsed, _ := c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	return Progress{Phase: c.phase, Pass: c.pass, Elapsed: elapsed, Total: c.total, Held: c.held}
}
