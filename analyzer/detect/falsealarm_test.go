package detect

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// HEAPDRIFT_CALIBRATE is the number of simulated runs per family and length; the
// default keeps the test short. 1500 give the figures of the commit messages.
func repetitions(t *testing.T, short int) int {
	if underRace {
		t.Skip("arithmetic of one goroutine: the race detector has nothing to see, and takes ten times as long")
	}
	v := os.Getenv("HEAPDRIFT_CALIBRATE")
	if v == "" {
		return short
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("HEAPDRIFT_CALIBRATE=%q: want a number of runs", v)
	}
	return n
}

func calibrating() bool { return os.Getenv("HEAPDRIFT_CALIBRATE") != "" }

func seeded(name string, n int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	seed, _ := strconv.ParseUint(os.Getenv("HEAPDRIFT_SEED"), 10, 32) // calibrationOf tells what is no number
	return rand.New(rand.NewPCG(h.Sum64(), uint64(n)|seed<<32))
}

// alarmed reports a false alarm of a healthy run.
func alarmed(res *Result) bool {
	for _, f := range res.Findings {
		if f.Verdict == Leak {
			return true
		}
	}
	return res.Verdict == RunLeak
}

// upperBound is the one-sided 95 % bound of a share of k in n (Wilson's score
// interval).
func upperBound(k, n int) float64 {
	const z = 1.645
	p, m := float64(k)/float64(n), float64(n)
	return (p + z*z/(2*m) + z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}

// No healthy shape may be called a leak: at most 1 % of all runs of a length,
// and 5 % of the runs of one family. That is a promise from 20 snapshots on,
// proved with a bound of 95 % when calibrating; the short test only sees that
// it is not grossly broken.
func TestFalseAlarms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		families []family
		run      func(family, *rand.Rand, int) simulation
		short    int
	}{
		{"exact totals", families(), family.healthy, 12},
		{"goroutines", crowdFamilies(), family.crowd, 30},
	} {
		for _, n := range []int{8, 10, 14, 20, 40, 60} {
			t.Run(fmt.Sprintf("%s, %d snapshots", c.name, n), func(t *testing.T) {
				t.Parallel()
				reps := repetitions(t, c.short)
				all, runs := 0, 0
				for _, f := range c.families {
					r := seeded(f.name, n)
					bad := 0
					for range reps {
						if alarmed(judge(c.run(f, r, n).run(), DefaultConfig()).res) {
							bad++
						}
					}
					if calibrating() {
						t.Logf("%-42s %5d of %d (%.2f %%)", f.name, bad, reps, 100*float64(bad)/float64(reps))
					}
					if n >= 20 && bad > 1+reps/20 {
						t.Errorf("%s: %d of %d healthy runs are a leak", f.name, bad, reps)
					}
					all, runs = all+bad, runs+reps
				}
				allowed := 1 + float64(runs)/100
				if calibrating() {
					allowed = float64(runs) / 100
					t.Logf("%-42s %5d of %d, at most %.2f %%", "all", all, runs, 100*upperBound(all, runs))
				}
				if n >= 20 && (float64(all) > allowed || calibrating() && upperBound(all, runs) > 0.01) {
					t.Errorf("%d of %d healthy runs are a leak: at most %.2f %%, want 1 %%", all, runs, 100*upperBound(all, runs))
				}
			})
		}
	}
}
