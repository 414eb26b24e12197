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
		heap := &total{Evidence: Evidence{Upper: 63}, Decision: Decision{Verdict: c.total}, series: &series.Total{Sampled: c.sampled}}
		j := &judgement{cfg: DefaultConfig(), totals: map[string]*total{series.LiveBytes: heap}}
		e := risingSite()
		e.GoesOn.Passed = !c.stopped
		e.Growth = stats.Interval{Estimate: 50, Lo: 40, Hi: c.upTo}
		others := j.siteOthers()
		if got := decide(siteRules(), e, &others); got.Verdict != c.want {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
		}
	}
}
