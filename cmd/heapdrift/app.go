package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/progress"
	"github.com/heapdrift/heapdrift/internal/spelling"
)

// streams are what a process is given.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// outTerminal and errTerminal say which of them is a terminal.
	outTerminal, errTerminal bool
	env                      func(string) (string, bool)
	screen                   *stage // behind err; nil: no dashboard will be drawn across it
}

// app is one call of the program.
type app struct {
	streams
	out      *sink // standard output: the result and nothing else
	progress *progress.Writer
	quiet    bool
	told     []string  // warnings that standard error showed on the terminal of the result
	waiting  []string  // warnings that the result will show
	code     exit.Code // of the result, errors aside
}

func newApp(s streams) *app {
	a := &app{streams: s, out: &sink{w: s.out}}
	a.progress = progress.New(s.err, a.mode())
	return a
}

// mode of the progress on standard error.
func (a *app) mode() progress.Mode {
	switch {
	case a.quiet:
		return progress.Quiet
	case a.errTerminal && !a.dumb():
		return progress.Terminal
	}
	return progress.Plain
}

func (a *app) dumb() bool {
	term, _ := a.env("TERM")
	return term == "dumb"
}

// color reports whether the result may have colour codes: on a terminal,
// unless NO_COLOR is set (no-color.org: to anything but nothing).
func (a *app) color() bool {
	no, _ := a.env("NO_COLOR")
	return a.outTerminal && no == "" && !a.dumb()
}

// sink remembers the first error of writing, which cobra's help would drop.
type sink struct {
	w   io.Writer
	err error
}

// Write passes on to w until it fails once.
func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "heapdrift",
		Short: "Tell whether a Go process leaks, on which line, and how much per operation",
		Long: `heapdrift tells whether a Go process leaks, on which line, how much per
operation, and when it will run out of memory.

Every flag is also read from the environment: --max-in-flight from
HEAPDRIFT_MAX_IN_FLIGHT. Exit codes: 0 clean, 1 leak, 2 usage, 3 inconclusive,
4 infrastructure (unreachable, unreadable, target died).`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.Bind(cmd.Flags(), a.env); err != nil {
				return err
			}
			a.progress = progress.New(a.err, a.mode())
			return nil
		},
	}
	a.group(root, "`heapdrift demo` shows what it does, `heapdrift --help` lists the verbs")
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flags.Mistake(cmd.Flags(), cmd.CommandPath(), err)
	})
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "show no progress and no warnings: the result alone")
	root.SetHelpCommand(a.help(root))
	root.AddCommand(a.demo(), a.lab(), a.run(), a.record(), a.analyze(), a.compareRuns(), a.doctor(), a.version(), a.labServe(), a.gate(), a.baseline(), a.canaryServe(), a.watch(), a.replay())
	return root
}

// group makes cmd a command that only has commands beneath it: alone, or with
// a name that it does not know, it is a usage error, where cobra would show the
// help and end with 0.
func (a *app) group(cmd *cobra.Command, remedy string) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exit.Usagef(remedy, "%s needs a verb", cmd.CommandPath())
		}
		return unknownVerb(cmd, args[0])
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil } // Args never lets it come to this
}

func unknownVerb(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := spelling.Nearest(strings.ToLower(name), names); near != "" {
		return exit.Usagef("did you mean `"+cmd.CommandPath()+" "+near+"`?", "unknown verb %q", name)
	}
	return exit.Usagef("there are "+strings.Join(names, ", "), "unknown verb %q", name)
}

// help is cobra's, but for an unknown topic it does not end with 0.
func (a *app) help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Show the help of a verb",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || cmd == nil {
				return unknownVerb(root, strings.Join(args, " "))
			}
			if len(rest) > 0 {
				return unknownVerb(cmd, rest[0])
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// exactly asks for the named arguments, no more and no fewer.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return exit.Usagef("write `"+cmd.CommandPath()+" "+strings.Join(names, " ")+"`", "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			remedy := "`" + cmd.CommandPath() + "` takes no arguments"
			if len(names) > 0 {
				remedy = "write `" + cmd.CommandPath() + " " + strings.Join(names, " ") + "`"
			}
			return exit.Usagef(remedy, "unexpected argument %q", args[len(names)])
		}
		return nil
	}
}
