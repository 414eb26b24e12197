package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

const busyFunction = "example.com/app.Cache"

// busySite is a run of n snapshots whose Cache has about mean sampled objects of
// 1 KiB in use, each for about tau snapshots; perOp bytes an operation are kept
// there besides, in objects of 128 bytes.
func busySite(r *rand.Rand, n int, mean, tau, perOp float64) *snapshot.Run {
	const ops, object = 20_000, 128
	cache := at(1, busyFunction, "example.com/app.Handle", handler)
	var kept []life
	for range draw(r, perOp*ops*float64(n)/float64(n-1)/perSample(object)) {
		kept = append(kept, life{float64(n) * r.Float64(), forever})
	}
	sites := []allocSite{
		{cache, 1024, turnover(r, n, mean, tau, func() float64 { return tau * r.ExpFloat64() }, 12)},
		{at(2, "example.com/app.Parse", "example.com/app.Handle", handler), 512, turnover(r, n, 5, 0.2, func() float64 { return 0.2 * r.ExpFloat64() }, 12)},
	}
	if len(kept) > 0 {
		sites = append(sites, allocSite{cache, object, kept})
	}
	total := perOp * ops
	s := simulation{steady: n, ops: ops, heap: serve(n, sampling, sites)}
	s.bytes, s.objects = curve(n, 0.001*total+300, linear(total)), curve(n, 3, linear(total/object))
	return s.run()
}

// What is said of a site that churns is a promise, too: of leaks of the stated
// size in fresh runs of the same program, nine in ten or so are named.
func TestThePowerOfABusySiteIsAsStated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n         int
		mean, tau float64
	}{{20, 60, 0.5}, {20, 300, 2}, {40, 60, 2}, {40, 300, 0.5}} {
		t.Run(fmt.Sprintf("%d snapshots, %.0f objects for %.1f of them", c.n, c.mean, c.tau), func(t *testing.T) {
			t.Parallel()
			r := seeded("busy power", c.n*int(c.mean)+int(10*c.tau))
			reps, found, tried := min(repetitions(t, 4), 100), 0, 0
			var sum float64
			for range reps {
				p := Analyze(busySite(r, c.n, c.mean, c.tau, 0), DefaultConfig()).Power
				if p == nil || p.Busiest == nil || p.SiteBytes == nil {
					t.Fatalf("no statement on the site: %+v", p)
				}
				b := p.Busiest
				if b.Function != busyFunction || b.Line != 1 || b.Confidence != 0.85 || !(b.Bytes > *p.SiteBytes) {
					t.Fatalf("%+v, beside %.1f B/op for sites that free nothing", *b, *p.SiteBytes)
				}
				sum += b.Bytes
				for range 12 {
					tried++
					if f := find(judge(busySite(r, c.n, c.mean, c.tau, b.Bytes), DefaultConfig()).res, busyFunction); f != nil && f.Verdict == Leak {
						found++
					}
				}
			}
			share := float64(found) / float64(tried)
			if calibrating() {
				t.Logf("%.1f B/op on the average, named %.1f %%", sum/float64(reps), 100*share)
			}
			least, most := 0.85, 0.995
			if !calibrating() { // a few statements: their own luck is a tenth or so
				least, most = 0.7, 1
			}
			if share < least || share > most {
				t.Errorf("leaks of the stated size were named in %.0f %% of %d runs, want at least 85", 100*share, tried)
			}
		})
	}
}

func TestAPathOfAPoissonProcess(t *testing.T) {
	t.Parallel()
	const reps, x = 2000, 30.0
	r := seeded("path", 1)
	var sum, square float64
	for range reps {
		p := unitPath(r)
		k, more := p(x), p(2*x)
		if more < k || p(x) != k || p(0) != 0 {
			t.Fatalf("%.0f arrivals by %.0f, %.0f by twice that, then %.0f", k, x, more, p(x))
		}
		sum, square = sum+k, square+k*k
	}
	mean := sum / reps
	if v := square/reps - mean*mean; math.Abs(mean-x) > 0.5 || math.Abs(v-x) > 4 {
		t.Errorf("mean %.2f, variance %.2f, want %.0f each", mean, v, x)
	}
	if p := unitPath(r); p(1e12) != 1e12 {
		t.Error("a large count is not as many as expected")
	}
}
