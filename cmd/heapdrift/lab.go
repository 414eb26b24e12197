package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/labrun"
	"github.com/heapdrift/heapdrift/session"
)

func (a *app) lab() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Leaks whose truth is known: list them, run one, compare leaky with fixed",
	}
	a.group(cmd, "`heapdrift lab list` shows the scenarios, `heapdrift lab compare closure` runs one")
	cmd.AddCommand(a.labList(), a.labRun(), a.labCompare())
	return cmd
}

// labFlags are those of the verbs that run scenarios.
type labFlags struct {
	output outputFlags
	dash   dashFlags
	plan   harness.Plan
	rate   int
	out    string
}

func (l *labFlags) bind(fs *pflag.FlagSet) {
	l.plan = labrun.DefaultPlan()
	fs.Var(flags.Parsed[harness.Rate]{To: &l.plan.Rate, Parse: harness.ParseRate, Show: harness.Rate.String, Kind: "RATE"},
		"rate", "documents a second")
	bindPhases(fs, &l.plan)
	fs.Lookup("every").Usage = "time between snapshots (with --for alone: a twentieth of it, at least 1s)"
	for _, name := range []string{"rate", "for", "warmup", "drain", "every"} {
		fs.Lookup(name).Usage += "; some scenarios have their own"
	}
	fs.IntVar(&l.rate, "memprofilerate", 16384, "sampling rate of the child's heap profile, bytes a sample")
	fs.StringVarP(&l.out, "out", "o", "", "`FOLDER` of the recording (default: it is not kept)")
	l.output.bind(fs)
}

// options for a scenario: its own plan, but for what was given; fs tells.
func (l *labFlags) options(fs *pflag.FlagSet, scenario string) (labrun.Options, error) {
	sc, err := lab.Find(scenario)
	if err != nil {
		return labrun.Options{}, exit.Usagef("", "%w", err)
	}
	plan := labrun.PlanFor(sc)
	for _, x := range []struct {
		flag string
		take func()
	}{
		{"rate", func() { plan.Rate = l.plan.Rate }},
		{"for", func() { plan.Steady, plan.Every = l.plan.Steady, 0 }}, // snapshots follow the steady time
		{"warmup", func() { plan.Warmup = l.plan.Warmup }},
		{"drain", func() { plan.Drain = l.plan.Drain }},
		{"passes", func() { plan.Passes = l.plan.Passes }},
		{"every", func() { plan.Every = l.plan.Every }},
	} {
		if fs.Changed(x.flag) {
			x.take()
		}
	}
	return labrun.Options{Scenario: scenario, Plan: plan, MemProfileRate: l.rate, Out: l.out}, nil
}

func (a *app) labRun() *cobra.Command {
	var l labFlags
	variant := lab.Leaky
	var allow []string
	cmd := &cobra.Command{
		Use:     "run NAME",
		Short:   "Run one variant of a scenario and judge it, as `heapdrift run` does",
		Example: "  heapdrift lab run closure --variant fixed",
		Args:    scenarioArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.output.check(); err != nil {
				return err
			}
			o, err := l.options(cmd.Flags(), args[0])
			if err != nil {
				return err
			}
			if o.Allow = allow; cmd.Flags().Changed("variant") {
				o.Variant = variant
			}
			var out *session.Outcome
			err = a.show(cmd, &l.dash, func(ctx context.Context, d *dashboard) (err error) {
				if d == nil {
					o.Progress = func(_ lab.Variant, e session.Event) { a.follow("")(e) }
				} else {
					o.Configure = d.variant("lab run")
				}
				out, err = labrun.Run(ctx, o)
				return err
			})
			return a.conclude(&l.output, out, err)
		},
	}
	cmd.Flags().Var(flags.Parsed[lab.Variant]{
		To: &variant, Parse: lab.ParseVariant, Show: func(v lab.Variant) string { return string(v) }, Kind: "leaky|fixed",
	}, "variant", "which of the pair; a control is fixed")
	bindAllow(cmd.Flags(), &allow)
	l.bind(cmd.Flags())
	l.dash.bind(cmd.Flags(), onlyIfAsked)
	return cmd
}

// labServe is the child process of the verbs above.
func (a *app) labServe() *cobra.Command {
	cfg := lab.ServeConfig{Ready: a.out, Stdin: a.in}
	cmd := &cobra.Command{
		Use:    labrun.Verb + " NAME",
		Hidden: true,
		Args:   scenarioArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			ignoreInterrupt()
			cfg.Scenario = args[0]
			return lab.Serve(cmd.Context(), cfg)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&cfg.Variant, "variant", string(lab.Leaky), "leaky or fixed")
	fs.StringVar(&cfg.DataDir, "data", "", "folder of the store")
	fs.Float64Var(&cfg.Keep, "keep", 0, "bytes of each operation that are kept besides")
	return cmd
}

// ignoreInterrupt keeps a child alive at an interrupt, which at a terminal
// reaches it too. It is the parent that ends it, by closing its standard input,
// once the last snapshot is taken.
func ignoreInterrupt() { signal.Ignore(os.Interrupt) }
