package backoff

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	t.Parallel()
	busy := &Temporary{Err: errors.New("busy")}
	tests := []struct {
		name    string
		answers []error
		tries   int
		ok      bool
	}{
		{"a success is not repeated", []error{nil}, 1, true},
		{"a temporary error is", []error{busy, busy, nil}, 3, true},
		{"five times at most", []error{busy, busy, busy, busy, busy, nil}, 5, false},
		{"another error is not", []error{errors.New("wrong"), nil}, 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				err := Default().Do(t.Context(), func(context.Context) error { tries++; return test.answers[tries-1] })
				if tries != test.tries || (err == nil) != test.ok {
					t.Errorf("%d tries, %v; want %d, success %t", tries, err, test.tries, test.ok)
				}
			})
		})
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := Policy{Attempts: 100, First: time.Minute, Max: time.Hour}.Do(ctx, func(context.Context) error {
			return &Temporary{Err: errors.New("busy")}
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

func TestPauses(t *testing.T) {
	t.Parallel()
	p := Policy{Attempts: 9, First: time.Second, Max: 10 * time.Second}
	for attempt, longest := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 99: 10 * time.Second} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := p.Pause(attempt, 0)
			if seen[d] = true; d < longest/2 || d > longest {
				t.Errorf("after attempt %d: %s, want %s to %s", attempt, d, longest/2, longest)
			}
		}
		if len(seen) < 50 {
			t.Errorf("after attempt %d: only %d different pauses of 100", attempt, len(seen))
		}
	}
	if d := p.Pause(1, 7*time.Second); d != 7*time.Second {
		t.Errorf("the server asked for 7 s: %s", d)
	}
	if d := p.Pause(1, time.Hour); d != 10*time.Second {
		t.Errorf("the server asked for an hour: %s", d)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		code      int
		after     string
		temporary bool
		wait      time.Duration
	}{
		{200, "", false, 0}, {204, "", false, 0}, {304, "", false, 0}, {404, "9", false, 0}, {501, "", false, 0},
		{429, "7", true, 7 * time.Second}, {503, now.Add(time.Minute).Format(http.TimeFormat), true, time.Minute},
		{500, "soon", true, 0}, {503, "-3", true, 0}, {503, "99999999999", true, 0},
	}
	for _, test := range tests {
		err := Status(&http.Response{StatusCode: test.code, Header: http.Header{"Retry-After": {test.after}}}, now)
		var temporary *Temporary
		if errors.As(err, &temporary) != test.temporary || (err == nil) != (test.code < 300) {
			t.Errorf("%d: %v, want temporary %t", test.code, err, test.temporary)
		}
		if temporary != nil && test.wait > 0 && temporary.After != test.wait {
			t.Errorf("%d, Retry-After %q: %s, want %s", test.code, test.after, temporary.After, test.wait)
		}
	}
}
