package gaterun

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/gaterun/canary"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/labrun"
	"github.com/heapdrift/heapdrift/session"
)

// What the canary keeps of each operation: a quarter more than the budget, and
// no less than twice the detector's tolerance, below which nothing is a leak.
const (
	canaryAbove     = 1.25
	canaryTolerance = 2
)

// canaryAmount is what the canary keeps, and the budget that it lies above, in
// bytes per operation.
func canaryAmount(j *job) (keep, limit float64) {
	switch b := j.cfg.Budgets; {
	case b.LiveBytesPerOp != nil:
		limit = *b.LiveBytesPerOp
	case b.BytesPerSecond != nil && j.plan.Rate.Mean() > 0:
		limit = *b.BytesPerSecond / j.plan.Rate.Mean()
	}
	return math.Max(canaryAbove*limit, canaryTolerance*float64(j.detect.Tolerance)), limit
}

// canarySize is how far from the truth the measured size may be, where the
// interval does not hold the truth.
const canarySize = 0.25

// canary plants the leak and looks for it. The error is of a run that could not
// be judged.
func (r *runner) canary(ctx context.Context, j *job) (*gate.Canary, error) {
	start := time.Now()
	keep, limit := canaryAmount(j)
	c := &gate.Canary{Injected: keep, Limit: limit}
	defer func() { c.Seconds = time.Since(start).Seconds() }()
	r.tell(j, fmt.Sprintf("planting a canary that keeps %s", gate.Quantity(keep, "B/op")))
	rate := j.rate
	if rate == 0 { // the scenario's program has its own
		rate = session.DefaultConfig().MemProfileRate
	}
	child, ready, err := labrun.StartChild(ctx, labrun.Child{
		Executable: r.Executable, Args: []string{canary.Verb, "--keep", strconv.FormatFloat(keep, 'g', -1, 64)}, Rate: rate,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = child.Stop(context.WithoutCancel(ctx)) }() // that it did not end well is no news
	cfg := session.DefaultConfig()
	cfg.Pprof = capture.Config{URL: ready.Pprof}
	cfg.Process = child
	cfg.Load = &harness.HTTPConfig{URL: ready.URL, Method: http.MethodPost}
	cfg.Plan, cfg.Detect, cfg.Analyze = j.plan, j.detect, r.Analyze
	cfg.Detect.Limit, cfg.Detect.Module = 0, ""
	cfg.Name, cfg.Temporary = j.cfg.Name+"/canary", true
	if r.Progress != nil {
		cfg.Progress = func(e session.Event) { r.Progress(j.cfg.Name+"/canary", e) }
	}
	out, err := session.Run(ctx, cfg)
	if err == nil && out.Died != nil {
		err = out.Died
	}
	if err != nil {
		return nil, err
	}
	s := gate.Judge(gate.Input{Name: cfg.Name, Run: out.Run, Result: out.Result, Limits: gate.Limits{LiveBytesPerOp: &limit}, Tolerance: j.detect.Tolerance})
	verdict(c, &s, out.Result)
	return c, nil
}

// verdict says whether the gate failed for what the canary keeps, and how well
// it knows its size. The first budget is that of live bytes.
func verdict(c *gate.Canary, s *gate.Scenario, res *detect.Result) {
	b := &s.Budgets[0]
	c.Measured = b.Measured
	kept := gate.Quantity(c.Injected, b.Unit)
	switch m := b.Measured; {
	case s.State == gate.Failed && near(m, c.Injected):
		c.Found = true
		c.Why = fmt.Sprintf("a leak of %s was planted and seen: %s", kept, s.Summary)
	case s.State == gate.Failed:
		c.Why = fmt.Sprintf("a leak of %s was planted and measured as %s: sizes cannot be trusted here", kept, gate.Measurement(m, b.Unit))
	default:
		c.Why = fmt.Sprintf("a leak of %s was planted and not seen (%s)", kept, b.Why)
		if p := res.Power; p != nil && p.Per == detect.PerOp && p.Bytes != nil && *p.Bytes > c.Injected {
			c.Why += fmt.Sprintf("; %s operations see %s and more: run longer (load.for), or at a higher rate", report.Count(float64(res.Ops)), gate.Quantity(*p.Bytes, b.Unit))
		} else {
			c.Why += "; run longer (load.for), or at a higher rate; should that not help, the detector is blind"
		}
	}
}

// near reports that a measured size is about the truth.
func near(m *stats.Interval, truth float64) bool {
	if m == nil {
		return false
	}
	return m.Lo <= truth && truth <= m.Hi || math.Abs(m.Estimate-truth) <= canarySize*truth
}
