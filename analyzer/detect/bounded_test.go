package detect

import (
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// A site that grew a little and then no more, in a process that is known to have
// grown by no more than the limit: a longer run has nothing to tell.
func TestASiteThatStoppedBelowTheCleanLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		total   Verdict
		upTo    float64 // of the site, bytes per operation
		stopped bool
		sampled bool
		want    Verdict
	}{
		{"it stopped below the limit, the process did too", Stable, 60, true, false, Plateau},
		{"the process grew and then stopped", Plateau, 9000, true, false, Plateau},
		{"the process stopped, the site goes on", Plateau, 9000, false, false, Growing},
		{"it may have grown by more", Stable, 70, true, false, Growing},
		{"what the process did is not known", Unknown, 60, true, false, Growing},
		{"the process grows", Growing, 60, true, false, Growing},
		{"the total is sampled like the site", Stable, 60, true, true, Growing},
		{"it goes on", Stable, 60, false, false, Growing},
	} {
		total := &measure{ok: true, total: &series.Total{Sampled: c.sampled}}
		total.upper = 63
		a := &analysis{
			cfg:     DefaultConfig(),
			r:       &series.Run{HasOps: true, Work: []float64{0, 10_000}, Seconds: []float64{0, 100}},
			verdict: map[string]Verdict{series.LiveBytes: c.total},
		}
		x := &siteMeasure{ok: true, net: 50, at: []int{0, 1}}
		x.slope.PerX, x.growth, x.sustained = 50, 5e5, !c.stopped
		x.interval = stats.Interval{Estimate: 50, Lo: 40, Hi: c.upTo}
		if got := a.judgeSite(x, total, 0.01); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
