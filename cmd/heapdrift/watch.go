package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/progress"
	"github.com/heapdrift/heapdrift/session"
)

// watchEvery is the time between the snapshots of a watched target.
const watchEvery = 5 * time.Second

// watching is one call of watch.
type watching struct {
	out       outputFlags
	detection detectFlags
	access    pprofFlags
	dash      dashFlags
	cfg       session.Config // of each target, but for what follows
	names     []string       // of the targets
	urls      []string
}

func (a *app) watch() *cobra.Command {
	w := &watching{cfg: session.DefaultConfig()}
	w.cfg.Plan.Steady, w.cfg.Plan.Warmup, w.cfg.Plan.Every = 0, 0, watchEvery
	cmd := &cobra.Command{
		Use:   "watch URL...",
		Short: "Watch running targets under somebody else's load, in the dashboard",
		Long: `Watch running targets under somebody else's load, and judge them while they
go on. A target that goes away is waited for, and judged anew when it comes
back. Without a terminal the progress comes as lines; the verdict is printed at
the end: after q or an interrupt, or when --for is over.

Each snapshot asks for two garbage collections: choose --every so that the
target can afford it. Without -o nothing is kept.`,
		Example: `  heapdrift watch http://10.0.0.7:6060
  heapdrift watch --ops-metric http_requests_total -o runs/today :6060 10.0.0.8:6060`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usagef("write `heapdrift watch URL`, URL being where pprof is served, as :6060", "URL is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.watchAll(cmd, w, args) },
	}
	fs := cmd.Flags()
	w.access.bind(fs)
	fs.DurationVar(&w.cfg.Plan.Steady, "for", 0, "how long; 0 is until q or an interrupt")
	fs.DurationVar(&w.cfg.Plan.Every, "every", w.cfg.Plan.Every, "time between snapshots")
	fs.StringVar(&w.cfg.OpsMetric, "ops-metric", "", "`NAME` of a counter in the target's /metrics that counts operations")
	fs.StringVarP(&w.cfg.Out, "out", "o", "", "`FOLDER` of the recording; of several targets, each has a folder in it")
	w.detection.bind(fs)
	w.out.bind(fs)
	w.dash.bind(fs, onTerminal)
	return cmd
}

func (a *app) watchAll(cmd *cobra.Command, w *watching, urls []string) error {
	if err := w.out.check(); err != nil {
		return err
	}
	if w.cfg.Plan.Every <= 0 {
		return exit.Usagef("give a time above 0, as 10s", "--every %s", w.cfg.Plan.Every)
	}
	if w.cfg.Plan.Steady < 0 {
		return exit.Usagef("give 0 or more", "--for %s", w.cfg.Plan.Steady)
	}
	if err := w.several(urls); err != nil {
		return err
	}
	if _, err := a.wanted(cmd.Flags(), &w.dash); err != nil {
		return err
	}
	w.urls, w.names = urls, distinct(urls)
	cfgs := make([]session.Config, len(urls))
	for i := range urls {
		var err error
		if cfgs[i], err = w.config(i); err != nil {
			return err
		}
	}
	if err := reachAny(cmd.Context(), cfgs); err != nil {
		return err
	}
	outs, errs := make([]*session.Outcome, len(urls)), make([]error, len(urls))
	err := a.show(cmd, &w.dash, func(ctx context.Context, d *dashboard) error {
		lines := &watchLines{a: a, named: len(urls) > 1}
		for i := range cfgs {
			if d != nil {
				d.attach(&cfgs[i], w.names[i], "watch")
			} else {
				lines.attach(&cfgs[i], w.names[i])
			}
		}
		var wg sync.WaitGroup
		for i := range cfgs {
			run := func() { outs[i], errs[i] = session.Run(ctx, cfgs[i]) }
			wg.Go(func() {
				if d != nil {
					d.app.Guard(run)
					return
				}
				run()
			})
		}
		wg.Wait()
		return nil
	})
	return errors.Join(err, a.concludeAll(w, outs, errs))
}

// several refuses what cannot be printed of several targets.
func (w *watching) several(urls []string) error {
	if len(urls) == 1 {
		return nil
	}
	all := []flags.Format{w.out.format}
	for _, f := range w.out.files {
		all = append(all, f.Format)
	}
	for _, f := range all {
		if f != flags.Text && f != flags.JSON && f != flags.Markdown {
			return exit.Usagef("use text, json or markdown, or watch one", "format %s is of one target, and %d are given", f, len(urls))
		}
	}
	return nil
}

// config is the session of a target.
func (w *watching) config(i int) (session.Config, error) {
	cfg := w.cfg
	var err error
	if cfg.Pprof, err = w.access.config(w.urls[i]); err != nil {
		return cfg, err
	}
	cfg.Watch, cfg.Await, cfg.Temporary = true, true, cfg.Out == ""
	cfg.Detect = w.detection.config()
	if len(w.urls) > 1 && cfg.Out != "" {
		cfg.Out = filepath.Join(cfg.Out, fileName(w.names[i]))
	}
	return cfg, nil
}

// fileName makes a folder's name of a target's.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, r) {
			return '-'
		}
		return r
	}, name)
}

// firstPatience is how long one of the targets at least must answer in.
const firstPatience = 5 * time.Second

// reachAny returns nil once one of the targets answers: the others are waited
// for. That none does is told at once, as it may be a slip.
func reachAny(ctx context.Context, cfgs []session.Config) error {
	ctx, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	answers := make(chan error, len(cfgs))
	for _, cfg := range cfgs {
		go func() { // ends with ctx
			c, err := capture.New(cfg.Pprof)
			if err == nil {
				err = capture.WaitReady(ctx, c)
				c.Close()
			}
			answers <- err
		}()
	}
	var errs []error
	reached := false
	for range cfgs {
		err := <-answers
		if err == nil {
			reached = true
			cancel() // the rest is told by their sessions
		}
		errs = append(errs, err)
	}
	if reached {
		return nil
	}
	return errors.Join(errs...)
}

// watchLines shows watched targets as lines.
type watchLines struct {
	a     *app
	named bool

	mu sync.Mutex
}

func (l *watchLines) attach(cfg *session.Config, name string) {
	show := ""
	if l.named {
		show = name
	}
	follow := l.a.follow(show)
	cfg.Progress = func(e session.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if show != "" && e.Message != "" {
			e.Message = show + ": " + e.Message
		}
		follow(e)
	}
	last := detect.RunInconclusive // which is no news
	cfg.Observe = func(o session.Observation) {
		if o.Result == nil || o.Final || o.Result.Verdict == last || l.a.quiet {
			return
		}
		last = o.Result.Verdict
		l.mu.Lock()
		defer l.mu.Unlock()
		line := fmt.Sprintf("so far %s, after %s", last, progress.Snapshots(o.Result.Snapshots))
		if l.named {
			line = name + ": " + line
		}
		l.a.progress.Line(line)
	}
}

// concludeAll shows what the watched targets came to.
func (a *app) concludeAll(w *watching, outs []*session.Outcome, errs []error) error {
	if len(outs) == 1 {
		return a.conclude(&w.out, outs[0], errs[0])
	}
	var judged []renderer
	var names []string
	for i, out := range outs {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", w.names[i], errs[i])
		}
		if out == nil {
			continue
		}
		a.code = exit.Worst(a.code, exit.OfRun(out.Result.Verdict, out.Died))
		judged, names = append(judged, rendered(out.Run, out.Result, report.TextOptions{Bundle: out.Bundle, Verbose: w.out.all})), append(names, w.names[i])
	}
	if len(judged) > 0 {
		errs = append(errs, a.emit(&w.out, renderSeveral(names, judged)))
	}
	return errors.Join(errs...)
}

// renderSeveral renders several results: as text and Markdown one after the other,
// each beneath its name, as JSON an array.
func renderSeveral(names []string, all []renderer) renderer {
	return func(w io.Writer, f flags.Format, color bool) error {
		var array []json.RawMessage
		for i, one := range all {
			var b bytes.Buffer
			if err := one(&b, f, color); err != nil {
				return err
			}
			switch f {
			case flags.JSON:
				array = append(array, b.Bytes())
				continue
			case flags.Markdown:
				fmt.Fprintf(w, "## %s\n\n%s\n", names[i], &b)
			default:
				fmt.Fprintf(w, "%s:\n%s\n", names[i], &b)
			}
		}
		if f != flags.JSON {
			return nil // w keeps its error
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(array)
	}
}
