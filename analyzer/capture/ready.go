package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Waits between two tries of WaitReady: they double up to the last.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = 500 * time.Millisecond
)

// WaitReady asks until the target answers anything but "not yet" (status 502,
// 503, 504), and leaves the judgement of the answer to Offer. It ends with
// ctx: without a deadline there it waits as long as nothing answers. An
// address that can never answer (an unknown host, a certificate that is not
// trusted) ends it at once.
func WaitReady(ctx context.Context, c *Client) error {
	pause := firstRetry
	var last error // why the target did not answer, rather than that ctx ended
	for {
		_, err := c.get(ctx, request{
			url: c.addr.of("cmdline", nil), want: "an answer", page: true,
			read: func(io.Reader) error { return nil },
		})
		var status *statusError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &status):
			if status.code < 502 || status.code > 504 {
				return nil
			}
		case ctx.Err() == nil && !transport(err):
			return nil
		case ctx.Err() == nil && isTLS(err):
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if wait(ctx, pause) != nil {
			return notReady(ctx, c, last)
		}
		pause = min(2*pause, lastRetry)
	}
}

func notReady(ctx context.Context, c *Client, last error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for %s: %w", c.addr, context.Cause(ctx))
	}
	problem, remedy := problemOf(last)
	if errors.Is(last, context.DeadlineExceeded) {
		problem, remedy = "no answer", "look whether the process hangs"
	}
	return &TargetError{URL: c.addr.String(), Problem: "pprof did not answer in time: " + problem, Remedy: remedy, Err: last}
}
