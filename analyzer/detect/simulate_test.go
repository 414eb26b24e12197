package detect

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// simulation describes a run to make up: what a healthy or leaking program's
// exact counters would read, snapshot by snapshot. The zero phases (idle 0,
// drain 0, phased false) are a recording by a passive tool.
type simulation struct {
	steady, idle, drain int
	phased              bool          // steady snapshots say so
	ops                 int64         // over the steady snapshots; 0: not known
	every               time.Duration // between snapshots; 0 means 2 s

	// Bytes, objects and goroutines over the load, for u = 0 … 1 over the
	// steady snapshots. nil: constant. The drain repeats the last value, unless
	// there are values for it too.
	bytes, objects, goroutines []float64
	// afterDrain is added to bytes in the drain's snapshots.
	afterDrain float64
	// observed is what each snapshot leaves behind: bytes, objects.
	observedBytes, observedObjects float64
	noCounters, noGoroutines       bool
	heap                           []*snapshot.Heap // per snapshot; nil: none
	stacks                         []*snapshot.Goroutines
	leaked                         *snapshot.Goroutines // in the last snapshot
}

const (
	baseBytes      = 64 << 20
	baseObjects    = 500_000
	baseGoroutines = 40
)

// run makes the snapshots.
func (s simulation) run() *snapshot.Run {
	every := s.every
	if every == 0 {
		every = 2 * time.Second
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	n := s.idle + s.steady + s.drain
	r := &snapshot.Run{}
	for i := range n {
		k := min(max(0, i-s.idle), s.steady-1) // index into the steady part
		x := &snapshot.Snapshot{Meta: snapshot.Meta{Time: start.Add(time.Duration(i) * every)}}
		at := func(v []float64, base float64) float64 {
			k := max(k, min(i-s.idle, len(v)-1)) // into the drain, where v goes on so far
			if k < 0 || k >= len(v) {
				return base
			}
			return base + v[k]
		}
		if s.ops > 0 {
			done := int64(0)
			if i >= s.idle && s.steady > 1 {
				done = s.ops * int64(k) / int64(s.steady-1)
			}
			x.Ops = &done
		}
		b, o := at(s.bytes, baseBytes), at(s.objects, baseObjects)
		switch {
		case i < s.idle:
			x.Phase = snapshot.PhaseIdle
			b, o = baseBytes/2, baseObjects/2
		case i >= s.idle+s.steady:
			x.Phase = snapshot.PhaseDrain
			b += s.afterDrain
		case s.phased || s.idle > 0:
			x.Phase = snapshot.PhaseSteady
		}
		b, o = b+s.observedBytes*float64(i), o+s.observedObjects*float64(i)
		if !s.noCounters {
			freed := uint64(i+1) * 100_000_000 // allocated and freed again
			x.Counters.Values = map[string]uint64{"HeapAlloc": whole(b), "Mallocs": freed + whole(o), "Frees": freed}
		}
		if s.heap != nil {
			x.Heap = s.heap[i]
		}
		switch {
		case s.noGoroutines:
		case s.stacks != nil:
			x.Goroutines = s.stacks[i]
		default:
			g := int64(math.Round(at(s.goroutines, baseGoroutines)))
			x.Goroutines = &snapshot.Goroutines{Total: g, Samples: []snapshot.GoroutineSample{{Stack: worker, Count: g}}}
		}
		if i == n-1 {
			x.Leaked = s.leaked
		}
		r.Snapshots = append(r.Snapshots, x)
	}
	return r
}

func whole(v float64) uint64 { return uint64(math.Max(0, math.Round(v))) }

// worker is the stack of the goroutines that every simulated service has.
var worker = stackOf("internal/poll.runtime_pollWait", "net.(*conn).Read", "net/http.(*conn).serve")

// stackOf makes a stack, leaf first. Frames that hold a slash after the
// example's own domain get a file.
func stackOf(functions ...string) *snapshot.Stack {
	s := &snapshot.Stack{}
	for i, f := range functions {
		if i > 0 {
			s.Key += "\n"
		}
		s.Key += f
		s.Frames = append(s.Frames, snapshot.Frame{Function: f, Line: 10 + i})
	}
	return s
}

// A family is a shape of live heap that healthy programs have: values over
// u = 0 … 1 at n snapshots, of amplitude about 1, without growth at the end.
type family struct {
	name  string
	shape func(r *rand.Rand, n int) []float64
}

func families() []family {
	noise := func(r *rand.Rand, n int, sd float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			y[i] = sd * r.NormFloat64()
		}
		return y
	}
	ar := func(rho float64) func(*rand.Rand, int) []float64 {
		return func(r *rand.Rand, n int) []float64 { return autoregressive(r, n, rho) }
	}
	at := func(i, n int) float64 { return float64(i) / float64(n-1) }
	return []family{
		{"white noise", func(r *rand.Rand, n int) []float64 { return noise(r, n, 1) }},
		{"ar 0.5", ar(0.5)},
		{"ar 0.8", ar(0.8)},
		{"ar 0.95", ar(0.95)},
		{"saw-tooth", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.05)
			periods, phase := 1.5+8*r.Float64(), r.Float64()
			for i := range y {
				_, f := math.Modf(periods*at(i, n) + phase)
				y[i] += f
			}
			return y
		}},
		{"sine of two periods or more", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.05)
			periods, phase := 2+6*r.Float64(), 2*math.Pi*r.Float64()
			for i := range y {
				y[i] += math.Sin(2*math.Pi*periods*at(i, n) + phase)
			}
			return y
		}},
		{"fills within the first half, then flat", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.02+0.1*r.Float64())
			full := 0.1 + 0.4*r.Float64()
			for i := range y {
				y[i] += 3 * math.Min(1, at(i, n)/full)
			}
			return y
		}},
		{"fills exponentially, three time constants", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.02+0.1*r.Float64())
			tau := 0.05 + 0.15*r.Float64()
			for i := range y {
				y[i] += 3 * (1 - math.Exp(-at(i, n)/tau))
			}
			return y
		}},
		{"logarithmic warm-up", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.02+0.1*r.Float64())
			tau := 0.005 + 0.045*r.Float64()
			for i := range y {
				y[i] += math.Log1p(at(i, n) / tau)
			}
			return y
		}},
		{"bursts", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.05)
			for i := range y {
				if r.Float64() < 0.15 {
					y[i] += 3 * r.ExpFloat64()
				}
			}
			return y
		}},
		{"one step", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.02+0.3*r.Float64())
			from := 0.1 + 0.8*r.Float64()
			for i := range y {
				if at(i, n) > from {
					y[i] += 2
				}
			}
			return y
		}},
		{"two or three steps", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.02+0.3*r.Float64())
			for range 2 + r.IntN(2) {
				from := 0.8 * r.Float64()
				for i := range y {
					if at(i, n) > from {
						y[i]++
					}
				}
			}
			return y
		}},
		{"mean-reverting walk of a queue", func(r *rand.Rand, n int) []float64 {
			y := autoregressive(r, n, 0.85)
			for i := range y {
				y[i] = math.Max(0, y[i]) * (1 + 0.2*r.NormFloat64())
			}
			return y
		}},
		{"turnover with a changing rate", func(r *rand.Rand, n int) []float64 {
			y := autoregressive(r, n, 0.6)
			for i := range y {
				y[i] = math.Exp(0.7*y[i]) + 0.1*r.NormFloat64()
			}
			return y
		}},
		{"jitter of the collection's moment", func(r *rand.Rand, n int) []float64 {
			y := make([]float64, n)
			for i := range y {
				y[i] = r.Float64()
			}
			return y
		}},
		{"operations in flight", func(r *rand.Rand, n int) []float64 {
			y := make([]float64, n)
			for i := range y {
				k := 0.0
				for range 20 {
					if r.Float64() < 0.15 {
						k++
					}
				}
				y[i] = k / 3
			}
			return y
		}},
		{"slow pendulum of one and a half periods", func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.1)
			phase := 2 * math.Pi * r.Float64()
			for i := range y {
				y[i] += math.Sin(2*math.Pi*1.5*at(i, n) + phase)
			}
			return y
		}},
	}
}

func autoregressive(r *rand.Rand, n int, rho float64) []float64 {
	y := make([]float64, n)
	v := r.NormFloat64()
	s := math.Sqrt(1 - rho*rho)
	for i := range y {
		y[i] = v
		v = rho*v + s*r.NormFloat64()
	}
	return y
}

// healthy is a run of a family: its size, the mean size of its objects and the
// number of operations drawn at random over several decades.
func (f family) healthy(r *rand.Rand, n int) simulation {
	size := 1e3 * math.Pow(1e4, r.Float64()) // 1 kB … 10 MB
	object := 32 * math.Pow(64, r.Float64()) // 32 B … 2 KiB
	s := simulation{steady: n, ops: int64(500 * math.Pow(200, r.Float64()))}
	s.bytes = f.shape(r, n)
	s.objects = make([]float64, n)
	for i := range s.bytes {
		s.bytes[i] *= size
		s.objects[i] = s.bytes[i]/object + 5*r.NormFloat64()
	}
	switch r.IntN(3) {
	case 0: // as heapdrift itself records: warm-up left out, idle before, drain after
		s.phased, s.idle, s.drain = true, 6, 3
		s.observedBytes, s.observedObjects = 300, 0.5
	case 1: // someone else's load, time only
		s.ops = 0
	}
	return s
}
