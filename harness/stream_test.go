package harness

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheQueueKeepsOrderAndIntendedTimes(t *testing.T) {
	t.Parallel()
	s := &stream{pacer: Constant(1000)}
	var q queue
	var want []time.Duration
	next := int64(0)
	// Origins move (a hold) and gaps open (shed arrivals) often enough for the
	// ring to grow while its head is not at the start.
	for i := range int64(100) {
		origin := time.Duration(i/3) * time.Second
		q.push(segment{stream: s, origin: origin, first: next, n: 2})
		for k := range int64(2) {
			want = append(want, origin+time.Duration(next+k)*time.Millisecond)
		}
		next += 2 + i%2
		if i%4 == 0 {
			g := q.pop(1)
			if got := g.intended(g.first); got != want[0] {
				t.Fatalf("arrival %d was intended at %v, want %v", g.first, got, want[0])
			}
			if i%8 == 0 {
				q.pushFront(g)
				g = q.pop(1)
			}
			want = want[1:]
		}
	}
	for _, c := range []time.Duration{0, want[0], want[0] + 1, want[len(want)/2], want[len(want)-1], time.Hour} {
		at, _ := slices.BinarySearch(want, c)
		if got := q.olderThan(c, s); got != int64(at) {
			t.Errorf("%d older than %v, want %d", got, c, at)
		}
	}
	if got := q.olderThan(time.Hour, &stream{}); got != 0 {
		t.Errorf("%d of a stream that has none", got)
	}
	for _, w := range want {
		g := q.pop(1)
		if got := g.intended(g.first); got != w {
			t.Fatalf("arrival %d was intended at %v, want %v", g.first, got, w)
		}
	}
	if q.n != 0 || q.len != 0 {
		t.Errorf("%d arrivals in %d segments left of an empty queue", q.n, q.len)
	}
}

func TestConsecutiveArrivalsAreOneSegment(t *testing.T) {
	t.Parallel()
	s, q := &stream{pacer: Constant(1e6)}, queue{}
	for i := range int64(1e5) {
		q.push(segment{stream: s, first: 1000 * i, n: 1000, seq: 1000 * i})
	}
	if q.n != 1e8 || q.len != 1 {
		t.Errorf("%d arrivals in %d segments, want a hundred million in one", q.n, q.len)
	}
}

func TestValidity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		evidence
		want string // "": valid
	}{
		{"all started", evidence{intended: 1000, started: 1000}, ""},
		{"99.5 % started", evidence{intended: 1000, started: 995}, ""},
		{"99.4 % started", evidence{intended: 1000, started: 994, saturated: true, max: 10, rate: 100, mean: time.Second, quickest: time.Millisecond}, "the target is slow"},
		{"no arrivals", evidence{}, ""},
		{"nobody was busy", evidence{intended: 1000, started: 500}, "this machine is too slow"},
		{"nobody got a CPU", evidence{intended: 1000, started: 500, saturated: true, schedule: 8 * time.Millisecond, mean: 1}, "this machine is too slow"},
		{"nothing succeeded", evidence{intended: 1000, started: 500, saturated: true, max: 7}, "all 7 in flight were busy and no operation succeeded"},
		{"even the quickest needs more", evidence{intended: 1000, started: 500, saturated: true, max: 10, rate: 1000, mean: time.Second, quickest: 20 * time.Millisecond}, "need 20 in flight"},
		{"the quickest would do", evidence{intended: 1000, started: 500, saturated: true, max: 10, rate: 1000, mean: time.Second, quickest: 10 * time.Millisecond}, "the target is slow, an operation took 1s in the mean (10ms at best) with 10 in flight"},
	} {
		valid, reason := c.judge()
		if valid != (c.want == "") || !strings.Contains(reason, c.want) {
			t.Errorf("%s: got %v, %q; want %q", c.name, valid, reason, c.want)
		}
	}
}
