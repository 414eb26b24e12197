package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/progress"
	"github.com/heapdrift/heapdrift/session"
)

func (a *app) record() *cobra.Command {
	var (
		access pprofFlags
		cfg    = session.DefaultConfig()
	)
	cfg.Plan.Steady = 0 // until interrupted
	cmd := &cobra.Command{
		Use:   "record [-o RUN] URL",
		Short: "Capture a running target without a verdict, until interrupted or --for is over",
		Example: `  heapdrift record -o runs/today --every 1m http://10.0.0.7:6060
  heapdrift analyze runs/today`,
		Args: exactly("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if cfg.Pprof, err = access.config(args[0]); err != nil {
				return err
			}
			cfg.Progress = a.follow("")
			rec, err := session.Record(cmd.Context(), cfg)
			if rec != nil {
				a.progress.Done()
				fmt.Fprintf(a.out, "%s in %s   next: heapdrift analyze %s\n", progress.Snapshots(rec.Snapshots), rec.Bundle, rec.Bundle) // out keeps the error
			}
			return err
		},
	}
	fs := cmd.Flags()
	access.bind(fs)
	fs.DurationVar(&cfg.Plan.Steady, "for", 0, "how long; 0 is until interrupted")
	fs.DurationVar(&cfg.Plan.Every, "every", time.Duration(0), "time between snapshots (default: --for / 20, at least 1s; 10s without --for)")
	fs.StringVar(&cfg.OpsMetric, "ops-metric", "", "`NAME` of a counter in the target's /metrics that counts operations")
	fs.StringVarP(&cfg.Out, "out", "o", "", "`FOLDER` of the recording (default runs/TIME)")
	return cmd
}
