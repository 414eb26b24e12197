package capture

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Config says where a target is and how to reach it. URL is the only field
// that must be set; the limits default as their docs say.
type Config struct {
	// URL is the base or the pprof folder: ":6060", "localhost:6060",
	// "http://host:port/prefix", "…/debug/pprof", "unix:/path/to.sock".
	URL string
	// MetricsURL is where the target's /metrics is; empty: on the pprof port.
	MetricsURL string

	Header         http.Header // sent with each request
	User, Password string      // basic auth; also read from URL
	Bearer         string      // bearer token
	CertFile       string      // client certificate, PEM, with KeyFile
	KeyFile        string
	CAFile         string // authorities that the target's certificate is checked against, PEM

	Timeout time.Duration // of one request, its body included; default 30 s
	// MaxBytes bounds one answer on the wire, default 512 MiB. A profile may
	// not inflate to more than snapshot.MaxProfileBytes.
	MaxBytes int64
}

// Defaults of Config.
const (
	DefaultTimeout  = 30 * time.Second
	DefaultMaxBytes = 512 << 20
)

const (
	maxMetricsBytes = 64 << 20
	maxRedirects    = 5
)

// Client asks one target. It keeps a single connection to it, so that every
// snapshot finds the same number of goroutines behind it; requests made at the
// same time wait for each other. It is safe for concurrent use. Close it to
// drop the connection.
type Client struct {
	cfg     Config // with its defaults, and the user of its URL
	basic   bool   // auth with User and Password
	addr    address
	metrics *url.URL
	vars    *url.URL
	http    *http.Client
	epoch   time.Time    // when it was made, of the wall clock and the monotonic one
	asked   atomic.Int64 // requests

	mu      sync.Mutex
	target  snapshot.Target
	offered map[Piece]bool // comforts that were asked for
}

// New checks a Config. It opens no connection.
func New(cfg Config) (*Client, error) {
	a, err := parseAddress(cfg.URL)
	if err != nil {
		return nil, err
	}
	basic := cfg.User != "" || cfg.Password != ""
	if !basic && a.user != nil {
		cfg.User = a.user.Username()
		cfg.Password, _ = a.user.Password()
		basic = true
	}
	switch {
	case basic && cfg.Bearer != "":
		return nil, errors.New("pprof access: both a user and a bearer token are given; give one")
	case cfg.Timeout < 0:
		return nil, fmt.Errorf("pprof access: the timeout %s is negative; give one above 0", cfg.Timeout)
	case cfg.MaxBytes < 0:
		return nil, fmt.Errorf("pprof access: the limit of %d bytes is negative; give one above 0", cfg.MaxBytes)
	}
	cfg.Header = cfg.Header.Clone()
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, DefaultMaxBytes)
	c := &Client{
		cfg: cfg, basic: basic, addr: a, metrics: a.sibling("/metrics"), vars: a.sibling("/debug/vars"),
		epoch: time.Now(), offered: map[Piece]bool{},
	}
	if cfg.MetricsURL != "" {
		u, err := url.Parse(cfg.MetricsURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("parse metrics address %q: give a whole URL, as http://host:9090/metrics", redact(cfg.MetricsURL))
		}
		if u.Path == "" {
			u.Path = "/metrics"
		}
		u.User = nil
		c.metrics = u
	}
	tc, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	tr := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tc,
		TLSHandshakeTimeout:    10 * time.Second,
		DisableCompression:     true, // profiles come compressed; a second time only costs the target
		MaxConnsPerHost:        1,
		MaxIdleConnsPerHost:    1,
		MaxResponseHeaderBytes: 1 << 20,
	}
	if a.socket != "" {
		tr.Proxy = nil
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, _, _ := net.SplitHostPort(addr); host == socketHost {
				return dialer.DialContext(ctx, "unix", a.socket)
			}
			return dialer.DialContext(ctx, network, addr)
		}
	}
	c.http = &http.Client{Transport: tr, CheckRedirect: checkRedirect}
	c.target.Pprof = a.String()
	return c, nil
}

func tlsConfig(cfg Config) (*tls.Config, error) {
	if cfg.CertFile == "" && cfg.KeyFile == "" && cfg.CAFile == "" {
		return nil, nil
	}
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CertFile != "" || cfg.KeyFile != "" {
		if cfg.CertFile == "" || cfg.KeyFile == "" {
			return nil, errors.New("pprof access: a client certificate needs both its file and its key's file")
		}
		cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read client certificate %s with key %s: %w", cfg.CertFile, cfg.KeyFile, err)
		}
		tc.Certificates = []tls.Certificate{cert}
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate authorities: %w", err)
		}
		tc.RootCAs = x509.NewCertPool()
		if !tc.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificate authorities %s: no PEM certificate in it; give a file with BEGIN CERTIFICATE blocks", cfg.CAFile)
		}
	}
	return tc, nil
}

var (
	errTooManyRedirects = fmt.Errorf("redirected more than %d times", maxRedirects)
	errRedirectedAway   = errors.New("redirected to another host")
)

// checkRedirect bounds redirects and keeps credentials with the host that they
// were given for.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errTooManyRedirects
	}
	first := via[0].URL
	if req.URL.Hostname() != first.Hostname() || first.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("%w: %s://%s", errRedirectedAway, req.URL.Scheme, req.URL.Host)
	}
	return nil
}

// Target is what is known about the target so far.
func (c *Client) Target() snapshot.Target {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target
}

// Close drops the connection to the target.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// now is the time of the wall clock when the client was made, and what has gone by
// since: a step of the wall clock moves no snapshot.
func (c *Client) now() time.Time { return c.epoch.Add(time.Since(c.epoch)) }

func (c *Client) learn(f func(t *snapshot.Target)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.target)
}

// note keeps whether the target offers a comfort.
func (c *Client) note(p Piece, offered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offered[p] = offered
}

// offers tells what note kept; asked is false where the target was not asked.
func (c *Client) offers(p Piece) (offered, asked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	offered, asked = c.offered[p]
	return offered, asked
}
