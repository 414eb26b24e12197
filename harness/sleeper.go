package harness

import "time"

// sleeper waits for the pacer.
type sleeper struct {
	least time.Duration // between two looks at the pacer, at least
}

// begin returns a function that begins to wait, with a channel that something
// is received from after it. done ends its use. Either belongs to the calling
// goroutine.
func (s *sleeper) begin(precise bool) (sleep func(time.Duration) <-chan time.Time, done func()) {
	if precise {
		s.least = preciseBatch
		return preciseSleep()
	}
	s.least = batch
	timer := time.NewTimer(time.Hour)
	return func(d time.Duration) <-chan time.Time {
		timer.Reset(d)
		return timer.C
	}, func() { timer.Stop() }
}
