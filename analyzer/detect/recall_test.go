package detect

import (
	"fmt"
	"testing"
)

// Recall of the tests on exact totals: what share of leaks is found that grow
// by some standard deviations of the noise over the judged part of the run. The
// noise-free t of such a slope is growth·√(N/12).
func TestRecall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n      int
		growth float64 // in standard deviations of the noise
		rho    float64
		want   float64
	}{
		{8, 40, 0, 0.9},
		{10, 25, 0, 0.9},
		{20, 12, 0, 0.9}, {20, 20, 0.5, 0.85},
		{40, 10, 0, 0.9}, {40, 12, 0.5, 0.85},
	} {
		r := seeded("recall", c.n)
		reps, found := repetitions(t, 60), 0
		for range reps {
			const sd = 20_000
			if judge(keeping(r, c.n, c.growth*sd/10_000, sd, c.rho).run(), DefaultConfig()).res.Verdict == RunLeak {
				found++
			}
		}
		share := float64(found) / float64(reps)
		name := fmt.Sprintf("%d snapshots, correlation %.1f, growth of %.0f standard deviations", c.n, c.rho, c.growth)
		if calibrating() {
			t.Logf("%s: found %.1f %%", name, 100*share)
		} else if share < c.want-0.1 {
			t.Errorf("%s: found in %.0f %% of %d runs, want %.0f", name, 100*share, reps, 100*c.want)
		}
	}
}
