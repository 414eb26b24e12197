package detect

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// bent is a healthy shape that one run may not tell from a leak: whether it can
// depends on its size in the noise, which an oracle tells (separation).
type bent struct {
	name string
	// curve draws the shape's parameters and returns its values over u = 0 … 1, of
	// the n snapshots under load; its amplitude is 1.
	curve func(r *rand.Rand, n int) func(u float64) float64
	// jitter: each snapshot is taken at a random moment of its interval.
	jitter bool
	// apart: live objects have noise of their own, and no common one.
	apart bool
	// leak: no healthy shape but the line itself, to see that it is found.
	leak bool
	// hole: the detector does not hold its limit here; the rates are printed.
	hole bool
}

// bentShapes are the families of the table: each ends, or comes back, and none
// is over well before the run is.
func bentShapes() []bent {
	fixed := func(f func(u float64) float64) func(*rand.Rand, int) func(float64) float64 {
		return func(*rand.Rand, int) func(float64) float64 { return f }
	}
	fill := func(end float64) func(*rand.Rand, int) func(float64) float64 {
		return fixed(func(u float64) float64 { return math.Min(1, u/end) })
	}
	exponential := func(tau float64) func(u float64) float64 {
		return func(u float64) float64 { return math.Expm1(-u/tau) / math.Expm1(-1/tau) }
	}
	power := func(c float64) func(*rand.Rand, int) func(float64) float64 {
		return fixed(func(u float64) float64 { return math.Pow(u, c) })
	}
	saw := func(x float64) float64 { return x - math.Floor(x) }
	sine := func(x float64) float64 { return math.Sin(2*math.Pi*x) / 2 }
	wave := func(least, most float64, of func(float64) float64) func(*rand.Rand, int) func(float64) float64 {
		return func(r *rand.Rand, _ int) func(float64) float64 {
			periods, phase := least+(most-least)*r.Float64(), r.Float64()
			return func(u float64) float64 { return of(periods*u + phase) }
		}
	}
	// Steps of equal height at places drawn in the first four fifths: without growth
	// at the end it is none that goes on for ever.
	steps := func(k int) func(*rand.Rand, int) func(float64) float64 {
		return func(r *rand.Rand, _ int) func(float64) float64 {
			at := make([]float64, k)
			for i := range at {
				at[i] = 0.8 * r.Float64()
			}
			return func(u float64) float64 {
				passed := 0
				for _, a := range at {
					if u > a {
						passed++
					}
				}
				return float64(passed) / float64(k)
			}
		}
	}
	// A saw-tooth of a period, a half or a third of the time between snapshots and a
	// little more or less: snapshots at equal times show less than one tooth of it.
	fast := func(r *rand.Rand, n int) func(float64) float64 {
		teeth, phase := float64(n-1)*float64(1+r.IntN(3))+(2*r.Float64()-1), r.Float64()
		return func(u float64) float64 { return saw(teeth*u + phase) }
	}
	return []bent{
		{name: "fills until 0.80 of the run", curve: fill(0.8), hole: true},
		{name: "fills until 0.85", curve: fill(0.85), hole: true},
		{name: "fills until 0.90", curve: fill(0.9), hole: true},
		{name: "fills until 0.95", curve: fill(0.95), hole: true},
		{name: "fills exponentially, τ = 0.7 runs", curve: fixed(exponential(0.7)), hole: true},
		{name: "fills exponentially, τ = 1", curve: fixed(exponential(1)), hole: true},
		{name: "fills exponentially, τ = 1.4", curve: fixed(exponential(1.4)), hole: true},
		{name: "u^0.60", curve: power(0.6), hole: true},
		{name: "u^0.70", curve: power(0.7), hole: true},
		{name: "u^0.80", curve: power(0.8), hole: true},
		{name: "u^0.91", curve: power(0.91), hole: true},
		{name: "u^0.95", curve: power(0.95), hole: true},
		{name: "saw-tooth of 0.3 to 0.7 periods", curve: wave(0.3, 0.7, saw)},
		{name: "saw-tooth of 0.7 to 1.5 periods", curve: wave(0.7, 1.5, saw)},
		{name: "sine of 0.3 to 0.7 periods", curve: wave(0.3, 0.7, sine), hole: true},
		{name: "sine of 0.7 to 1.5 periods", curve: wave(0.7, 1.5, sine), hole: true},
		{name: "6 steps in the first 80 %", curve: steps(6), hole: true},
		{name: "10 steps in the first 80 %", curve: steps(10), hole: true},
		{name: "fast saw-tooth, snapshots at equal times", curve: fast},
		{name: "fast saw-tooth, at random moments", curve: fast, jitter: true},
		{name: "objects with noise of their own, τ = 0.3 to 1", apart: true, hole: true, curve: func(r *rand.Rand, _ int) func(float64) float64 {
			return exponential(0.3 + 0.7*r.Float64())
		}},
		{name: "objects with noise of their own, fill until 0.5 to 0.9", apart: true, hole: true, curve: func(r *rand.Rand, n int) func(float64) float64 {
			return fill(0.5+0.4*r.Float64())(r, n)
		}},
		{name: "a leak: the line itself", leak: true, curve: fixed(func(u float64) float64 { return u })},
	}
}

// bentRun is a simulated run and how far its shape is from every leak.
type bentRun struct {
	*snapshot.Run
	distance float64
	passive  bool
	rho      float64
}

// run draws a run of n snapshots under load in which the shape grows by growth
// standard deviations of the noise: with phases, as heapdrift itself records, or
// without (the first third is then left out as a warm-up); with a count of
// operations or without; neighbours correlate by 0, 0.5 or 0.8. What it grows by
// is always enough to speak of.
func (b bent) run(r *rand.Rand, n int, growth float64) bentRun {
	s := simulation{steady: n, ops: int64(2000 * math.Pow(20, r.Float64()))}
	switch r.IntN(3) {
	case 0:
		s.phased, s.idle, s.drain = true, 6, 3
		s.observedBytes, s.observedObjects = 300, 0.5
	case 1:
		s.ops = 0
	}
	rho := []float64{0, 0.5, 0.8}[r.IntN(3)]
	size := spread(r, 0.5e6, 50e6) // bytes of growth, to which the noise is in proportion
	object := spread(r, 32, 1024)
	curve := b.curve(r, n)

	all := n + s.drain
	u := make([]float64, all)
	for i := range u {
		u[i] = float64(min(i, n-1))
		if b.jitter && i < n {
			u[i] += r.Float64()
		}
		if i >= n {
			u[i] = u[n-1]
		}
	}
	for i := range u {
		u[i] /= float64(n - 1)
	}
	mean, noise := make([]float64, all), autoregressive(r, all, rho)
	for i := range u {
		mean[i] = growth * curve(u[i])
	}
	s.bytes, s.objects = make([]float64, all), make([]float64, all)
	// The oracle sees what is judged. Objects that follow the bytes tell it nothing
	// more; with noise of their own their distance is added in quadrature.
	from := 0
	if s.drain == 0 {
		from = n / 3
	}
	d := separation(u[from:], mean[from:], rho)
	own, scatter := []float64(nil), 1.0
	if b.apart {
		own, scatter = autoregressive(r, all, rho), spread(r, 1, 16)
		d = math.Hypot(d, d/scatter)
	}
	for i := range u {
		s.bytes[i] = size / growth * (mean[i] + noise[i])
		if b.apart {
			s.objects[i] = size / growth * (mean[i] + scatter*own[i]) / object
		} else {
			s.objects[i] = s.bytes[i]/object + 5*r.NormFloat64()
		}
	}
	run := s.run()
	if b.jitter {
		start := run.Snapshots[s.idle].Meta.Time
		for i, x := range run.Snapshots[s.idle:] {
			at := u[i] * float64(n-1)
			if i >= n { // the drain goes on in time
				at += float64(i - n + 1)
			}
			x.Meta.Time = start.Add(time.Duration(at * float64(2*time.Second)))
			if x.Ops != nil {
				*x.Ops = int64(float64(s.ops) * u[i])
			}
		}
	}
	return bentRun{run, d, s.drain == 0, rho}
}
