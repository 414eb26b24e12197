// Package backoff tries again what failed for the time being: over the network,
// with a server that is busy or gone.
package backoff

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Policy says how often and with what pauses. The zero value tries once.
type Policy struct {
	Attempts int           // in all; below 1 is 1
	First    time.Duration // the longest first pause; each further one may be twice as long
	Max      time.Duration // of any pause, also of one that a server asks for
}

// Default tries five times, over some six seconds.
func Default() Policy {
	return Policy{Attempts: 5, First: 400 * time.Millisecond, Max: 30 * time.Second}
}

// Temporary is an error that may be gone at the next try.
type Temporary struct {
	Err   error
	After time.Duration // that the server asks to wait; 0 if it does not say
}

func (t *Temporary) Error() string { return t.Err.Error() }
func (t *Temporary) Unwrap() error { return t.Err }

// Do calls try until it succeeds, fails with an error that is not Temporary,
// the attempts are used up, or ctx ends. An error says how often it was tried.
func (p Policy) Do(ctx context.Context, try func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if err == nil {
			return nil
		}
		var temporary *Temporary
		if !errors.As(err, &temporary) || ctx.Err() != nil {
			return err
		}
		if attempt >= p.Attempts {
			return fmt.Errorf("tried %d times: %w", attempt, err)
		}
		if err := Sleep(ctx, p.Pause(attempt, temporary.After)); err != nil {
			return fmt.Errorf("%w, after %d tries of what failed with: %w", err, attempt, temporary)
		}
	}
}

// Pause returns the pause after a failed attempt, counted from 1: between half
// of and all of First·2^(attempt−1), so that clients that failed together do
// not come back together; at least what the server asked for; at most Max.
func (p Policy) Pause(attempt int, asked time.Duration) time.Duration {
	d := p.Max
	if shift := attempt - 1; shift < 20 && p.First<<shift < p.Max {
		d = p.First << shift
	}
	if d > 1 {
		d = d/2 + rand.N(d/2+1)
	}
	return min(max(d, asked), p.Max)
}

// Sleep waits, or returns the context's error when that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Status returns nil for a 2xx answer, and an error for any other: Temporary
// for those that say that a later try may succeed.
func Status(resp *http.Response, now time.Time) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	err := &StatusError{Code: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		if resp.StatusCode < 500 || resp.StatusCode == http.StatusNotImplemented {
			return err
		}
	}
	return &Temporary{Err: err, After: retryAfter(resp.Header.Get("Retry-After"), now)}
}

// StatusError is an answer that is not a success.
type StatusError struct{ Code int }

func (s *StatusError) Error() string {
	return fmt.Sprintf("the answer is %d %s", s.Code, http.StatusText(s.Code))
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(s); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 86400)) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
