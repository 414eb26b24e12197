package main

import (
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/session"
	"github.com/heapdrift/heapdrift/tui/model"
)

// feed turns a session's observations into the dashboard's updates.
type feed struct {
	source, title string
	cfg           *session.Config

	run    *snapshot.Run // sent last
	result *detect.Result
	live   bool            // it has answered
	went   *model.Progress // where the run was last, before it was judged
}

// begin announces the target.
func (f *feed) begin() model.Update {
	return model.Update{
		Source: f.source, Title: f.title, Time: time.Now(), State: model.StateConnecting,
		Tick: f.cfg.Plan.Every, Plan: stepsOf(f.cfg),
	}
}

// update is what is new in an observation.
func (f *feed) update(o session.Observation) model.Update {
	u := model.Update{Source: f.source, Time: o.Event.Time, Title: f.title, State: f.state(o), Load: f.load(o)}
	if u.Progress = progressOf(o.Event); u.Progress.Note == "" {
		f.went = u.Progress
	} else if o.Final && f.went != nil {
		u.Progress = f.went
	}
	if o.Run != f.run {
		u.Run, f.run = o.Run, o.Run
	}
	if o.Result != f.result {
		u.Result, f.result = o.Result, o.Result
	}
	for _, p := range o.Probes {
		u.Probes = append(u.Probes, model.Probe{Time: p.Time, RSS: p.RSS})
	}
	for _, e := range o.News {
		ev := model.Event{Time: e.Time, Text: e.Message}
		if e.Warning {
			ev.Severity = model.Warning
		}
		u.Events = append(u.Events, ev)
	}
	return u
}

func (f *feed) state(o session.Observation) model.State {
	f.live = f.live || o.Run != nil
	switch {
	case o.Final:
		return model.StateEnded
	case !f.live:
		return model.StateConnecting
	case o.Event.Failing != "":
		return model.StateUnreachable
	}
	return model.StateLive
}

func (f *feed) load(o session.Observation) *model.Load {
	if f.cfg.Load == nil && f.cfg.Target == nil {
		if f.cfg.OpsMetric == "" || o.Run == nil {
			return nil
		}
		l := &model.Load{Source: "metrics"}
		if ops := o.Run.Snapshots[len(o.Run.Snapshots)-1].Ops; ops != nil {
			l.Completed = *ops
		}
		return l
	}
	c := o.Event.Counts
	return &model.Load{Source: "heapdrift", InFlight: c.InFlight, Load: snapshot.Load{
		Rate: f.cfg.Plan.Rate.Mean(), Sent: c.Sent, Completed: c.Completed, Errors: c.Errors, Shed: c.Shed,
		Latency: session.Millis(o.Event.Latency),
	}}
}

func progressOf(e session.Event) *model.Progress {
	p := &model.Progress{Pass: e.Pass, Done: e.Done, Total: e.Total}
	switch e.Phase {
	case session.PhaseStart:
		p.Note = "starting"
	case session.PhaseJudge:
		p.Note = "judging"
	case session.PhaseWatch: // no phase is known
	default:
		p.Phase = snapshot.Phase(e.Phase)
	}
	return p
}

// stepsOf are the phases of a plan; none where the load is somebody else's.
func stepsOf(cfg *session.Config) []model.Step {
	if cfg.Load == nil && cfg.Target == nil {
		return nil
	}
	p := cfg.Plan
	var out []model.Step
	if p.IdleMarks > 0 {
		out = append(out, model.Step{Phase: snapshot.PhaseIdle})
	}
	if p.Warmup > 0 {
		out = append(out, model.Step{Phase: snapshot.PhaseWarmup})
	}
	for pass := range max(1, p.Passes) {
		out = append(out, model.Step{Phase: snapshot.PhaseSteady, Pass: pass + 1})
	}
	if p.Drain > 0 {
		out = append(out, model.Step{Phase: snapshot.PhaseDrain})
	}
	return out
}
