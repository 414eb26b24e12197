package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

func (a *app) analyze() *cobra.Command {
	var (
		out       outputFlags
		detection detectFlags
	)
	cmd := &cobra.Command{
		Use:   "analyze PATH...",
		Short: "Judge a recording: a run bundle, a zip of one, or a folder or list of pprof files",
		Example: `  heapdrift analyze runs/2026-11-22T10-15-00
  heapdrift analyze --format json profiles/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exit.Usagef("write `heapdrift analyze RUN`, RUN being a run's folder, a zip of one, or pprof files", "PATH is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			run, err := capture.Open(cmd.Context(), args...)
			if err != nil {
				return err
			}
			res := detect.Analyze(run, detection.config())
			var failed error
			if run.Failed != "" {
				failed = errors.New(run.Failed)
			}
			a.code = exit.OfRun(res.Verdict, failed)
			return a.emit(&out, rendered(run, res, report.TextOptions{Reader: report.Archivist, Verbose: out.all}))
		},
	}
	out.bind(cmd.Flags())
	detection.bind(cmd.Flags())
	return cmd
}
