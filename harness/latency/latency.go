// Package latency counts how long operations took, cheaply enough to be called
// a million times a second from many goroutines, and with memory that does not
// grow with their number.
//
// A [Recorder] holds a few shards, each with one HdrHistogram behind its own
// lock. A [Tally] holds what one phase of a run amounts to. [Recorder.Switch]
// pours the shards into the tally of the ending phase at a phase border; what
// is recorded for a phase that is over (its operations still come back) goes to
// its tally directly.
//
// Shards rather than one histogram per worker: at three significant digits
// over an hour's range a histogram takes about 220 KB, so that the 1,500
// workers of a large cap would take 330 MB in the process that is measured.
package latency

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range that the histograms resolve. Below Resolution values are rounded
// to it; above Highest they are counted as out of range and recorded as
// Highest, so that they still move the quantiles upwards.
const (
	Resolution = 64 * time.Nanosecond
	Highest    = time.Hour
	digits     = 3
)

// Summary is what a distribution of latencies amounts to. The quantiles have
// a relative error of at most 0.1 %; Max is exact.
type Summary struct {
	P50, P90, P99, P999, Max time.Duration
	Mean                     time.Duration // as exact as the quantiles
	N                        int64         // values counted, those out of range included
	OutOfRange               int64         // values above Highest, entered as Highest
}

// Tally is the distribution of one phase.
type Tally struct {
	mu   sync.Mutex
	hist *hdrhistogram.Histogram
	max  int64 // ns
	over int64
}

// NewTally returns an empty tally. All of its memory is allocated here.
func NewTally() *Tally { return &Tally{hist: newHistogram()} }

// Recorder takes values in. Its methods may be called from any goroutine.
type Recorder struct {
	shards []shard
	window *Tally // since the last call of Window; written to as the shards are poured
}

type shard struct {
	mu     sync.Mutex
	tally  *Tally // the one that hist is to be poured into; nil before the first Switch
	hist   *hdrhistogram.Histogram
	window *Tally
	max    int64
	over   int64
	_      [64]byte // no false sharing between neighbours
}

// NewRecorder returns a recorder with n shards, at least one. All of its
// memory is allocated here.
func NewRecorder(n int) *Recorder {
	r := &Recorder{shards: make([]shard, max(n, 1)), window: NewTally()}
	for i := range r.shards {
		r.shards[i].hist, r.shards[i].window = newHistogram(), r.window
	}
	return r
}

// Switch makes t the current tally and pours what the shards held for the
// previous one into that. It costs about 20 µs a shard.
func (r *Recorder) Switch(t *Tally) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.pour()
		s.tally = t
		s.mu.Unlock()
	}
	r.window.reset()
}

// Record counts values for t in the shard of the given number, taken modulo
// the number of shards. Negative durations count as zero.
func (r *Recorder) Record(number int, t *Tally, values []time.Duration) {
	s := &r.shards[uint(number)%uint(len(r.shards))]
	s.mu.Lock()
	if s.tally == t {
		for _, d := range values {
			s.max, s.over = record(s.hist, d, s.max, s.over)
		}
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	t.mu.Lock()
	for _, d := range values {
		t.max, t.over = record(t.hist, d, t.max, t.over)
	}
	t.mu.Unlock()
}

// Summary returns what t amounts to so far, the shards included.
func (r *Recorder) Summary(t *Tally) Summary {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		if s.tally == t {
			s.pour()
		}
		s.mu.Unlock()
	}
	return t.Summary()
}

// Window returns what was recorded for the current tally since the last call
// or Switch, whichever was later. It costs what Switch does.
func (r *Recorder) Window() Summary {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.pour()
		s.mu.Unlock()
	}
	summary := r.window.Summary()
	r.window.reset()
	return summary
}

// Summary returns what has been poured into t.
func (t *Tally) Summary() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Summary{N: t.hist.TotalCount(), OutOfRange: t.over, Max: time.Duration(t.max)}
	if s.N == 0 {
		return s
	}
	q := t.hist.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	s.Mean = min(time.Duration(t.hist.Mean()), s.Max)
	// A bucket's upper end may lie above the largest value in it.
	s.P50 = min(time.Duration(q[0]), s.Max)
	s.P90 = min(time.Duration(q[1]), s.Max)
	s.P99 = min(time.Duration(q[2]), s.Max)
	s.P999 = min(time.Duration(q[3]), s.Max)
	return s
}

// Record counts d for t alone. It is for what one goroutine at a time records.
func (t *Tally) Record(d time.Duration) {
	t.mu.Lock()
	t.max, t.over = record(t.hist, d, t.max, t.over)
	t.mu.Unlock()
}

// Add adds what from holds to t and leaves from as it is.
func (t *Tally) Add(from *Tally) {
	from.mu.Lock()
	defer from.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hist.Merge(from.hist)
	t.max = max(t.max, from.max)
	t.over += from.over
}

func (t *Tally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hist.Reset()
	t.max, t.over = 0, 0
}

// pour empties the shard into its tally and the window. The shard's lock is held; a tally's
// lock is only ever taken after a shard's.
func (s *shard) pour() {
	if s.tally == nil || s.hist.TotalCount() == 0 {
		return
	}
	for _, t := range []*Tally{s.tally, s.window} {
		t.mu.Lock()
		t.hist.Merge(s.hist)
		t.max = max(t.max, s.max)
		t.over += s.over
		t.mu.Unlock()
	}
	s.hist.Reset()
	s.max, s.over = 0, 0
}

func record(h *hdrhistogram.Histogram, d time.Duration, highest, over int64) (newHighest, newOver int64) {
	v := max(int64(d), 0)
	highest = max(highest, v)
	if v > int64(Highest) {
		over++
		v = int64(Highest)
	}
	// Cannot fail: v lies within the range that the histogram was made for.
	_ = h.RecordValue(v)
	return highest, over
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(Resolution), int64(Highest), digits)
}
