package detect

import (
	"math/rand/v2"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// hidden is a program whose exact total does not tell what it keeps.
type hidden struct {
	name string
	leak bool
	run  func(r *rand.Rand, n int) *snapshot.Run
}

// hiddenLeaks are leaks that total growth per operation does not show, and healthy
// programs that look like them.
func hiddenLeaks() []hidden {
	return []hidden{
		{name: "a site leaks while another shrinks faster", leak: true, run: func(r *rand.Rand, n int) *snapshot.Run {
			return behind(r, n, 1, spread(r, 1.2, 3))
		}},
		{name: "a site leaks while another shrinks as fast", leak: true, run: func(r *rand.Rand, n int) *snapshot.Run {
			return behind(r, n, 1, 1)
		}},
		{name: "a cache fills until 0.2 to 0.6 while another shrinks faster", run: func(r *rand.Rand, n int) *snapshot.Run {
			return behind(r, n, 0.2+0.4*r.Float64(), spread(r, 1.2, 3))
		}},
		{name: "500 to 1,000 B/s by time, load or not", leak: true, run: func(r *rand.Rand, n int) *snapshot.Run {
			return byTime(r, n, spread(r, 500, 1000), -1)
		}},
		{name: "1,000 to 3,000 B/s by time", leak: true, run: func(r *rand.Rand, n int) *snapshot.Run {
			return byTime(r, n, spread(r, 1000, 3000), -1)
		}},
		{name: "3,000 to 30,000 B/s by time", leak: true, run: func(r *rand.Rand, n int) *snapshot.Run {
			return byTime(r, n, spread(r, 3000, 30000), -1)
		}},
		{name: "500 to 30,000 B/s by time until 0.1 to 0.4 of the load", run: func(r *rand.Rand, n int) *snapshot.Run {
			return byTime(r, n, spread(r, 500, 30000), 0.1+0.3*r.Float64())
		}},
	}
}

// behind is a run as heapdrift records it in which one site gains objects until
// end of the load, which are kept, while another loses shrinks times as much; the
// other sites are healthy. The live heap is what the two make of it.
func behind(r *rand.Rand, n int, end, shrinks float64) *snapshot.Run {
	const idle, drain, size = 6, 3, 1024
	all := idle + n + drain
	sites, _ := healthySites(r, all, sampling)
	samples := spread(r, 64, 256) // gained
	gains, loses := make([]life, draw(r, samples)), make([]life, draw(r, samples*shrinks))
	for i := range gains {
		gains[i] = life{idle + end*float64(n)*r.Float64(), forever}
	}
	for i := range loses {
		loses[i] = life{-1, idle + float64(n)*r.Float64()}
	}
	sites[0] = allocSite{at(99, "example.com/app.Keep", handler), size, gains}
	sites[1] = allocSite{at(98, "example.com/app.Evict", handler), size, loses}
	s := simulation{idle: idle, steady: n, drain: drain, ops: 10_000, observedBytes: 300, observedObjects: 0.5, heap: serve(all, sampling, sites)}
	grows := samples * perSample(size) // bytes
	for i := range n {
		u := float64(i) / float64(n-1)
		b := grows * (min(1, u/end) - shrinks*u + 0.01*r.NormFloat64())
		s.bytes, s.objects = append(s.bytes, b), append(s.objects, b/size)
	}
	return s.run()
}

// byTime is a run as heapdrift records it of a program that keeps perSecond bytes a
// second from before the load on, whatever the load; until a part of the load has
// passed, or for ever where until is negative.
func byTime(r *rand.Rand, n int, perSecond, until float64) *snapshot.Run {
	const seconds = 2 // between snapshots
	object := spread(r, 64, 4096)
	s := simulation{idle: 6, steady: n, drain: 3, ops: 10 * int64(n), observedBytes: 300, observedObjects: 0.5}
	s.bytes, s.objects = make([]float64, n), make([]float64, n)
	for i := range n {
		s.bytes[i] = 500 * r.NormFloat64()
		s.objects[i] = s.bytes[i] / object
	}
	run := s.run()
	for i, x := range run.Snapshots {
		after := float64(i)
		if last := float64(s.idle) + until*float64(n); until >= 0 {
			after = min(after, last)
		}
		kept := perSecond * seconds * after
		x.Counters.Values["HeapAlloc"] += whole(kept)
		x.Counters.Values["Mallocs"] += whole(kept / object)
	}
	return run
}
