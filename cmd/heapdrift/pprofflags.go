package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
)

// pprofFlags say how a target's pprof is reached.
type pprofFlags struct {
	cfg  capture.Config
	user string
}

func (p *pprofFlags) bind(fs *pflag.FlagSet) {
	fs.Var(flags.Header{To: &p.cfg.Header}, "pprof-header", "header of each request to pprof; repeatable")
	fs.StringVar(&p.user, "pprof-user", "", "`USER:PASSWORD` for pprof (better in HEAPDRIFT_PPROF_USER)")
	fs.StringVar(&p.cfg.Bearer, "pprof-bearer", "", "bearer `TOKEN` for pprof (better in HEAPDRIFT_PPROF_BEARER)")
	fs.StringVar(&p.cfg.CertFile, "pprof-cert", "", "client certificate `FILE` for pprof, PEM")
	fs.StringVar(&p.cfg.KeyFile, "pprof-key", "", "`FILE` of the certificate's key, PEM")
	fs.StringVar(&p.cfg.MetricsURL, "metrics", "", "`URL` of the target's Prometheus metrics, where they are not on the pprof port")
	fs.StringVar(&p.cfg.CAFile, "pprof-ca", "", "`FILE` of authorities that pprof's certificate is checked against, PEM")
}

// config is the configuration for a target at url, which may be empty. All of
// it is checked: a mistake is a usage error, before anything is started.
func (p *pprofFlags) config(url string) (capture.Config, error) {
	cfg := p.cfg
	cfg.URL = url
	if p.user != "" {
		name, password, ok := strings.Cut(p.user, ":")
		if !ok || name == "" {
			return cfg, exit.Usagef("write USER:PASSWORD", "--pprof-user has no colon between user and password")
		}
		cfg.User, cfg.Password = name, password
	}
	trial := cfg
	if trial.URL == "" {
		trial.URL = "localhost:6060"
	}
	c, err := capture.New(trial)
	switch {
	case err == nil:
		c.Close()
		return cfg, nil
	case errors.Is(err, fs.ErrPermission):
		return cfg, fmt.Errorf("prepare access to pprof: %w", err)
	}
	return cfg, exit.Usagef("", "%w", err)
}
