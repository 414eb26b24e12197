package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/session"
)

// bindWatching binds what ends a run early and what tells of it meanwhile.
func bindWatching(fs *pflag.FlagSet, cfg *session.Config, end *ends) {
	fs.Var(flags.Parsed[ends]{To: end, Parse: parseEnds, Show: ends.String, Kind: "leak|error-rate|p99"},
		"abort-on", "what ends the steady time early: leak (confirmed at two snapshots in a row), error-rate=5% (default 10%), p99=250ms; several with commas")
	fs.StringVar(&cfg.MetricsAddr, "metrics-addr", "", "`ADDRESS` to serve this run's own Prometheus metrics at, as 127.0.0.1:9464")
}

// bindArrivals binds how arrivals come, beside the rate.
func bindArrivals(fs *pflag.FlagSet, p *harness.Plan) {
	fs.Var(flags.Parsed[bool]{To: &p.Poisson, Parse: parseArrivals, Show: showArrivals, Kind: "even|poisson"},
		"arrivals", "evenly spaced, or at random as from many clients")
	fs.Uint64Var(&p.Seed, "seed", 0, "of random arrivals and of the moments of snapshots: equal seeds give equal times")
	fs.BoolVar(&p.Precise, "precise", false, "start operations within some 20 µs of their times instead of a millisecond, for more CPU time (Linux)")
}

// ends is what ends a run early.
type ends struct {
	leak  bool
	limit harness.Abort
}

// defaultErrorRate is the share of failed operations at which a load is ended
// where --abort-on error-rate names none.
const defaultErrorRate = 0.1

// parseEnds reads a list as leak,error-rate=5%,p99=250ms.
func parseEnds(s string) (ends, error) {
	var e ends
	for part := range strings.SplitSeq(s, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "leak":
			if given {
				return e, fmt.Errorf("%q: leak takes no value", part)
			}
			e.leak = true
		case "error-rate":
			e.limit.ErrorRate = defaultErrorRate
			if !given {
				break
			}
			number, percent := strings.CutSuffix(value, "%")
			share, err := strconv.ParseFloat(number, 64)
			if percent {
				share /= 100
			}
			if err != nil || !(share > 0 && share <= 1) {
				return e, fmt.Errorf("%q: want a share above 0 and up to 1, as error-rate=5%% or error-rate=0.05", part)
			}
			e.limit.ErrorRate = share
		case "p99":
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 {
				return e, fmt.Errorf("%q: want a length of time, as p99=250ms", part)
			}
			e.limit.P99 = d
		default:
			return e, fmt.Errorf("%q: want leak, error-rate=5%% or p99=250ms, or several of them with commas", part)
		}
	}
	return e, nil
}

// String shows what parseEnds reads.
func (e ends) String() string {
	var parts []string
	if e.leak {
		parts = append(parts, "leak")
	}
	if e.limit.ErrorRate > 0 {
		parts = append(parts, "error-rate="+strconv.FormatFloat(e.limit.ErrorRate, 'g', -1, 64))
	}
	if e.limit.P99 > 0 {
		parts = append(parts, "p99="+e.limit.P99.String())
	}
	return strings.Join(parts, ",")
}

func parseArrivals(s string) (poisson bool, err error) {
	switch s {
	case "even":
		return false, nil
	case "poisson":
		return true, nil
	}
	return false, fmt.Errorf("%q: want even or poisson", s)
}

func showArrivals(poisson bool) string {
	if poisson {
		return "poisson"
	}
	return "even"
}
