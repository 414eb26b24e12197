package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/labrun"
	"github.com/heapdrift/heapdrift/session"
)

func (a *app) labCompare() *cobra.Command {
	var (
		l      labFlags
		all    bool
		atOnce int
	)
	cmd := &cobra.Command{
		Use:   "compare NAME | --all",
		Short: "Run both variants of a scenario and hold the reports against its truth",
		Long: `Run both variants of a scenario and hold the reports against its truth. Ends
with 0 when they match it, with 1 when one contradicts it, with 3 when
undecided. A control has one variant, which must be clean. With --all several
scenarios run side by side; an interrupt ends with what there is.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return exit.Usagef("leave one of them out", "both --all and a scenario, %q, are given", args[0])
			}
			if all {
				return nil
			}
			return scenarioArg(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.output.check(); err != nil {
				return err
			}
			if all && l.dash.tui && flags.Given(cmd.Flags(), "tui") {
				return exit.Usagef("leave --tui out, or name one scenario", "--all and --tui are both given, and the dashboard shows one scenario")
			}
			if !all {
				return a.compareOne(cmd, &l, args[0])
			}
			if atOnce < 1 {
				return exit.Usagef("give 1 or more", "--at-once %d", atOnce)
			}
			return a.compareAll(cmd, &l, atOnce)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every scenario, controls included")
	l.dash.bind(cmd.Flags(), onTerminal)
	cmd.Flags().IntVar(&atOnce, "at-once", runtime.GOMAXPROCS(0)+1, "with --all: scenarios that run side by side")
	l.bind(cmd.Flags())
	return cmd
}

// scenarioArg asks for the name of one scenario.
func scenarioArg(cmd *cobra.Command, args []string) error {
	if err := exactly("NAME")(cmd, args); err != nil {
		return err
	}
	if _, err := lab.Find(args[0]); err != nil {
		return exit.Usagef("", "%w", err)
	}
	return nil
}

// compareOne compares one scenario and shows what came of it.
func (a *app) compareOne(cmd *cobra.Command, l *labFlags, name string) error {
	o, err := l.options(cmd.Flags(), name)
	if err != nil {
		return err
	}
	var c *report.Comparison
	l.dash.newest = true
	err = a.show(cmd, &l.dash, func(ctx context.Context, d *dashboard) (err error) {
		if d == nil {
			o.Progress = func(v lab.Variant, e session.Event) { a.follow(name + "/" + string(v))(e) }
		} else {
			o.Configure = d.variant("compare " + name)
		}
		c, err = labrun.Compare(ctx, o)
		return err
	})
	if c == nil || c.Leaky == nil && c.Fixed == nil {
		return err
	}
	if err == nil {
		a.code = exit.OfComparison(c.Pass, c.Undecided)
	} else {
		err = fmt.Errorf("scenario %s: %w", name, err)
	}
	err = errors.Join(err, a.emit(&l.output, comparisons([]*report.Comparison{c}, false, report.TextOptions{Verbose: l.output.all})))
	a.kept(l.out)
	return err
}

// compareAll compares every scenario, some side by side, and shows what came
// of them in the order of the list. An error of one does not keep the others
// from running.
func (a *app) compareAll(cmd *cobra.Command, l *labFlags, atOnce int) error {
	scenarios := lab.Scenarios()
	all := make([]labrun.Options, len(scenarios))
	b := newBoard(a.progress, len(scenarios))
	for i, sc := range scenarios {
		o, err := l.options(cmd.Flags(), sc.Name)
		if err != nil {
			return err
		}
		if o.Out != "" {
			o.Out = filepath.Join(o.Out, sc.Name)
		}
		o.Progress = func(v lab.Variant, e session.Event) { b.follow(sc.Name, v, e) }
		all[i] = o
	}
	var (
		ended = make([]*report.Comparison, len(all))
		errs  []error
		runs  int
	)
	labrun.CompareAll(cmd.Context(), all, atOnce, func(i int, c *report.Comparison, err error) {
		name := scenarios[i].Name
		if err != nil {
			errs = append(errs, fmt.Errorf("scenario %s: %w", name, err))
		} else {
			a.code = exit.Worst(a.code, exit.OfComparison(c.Pass, c.Undecided))
		}
		if c != nil && (c.Leaky != nil || c.Fixed != nil) {
			ended[i] = c
		}
		b.ended(name, ended[i], err)
		runs++
	})
	if runs < len(all) {
		errs = append(errs, fmt.Errorf("%d of %d scenarios were run: %w", runs, len(all), context.Canceled))
	}
	var done []*report.Comparison
	for _, c := range ended {
		if c != nil {
			done = append(done, c)
		}
	}
	errs = append(errs, a.emit(&l.output, comparisons(done, true, report.TextOptions{Verbose: l.output.all})))
	a.kept(l.out)
	return errors.Join(errs...)
}

func comparisons(cs []*report.Comparison, array bool, o report.TextOptions) renderer {
	return func(w io.Writer, f flags.Format, color bool) error {
		switch {
		case f == flags.JSON && array:
			return report.ComparisonsJSON(w, cs)
		case f == flags.JSON:
			return report.ComparisonJSON(w, cs[0])
		case f == flags.Markdown:
			return report.ComparisonsMarkdown(w, cs)
		}
		o := o
		o.Color = color
		return report.ComparisonsText(w, cs, o)
	}
}
