package harness

import (
	"math"
	"sort"
	"time"
)

// Pacer says when arrivals are intended. It is pure: the same arguments give
// the same answer, from any goroutine, and it knows no clock.
//
// Pace looks at arrival number sent (0 is the first) from the time elapsed
// since the start of the phase. wait is how long until that arrival is
// intended; zero or negative: it is due, and was intended -wait ago. So
// elapsed+wait is the arrival's intended time whatever elapsed is, and it must
// not fall as sent grows. stop says that there is no such arrival, nor any after
// it.
type Pacer interface {
	Pace(elapsed time.Duration, sent int64) (wait time.Duration, stop bool)
}

// Constant is a pacer of evenly spaced arrivals, so many a second. Arrival n is
// intended at n/rate, the first at 0. Zero or less: no arrivals.
type Constant float64

// Pace implements [Pacer].
func (c Constant) Pace(elapsed time.Duration, sent int64) (time.Duration, bool) {
	at, ok := c.at(float64(sent))
	return waitUntil(elapsed, at, ok)
}

func (c Constant) at(n float64) (seconds float64, ok bool) { return n / float64(c), c > 0 }

// Ramp is a pacer whose rate goes linearly from From to To arrivals a second
// within Over and stays at To from then on.
//
// With a = From, b = To, T = Over, c = (b-a)/T, the arrivals up to t <= T are
//
//	N(t) = a t + c t^2 / 2
//
// so that arrival n is intended at t = 2n / (a + sqrt(a^2 + 2 c n)), a form
// that neither divides by zero for c = 0 nor cancels for small c.
type Ramp struct {
	From, To float64
	Over     time.Duration
}

// Pace implements [Pacer].
func (r Ramp) Pace(elapsed time.Duration, sent int64) (time.Duration, bool) {
	at, ok := r.at(float64(sent))
	return waitUntil(elapsed, at, ok)
}

func (r Ramp) at(n float64) (seconds float64, ok bool) {
	over := r.Over.Seconds()
	during := (r.From + r.To) / 2 * over // N(T)
	if n >= during {
		return over + (n-during)/r.To, r.To > 0
	}
	if n == 0 {
		return 0, true
	}
	c := (r.To - r.From) / over
	root := math.Sqrt(max(r.From*r.From+2*c*n, 0))
	return 2 * n / (r.From + root), true
}

// waitUntil turns an intended time in seconds into Pace's results. Times past
// what a Duration holds (292 years) are the end.
func waitUntil(elapsed time.Duration, at float64, ok bool) (time.Duration, bool) {
	ns := math.RoundToEven(at * 1e9)
	if !ok || !(ns < math.MaxInt64/2) {
		return 0, true
	}
	return time.Duration(ns) - elapsed, false
}

// due returns how many arrivals are intended at or before elapsed. sent of
// them are known to be. O(log n) calls of p.
func due(p Pacer, elapsed time.Duration, sent int64) int64 {
	isDue := func(n int64) bool {
		wait, stop := p.Pace(elapsed, n)
		return !stop && wait <= 0
	}
	if !isDue(sent) {
		return sent
	}
	// Gallop: lo is due, hi is not.
	lo, step := sent, int64(1)
	for isDue(lo + step) {
		lo += step
		step *= 2
	}
	return lo + 1 + int64(sort.Search(int(step-1), func(i int) bool { return !isDue(lo + 1 + int64(i)) }))
}

// intended returns the time at which arrival n is intended, since the start
// of the phase. n must be an arrival that the pacer has.
func intended(p Pacer, n int64) time.Duration {
	at, _ := p.Pace(0, n)
	return at
}
