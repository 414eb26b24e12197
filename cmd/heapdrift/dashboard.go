package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
	"github.com/heapdrift/heapdrift/tui"
	"github.com/heapdrift/heapdrift/tui/model"
)

// usual says whether a verb shows the dashboard where nothing is said.
type usual int

const (
	onlyIfAsked usual = iota
	onTerminal        // text elsewhere
	always            // the verb is nothing else
)

// dashFlags say whether and how the dashboard is shown.
type dashFlags struct {
	usual usual
	tui   bool
	theme tui.Theme
	// newest follows the target that began last, of several one after the other.
	newest bool
}

// linger is how long a dashboard stays, after the end, that nobody asked for by
// name and nobody touched.
const linger = 15 * time.Second

func (d *dashFlags) bind(fs *pflag.FlagSet, u usual) {
	d.usual = u
	switch u {
	case onlyIfAsked:
		fs.BoolVar(&d.tui, "tui", false, "show the dashboard meanwhile")
	case onTerminal:
		fs.BoolVar(&d.tui, "tui", false, "show the dashboard meanwhile; --tui=false never (default: on a terminal)")
		fs.Lookup("tui").DefValue = ""
	}
	fs.Var(flags.Parsed[tui.Theme]{To: &d.theme, Parse: tui.ParseTheme, Show: tui.Theme.String, Kind: "dark|light|colour-blind|mono"},
		"theme", "colours of the dashboard; NO_COLOR means mono")
}

// wanted decides whether the dashboard is shown. The error is a usage error: it
// was asked for where it cannot be.
func (a *app) wanted(fs *pflag.FlagSet, d *dashFlags) (bool, error) {
	var asked, said bool
	if d.usual != always {
		asked, said = d.tui && flags.Given(fs, "tui"), fs.Changed("tui")
	} else {
		asked = true
	}
	switch {
	case !asked && said && !d.tui, !asked && !said && d.usual == onlyIfAsked, !asked && a.quiet:
		return false, nil
	}
	problem := ""
	switch {
	case !a.outTerminal && !a.errTerminal:
		problem = "neither standard output nor standard error is one"
	case !asked && !a.outTerminal:
		return false, nil
	case a.dumb():
		problem = "TERM says that this one cannot be drawn on"
	case !foreground():
		problem = "this process is in the background of its terminal"
	}
	switch {
	case problem == "":
		return true, nil
	case !asked:
		return false, nil
	case d.usual == always:
		return false, exit.Usagef("`heapdrift analyze` prints the verdict as text", "the dashboard needs a terminal: %s", problem)
	}
	return false, exit.Usagef("leave --tui out, and the result comes as text", "--tui needs a terminal: %s", problem)
}

// dashboard is a dashboard that is shown while work goes on.
type dashboard struct {
	app    *tui.App
	reader report.Reader            // of the reports that are written
	now    map[string]chan struct{} // asks for a snapshot, by target

	mu     sync.Mutex
	latest map[string]session.Observation // by target
	seen   bool                           // something that could be looked at came in
}

// show does work, behind a dashboard where one is wanted. Else d is nil. It
// returns the error of work; the dashboard is closed by then.
func (a *app) show(cmd *cobra.Command, f *dashFlags, work func(ctx context.Context, d *dashboard) error) error {
	wanted, err := a.wanted(cmd.Flags(), f)
	if err != nil {
		return err
	}
	if !wanted {
		return work(cmd.Context(), nil)
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	d := &dashboard{reader: report.Operator, now: map[string]chan struct{}{}, latest: map[string]session.Observation{}}
	cfg := tui.Config{
		Theme: f.theme, Quit: cancel, Snapshot: d.snapshot, Report: d.report, Logs: true, Newest: f.newest,
		Getenv: func(name string) string { v, _ := a.env(name); return v },
	}
	if cfg.Recording = f.usual == always; cfg.Recording {
		d.reader = report.Archivist
	} else {
		cfg.Ended = "the run has ended"
	}
	if m := cmd.Flags().Lookup("module"); m != nil {
		cfg.Module = m.Value.String()
	}
	if no, _ := a.env("NO_COLOR"); no != "" {
		cfg.Theme = tui.Mono
	}
	if f.usual == onTerminal && !flags.Given(cmd.Flags(), "tui") {
		cfg.Linger = linger // nobody said that somebody would be there to close it
	}
	d.app = tui.New(cfg)
	if err := d.app.Open(); err != nil {
		return exit.Usagef("leave the dashboard out (--tui=false), or set TERM as the terminal is", "the dashboard cannot be drawn: %w", err)
	}
	a.screen.hold(d.app.Release)
	defer a.screen.release()
	done := make(chan error, 1)
	go func() {
		var err error
		d.app.Guard(func() { err = work(ctx, d) })
		if d.worthALook() {
			d.app.End()
		} else {
			d.app.Close() // what went wrong is said as text
		}
		done <- err
	}()
	shown := d.app.Run(cmd.Context())
	a.screen.release()
	if shown != nil || cmd.Context().Err() == nil {
		cancel() // nobody looks any more
	}
	select {
	case err = <-done:
	default:
		if !a.quiet {
			a.progress.Line("ending with what there is")
		}
		err = <-done
	}
	return errors.Join(err, shown)
}

func (d *dashboard) worthALook() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

// attach shows a session as the target source.
func (d *dashboard) attach(cfg *session.Config, source, title string) {
	now := make(chan struct{}, 1)
	d.mu.Lock()
	d.now[source] = now
	d.mu.Unlock()
	cfg.SnapshotNow = now
	f := &feed{source: source, title: title, cfg: cfg}
	cfg.Observe = func(o session.Observation) {
		d.mu.Lock()
		d.latest[source] = o
		d.seen = d.seen || o.Run != nil
		d.mu.Unlock()
		d.app.Send(f.update(o))
	}
	if len(cfg.Command) > 0 {
		cfg.CommandLog = d.app.Lines(source, model.Info)
	}
	d.app.Send(f.begin())
}

// variant shows each variant of a scenario as a target of its own.
func (d *dashboard) variant(title string) func(lab.Variant, *session.Config) {
	return func(_ lab.Variant, cfg *session.Config) { d.attach(cfg, nameOf(cfg), title) }
}

// snapshot asks a session for a snapshot.
func (d *dashboard) snapshot(source string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now[source]
	if now == nil || d.latest[source].Final {
		return errors.New("nothing runs there any more")
	}
	select {
	case now <- struct{}{}:
	default: // one is asked for already
	}
	return nil
}

// report is the report of what a target has come to so far.
func (d *dashboard) report(source string) (string, error) {
	d.mu.Lock()
	o := d.latest[source]
	d.mu.Unlock()
	if o.Run == nil || o.Result == nil {
		return "", errors.New("nothing is judged yet")
	}
	var b bytes.Buffer
	err := report.Text(&b, o.Run, o.Result, report.TextOptions{Reader: d.reader})
	return b.String(), err
}

// nameOf is what the dashboard calls the target of a configuration.
func nameOf(cfg *session.Config) string {
	switch {
	case cfg.Name != "":
		return cfg.Name
	case len(cfg.Command) > 0:
		return filepath.Base(cfg.Command[0])
	}
	return hostOf(cfg.Pprof.URL)
}

// hostOf is the short name of an address.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return cmp.Or(address, "target")
}

// distinct names addresses, each another way.
func distinct(addresses []string) []string {
	names, taken := make([]string, len(addresses)), map[string]int{}
	for i, x := range addresses {
		names[i] = hostOf(x)
		if taken[names[i]]++; taken[names[i]] > 1 {
			names[i] += " (" + strconv.Itoa(taken[names[i]]) + ")"
		}
	}
	return names
}
