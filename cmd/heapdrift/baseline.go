package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/gaterun"
)

func (a *app) baseline() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Record what scenarios keep, for `heapdrift gate` to compare with",
	}
	a.group(cmd, "`heapdrift baseline update --reason TEXT` records what the scenarios keep now")
	cmd.AddCommand(a.baselineUpdate())
	return cmd
}

func (a *app) baselineUpdate() *cobra.Command {
	var (
		g      gateFlags
		reason string
	)
	cmd := &cobra.Command{
		Use:   "update --reason TEXT [[SCENARIO=]RUN...]",
		Short: "Run the scenarios, or take recordings of them, and write the baseline",
		Long: `Run the scenarios of heapdrift.yaml, or take recordings of them, and write what
they keep to the file that the configuration names as its baseline: commit it.
Entries are kept by scenario, Go release and architecture; those of others stay.`,
		Example: `  heapdrift baseline update --reason "first measurement"
  heapdrift baseline update --scenario ingest --reason "the cache of #412 is wanted" ingest=runs/ingest`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return exit.Usagef(`write --reason "first measurement"`, "a baseline needs a reason (--reason)")
			}
			o, err := g.options(a, cmd.Flags())
			if err != nil {
				return err
			}
			done, err := gaterun.Update(cmd.Context(), o, reason, args)
			if errors.Is(err, gate.ErrUnbounded) {
				a.code = exit.Inconclusive
				a.progress.Line("heapdrift: " + err.Error())
				return nil
			}
			if err != nil {
				return mistaken(err)
			}
			a.progress.Done()
			for _, u := range done {
				a.updated(u)
			}
			fmt.Fprintf(a.out, "written to %s: commit it\n", o.Config.Baseline)
			return nil
		},
	}
	g.bind(cmd.Flags())
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why; mandatory")
	return cmd
}

// updated prints one entry that was recorded.
func (a *app) updated(u gaterun.Updated) {
	line := fmt.Sprintf("%s  %s %s: %s", report.Printable(u.New.Scenario), u.New.Go, u.New.Arch, kept(&u.New))
	if u.Old != nil {
		line += "   was " + kept(u.Old)
	}
	fmt.Fprintln(a.out, line)
	for _, w := range u.Warnings {
		fmt.Fprintln(a.out, "warning: "+w)
	}
}

// kept is the growth of an entry.
func kept(e *gate.Entry) string {
	live, liveUnit, g, gUnit := e.LiveBytes, "B/op", e.Goroutines, "goroutines/op"
	if live == nil {
		live, liveUnit, g, gUnit = e.BytesSecond, "B/s", e.GoroutinesSecond, "goroutines/s"
	}
	return gate.Measurement(live, liveUnit) + ", " + gate.Measurement(g, gUnit)
}
