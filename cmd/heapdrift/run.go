package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/session"
)

func (a *app) run() *cobra.Command {
	var (
		out       outputFlags
		detection detectFlags
		access    pprofFlags
		load      loadFlags
		pprof     string
		end       ends
		dash      dashFlags
		cfg       = session.DefaultConfig()
	)
	cmd := &cobra.Command{
		Use:   "run [flags] [-- COMMAND ARGS...]",
		Short: "Load a target, capture it, and say whether it leaks",
		Long: `Load a target, capture it, and say whether it leaks.

COMMAND, if given, is started with GODEBUG=memprofilerate and stopped at the
end; else the target runs already. Without --url or --targets the load is
somebody else's: count its operations with --ops-metric.`,
		Example: `  heapdrift run --pprof :6060 --url http://127.0.0.1:8080/ingest --body doc.json --rate 400 --for 60s -- ./processor
  heapdrift run --pprof http://10.0.0.7:6060 --for 10m --ops-metric http_requests_total`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); n > 0 || n < 0 && len(args) > 0 {
				return exit.Usagef("write a command to start after --, as in `heapdrift run --pprof :6060 -- ./server`", "unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if pprof == "" && len(args) == 0 {
				return exit.Usagef("give the target's pprof address (--pprof :6060), or a command to start after --", "there is nothing to observe")
			}
			err := out.check()
			if err != nil {
				return err
			}
			if cfg.Pprof, err = access.config(pprof); err != nil {
				return err
			}
			if cfg.Load, err = load.config(cmd.Flags()); err != nil {
				return err
			}
			if cfg.Load != nil {
				cfg.Load.MaxConns = cfg.Plan.MaxInFlight // so that no operation waits for a connection
			}
			if debug, _ := a.env("GODEBUG"); !flags.Given(cmd.Flags(), "memprofilerate") && strings.Contains(debug, "memprofilerate=") {
				cfg.MemProfileRate = 0 // the user has chosen one
			}
			if len(args) == 0 && flags.Given(cmd.Flags(), "memprofilerate") {
				return exit.Usagef("set it where the target is started: GODEBUG=memprofilerate="+strconv.Itoa(cfg.MemProfileRate), "--memprofilerate only reaches a COMMAND that heapdrift starts")
			}
			cfg.AbortOnLeak, cfg.Plan.Abort = end.leak, end.limit
			cfg.Command = args
			cfg.Detect = detection.config()
			var outcome *session.Outcome
			err = a.show(cmd, &dash, func(ctx context.Context, d *dashboard) (err error) {
				if d == nil {
					cfg.Progress = a.follow("")
				} else {
					d.attach(&cfg, nameOf(&cfg), "run")
				}
				outcome, err = session.Run(ctx, cfg)
				return err
			})
			return a.conclude(&out, outcome, err)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&pprof, "pprof", "", "`ADDRESS` of pprof: :6060, http://host:6060, …/debug/pprof, unix:/path (default for a COMMAND: localhost:6060, else the ports it listens on)")
	access.bind(fs)
	load.bind(fs, &cfg.Plan)
	bindPhases(fs, &cfg.Plan)
	bindWatching(fs, &cfg, &end)
	fs.StringVar(&cfg.OpsMetric, "ops-metric", "", "`NAME` of a counter in the target's /metrics that counts operations")
	fs.IntVar(&cfg.MemProfileRate, "memprofilerate", cfg.MemProfileRate, "sampling rate of COMMAND's heap profile, bytes a sample; 0 leaves it alone")
	fs.BoolVar(&cfg.StrictRate, "strict-rate", false, "a load that missed its rate is never clean")
	fs.StringVarP(&cfg.Out, "out", "o", "", "`FOLDER` of the recording (default runs/TIME)")
	detection.bind(fs)
	out.bind(fs)
	dash.bind(fs, onlyIfAsked)
	return cmd
}

// bindPhases binds what says how long a run is and when it is looked at.
func bindPhases(fs *pflag.FlagSet, p *harness.Plan) {
	fs.DurationVar(&p.Steady, "for", p.Steady, "steady time; warm-up and drain come in addition")
	fs.DurationVar(&p.Warmup, "warmup", p.Warmup, "time under load before it counts")
	fs.DurationVar(&p.Drain, "drain", p.Drain, "time without load at the end")
	fs.IntVar(&p.Passes, "passes", p.Passes, "times the content is repeated, under fresh ids, within the steady time")
	fs.DurationVar(&p.Every, "every", p.Every, "time between snapshots (default: steady time / 20, at least 1s)")
}

// loadFlags say what is asked of the target, and how often.
type loadFlags struct {
	url, method, body, targets string
	header                     http.Header
	tls                        harness.TLSFiles
	http2                      bool
	socket                     string
}

func (l *loadFlags) bind(fs *pflag.FlagSet, p *harness.Plan) {
	fs.StringVar(&l.url, "url", "", "`URL` that the load asks")
	fs.StringVar(&l.method, "method", "", "`METHOD` of the requests (default GET, with --body POST)")
	fs.StringVar(&l.body, "body", "", "`FILE` that is the requests' body; of a folder, its files in turn")
	fs.Var(flags.Header{To: &l.header}, "header", "header of each request of the load; repeatable")
	fs.StringVar(&l.targets, "targets", "", "`FILE` of requests in vegeta's http format, asked in turn")
	fs.Var(flags.Parsed[harness.Rate]{To: &p.Rate, Parse: harness.ParseRate, Show: harness.Rate.String, Kind: "RATE"},
		"rate", "arrivals a second, as 200; 50..400 ramps, 100,200,400 are steps")
	bindArrivals(fs, p)
	fs.StringVar(&l.socket, "unix-socket", "", "`PATH` of the socket that the load connects to, whatever the URL's host")
	fs.StringVar(&l.tls.CA, "load-ca", "", "`FILE` of authorities that an https target's certificate is checked against, PEM")
	fs.StringVar(&l.tls.Cert, "load-cert", "", "client certificate `FILE` for the load, PEM")
	fs.StringVar(&l.tls.Key, "load-key", "", "`FILE` of the certificate's key, PEM")
	fs.BoolVar(&l.tls.Insecure, "load-insecure", false, "do not check an https target's certificate")
	fs.BoolVar(&l.http2, "http2", false, "speak HTTP/2 only, also over http (h2c); else http is HTTP/1.1 and an https server chooses")
	fs.IntVar(&p.MaxInFlight, "max-in-flight", p.MaxInFlight, "operations under way at once, at most")
	fs.Var(flags.Parsed[int]{To: &p.Queue, Parse: parseQueue, Kind: "N"},
		"queue", "arrivals that may wait with their intended time, before they are shed (default: 10 s worth)")
	fs.BoolVar(&p.Quiesce, "quiesce", p.Quiesce, "hold arrivals at each snapshot until none is in flight")
}

// parseQueue reads a number of arrivals; the plan's 0 means its default.
func parseQueue(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, errors.New(strconv.Quote(s) + " is no number of arrivals: write 0 or more")
	}
	if n == 0 {
		return -1, nil
	}
	return n, nil
}

// config is the load, nil where it is somebody else's. A mistake is a usage
// error.
func (l *loadFlags) config(fs *pflag.FlagSet) (*harness.HTTPConfig, error) {
	if l.url == "" && l.targets == "" {
		for _, name := range []string{"method", "body", "header", "rate", "max-in-flight", "queue", "quiesce", "passes", "drain", "strict-rate",
			"arrivals", "seed", "precise", "load-ca", "load-cert", "load-key", "load-insecure", "http2", "unix-socket"} {
			if flags.Given(fs, name) {
				return nil, exit.Usagef("give --url or --targets too", "--%s says something of a load, and there is none", name)
			}
		}
		return nil, nil
	}
	c := &harness.HTTPConfig{URL: l.url, Method: l.method, Header: l.header, HTTP2: l.http2, Socket: l.socket}
	var err error
	if c.TLS, err = l.tls.Config(); err != nil {
		return nil, exit.Usagef("", "%w", err)
	}
	if l.targets != "" {
		for _, name := range []string{"url", "method", "body"} {
			if flags.Given(fs, name) {
				return nil, exit.Usagef("leave one of them out", "--targets and --%s both say what is asked", name)
			}
		}
		f, err := os.Open(l.targets)
		if err != nil {
			return nil, unreadable("--targets", err)
		}
		defer f.Close()
		c.Requests, err = harness.ParseTargets(f, filepath.Dir(l.targets))
		return c, err
	}
	if l.body != "" {
		if c.Bodies, err = harness.ReadBodies(l.body); err != nil {
			return nil, unreadable("--body", err)
		}
	}
	return c, nil
}

// unreadable is a usage error where nothing is at the path, else the error.
func unreadable(flag string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usagef("give a file that is there", "%s: %w", flag, err)
	}
	return err
}
