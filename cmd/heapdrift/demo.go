package main

import (
	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/lab"
)

// demoScenario is the one that shows the most at first sight.
const demoScenario = "closure"

func (a *app) demo() *cobra.Command {
	var l labFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show heapdrift at work: find the leak in a real pipeline, and none in its mended twin",
		Long: `Show heapdrift at work on a real pipeline, once with a leak and once without,
each in a process of its own. The same as ` + "`heapdrift lab compare " + demoScenario + "`" + `;
takes about a minute.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.output.check(); err != nil {
				return err
			}
			s, err := lab.Find(demoScenario)
			if err != nil {
				return err
			}
			if !a.quiet {
				a.progress.Line("The defect: " + s.Story)
			}
			return a.compareOne(cmd, &l, demoScenario)
		},
	}
	l.bind(cmd.Flags())
	l.dash.bind(cmd.Flags(), onTerminal)
	return cmd
}
