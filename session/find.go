package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
)

// find looks for pprof on the ports that the command listens on, and at
// localhost:6060 if nothing was there before.
func (t *target) find(ctx context.Context, cfg *Config, wasFree bool, report *reporter) error {
	const patience = 2 * time.Second // for the command's own ports before 6060 is taken for its
	started, wait := time.Now(), 100*time.Millisecond
	var tried []string
	for {
		ls, err := listeners(t.proc.PID())
		unknown := errors.Is(err, errNoProc)
		if err != nil && !unknown {
			report.warn(WarnPortsUnknown, "the command's ports cannot be told: %v; give its pprof address (--pprof)", err)
			unknown = true
		}
		tried = tried[:0]
		for _, l := range ls {
			tried = append(tried, l.hostPort())
		}
		if wasFree && (unknown || time.Since(started) > patience) {
			tried = append(tried, defaultPprof)
		}
		for _, where := range tried {
			if c := t.try(ctx, cfg.Pprof, where); c != nil {
				t.client = c
				report.message("pprof found at " + c.Target().Pprof)
				return nil
			}
		}
		if time.Since(started) > cfg.ReadyTimeout {
			problem := fmt.Sprintf("the command serves no pprof %s after it was started", cfg.ReadyTimeout)
			if len(tried) > 0 {
				problem += " (asked " + strings.Join(tried, ", ") + ")"
			} else {
				problem += " (it listens on no TCP port)"
			}
			return &capture.TargetError{URL: defaultPprof, Problem: problem,
				Remedy: `import _ "net/http/pprof" and listen, or say where it is (--pprof)`}
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, time.Second)
	}
}

// try returns a client if pprof, and no other service, answers at an address.
func (t *target) try(ctx context.Context, cfg capture.Config, where string) *capture.Client {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	cfg.URL = where
	c, err := capture.New(cfg)
	if err != nil {
		return nil
	}
	if err := capture.WaitReady(ctx, c); err == nil {
		if _, err = c.Offer(ctx); err == nil {
			return c
		}
	}
	c.Close()
	return nil
}

// dialAddress takes a pprof address apart for a dialler.
func dialAddress(pprof string) (network, addr string, ok bool) {
	if rest, isUnix := strings.CutPrefix(pprof, "unix:"); isUnix {
		path, _, _ := strings.Cut(rest, ":")
		return "unix", path, path != ""
	}
	if !strings.Contains(pprof, "://") {
		pprof = "http://" + pprof
	}
	u, err := url.Parse(pprof)
	if err != nil || u.Host == "" {
		return "", "", false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
		if port == "" {
			port = "80"
		}
	}
	return "tcp", net.JoinHostPort(u.Hostname(), port), true
}

// loopbackPort is the TCP port of an address on this machine, else 0.
func loopbackPort(pprof string) int {
	network, addr, ok := dialAddress(pprof)
	if !ok || network != "tcp" {
		return 0
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

// answers reports whether somebody accepts connections at an address.
func answers(ctx context.Context, where string) bool {
	network, addr, ok := dialAddress(where)
	if !ok {
		return false
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// unreachable reports that an error is about reaching the target at all,
// rather than about what it answered.
func unreachable(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}
