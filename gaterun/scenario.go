package gaterun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/gaterun/config"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/labrun"
	"github.com/heapdrift/heapdrift/session"
)

// scenario runs one scenario to its judgement: the canary, then the run, again
// and twice as long each time while it is undecided and may be repeated.
func (r *runner) scenario(ctx context.Context, j *job) gate.Scenario {
	start := time.Now()
	var canary *gate.Canary
	done := func(s gate.Scenario) gate.Scenario {
		s.Name, s.Repro, s.Canary = j.cfg.Name, r.repro(j), canary
		s.Seconds = time.Since(start).Seconds()
		return s
	}
	if j.canary {
		c, err := r.canary(ctx, j)
		if canary = c; err != nil && ctx.Err() == nil {
			return done(errored(fmt.Errorf("the canary could not be run: %w", err)))
		}
		if ctx.Err() != nil {
			return done(r.notRun(ctx, j))
		}
		if !c.Found {
			return done(errored(errors.New("the canary was not seen, and so the scenario was not run: " + c.Why)))
		}
	}
	var last gate.Scenario
	for attempt := 1; ; attempt++ {
		last = r.attempt(ctx, j, attempt)
		last.Attempts = attempt
		if last.State != gate.Undecided || attempt > j.retries || ctx.Err() != nil {
			return done(last)
		}
		if r.Out == "" && last.Bundle != "" {
			_ = os.RemoveAll(last.Bundle) // nobody asked for it, and the next one tells more
		}
		r.tell(j, fmt.Sprintf("undecided: %s; once more, for twice as long", last.Summary))
	}
}

func errored(err error) gate.Scenario {
	return gate.Scenario{State: gate.Errored, Summary: err.Error(), Problem: err.Error()}
}

// tell shows a sentence as progress.
func (r *runner) tell(j *job, s string) {
	if r.Progress != nil {
		r.Progress(j.cfg.Name, session.Event{Time: time.Now(), Phase: session.PhaseStart, Message: s})
	}
}

// attempt is one run of a scenario with its judgement.
func (r *runner) attempt(ctx context.Context, j *job, n int) gate.Scenario {
	out, err := r.run(ctx, j, n)
	if out == nil && ctx.Err() != nil {
		return gate.Scenario{State: gate.Undecided, Summary: "ended before anything was measured: " + ended(ctx)}
	}
	if out == nil {
		return errored(err)
	}
	s := r.judge(j, out)
	s.Warnings = slices.Concat(s.Warnings, j.warn, s.Run.Warnings)
	if err == nil {
		err = out.Died
	}
	switch {
	case err != nil:
		s.Problem = err.Error()
		if s.State != gate.Failed {
			s.State, s.Summary = gate.Errored, err.Error()
		}
	case out.Interrupted && s.State == gate.Passed:
		s.State, s.Summary = gate.Undecided, "interrupted: what was captured until then keeps the budgets, but it is no whole run"
	}
	r.keep(&s, out)
	return s
}

// run does the scenario's run. The outcome may be nil where the error is not.
func (r *runner) run(ctx context.Context, j *job, n int) (*session.Outcome, error) {
	bundle := filepath.Join(r.Out, j.cfg.Name)
	if r.Out == "" {
		bundle = filepath.Join(r.scratch, j.cfg.Name)
	}
	plan := j.plan
	if n > 1 {
		bundle += fmt.Sprintf("-%d", n)
		plan.Steady *= time.Duration(1 << min(n-1, 10))
	}
	progress := func(e session.Event) {
		if r.Progress != nil {
			r.Progress(j.cfg.Name, e)
		}
	}
	if j.cfg.Lab != "" {
		return labrun.Run(ctx, labrun.Options{
			Scenario: j.cfg.Lab, Variant: lab.Variant(j.cfg.Variant), Keep: j.cfg.Keep, Plan: plan, MemProfileRate: j.rate, Detect: j.detect,
			Out: bundle, Progress: func(_ lab.Variant, e session.Event) { progress(e) }, Executable: r.Executable, Analyze: r.Analyze,
		})
	}
	cfg := session.DefaultConfig()
	cfg.Pprof, cfg.Load, cfg.Plan = j.pprof, j.load, plan
	cfg.Command, cfg.CommandDir, cfg.CommandEnv = j.cfg.Command, filepath.Dir(r.Path), environment(j.cfg)
	if j.cfg.Dir != "" {
		cfg.CommandDir = r.path(j.cfg.Dir)
	}
	cfg.MemProfileRate, cfg.OpsMetric, cfg.StrictRate = j.rate, j.cfg.OpsMetric, j.cfg.StrictRate
	cfg.Out, cfg.Detect, cfg.Analyze, cfg.Progress = bundle, j.detect, r.Analyze, progress
	return session.Run(ctx, cfg)
}

// environment is that of the command: this process's and what is added to it.
func environment(s *config.Scenario) []string {
	env := os.Environ()
	for name, value := range s.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// judge holds an outcome against the scenario's budgets and its baseline.
func (r *runner) judge(j *job, out *session.Outcome) gate.Scenario {
	in := gate.Input{
		Name: j.cfg.Name, Run: out.Run, Result: out.Result, Limits: j.cfg.Budgets, Tolerance: j.detect.Tolerance, Rules: r.rules, FailOn: r.Config.FailOn,
	}
	var (
		used *gate.BaselineUsed
		warn []string
	)
	if r.Config.Baseline != "" {
		used = &gate.BaselineUsed{Key: gate.KeyOf(j.cfg.Name, out.Run.Target.GoVersion, arch)}
		if e := r.baseline.Find(used.Key); e != nil {
			used.Found, used.Reason, used.Recorded, used.Go = true, e.Reason, e.Recorded, e.GoVersion
			in.Baseline = e
			if e.MemProfileRate > 0 && out.Run.Target.MemProfileRate > 0 && e.MemProfileRate != out.Run.Target.MemProfileRate {
				warn = append(warn, fmt.Sprintf("the baseline was sampled once in %d bytes and this run once in %d: sites compare badly; record the baseline anew", e.MemProfileRate, out.Run.Target.MemProfileRate))
			}
		} else if r.baseline != nil {
			warn = append(warn, fmt.Sprintf("the baseline has no entry for %s with %s on %s: record one with `heapdrift baseline update --scenario %s --reason TEXT`",
				used.Key.Scenario, orUnknown(used.Key.Go), used.Key.Arch, used.Key.Scenario))
		}
	}
	s := gate.Judge(in)
	s.Baseline, s.Warnings = used, warn
	return s
}

func orUnknown(goVersion string) string {
	if goVersion == "" {
		return "an unknown Go"
	}
	return goVersion
}

// keep says where the recording is, or takes it away; one that was asked for
// and is not whole makes an error.
func (r *runner) keep(s *gate.Scenario, out *session.Outcome) {
	s.Bundle = out.Bundle
	if r.Out == "" {
		if s.State == gate.Passed {
			_ = os.RemoveAll(out.Bundle) // in a temporary folder: nobody misses it
			s.Bundle = ""
		}
		return
	}
	if lacking := lacking(out); lacking > 0 && s.State != gate.Failed {
		s.Problem = fmt.Sprintf("the recording in %s lacks %d of %s snapshots: is the disk full?", out.Bundle, lacking, report.Count(float64(len(out.Run.Snapshots))))
		s.State, s.Summary = gate.Errored, s.Problem
	}
}

// lacking is how many snapshots of a run are not in its bundle.
func lacking(out *session.Outcome) int {
	entries, err := os.ReadDir(filepath.Join(out.Bundle, "snapshots"))
	if err != nil {
		return len(out.Run.Snapshots)
	}
	n := 0
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(out.Bundle, "snapshots", e.Name(), "snapshot.json")); err == nil {
			n++
		}
	}
	return max(0, len(out.Run.Snapshots)-n)
}
