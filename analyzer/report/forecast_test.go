package report

import (
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
)

func TestAForecastSaysWhoseLimitItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind    detect.LimitKind
		assumes detect.Code
		want    string
	}{
		{detect.LimitGiven, "", "Out of memory (512 MiB) in about 2h56m [2h41m, 3h12m] at this rate."},
		{detect.LimitCgroup, detect.LimitKeepsLow, "Out of memory (control group's limit, 512 MiB) in about 2h56m [2h41m, 3h12m] at this rate, if GOMEMLIMIT, which is lower, keeps memory down to what is live."},
		{detect.LimitGo, "", "GOMEMLIMIT (512 MiB) is reached in about 2h56m [2h41m, 3h12m] at this rate; from then on the collector runs all the time."},
		{"", "", "Out of memory (512 MiB) in about 2h56m [2h41m, 3h12m] at this rate."},
	} {
		f := &detect.Forecast{Limit: c.kind, LimitBytes: 512 << 20, SecondsToLimit: *iv(10560, 9660, 11520)}
		if c.assumes != "" {
			f.Assumption = &detect.Reason{Code: c.assumes}
		}
		if got := forecast(&detect.Result{Forecast: f}); got != c.want {
			t.Errorf("%q: %s\nwant %s", c.kind, got, c.want)
		}
	}
}
