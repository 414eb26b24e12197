package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/session"
	"github.com/heapdrift/heapdrift/tui/model"
)

func (a *app) replay() *cobra.Command {
	var (
		detection detectFlags
		dash      dashFlags
		speed     float64
	)
	cmd := &cobra.Command{
		Use:   "replay RUN...",
		Short: "Show a recording in the dashboard, and go back and forth in it",
		Long: `Show a recording in the dashboard: a run bundle, a zip of one, or pprof files.
It is the dashboard of a live run: [ and ] go a moment back and on, { and } from
event to event, ? lists every key.`,
		Example: `  heapdrift replay runs/2026-11-22T10-15-00
  heapdrift replay --speed 60 runs/today`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usagef("write `heapdrift replay RUN`, RUN being a run's folder, a zip of one, or pprof files", "RUN is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if speed < 0 {
				return exit.Usagef("give how many times faster than it was, as 60; 0 shows all at once", "--speed %g is below 0", speed)
			}
			if _, err := a.wanted(cmd.Flags(), &dash); err != nil {
				return err
			}
			run, err := capture.Open(cmd.Context(), args...)
			if err != nil {
				return err
			}
			return a.show(cmd, &dash, func(ctx context.Context, d *dashboard) error {
				replay(ctx, d, run, detection.config(), name(run, args), speed)
				return nil
			})
		},
	}
	fs := cmd.Flags()
	fs.Float64Var(&speed, "speed", 0, "how many times faster than it was; 0 shows all at once")
	detection.bind(fs)
	dash.bind(fs, always)
	return cmd
}

// name is what a recording is called.
func name(run *snapshot.Run, paths []string) string {
	if run.Target.Name != "" {
		return run.Target.Name
	}
	return strings.TrimSuffix(filepath.Base(filepath.Clean(paths[0])), ".zip")
}

// mostReplayed is how many moments of a recording are shown, at most about
// twice as many.
const mostReplayed = 240

// replay sends a recording moment by moment, each with the look that a live
// dashboard would have shown, and then the verdict.
func replay(ctx context.Context, d *dashboard, run *snapshot.Run, cfg detect.Config, source string, speed float64) {
	stride := max(1, len(run.Snapshots)/mostReplayed)
	looks := detect.NewLooks(cfg, len(run.Snapshots)/stride)
	last := run.Snapshots[len(run.Snapshots)-1]
	d.note(source, session.Observation{Run: run})
	for i, s := range run.Snapshots {
		if i%stride != 0 && s != last || ctx.Err() != nil {
			continue
		}
		if i > 0 && speed > 0 {
			pause(ctx, time.Duration(float64(s.Time.Sub(run.Snapshots[max(0, i-stride)].Time))/speed))
		}
		part := *run
		part.Snapshots = run.Snapshots[: i+1 : i+1]
		u := model.Update{
			Source: source, Title: "replay " + run.Source, Time: s.Time, State: model.StateReplay, Run: &part,
			Load: recordedLoad(run, s), Progress: &model.Progress{Phase: s.Phase, Pass: s.Pass, Done: s.Time.Sub(run.Snapshots[0].Time)},
		}
		if s.Phase == snapshot.PhaseSteady || s.Phase == snapshot.PhaseUnknown {
			u.Result = looks.Look(&part)
		}
		d.app.Send(u)
	}
	if ctx.Err() != nil {
		return
	}
	res := detect.Analyze(run, cfg)
	d.note(source, session.Observation{Run: run, Result: res, Final: true})
	u := model.Update{Source: source, Time: last.Time, State: model.StateReplay, Run: run, Result: res}
	for _, w := range report.Warnings(res.Warnings, report.Archivist) {
		u.Events = append(u.Events, model.Event{Time: last.Time, Severity: model.Warning, Text: w})
	}
	if run.Failed != "" {
		u.Events = append(u.Events, model.Event{Time: last.Time, Severity: model.Alarm, Text: run.Failed})
	}
	d.app.Send(u)
}

// recordedLoad is the load that a snapshot tells of.
func recordedLoad(run *snapshot.Run, s *snapshot.Snapshot) *model.Load {
	l := &model.Load{Source: run.Load.Source}
	switch {
	case s.Load != nil:
		l.Load = *s.Load
	case s.Ops != nil:
		l.Completed = *s.Ops
	}
	if l.Rate <= 0 {
		l.Rate = run.Load.Rate
	}
	if s.InFlight != nil {
		l.InFlight = *s.InFlight
	}
	if *l == (model.Load{}) {
		return nil
	}
	return l
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// note keeps what the report of a target is made of.
func (d *dashboard) note(source string, o session.Observation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latest[source], d.seen = o, true
}
