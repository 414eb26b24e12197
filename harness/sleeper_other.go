//go:build !linux

package harness

import "time"

const canBePrecise = false

// preciseSleep is never called here: a plan that asks for it is refused.
func preciseSleep() (func(time.Duration) <-chan time.Time, func()) {
	return func(time.Duration) <-chan time.Time { return nil }, func() {}
}
