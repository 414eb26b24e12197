package harness

import (
	"sort"
	"time"

	"github.com/heapdrift/heapdrift/harness/latency"
)

// stream is the arrivals of one phase or pass and what became of them. The
// dispatcher's lock guards its counts.
type stream struct {
	phase Phase
	pass  int
	pacer Pacer
	first int64 // number of its first arrival as the pacer counts
	tally *latency.Tally

	due       int64 // arrivals whose time came: sent + shed + still queued
	sent      int64
	completed int64
	errors    int64
	shed      int64

	// Service times of successful operations, from start to end.
	served   int64
	service  time.Duration // sum
	quickest time.Duration // 0: none yet
}

func newStream(phase Phase, pass int, pacer Pacer) *stream {
	return &stream{phase: phase, pass: pass, pacer: pacer, tally: latency.NewTally()}
}

// segment is n consecutive arrivals of a stream that wait, from number first
// on, with their clock's origin.
type segment struct {
	stream *stream
	origin time.Duration
	first  int64
	n      int64
	seq    int64 // Op.Seq of the first
}

// intended reads neither n nor first: the worker calls it while the rest of its
// claim is taken back.
func (g *segment) intended(number int64) time.Duration {
	return g.origin + intended(g.stream.pacer, number)
}

// queue is the waiting arrivals, oldest first. The zero value is empty. Its
// memory follows the number of segments, not of arrivals; there are as many
// segments as there were gaps of shed arrivals.
type queue struct {
	ring []segment
	head int
	len  int
	n    int64 // arrivals
}

func (q *queue) push(g segment) {
	q.n += g.n
	if q.len > 0 {
		last := &q.ring[(q.head+q.len-1)%len(q.ring)]
		if last.stream == g.stream && last.origin == g.origin && last.first+last.n == g.first && last.seq+last.n == g.seq {
			last.n += g.n
			return
		}
	}
	q.grow()
	q.ring[(q.head+q.len)%len(q.ring)] = g
	q.len++
}

// pushFront puts arrivals back that were taken.
func (q *queue) pushFront(g segment) {
	q.n += g.n
	q.grow()
	q.head = (q.head + len(q.ring) - 1) % len(q.ring)
	q.ring[q.head] = g
	q.len++
}

func (q *queue) grow() {
	if q.len < len(q.ring) {
		return
	}
	grown := make([]segment, max(2*q.len, 16))
	for i := range q.len {
		grown[i] = q.ring[(q.head+i)%q.len]
	}
	q.ring, q.head = grown, 0
}

// pop takes the oldest arrivals, consecutive ones of one stream and at most
// so many. The queue must not be empty.
func (q *queue) pop(most int64) segment {
	head := &q.ring[q.head]
	g := *head
	g.n = min(g.n, most)
	head.first += g.n
	head.seq += g.n
	head.n -= g.n
	q.n -= g.n
	if head.n == 0 {
		*head = segment{} // lets go of the stream
		q.head = (q.head + 1) % len(q.ring)
		q.len--
	}
	return g
}

// olderThan counts the waiting arrivals of s that were intended before t.
func (q *queue) olderThan(t time.Duration, s *stream) (n int64) {
	for i := range q.len {
		g := q.ring[(q.head+i)%len(q.ring)]
		if g.stream != s {
			continue
		}
		n += int64(sort.Search(int(g.n), func(k int) bool { return g.intended(g.first+int64(k)) >= t }))
	}
	return n
}
