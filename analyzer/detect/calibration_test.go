package detect

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// calibration says how much to simulate: HEAPDRIFT_CALIBRATE is the number of
// runs per setting, HEAPDRIFT_SEED picks them. `make calibrate` sets both;
// without them the tests are short and always the same.
type calibration struct {
	seed uint64
	runs int
	long bool
}

func calibrationOf(t *testing.T, short int) calibration {
	t.Helper()
	c := calibration{runs: repetitions(t, short), long: calibrating()}
	if v := os.Getenv("HEAPDRIFT_SEED"); v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("HEAPDRIFT_SEED=%q: want a whole number", v)
		}
		c.seed = seed
	}
	return c
}

// source is the randomness of one cell of a table: no two share it, whatever
// the order of the tests.
func (c calibration) source(name string, n int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", name, n)
	return rand.New(rand.NewPCG(h.Sum64(), c.seed))
}

// show prints a table of the long calibration, for docs/METHOD.md.
func (c calibration) show(b *strings.Builder) {
	if c.long {
		fmt.Printf("\nseed %d\n\n%s", c.seed, b.String())
	}
}

// share is k of n with its one-sided 95 % bound, in percent.
func share(k, n int) string {
	return fmt.Sprintf("%d of %d, ≤ %.2f %%", k, n, 100*upperBound(k, n))
}

// within holds k alarms in n runs against an allowed share: by its 95 % bound
// where n runs can give one, else roughly.
func (c calibration) within(k, n int, allowed float64) bool {
	if c.long && upperBound(0, n) < allowed/2 {
		return upperBound(k, n) <= allowed
	}
	return float64(k) <= 1+2*allowed*float64(n)
}

// upTo is the run as it was seen after its first n snapshots.
func upTo(run *snapshot.Run, n int) *snapshot.Run {
	part := *run
	part.Snapshots = run.Snapshots[:n]
	return &part
}

// paced is families whose slow shapes have the scale of h snapshots, however
// long the run: what the first look of many cannot have seen the end of, it
// cannot judge.
func paced(h int) []family {
	noise := func(r *rand.Rand, n int, sd float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			y[i] = sd * r.NormFloat64()
		}
		return y
	}
	at := func(i int) float64 { return float64(i) / float64(h-1) }
	periodic := func(name string, least, most float64, wave func(x float64) float64) family {
		return family{name, func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.05)
			periods, phase := least+(most-least)*r.Float64(), r.Float64()
			for i := range y {
				y[i] += wave(periods*at(i) + phase)
			}
			return y
		}}
	}
	warm := func(name string, curve func(r *rand.Rand) func(u float64) float64) family {
		return family{name, func(r *rand.Rand, n int) []float64 {
			y := noise(r, n, 0.02+0.1*r.Float64())
			f := curve(r)
			for i := range y {
				y[i] += f(at(i))
			}
			return y
		}}
	}
	sine := func(x float64) float64 { return math.Sin(2 * math.Pi * x) }
	out := []family{
		periodic("saw-tooth", 1.5, 9.5, func(x float64) float64 { _, f := math.Modf(x); return f }),
		periodic("sine of two periods or more", 2, 8, sine),
		periodic("slow pendulum of one and a half periods", 1.5, 1.5, sine),
		warm("fills within the first half, then flat", func(r *rand.Rand) func(float64) float64 {
			full := 0.1 + 0.4*r.Float64()
			return func(u float64) float64 { return 3 * math.Min(1, u/full) }
		}),
		warm("fills exponentially, three time constants", func(r *rand.Rand) func(float64) float64 {
			tau := 0.05 + 0.15*r.Float64()
			return func(u float64) float64 { return 3 * (1 - math.Exp(-u/tau)) }
		}),
		warm("logarithmic warm-up", func(r *rand.Rand) func(float64) float64 {
			tau := 0.005 + 0.045*r.Float64()
			return func(u float64) float64 { return math.Log1p(u / tau) }
		}),
	}
	return append(out, others(families(), out)...)
}

// pacedCrowds is the same of pools of goroutines.
func pacedCrowds(h int) []family {
	ramp := func(r *rand.Rand, n int, round func(float64) float64) []float64 {
		end := 0.2 + 0.5*r.Float64()
		y := autoregressive(r, n, 0.3)
		for i := range y {
			y[i] = 0.01*y[i] + round(math.Min(1, float64(i)/float64(h-1)/end))
		}
		return y
	}
	out := []family{
		{"ramp that ends in the first 70 %", func(r *rand.Rand, n int) []float64 {
			return ramp(r, n, func(v float64) float64 { return v })
		}},
		{"ramp in steps that ends in the first 70 %", func(r *rand.Rand, n int) []float64 {
			steps := 3 + float64(r.IntN(8))
			return ramp(r, n, func(v float64) float64 { return math.Floor(steps*v) / steps })
		}},
		{"pool that oscillates", func(r *rand.Rand, n int) []float64 {
			y := autoregressive(r, n, 0.3)
			periods, phase := 2+6*r.Float64(), r.Float64()
			for i := range y {
				y[i] = 0.1*y[i] + 1 + math.Sin(2*math.Pi*(periods*float64(i)/float64(h-1)+phase))
			}
			return y
		}},
	}
	return append(out, others(crowdFamilies(), out)...)
}

// others are the families that known does not name.
func others(all, known []family) []family {
	var out []family
	for _, f := range all {
		if !slices.ContainsFunc(known, func(k family) bool { return k.name == f.name }) {
			out = append(out, f)
		}
	}
	return out
}

// watched takes a look at every snapshot from the first-th under load on, and
// returns the snapshots under load at the first confirmed leak; 0 without one.
// naive judges each look as if it were the only one.
func watched(s simulation, first int, naive bool) int {
	run := s.run()
	looks := NewLooks(DefaultConfig(), s.steady-first+1)
	for k := first; k <= s.steady; k++ {
		part := upTo(run, s.idle+k)
		if naive {
			if alarmed(judge(part, DefaultConfig()).res) {
				return k
			}
		} else if alarmed(looks.Look(part)) {
			return k
		}
	}
	return 0
}

// A run that is looked at again and again is called a leak no more often than
// one that is judged once: at most 0.4 % of healthy runs, with a bound of 95 %
// when calibrating.
func TestCalibrationOfLooks(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 15)
	perFamily := (c.runs + 14) / 15
	const most = 60
	var b strings.Builder
	b.WriteString("| | looks | shapes on the scale of | looks judged alone | confirmed | worst family |\n|---|---|--:|--:|--:|---|\n")
	heap := func(f family, r *rand.Rand) simulation { return f.healthy(r, most) }
	crowd := func(f family, r *rand.Rand) simulation { return f.crowd(r, most) }
	for _, x := range []struct {
		name         string
		first, scale int
		families     func(int) []family
		run          func(family, *rand.Rand) simulation
		times        int // as many runs of a family
	}{
		{"heap", 8, 8, paced, heap, 1}, {"heap", 20, 20, paced, heap, 1}, {"heap", 8, 20, paced, heap, 1}, {"heap", 8, 60, paced, heap, 1},
		{"goroutines", 8, 8, pacedCrowds, crowd, 3}, {"goroutines", 20, 20, pacedCrowds, crowd, 3},
	} {
		inScope, reps := x.first >= x.scale, perFamily*x.times
		if !inScope {
			reps /= 4
		}
		if !c.long && x.scale > 8 {
			continue
		}
		all, alone, tried, runs, worst, worstName := 0, 0, 0, 0, 0, "none"
		for _, f := range x.families(x.scale) {
			r := c.source("looks "+x.name+f.name, x.first*100+x.scale)
			bad := 0
			for i := range reps {
				s := x.run(f, r)
				if watched(s, x.first, false) > 0 {
					bad++
				}
				if c.long && i%8 == 0 {
					if tried++; watched(s, x.first, true) > 0 {
						alone++
					}
				}
			}
			all, runs = all+bad, runs+reps
			if bad > worst {
				worst, worstName = bad, fmt.Sprintf("%s: %d of %d", f.name, bad, reps)
			}
		}
		fmt.Fprintf(&b, "| %s | every snapshot from %d to %d | %d snapshots | %s | %s | %s |\n", x.name, x.first, most, x.scale, percent(alone, tried), share(all, runs), worstName)
		if inScope && !c.within(all, runs, 0.004) {
			t.Errorf("%s, looks from the %dth on: %s of healthy runs are called a leak, want 0.4 %%", x.name, x.first, share(all, runs))
		}
	}
	c.show(&b)
}

// The same of sampled sites without counters. What fills is full by snapshot 24
// of 60: looks from the 40th on have seen its end, those from the 20th have not.
func TestCalibrationOfLooksAtSites(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 0)
	if !c.long {
		t.Skip("half a second a run: make calibrate does it")
	}
	const most = 60
	runs := (c.runs + 4) / 5
	var b strings.Builder
	b.WriteString("| looks at 44 sampled sites, no counters | confirmed |\n|---|--:|\n")
	for _, first := range []int{20, 40} {
		r, bad := c.source("looks sites", first), 0
		for range runs {
			sites, _ := healthySites(r, most, sampling)
			if watched(sitesAlone(most, sampling, sites), first, false) > 0 {
				bad++
			}
		}
		fmt.Fprintf(&b, "| every snapshot from %d to %d | %s |\n", first, most, share(bad, runs))
		if first == 40 && !c.within(bad, runs, 0.02) {
			t.Errorf("looks from the %dth on: %s of healthy runs are called a leak, want 2 %%", first, share(bad, runs))
		}
	}
	c.show(&b)
}
