// Package labrun measures the lab's scenarios: it runs a variant in a child
// process, so that nothing of our own heap enters the measurement, drives it
// through a session, and holds the report against the scenario's truth.
package labrun

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

// Options say what to measure. Scenario is required; every other zero value
// has a default.
type Options struct {
	Scenario string
	Variant  lab.Variant // empty: leaky, of a control fixed; Compare runs both

	// Plan is the load. A zero Steady takes PlanFor the scenario as a whole.
	Plan           harness.Plan
	MemProfileRate int // of the child, bytes per sample; 0: 16384
	// Keep has the child keep so many bytes of each operation beside what its
	// variant does: a regression of a known size, to try a gate with.
	Keep float64
	// Detect is what the run is held against; a zero Alpha takes the default
	// with the lab's clean limit, a twentieth of the leaky truth.
	Detect detect.Config
	Allow  []string // as Detect.Allow, whichever Detect is

	// Out keeps the bundle in this folder (Compare: one folder a variant in
	// it); empty: it is removed at the end.
	Out string
	// Progress is told what happens in which variant; nil: nobody.
	Progress func(lab.Variant, session.Event)
	// Configure has the last word on a variant's session; nil: nobody has.
	Configure func(lab.Variant, *session.Config)
	Log       io.Writer // of the child; nil: only its end is kept, for messages

	// Executable serves `lab-serve NAME --variant V --data DIR`; nil: this
	// program itself. Arguments in it come before the verb.
	Executable []string
	// Analyze decides; nil: detect.Analyze.
	Analyze func(*snapshot.Run, detect.Config) *detect.Result
}

// DefaultPlan takes about 28 s: eight snapshots without a load, then twenty
// under 150 operations a second, held while each is taken, and a drain.
func DefaultPlan() harness.Plan {
	return under(harness.Plan{
		IdleMarks: 6, IdleEvery: 300 * time.Millisecond, RestMarks: 2, RestEvery: 2 * time.Second, Passes: 1,
		QuiesceTimeout: 30 * time.Second, // of a starved machine; a snapshot under way is worth waiting for
	}, lab.UsualLoad())
}

// PlanFor is DefaultPlan with what a scenario needs otherwise.
func PlanFor(sc lab.Scenario) harness.Plan { return under(DefaultPlan(), sc.Load) }

// under is a plan with a load; what is zero in that stays.
func under(p harness.Plan, l lab.Load) harness.Plan {
	switch {
	case len(l.Steps) > 0:
		p.Rate = harness.Rate{From: l.Steps[0], To: l.Steps[len(l.Steps)-1], Steps: l.Steps}
	case l.From > 0 && l.To > 0:
		p.Rate = harness.Rate{From: l.From, To: l.To}
	case l.From > 0:
		p.Rate = harness.Rate{From: l.From, To: l.From}
	}
	for _, x := range []struct {
		own  time.Duration
		into *time.Duration
	}{{l.Warmup, &p.Warmup}, {l.Steady, &p.Steady}, {l.Drain, &p.Drain}, {l.Every, &p.Every}} {
		if x.own > 0 {
			*x.into = x.own
		}
	}
	p.Quiesce = !l.Unheld
	if l.Steady > 0 && l.Every == 0 {
		p.Every = l.Steady / 20
	}
	if l.MaxInFlight > 0 {
		p.MaxInFlight = l.MaxInFlight
	}
	return p
}

// cleanShare of the leaky truth is the lab's clean limit: a fixed variant that
// kept a twentieth of the defect would not be clean.
const cleanShare = 0.05

// memProfileRate is the sampling rate of the children, bytes per sample.
const memProfileRate = 16384

// Run measures one variant.
func Run(ctx context.Context, o Options) (*session.Outcome, error) {
	sc, err := lab.Find(o.Scenario)
	if err != nil {
		return nil, &session.ConfigError{Problem: err.Error()}
	}
	return run(ctx, o, sc)
}

func run(ctx context.Context, o Options, sc lab.Scenario) (_ *session.Outcome, err error) {
	switch {
	case o.Variant == "":
		o.Variant = sc.Variants()[0]
	case o.Variant == lab.Leaky && !slices.Contains(sc.Variants(), lab.Leaky):
		return nil, &session.ConfigError{Problem: fmt.Sprintf("scenario %s is a control, a healthy service: it has no %s variant", sc.Name, o.Variant)}
	}
	data, err := os.MkdirTemp("", "heapdrift-lab-")
	if err != nil {
		return nil, fmt.Errorf("make the child's data folder: %w", err)
	}
	defer os.RemoveAll(data)
	rate := o.MemProfileRate
	if rate == 0 {
		rate = memProfileRate
	}
	c, ready, err := start(ctx, childConfig{
		executable: o.Executable, scenario: sc.Name, variant: o.Variant, data: data, keep: o.Keep, rate: rate, log: o.Log,
	})
	if err != nil {
		return nil, &capture.TargetError{
			URL:     sc.Name + "/" + string(o.Variant),
			Problem: err.Error(), Remedy: "the scenario's child process could not be started: see what it printed", Err: err,
		}
	}
	defer stop(c)
	return session.Run(ctx, config(o, sc, c, ready))
}

// config is the session of one variant.
func config(o Options, sc lab.Scenario, c *harness.Process, ready lab.Ready) session.Config {
	cfg := session.DefaultConfig()
	cfg.Pprof = capture.Config{URL: ready.Pprof, MetricsURL: ready.Metrics}
	cfg.Process = c
	cfg.Load = &harness.HTTPConfig{
		URL: ready.URL, Method: http.MethodPost,
		Header:   http.Header{"Content-Type": {"application/json"}},
		BodyFunc: func(op harness.Op) []byte { return sc.Body(op.Seq) },
	}
	cfg.Plan = o.Plan
	if cfg.Plan.Steady == 0 {
		cfg.Plan = PlanFor(sc)
	}
	if sc.Load.Probe > 0 {
		cfg.ProbeEvery = sc.Load.Probe
	}
	cfg.Name = sc.Name + "/" + string(o.Variant)
	cfg.Out, cfg.Temporary = o.Out, o.Out == ""
	cfg.Detect = o.Detect
	if cfg.Detect.Alpha == 0 {
		cfg.Detect = detect.DefaultConfig()
		cfg.Detect.Clean = cleanLimit(sc.Truth, cfg.Detect.Clean)
	}
	cfg.Detect.Allow = append(slices.Clip(cfg.Detect.Allow), o.Allow...)
	if cfg.Detect.Limit == 0 {
		cfg.Detect.Limit = ready.MemoryCap
	}
	cfg.Analyze = o.Analyze
	if o.Progress != nil {
		cfg.Progress = func(e session.Event) { o.Progress(o.Variant, e) }
	}
	if o.Configure != nil {
		o.Configure(o.Variant, &cfg)
	}
	return cfg
}

// cleanLimit is what the truth states, else its share of the leaky size where
// that is stated, else the default.
func cleanLimit(t lab.Truth, def detect.CleanLimit) detect.CleanLimit {
	if b := t.Leaky.BytesPerOp; b > 0 {
		def.Bytes = cleanShare * b
	}
	if t.CleanBytes > 0 {
		def.Bytes = t.CleanBytes
	}
	if g := t.Leaky.GoroutinesPerOp; g > 0 {
		def.Goroutines = cleanShare * g
	}
	return def
}
