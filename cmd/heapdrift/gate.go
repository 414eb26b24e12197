package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/gate/output"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/gaterun"
	"github.com/heapdrift/heapdrift/gaterun/canary"
	"github.com/heapdrift/heapdrift/gaterun/config"
	"github.com/heapdrift/heapdrift/session"
)

// gateFlags are those of the verbs that read a configuration.
type gateFlags struct {
	path string
	only []string
	seed uint64
	out  string
}

func (g *gateFlags) bind(fs *pflag.FlagSet) {
	fs.StringVarP(&g.path, "config", "c", gaterun.DefaultConfig, "`FILE` that says what is run and what it is held against")
	fs.StringArrayVar(&g.only, "scenario", nil, "`NAME` of the one scenario to run; repeatable")
	fs.Var(flags.Parsed[uint64]{To: &g.seed, Parse: parseSeed, Kind: "HEX"}, "seed", "of random arrivals, as a report's repro names it (default: random)")
	fs.StringVarP(&g.out, "out", "o", "", "`FOLDER` of the recordings, one in it a scenario (default: a temporary one, of what did not pass)")
}

func parseSeed(s string) (uint64, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no seed: write a hexadecimal number, as 8f2c", s)
	}
	return v, nil
}

// options reads the configuration. All its mistakes are one usage error, a line
// each.
func (g *gateFlags) options(a *app, fs *pflag.FlagSet) (gaterun.Options, error) {
	data, err := os.ReadFile(g.path)
	if err != nil {
		return gaterun.Options{}, unreadable("--config", err)
	}
	file, err := config.Read(g.path, data)
	if err != nil {
		return gaterun.Options{}, exit.Usagef("", "%w", err)
	}
	if !fs.Changed("seed") {
		g.seed = rand.Uint64N(1 << 16) // short enough to type
	}
	return gaterun.Options{
		Config: file, Path: g.path, Only: g.only, Seed: g.seed, Out: g.out, Env: a.env,
		Progress: func(name string, e session.Event) { a.follow(name)(e) },
	}, nil
}

// mistaken makes mistakes of a configuration, told by the runner, usage errors.
func mistaken(err error) error {
	var errs config.Errors
	if errors.As(err, &errs) {
		return exit.Usagef("", "%w", err)
	}
	return err
}

func (a *app) gate() *cobra.Command {
	var (
		g        gateFlags
		out      = outputFlags{gate: true}
		failCode int
		schema   bool
		failOn   detect.Proof
	)
	cmd := &cobra.Command{
		Use:   "gate",
		Short: "Run the scenarios of heapdrift.yaml and hold them against their budgets, for CI",
		Long: `Run the scenarios of heapdrift.yaml, one after the other, and hold them against
their budgets and the baseline. Ends with 0 when every budget is kept, 1 when
one is broken (or --fail-code), 3 when a run does not tell, 4 when something
could not be measured or the canary was not seen, 2 on a mistake in the file.`,
		Example: `  heapdrift gate
  heapdrift gate -c ci/heapdrift.yaml --scenario ingest -o recordings --output-file junit=out/heapdrift.xml
  heapdrift gate --print-schema > heapdrift.schema.json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if schema {
				return a.printSchema()
			}
			if err := out.check(); err != nil {
				return err
			}
			if failCode < 0 || failCode > 125 {
				return exit.Usagef("give 0 to 125", "--fail-code %d is no exit code of a program", failCode)
			}
			o, err := g.options(a, cmd.Flags())
			if err != nil {
				return err
			}
			o.FailCode = &failCode
			if failOn != "" {
				o.Config.FailOn = failOn
			}
			r, err := gaterun.Run(cmd.Context(), o)
			if err != nil {
				return mistaken(err)
			}
			a.code = exit.Code(r.ExitCode)
			return a.emit(&out, gated(r, time.Now()))
		},
	}
	g.bind(cmd.Flags())
	cmd.Flags().IntVar(&failCode, "fail-code", gate.CodeFailed, "exit code where a budget is broken, in place of 1")
	cmd.Flags().Var(flags.Parsed[detect.Proof]{To: &failOn, Parse: parseProof, Show: func(p detect.Proof) string { return string(p) }, Kind: "growth|proved"},
		"fail-on", "what growth must be to fail, in place of the file's fail_on; what is not proved is then undecided")
	cmd.Flags().BoolVar(&schema, "print-schema", false, "write the JSON schema of heapdrift.yaml and end")
	out.bind(cmd.Flags())
	return cmd
}

func parseProof(s string) (detect.Proof, error) {
	switch p := detect.Proof(s); p {
	case detect.ProofGrowth, detect.ProofProved:
		return p, nil
	}
	return "", fmt.Errorf("%q is neither growth nor proved", s)
}

func (a *app) printSchema() error {
	data, err := config.Schema()
	if err == nil {
		_, _ = a.out.Write(data) // out keeps the error
	}
	return err
}

// gated is a gate's renderer.
func gated(r *gate.Report, ended time.Time) renderer {
	module, _ := releaseOf()
	o := output.Options{Root: repository(), Time: ended, Version: module}
	return func(w io.Writer, f flags.Format, color bool) error {
		o.Color = color
		return output.Write(w, string(f), r, o)
	}
}

// repository is the folder that a code host knows the files by: of the
// repository that the gate is run in, else the current one; empty where neither
// is known.
func repository() string {
	here, err := os.Getwd()
	if err != nil {
		return ""
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return here
		}
	}
}

// canaryServe is the child process of a gate that plants a canary.
func (a *app) canaryServe() *cobra.Command {
	cfg := canary.Config{Ready: a.out, Stdin: a.in}
	cmd := &cobra.Command{
		Use:    canary.Verb,
		Hidden: true,
		Args:   exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ignoreInterrupt()
			return canary.Serve(cmd.Context(), cfg)
		},
	}
	cmd.Flags().Float64Var(&cfg.PerOp, "keep", 0, "bytes that each operation keeps")
	return cmd
}
