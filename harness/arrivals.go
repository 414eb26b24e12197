package harness

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// schedule is a pacer that also places what lies between two arrivals: at(n)
// is when n arrivals, not necessarily a whole number, are intended to have
// come. ok is false if there are never so many.
type schedule interface {
	Pacer
	at(n float64) (seconds float64, ok bool)
}

// Steps is a pacer whose rate changes in steps: each of Rates for an equal part
// of Over, the last from then on. A step may be zero.
type Steps struct {
	Rates []float64 // arrivals a second
	Over  time.Duration
}

// Pace implements [Pacer].
func (s Steps) Pace(elapsed time.Duration, sent int64) (time.Duration, bool) {
	at, ok := s.at(float64(sent))
	return waitUntil(elapsed, at, ok)
}

// at follows the integral of the rate, step by step.
func (s Steps) at(n float64) (seconds float64, ok bool) {
	last := len(s.Rates) - 1
	if last < 0 {
		return 0, false
	}
	step := s.Over.Seconds() / float64(len(s.Rates))
	for i, rate := range s.Rates {
		if during := rate * step; i < last && n >= during {
			n -= during
			continue
		}
		return float64(i)*step + n/rate, rate > 0
	}
	return 0, false // never: the last step returns
}

// poissonBlock is how many arrivals share a block.
const poissonBlock = 4096

// Poisson is a pacer of arrivals at random times, as of many independent
// clients, along another pacer's rate. Equal seeds give equal times.
//
// Within each block of 4,096 arrivals it is a Poisson process, conditioned on
// its count: the gaps are independent exponential variates, scaled so that
// the block takes exactly the time that the rate gives it. So the number of
// arrivals in a run is exact, and arrival n can be placed without the n-1
// before it; what is given up is the randomness of counts over times longer than
// a block. (Devroye, Non-Uniform Random Variate Generation, 1986, chapter V.3:
// normalised exponential spacings are those of sorted uniforms.)
type Poisson struct {
	along schedule
	seed  uint64
	// A few blocks are kept: the pacer asks for the newest, workers for the
	// oldest that waits. Any of them can be made again.
	kept *poissonBlocks
}

// poissonBlocks are the blocks last made, in no order.
type poissonBlocks struct {
	at   [4]atomic.Pointer[poissonTimes]
	made atomic.Uint32
}

// poissonTimes is where in its block each arrival comes, in [0, poissonBlock).
type poissonTimes struct {
	block int64
	at    [poissonBlock]float64
}

// NewPoisson returns a pacer of random arrivals at the rate.
func NewPoisson(r Rate, over time.Duration, seed uint64) Poisson {
	return Poisson{along: r.schedule(over), seed: seed, kept: new(poissonBlocks)}
}

// Pace implements [Pacer].
func (p Poisson) Pace(elapsed time.Duration, sent int64) (time.Duration, bool) {
	block := sent / poissonBlock
	start := float64(block * poissonBlock)
	at, ok := p.along.at(start + p.times(block).at[sent%poissonBlock])
	return waitUntil(elapsed, at, ok)
}

func (p Poisson) times(block int64) *poissonTimes {
	for i := range p.kept.at {
		if t := p.kept.at[i].Load(); t != nil && t.block == block {
			return t
		}
	}
	t := &poissonTimes{block: block}
	random := rand.New(rand.NewPCG(p.seed, uint64(block)))
	sum := 0.0
	for i := range t.at {
		sum += random.ExpFloat64()
		t.at[i] = sum
	}
	scale := poissonBlock / (sum + random.ExpFloat64())
	for i := range t.at {
		t.at[i] *= scale
	}
	p.kept.at[p.kept.made.Add(1)%uint32(len(p.kept.at))].Store(t)
	return t
}
