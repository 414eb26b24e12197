package harness

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	canBePrecise = true
	// preciseSlice is how long a precise sleep goes on before what else may
	// have happened is looked at.
	preciseSlice = 20 * time.Millisecond
	// preciseShort: sleeps shorter than this would take longer than that to begin.
	preciseShort = 5 * time.Microsecond
)

// preciseSleep sleeps in the kernel, on a thread of its own whose wake-ups
// the kernel must not put off (it may by 50 µs, else), until an absolute time:
// what lies between reading the clock and falling asleep does not add up.
// Go's own timers wake up through the scheduler and its network poller, and are
// rounded up to a millisecond there.
func preciseSleep() (sleep func(time.Duration) <-chan time.Time, done func()) {
	runtime.LockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // best effort: without it, later by 50 µs
	}
	awake := make(chan time.Time)
	close(awake) // the caller sleeps in sleep, not in its select
	return func(d time.Duration) <-chan time.Time {
			if d < preciseShort {
				return awake
			}
			var at unix.Timespec
			if unix.ClockGettime(unix.CLOCK_MONOTONIC, &at) != nil {
				time.Sleep(d)
				return awake
			}
			at = unix.NsecToTimespec(at.Nano() + int64(min(d, preciseSlice)))
			for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) == unix.EINTR {
				continue // the runtime's own signals wake it
			}
			return awake
		}, func() {
			if err == nil {
				_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
			}
			runtime.UnlockOSThread()
		}
}
