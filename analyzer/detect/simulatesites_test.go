package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// life is a sampled object: born and freed at times counted in snapshots; before
// 0 it was there when the recording began.
type life struct{ born, freed float64 }

const forever = 1e9

// population is a kind of healthy allocation site: the lives of its sampled
// objects over n snapshots, of which about mean are in use at a time. A sample of
// a Poisson process is one: nothing is lost by simulating the samples alone.
type population struct {
	name string
	// warm fill at the start; the others are stationary.
	warm  bool
	lives func(r *rand.Rand, n int, mean float64) []life
}

// spread is log-uniform between a and b.
func spread(r *rand.Rand, a, b float64) float64 { return a * math.Pow(b/a, r.Float64()) }

// draw is a Poisson count of any mean.
func draw(r *rand.Rand, mean float64) int {
	if mean > 60 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	return int(poisson(r, mean))
}

// turnover is a stationary birth and death process of a lifetime.
func turnover(r *rand.Rand, n int, mean, tau float64, lifetime func() float64, history float64) []life {
	span := float64(n) + history*tau
	var out []life
	for range draw(r, mean/tau*span) {
		b := span*r.Float64() - history*tau
		if d := b + lifetime(); d > 0 {
			out = append(out, life{b, d})
		}
	}
	return out
}

// populations are those that the time constants of n snapshots leave in scope: a
// period fits in several times, what fills is full within the first four tenths.
func populations() []population {
	during := func(n int, part float64) float64 { return part * float64(n) }
	return []population{
		{"exponential lifetimes", false, func(r *rand.Rand, n int, mean float64) []life {
			tau := spread(r, 0.1, during(n, 0.5))
			return turnover(r, n, mean, tau, func() float64 { return tau * r.ExpFloat64() }, 12)
		}},
		{"equal lifetimes", false, func(r *rand.Rand, n int, mean float64) []life {
			tau := spread(r, 0.1, during(n, 0.5))
			return turnover(r, n, mean, tau, func() float64 { return tau }, 1)
		}},
		{"mostly short, some long lifetimes", false, func(r *rand.Rand, n int, mean float64) []life {
			tau := spread(r, 0.1, during(n, 0.1))
			return turnover(r, n, mean, tau, func() float64 {
				if r.Float64() < 0.1 {
					return 9 * tau * r.ExpFloat64()
				}
				return tau / 9 * r.ExpFloat64()
			}, 30)
		}},
		{"kept since the start", false, func(r *rand.Rand, n int, mean float64) []life {
			out := make([]life, draw(r, mean))
			for i := range out {
				out[i] = life{-1, forever}
			}
			return out
		}},
		{"bursts", false, func(r *rand.Rand, n int, mean float64) []life {
			var out []life
			rate, length := spread(r, 0.05, 1), spread(r, 0.2, during(n, 0.1))
			for t := -10.0; t < float64(n); t += r.ExpFloat64() / rate {
				end := t + length*(0.5+r.Float64())
				for range draw(r, mean) {
					out = append(out, life{t, end})
				}
			}
			return out
		}},
		{"sine", false, func(r *rand.Rand, n int, mean float64) []life {
			period, phase := spread(r, during(n, 0.08), during(n, 0.25)), r.Float64()
			all := turnover(r, n, 2*mean, 0.3, func() float64 { return 0.3 * r.ExpFloat64() }, 12)
			out := all[:0]
			for _, x := range all {
				if r.Float64() < 0.5*(1+math.Sin(2*math.Pi*(x.born/period+phase))) {
					out = append(out, x)
				}
			}
			return out
		}},
		{"saw-tooth: a batch that is flushed", false, func(r *rand.Rand, n int, mean float64) []life {
			var out []life
			period := spread(r, during(n, 0.05), during(n, 0.25))
			for t := -period * (1 + r.Float64()); t < float64(n); t += period {
				for range draw(r, mean) {
					out = append(out, life{t + 0.8*period*r.Float64(), t + period})
				}
			}
			return out
		}},
		{"Cox: a rate that wanders", false, func(r *rand.Rand, n int, mean float64) []life {
			var out []life
			tau, rho := spread(r, 0.2, 3), math.Exp(-1/spread(r, 0.2, during(n, 0.1)))
			x := r.NormFloat64()
			for t := -20; t < n; t++ {
				x = rho*x + math.Sqrt(1-rho*rho)*r.NormFloat64()
				for range draw(r, mean/tau*math.Exp(0.5*x)) {
					b := float64(t) + r.Float64()
					out = append(out, life{b, b + tau*r.ExpFloat64()})
				}
			}
			return out
		}},
		{"one step", false, func(r *rand.Rand, n int, mean float64) []life {
			out := turnover(r, n, mean/2, 3, func() float64 { return 3 * r.ExpFloat64() }, 12)
			at := float64(n) * r.Float64()
			for range draw(r, mean) {
				out = append(out, life{at + 0.3*r.Float64(), forever})
			}
			return out
		}},
		{"a cache that fills, ever slower", true, func(r *rand.Rand, n int, mean float64) []life {
			var out []life
			tau := spread(r, 0.2, during(n, 0.1))
			for range draw(r, mean) {
				out = append(out, life{tau * r.ExpFloat64(), forever})
			}
			return out
		}},
		{"an LRU cache: the oldest make room", true, func(r *rand.Rand, n int, mean float64) []life {
			var out []life
			full := spread(r, 0.5, during(n, 0.4))
			for range draw(r, mean/full*float64(n)) {
				b := float64(n) * r.Float64()
				out = append(out, life{b, b + full})
			}
			return out
		}},
		{"a cache under churn", true, func(r *rand.Rand, n int, mean float64) []life {
			tau, short := spread(r, 0.2, during(n, 0.1)), spread(r, 0.2, 5)
			out := turnover(r, n, mean, short, func() float64 { return short * r.ExpFloat64() }, 12)
			for range draw(r, mean) {
				out = append(out, life{tau * r.ExpFloat64(), forever})
			}
			return out
		}},
		{"a map that doubles until it is full", true, func(r *rand.Rand, n int, mean float64) []life {
			var out []life
			full := spread(r, 1, during(n, 0.4))
			for t, k := 0.2, 4; t < full && k < 1000; t, k = 2*t, 2*k {
				for range k {
					out = append(out, life{t, forever})
				}
			}
			return out
		}},
	}
}

// leaking adds objects that are kept: about net of them over the judged two
// thirds of n snapshots.
func leakingLives(r *rand.Rand, n int, net float64) []life {
	var out []life
	for range draw(r, 1.5*net) {
		out = append(out, life{float64(n) * r.Float64(), forever})
	}
	return out
}

// allocSite is one site's lives with its stack and object size.
type allocSite struct {
	st    *snapshot.Stack
	size  int64
	lives []life
}

// serve makes the heap profiles that a program with these sites serves at a
// sampling rate, at times 1, 2, … n.
func serve(n int, rate int64, sites []allocSite) []*snapshot.Heap {
	out := make([]*snapshot.Heap, n)
	for i := range out {
		out[i] = &snapshot.Heap{Period: rate}
	}
	for _, s := range sites {
		change, births := make([]int64, n+1), make([]int64, n+1)
		for _, x := range s.lives {
			seen, gone := max(0, int(math.Ceil(x.born))-1), int(math.Min(math.Ceil(x.freed)-1, float64(n)))
			if seen >= n {
				continue
			}
			births[seen]++
			if gone > seen {
				change[seen]++
				change[gone]--
			}
		}
		scale := 1 / -math.Expm1(-float64(s.size)/float64(rate))
		var k, all int64
		for i := range n {
			k, all = k+change[i], all+births[i]
			if all == 0 {
				continue
			}
			scaled := func(k int64) (int64, int64) {
				return int64(float64(k) * scale), int64(math.Round(float64(k*s.size) * scale))
			}
			x := snapshot.HeapSample{Stack: s.st, Size: s.size}
			x.InuseObjects, x.InuseBytes = scaled(k)
			x.AllocObjects, x.AllocBytes = scaled(all)
			out[i].Samples = append(out[i].Samples, x)
		}
	}
	return out
}

// healthySites are 40 stationary and 4 warm sites as a program sampled at rate
// has them: live bytes are drawn, so that a lower rate sees more objects of each.
// It returns the population of each function too.
func healthySites(r *rand.Rand, n int, rate int64) ([]allocSite, map[string]string) {
	var calm, warm []population
	for _, p := range populations() {
		if p.warm {
			warm = append(warm, p)
		} else {
			calm = append(calm, p)
		}
	}
	kinds := map[string]string{}
	var out []allocSite
	for i := range 44 {
		p := calm[r.IntN(len(calm))]
		if i >= 40 {
			p = warm[r.IntN(len(warm))]
		}
		// Of live memory: half a sample to 200 samples at the rate; the four
		// warm ones are worth seeing.
		mean := spread(r, 0.5, 200)
		if p.warm {
			mean = spread(r, 20, 300)
		}
		if rate > sampling && !p.warm {
			mean = spread(r, 0.1, 40)
		}
		name := fmt.Sprintf("example.com/app.F%d", i)
		kinds[name] = p.name
		out = append(out, allocSite{at(i+1, name, handler), int64(spread(r, 32, 8192)), p.lives(r, n, mean)})
	}
	return out, kinds
}

// sitesAlone is a run that has heap profiles and no exact counters, watched for
// long enough that a few profiles may decide.
func sitesAlone(n int, rate int64, sites []allocSite) simulation {
	return simulation{steady: n, ops: 100_000, every: 150 * time.Second, noCounters: true, heap: serve(n, rate, sites)}
}
