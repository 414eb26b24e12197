package main

import (
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/progress"
	"github.com/heapdrift/heapdrift/session"
)

// follow shows a session's events as progress. Name says which, where there
// are several. Of one session, what is said while it is judged waits for the
// report, which says it too.
func (a *app) follow(name string) func(session.Event) {
	return func(e session.Event) {
		switch {
		case !e.Warning || name != "":
		case e.Phase == session.PhaseJudge:
			a.waiting = append(a.waiting, e.Message)
			e.Message, e.Warning = "", false
		case a.outTerminal && a.errTerminal && !a.quiet:
			a.told = append(a.told, e.Message)
		}
		a.progress.Show(progress.Status{
			Time: e.Time, Name: name, Phase: e.Phase, Pass: e.Pass, Done: e.Done, Total: e.Total,
			Ops: e.Counts.Completed, Errors: e.Counts.Errors, Shed: e.Counts.Shed, Snapshots: e.Snapshots,
			Message: e.Message, Warning: e.Warning,
		})
	}
}

// conclude shows what a session came to. out may be nil where err is not.
func (a *app) conclude(o *outputFlags, out *session.Outcome, err error) error {
	if err != nil || o.format != flags.Text {
		a.tell()
	}
	if out == nil {
		return err
	}
	if err != nil {
		a.kept(out.Bundle)
		return err
	}
	a.code = exit.OfRun(out.Result.Verdict, out.Died)
	err = a.emit(o, rendered(out.Run, out.Result, report.TextOptions{Bundle: out.Bundle, Told: a.told, Verbose: o.all}))
	if o.format != flags.Text {
		a.kept(out.Bundle)
	}
	return err
}

// tell shows the warnings that waited for a report, where no text will.
func (a *app) tell() {
	for _, w := range a.waiting {
		if !a.quiet {
			a.progress.Line("warning: " + w)
		}
	}
	a.waiting = nil
}

// kept says on standard error where the recording is.
func (a *app) kept(bundle string) {
	if bundle != "" && !a.quiet {
		a.progress.Line("recorded in " + bundle)
	}
}
