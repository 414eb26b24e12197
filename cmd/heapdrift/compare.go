package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
)

func (a *app) compareRuns() *cobra.Command {
	var (
		out       outputFlags
		detection detectFlags
	)
	cmd := &cobra.Command{
		Use:   "compare RUN1 RUN2",
		Short: "Say whether a change helped: RUN1 was recorded without it, RUN2 with it",
		Long: `Compare the growth of two recordings, RUN1 without a change and RUN2 with it:
the totals, and each site and group of goroutines, as better, worse, same, new,
gone or unknown, with the interval of the difference.

The exit code is that of RUN2's own verdict, as of ` + "`heapdrift analyze RUN2`" + `.`,
		Example: `  heapdrift compare runs/before runs/after
  heapdrift compare --format markdown before.zip after.zip`,
		Args: exactly("RUN1", "RUN2"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			before, err := capture.Open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			after, err := capture.Open(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			c := &report.Changed{Before: before, After: after, Comparison: detect.Compare(before, after, detection.config())}
			a.code = exit.OfVerdict(c.Comparison.After.Verdict)
			return a.emit(&out, changed(c, report.TextOptions{Verbose: out.all}))
		},
	}
	out.bind(cmd.Flags())
	detection.bind(cmd.Flags())
	return cmd
}

// changed is a comparison's renderer.
func changed(c *report.Changed, o report.TextOptions) renderer {
	return func(w io.Writer, f flags.Format, color bool) error {
		switch f {
		case flags.JSON:
			return report.ChangeJSON(w, c)
		case flags.Markdown:
			return report.ChangeMarkdown(w, c)
		}
		o := o
		o.Color = color
		return report.ChangeText(w, c, o)
	}
}
