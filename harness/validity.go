package harness

import (
	"fmt"
	"math"
	"runtime/metrics"
	"time"
)

const (
	// validShare of the steady phase's arrivals must have been started.
	validShare = 0.995
	// borderSlack: an arrival that waits when the phase ends is not missed if it
	// was intended less than this before. Batches and wake-ups take a moment.
	borderSlack = 20 * time.Millisecond
	// slowMachine is the median wait of runnable goroutines for a CPU above
	// which this machine is the one that is too slow.
	slowMachine = 5 * time.Millisecond
)

// evidence is what the validity of a steady phase is judged on.
type evidence struct {
	intended  int64 // arrivals
	started   int64 // by the end of the phase
	rate      float64
	saturated bool // all workers were busy at some time
	max       int64
	mean      time.Duration // service time of successful operations; 0: none succeeded
	quickest  time.Duration
	schedule  time.Duration // median wait of runnable goroutines for a CPU in this process; 0: unknown
}

// judge says whether the load was what it was meant to be, else why not.
//
// A slow target and a small cap look alike at first sight: all workers are
// busy. By Little's law a rate of r operations that take s each needs r*s of
// them at once. If even the quickest operation seen would need more than the
// cap, the cap is too small for any load of this kind; else operations got
// slower under load.
func (e evidence) judge() (valid bool, reason string) {
	if e.intended == 0 || float64(e.started) >= validShare*float64(e.intended) {
		return true, ""
	}
	missed := fmt.Sprintf("only %.1f %% of the intended arrivals were started in time", 100*float64(e.started)/float64(e.intended))
	needed := e.rate * e.quickest.Seconds()
	switch {
	case !e.saturated:
		return false, missed + ": this machine is too slow, operations waited though fewer than the maximum were in flight; lower the rate or give the load a machine of its own"
	case e.schedule > slowMachine:
		return false, fmt.Sprintf("%s: this machine is too slow, a runnable goroutine of the load waited %v for a CPU; lower the rate or give the load a machine of its own", missed, e.schedule.Round(time.Millisecond/10))
	case e.mean == 0:
		return false, fmt.Sprintf("%s: the target is slow, all %d in flight were busy and no operation succeeded", missed, e.max)
	case needed > float64(e.max):
		return false, fmt.Sprintf("%s: the cap is too small, an operation takes at least %v, so that %.4g a second need %.0f in flight and the maximum is %d; raise the maximum in flight",
			missed, rounded(e.quickest), e.rate, math.Ceil(needed), e.max)
	}
	return false, fmt.Sprintf("%s: the target is slow, an operation took %v in the mean (%v at best) with %d in flight; lower the rate",
		missed, rounded(e.mean), rounded(e.quickest), e.max)
}

func rounded(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}

// schedLatencies counts how long this process's goroutines waited for a CPU,
// since its start.
func schedLatencies() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	return sample[0].Value.Float64Histogram()
}

// medianSince returns the median wait between two readings; 0 if unknown.
func medianSince(before, after *metrics.Float64Histogram) time.Duration {
	if before == nil || after == nil || len(before.Counts) != len(after.Counts) {
		return 0
	}
	var total, sum uint64
	for i := range after.Counts {
		total += after.Counts[i] - before.Counts[i]
	}
	for i := range after.Counts {
		sum += after.Counts[i] - before.Counts[i]
		if total > 0 && 2*sum >= total {
			// Lower bound of the bucket: rather too little than too much.
			return time.Duration(max(after.Buckets[i], 0) * float64(time.Second))
		}
	}
	return 0
}
