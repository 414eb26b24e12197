package pipeline

import (
	"sync/atomic"
	"time"
)

// StageStats is what one stage has done since the pipeline started, and what
// it is doing.
type StageStats struct {
	Stage     string
	Documents int64   // finished without an error
	Bytes     int64   // of text that went through, as it came
	Chunks    int64   // that went through
	Errors    int64   // documents, or parts, that failed in this stage
	Refused   int64   // documents that found this stage's queue full
	Latency   Latency // of the work on one document, part or commit, without the wait for it
	InFlight  int64   // documents, or parts, being worked on
	Queued    int     // documents, or parts, waiting for this stage
	Capacity  int     // documents, or parts, that may wait
}

// Latency is a histogram of durations.
type Latency struct {
	Count   int64
	Sum     time.Duration
	Buckets []Bucket // cumulative, in rising order; what is longer is in Count only
}

// Bucket counts the durations up to a limit.
type Bucket struct {
	Limit time.Duration
	Count int64
}

// bucketLimits are four to the power of their index, from 64 µs to 67 s.
const (
	bucketCount = 11
	firstLimit  = 64 * time.Microsecond
)

// histogram counts durations without a lock and without allocating.
type histogram struct {
	buckets [bucketCount + 1]atomic.Int64 // not cumulative; the last has what is longer
	nanos   atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i, limit := 0, firstLimit
	for i < bucketCount && d > limit {
		i++
		limit *= 4
	}
	h.buckets[i].Add(1)
	h.nanos.Add(int64(d))
}

func (h *histogram) latency() Latency {
	l := Latency{Buckets: make([]Bucket, bucketCount), Sum: time.Duration(h.nanos.Load())}
	limit := firstLimit
	for i := range h.buckets {
		l.Count += h.buckets[i].Load()
		if i < bucketCount {
			l.Buckets[i] = Bucket{Limit: limit, Count: l.Count}
			limit *= 4
		}
	}
	return l
}

// Stats returns the stages' counts in the order a document passes them. Each
// number is exact; together they are not one moment.
func (p *Pipeline) Stats() []StageStats {
	stages := []*stage{&p.split, &p.extract, &p.embed, &p.put}
	stats := make([]StageStats, len(stages))
	for i, s := range stages {
		stats[i] = StageStats{
			Stage:     s.name,
			Documents: s.documents.Load(),
			Bytes:     s.bytes.Load(),
			Chunks:    s.chunks.Load(),
			Errors:    s.errors.Load(),
			Refused:   s.refused.Load(),
			Latency:   s.latency.latency(),
			InFlight:  s.busy.Load(),
			Queued:    len(s.queue),
			Capacity:  cap(s.queue),
		}
	}
	return stats
}
