package gaterun

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/gaterun/config"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/internal/spelling"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/labrun"
	"github.com/heapdrift/heapdrift/session"
)

// job is a scenario with all that it needs, checked.
type job struct {
	cfg     *config.Scenario
	plan    harness.Plan
	load    *harness.HTTPConfig // nil: of the lab, or someone else's
	pprof   capture.Config
	detect  detect.Config
	rate    int // memprofilerate
	canary  bool
	retries int
	warn    []string
}

// prepare reads and checks everything that the scenarios name, before any of
// them runs.
func prepare(o Options) (*runner, []*job, error) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	r := &runner{Options: o, multiple: len(o.Config.Scenarios) > 1}
	if err := r.known(); err != nil {
		return nil, nil, err
	}
	var err error
	if r.rules, err = gate.NewRules(o.Config.Suppress, r.today()); err != nil {
		return nil, nil, err
	}
	if r.baseline, err = r.readBaseline(); err != nil {
		return nil, nil, err
	}
	var (
		jobs []*job
		errs config.Errors
	)
	for i := range o.Config.Scenarios {
		s := &o.Config.Scenarios[i]
		if len(o.Only) > 0 && !slices.Contains(o.Only, s.Name) {
			continue
		}
		p := &preparing{runner: r, s: s}
		jobs = append(jobs, p.job())
		errs = append(errs, p.errs...)
	}
	if len(errs) > 0 {
		errs.Sort()
		return nil, nil, errs
	}
	return r, jobs, r.folders(jobs)
}

// known refuses names of --scenario that the configuration has not.
func (r *runner) known() error {
	var names []string
	for _, s := range r.Config.Scenarios {
		names = append(names, s.Name)
	}
	for _, want := range r.Only {
		if slices.Contains(names, want) {
			continue
		}
		remedy := "there are " + strings.Join(names, ", ")
		if near := spelling.Nearest(want, names); near != "" {
			remedy = "did you mean " + near + "?"
		}
		return &session.ConfigError{Problem: fmt.Sprintf("%s has no scenario %q; %s", r.Config.Name, want, remedy)}
	}
	return nil
}

// path is one of the configuration, relative to its folder.
func (r *runner) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(r.Path), p)
}

// folders makes where recordings go.
func (r *runner) folders(jobs []*job) error {
	if r.Out == "" {
		dir, err := os.MkdirTemp("", "heapdrift-gate-")
		if err != nil {
			return fmt.Errorf("make a folder for the recordings: %w", err)
		}
		r.scratch = dir
		return nil
	}
	for _, j := range jobs {
		if entries, err := os.ReadDir(filepath.Join(r.Out, j.cfg.Name)); err == nil && len(entries) > 0 {
			return &session.ConfigError{Problem: fmt.Sprintf("%s is there already; give another folder (-o), or take it away", filepath.Join(r.Out, j.cfg.Name))}
		}
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return fmt.Errorf("make the folder for the recordings (-o): %w", err)
	}
	return nil
}

// preparing is one scenario on its way to a job.
type preparing struct {
	*runner
	s    *config.Scenario
	errs config.Errors
}

func (p *preparing) fail(key, remedy, format string, args ...any) {
	p.errs = append(p.errs, &config.Error{File: p.Config.Name, Position: p.s.Where(key), Problem: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (p *preparing) job() *job {
	s := p.s
	base := session.DefaultConfig()
	j := &job{cfg: s, plan: base.Plan, detect: base.Detect, rate: base.MemProfileRate, canary: p.Config.Canary, retries: p.Config.Retries}
	if s.Lab != "" {
		j.plan = p.lab()
	}
	j.plan = s.Load.Plan(j.plan)
	j.plan.Seed = p.Seed
	if p.idleEvery > 0 {
		j.plan.IdleEvery, j.plan.RestEvery = p.idleEvery, p.idleEvery
	}
	override(&j.canary, s.Canary)
	override(&j.retries, s.Retries)
	if slices.ContainsFunc(environment(s), chosen) {
		j.rate = 0
	}
	override(&j.rate, s.MemProfileRate)
	override(&j.detect.Tolerance, (*detect.BytesPerOp)(s.Tolerance))
	for _, x := range []struct{ from, to *float64 }{
		{&s.Clean.Bytes, &j.detect.Clean.Bytes}, {&s.Clean.BytesPerSecond, &j.detect.Clean.BytesPerSecond},
		{&s.Clean.Objects, &j.detect.Clean.Objects}, {&s.Clean.Goroutines, &j.detect.Clean.Goroutines},
	} {
		if *x.from > 0 {
			*x.to = *x.from
		}
	}
	j.detect.Module, j.detect.Limit = s.Module, int64(s.Limit)
	if s.Dir != "" {
		if info, err := os.Stat(p.path(s.Dir)); err != nil || !info.IsDir() {
			p.fail("dir", "give a folder that is there", "%s is no folder", s.Dir)
		}
	}
	if s.Lab != "" {
		return j
	}
	j.load = p.load(j.plan)
	j.pprof = p.pprof()
	if j.load == nil && j.canary {
		j.canary = false
		j.warn = append(j.warn, "no canary was planted: the load is somebody else's, and does not reach it")
	}
	if len(s.Command) == 0 && s.MemProfileRate != nil {
		p.fail("memprofilerate", "set it where the target is started: GODEBUG=memprofilerate=…", "memprofilerate only reaches a command that heapdrift starts")
	}
	return j
}

// chosen reports that a variable of the environment sets the sampling rate:
// the user's choice stays.
func chosen(v string) bool {
	return strings.HasPrefix(v, "GODEBUG=") && strings.Contains(v, "memprofilerate=")
}

func override[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// lab checks a scenario of the lab and returns its plan.
func (p *preparing) lab() harness.Plan {
	sc, err := lab.Find(p.s.Lab)
	if err != nil {
		p.fail("lab", "", "%s", err)
		return labrun.DefaultPlan()
	}
	if v := p.s.Variant; v != "" && !slices.Contains(sc.Variants(), lab.Variant(v)) {
		p.fail("variant", "leave it out", "the scenario %s is a healthy service: it has no variant %s", sc.Name, v)
	}
	return labrun.PlanFor(sc)
}

// load is the load with its files; nil where it is someone else's.
func (p *preparing) load(plan harness.Plan) *harness.HTTPConfig {
	l := &p.s.Load
	if !l.Asks() {
		return nil
	}
	c := &harness.HTTPConfig{
		URL: l.URL, Method: l.Method, HTTP2: l.HTTP2, Socket: l.Socket, MaxConns: plan.MaxInFlight, // no operation waits for a connection
		Header: p.headers(l.Header, "load.header"),
	}
	before := len(p.errs)
	if l.Body != "" {
		bodies, err := harness.ReadBodies(p.path(l.Body))
		if err != nil {
			p.fail("load.body", "paths are relative to the folder of "+p.Config.Name, "%s", err)
		}
		c.Bodies = bodies
	}
	if l.Targets != "" {
		path := p.path(l.Targets)
		f, err := os.Open(path)
		if err == nil {
			c.Requests, err = harness.ParseTargets(f, filepath.Dir(path))
			f.Close()
		}
		if err != nil {
			p.fail("load.targets", "", "%s", err)
		}
	}
	files := l.TLS
	files.CA, files.Cert, files.Key = p.path(files.CA), p.path(files.Cert), p.path(files.Key)
	tls, err := files.Config()
	if err != nil {
		p.fail("load", "", "%s", err)
	}
	c.TLS = tls
	if len(p.errs) > before {
		return c
	}
	h, err := harness.NewHTTP(*c)
	if err == nil {
		_, err = harness.New(h, plan)
		h.Close()
	}
	if err != nil {
		p.fail("load", "", "%s", err)
	}
	return c
}

// pprof is how the target's pprof is reached.
func (p *preparing) pprof() capture.Config {
	c := capture.Config{URL: p.s.Pprof, MetricsURL: p.s.Metrics, Header: p.headers(p.s.PprofHeader, "pprof_header")}
	trial := c
	if trial.URL == "" {
		trial.URL = "localhost:6060"
	}
	client, err := capture.New(trial)
	if err != nil {
		key := "pprof"
		if p.s.Pprof == "" {
			key = "metrics"
		}
		p.fail(key, "", "%s", err)
		return c
	}
	client.Close()
	return c
}

var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// headers are a configuration's with ${NAME} taken from the environment: what
// is secret does not stand in a file.
func (p *preparing) headers(h http.Header, key string) http.Header {
	out := http.Header{}
	for name, values := range h {
		for _, v := range values {
			v = variable.ReplaceAllStringFunc(v, func(s string) string {
				of := s[2 : len(s)-1]
				value, ok := p.Env(of)
				if !ok {
					p.fail(key, "set it, or take it out of the header", "header %s: the environment has no %s", name, of)
				}
				return value
			})
			if strings.ContainsAny(v, "\r\n\x00") {
				p.fail(key, "set it to one line", "header %s: a value from the environment holds a line break", name)
				continue
			}
			out.Add(name, v)
		}
	}
	return out
}

// readBaseline reads the baseline; nil where none is named, or the file is not
// there yet.
func (r *runner) readBaseline() (*gate.Baseline, error) {
	if r.Config.Baseline == "" {
		return nil, nil
	}
	path := r.path(r.Config.Baseline)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the baseline: %w", err)
	}
	b, err := gate.ParseBaseline(data)
	if err != nil {
		return nil, &session.ConfigError{Problem: fmt.Sprintf("baseline %s: %v", path, err)}
	}
	return b, nil
}
