// Package gaterun runs the gate: it takes a configuration, drives a session
// for each scenario, with a canary before it where one is asked for, and has
// every run judged by analyzer/gate. It is a composition root, beside labrun:
// processes, files and the clock are its business, judgement is not.
//
// Several gates may run on one machine, and in one checkout: each writes to
// folders of its own, and what it must replace it renames into place.
package gaterun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/gaterun/config"
	"github.com/heapdrift/heapdrift/session"
)

// DefaultConfig is the configuration's path where none is named.
const DefaultConfig = "heapdrift.yaml"

// Options say what to run. Config is required; every other zero value works.
type Options struct {
	Config *config.File
	Path   string // of the configuration: paths in it are relative to its folder
	Only   []string
	Seed   uint64 // of random arrivals
	Out    string // folder of the recordings, one in it a scenario; empty: only those of scenarios that did not pass are kept
	// FailCode is the exit code of a gate that failed; nil: 1.
	FailCode *int

	// Today is the day that suppressions are held against; zero: now.
	Today time.Time
	// Progress is told what happens in which scenario; nil: nobody.
	Progress func(scenario string, e session.Event)
	// Env looks up what ${NAME} in headers stands for; nil: os.LookupEnv.
	Env func(string) (string, bool)
	// Executable serves the hidden verbs of the lab and of the canary; nil:
	// this program itself. Arguments in it come before the verb.
	Executable []string
	// Analyze decides; nil: detect.Analyze.
	Analyze func(*snapshot.Run, detect.Config) *detect.Result

	idleEvery time.Duration // between the snapshots before the load; 0: as a session's
}

// errTimeCap ends a gate that took its time.
var errTimeCap = errors.New("the time cap of the gate was reached (time_cap)")

// runner is one call of the gate under way.
type runner struct {
	Options
	baseline *gate.Baseline // nil: none is named, or the file is not there yet
	rules    *gate.Rules
	scratch  string // folder of recordings that are not asked for; empty: none was made
	multiple bool   // the configuration has more than one scenario
}

// Run runs the gate. An error is of what could not be run at all: of type
// config.Errors where the configuration is at fault, a *session.ConfigError
// where the call is. Everything else is in the report.
func Run(ctx context.Context, o Options) (*gate.Report, error) {
	start := time.Now()
	r, jobs, err := prepare(o)
	if err != nil {
		return nil, err
	}
	defer r.tidy()
	if cap := o.Config.TimeCap; cap > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cap, errTimeCap)
		defer cancel()
	}
	report := &gate.Report{Config: o.Path, Baseline: o.Config.Baseline, Seed: seed(o.Seed), FailOn: o.Config.FailOn}
	if o.Config.Baseline != "" && r.baseline == nil {
		report.Warnings = append(report.Warnings, fmt.Sprintf("the baseline %s is not there: record one with `heapdrift baseline update --reason TEXT`, and commit it", o.Config.Baseline))
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			report.Scenarios = append(report.Scenarios, r.notRun(ctx, j))
			continue
		}
		report.Scenarios = append(report.Scenarios, r.scenario(ctx, j))
	}
	switch {
	case errors.Is(context.Cause(ctx), errTimeCap):
		report.Problems = append(report.Problems, gate.Problem{State: gate.Undecided, Text: fmt.Sprintf("%v after %s: give it more, or run less", errTimeCap, o.Config.TimeCap)})
	case ctx.Err() != nil:
		report.Problems = append(report.Problems, gate.Problem{State: gate.Undecided, Text: ended(ctx)})
	}
	report.Seconds = time.Since(start).Seconds()
	code := gate.CodeFailed
	if o.FailCode != nil {
		code = *o.FailCode
	}
	report.Settle(gate.Settling{Rules: r.rules, Whole: len(jobs) == len(o.Config.Scenarios), FailCode: code})
	return report, nil
}

// notRun is a scenario that the end of ctx left out.
func (r *runner) notRun(ctx context.Context, j *job) gate.Scenario {
	return gate.Scenario{Name: j.cfg.Name, State: gate.Undecided, Summary: "not run: " + ended(ctx), Repro: r.repro(j)}
}

// ended says why ctx did.
func ended(ctx context.Context) string {
	if cause := context.Cause(ctx); errors.Is(cause, errTimeCap) {
		return cause.Error()
	}
	return "the gate was interrupted"
}

// tidy takes away the folder of the recordings that nobody asked for, where
// nothing is left in it.
func (r *runner) tidy() {
	if r.scratch != "" {
		_ = os.Remove(r.scratch) // not empty: a recording is to be kept
	}
}

// repro is the command that runs a scenario alone.
func (r *runner) repro(j *job) string {
	s := "heapdrift gate"
	if r.Path != "" && r.Path != DefaultConfig {
		s += " -c " + quote(r.Path)
	}
	if r.multiple {
		s += " --scenario " + j.cfg.Name
	}
	return s + " --seed " + seed(r.Seed)
}

// quote makes a word for a shell where it needs that.
func quote(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || slices.Contains([]rune("/._-+=:,@"), c)
	}
	for _, c := range s {
		if !plain(c) {
			return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
	}
	return s
}

func seed(v uint64) string { return strconv.FormatUint(v, 16) }

// arch is that of the key of a baseline: a target on another machine is taken
// for one like this.
const arch = runtime.GOARCH

func (r *runner) today() time.Time {
	if r.Today.IsZero() {
		return time.Now()
	}
	return r.Today
}
