package harness

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of an [HTTPConfig].
const (
	DefaultTimeout = 30 * time.Second
	DefaultMaxBody = 64 << 20
	DefaultResting = 16
	maxRedirects   = 3
	maxHeaderBytes = 1 << 20
)

// Request is one request of a targets file.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte // nil: the config's body
}

// HTTPConfig is what an [HTTPTarget] sends. URL or Requests is required.
type HTTPConfig struct {
	URL    string      // http or https; without a scheme http, without a host localhost
	Method string      // "": POST with a body, else GET
	Header http.Header // sent with every request; a Request's own values replace it. "Host" sets the request's host

	Body     []byte
	Bodies   [][]byte        // used in turn, by Op.Index, in place of Body
	BodyFunc func(Op) []byte // the body of each operation, in place of both; called from many goroutines

	Requests []Request // used in turn, by Op.Index, in place of URL and Method

	// HTTP2: only HTTP/2 is spoken, over https or, with prior knowledge, over
	// http (h2c). Otherwise http means HTTP/1.1, and for https the server
	// chooses.
	HTTP2 bool
	// TLS of https. nil: the system's authorities. It is not changed.
	TLS *tls.Config

	Timeout  time.Duration // for a whole operation, dialling and the answer's body included; 0: 30 s
	MaxConns int           // connections to each host, kept alive; set it to the plan's MaxInFlight. 0: 256
	// Resting connections to each host are kept when nothing is in flight; they
	// are opened by the first operations of the warm-up, and over plain HTTP/1 no
	// more of them rest than were open at its end. More are opened as needed, up
	// to MaxConns, and closed when idle. 0: 16, at most MaxConns.
	Resting int
	MaxBody int64  // bytes that are read of an answer; a longer one is an error. 0: 64 MiB
	Socket  string // path of a unix socket to connect to whatever the URL's host is
}

// HTTPTarget sends requests over kept-alive connections. An answer is a
// success if its status is 2xx or 3xx and its whole body arrived in time.
// Redirects are followed on the same host, up to three in a row; one to another
// host is not, and is an error, as is one too many. Proxies from the environment are not
// used: they would be what is measured.
type HTTPTarget struct {
	config    HTTPConfig
	requests  []preparedRequest
	transport *http.Transport
	client    *http.Client // for what follows a redirect
	resting   *resting
	pools     map[string]*connPool // by address
}

type preparedRequest struct {
	method string
	url    *url.URL
	host   string
	header http.Header // shared by all requests and never written to
	body   []byte
	own    bool // body is the Request's

	// For connections of our own; pool is nil where http.Transport is used.
	pool                *connPool
	asked               *http.Request // what an answer is read for: the method alone
	bare, before, after []byte        // the head without a body, and around the body's length
	repeatable          bool          // the method is idempotent

	answers *answers // what came
}

// NewHTTP checks the config. It does not connect.
func NewHTTP(c HTTPConfig) (*HTTPTarget, error) {
	if c.Timeout < 0 || c.MaxConns < 0 || c.MaxBody < 0 || c.Resting < 0 {
		return nil, fmt.Errorf("HTTP target: timeout %v, connections %d (%d at rest) and body limit %d must not be negative", c.Timeout, c.MaxConns, c.Resting, c.MaxBody)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxInFlight
	}
	if c.Resting == 0 {
		c.Resting = DefaultResting
	}
	c.Resting = min(c.Resting, c.MaxConns)
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	t := &HTTPTarget{config: c, resting: newResting(c.Resting), pools: map[string]*connPool{}}
	requests := c.Requests
	if len(requests) == 0 {
		if c.URL == "" {
			return nil, errors.New("HTTP target: no URL and no requests; give one of them")
		}
		method := c.Method
		if method == "" {
			method = http.MethodGet
			if c.Body != nil || len(c.Bodies) > 0 || c.BodyFunc != nil {
				method = http.MethodPost
			}
		}
		requests = []Request{{Method: method, URL: c.URL}}
	}
	for _, r := range requests {
		p, err := prepare(c, r)
		if err != nil {
			return nil, err
		}
		t.requests = append(t.requests, p)
	}
	t.connect()
	t.client = &http.Client{Transport: t.transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != via[0].URL.Host || len(via) >= maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return t, nil
}

func prepare(c HTTPConfig, r Request) (preparedRequest, error) {
	u, err := parseURL(r.URL)
	if err != nil {
		return preparedRequest{}, err
	}
	p := preparedRequest{answers: &answers{}, method: r.Method, url: u, header: http.Header{}, body: r.Body, own: r.Body != nil}
	for _, from := range []http.Header{c.Header, r.Header} {
		for name, values := range from {
			for _, value := range values {
				if !isToken(name) || !isHeaderValue(value) {
					return preparedRequest{}, fmt.Errorf("header %q: %q: want a name of letters, digits and dashes, and a value of one line", name, value)
				}
			}
			p.header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if p.header.Get("User-Agent") == "" {
		p.header.Set("User-Agent", "heapdrift")
	}
	if u.User != nil && p.header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		p.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	p.host = p.header.Get("Host")
	p.header.Del("Host")
	if p.body == nil {
		p.body = c.Body
	}
	// net/http checks the method; ask it now rather than in every operation.
	if _, err := http.NewRequest(r.Method, u.String(), nil); err != nil {
		return preparedRequest{}, fmt.Errorf("request %s %s: %w", r.Method, r.URL, err)
	}
	return p, p.render()
}

// parseURL reads an absolute URL, or one that leaves out scheme or host.
func parseURL(s string) (*url.URL, error) {
	full := s
	if !strings.Contains(full, "://") {
		if strings.HasPrefix(full, ":") {
			full = "localhost" + full
		}
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fmt.Errorf("URL %q: %w; want one as http://localhost:8080/path", s, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: want http or https and a host, as in http://localhost:8080/path", s)
	}
	return u, nil
}

// connect sets up how connections are made.
func (t *HTTPTarget) connect() {
	c := t.config
	dialer := &net.Dialer{Timeout: c.Timeout}
	dial := dialer.DialContext
	if c.Socket != "" {
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", c.Socket)
		}
	}
	t.transport = &http.Transport{
		DialContext:            dial,
		MaxConnsPerHost:        c.MaxConns,
		MaxIdleConnsPerHost:    c.Resting,
		IdleConnTimeout:        maxRest,
		TLSHandshakeTimeout:    c.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // what is sent is what is asked for; no CPU goes into unpacking
		ForceAttemptHTTP2:      true,
	}
	if c.TLS != nil {
		t.transport.TLSClientConfig = c.TLS.Clone()
	}
	if c.HTTP2 {
		t.transport.Protocols = new(http.Protocols)
		t.transport.Protocols.SetHTTP2(true)
		t.transport.Protocols.SetUnencryptedHTTP2(true)
		return
	}
	for i := range t.requests {
		r := &t.requests[i]
		if r.url.Scheme != "http" {
			continue
		}
		at := address(r.url)
		if t.pools[at] == nil {
			t.pools[at] = newConnPool(c.MaxConns, c.Resting, func(ctx context.Context) (net.Conn, error) {
				return dial(ctx, "tcp", at)
			})
		}
		r.pool = t.pools[at]
	}
}

// Do implements [Target]: it sends one request and reads its answer.
func (t *HTTPTarget) Do(ctx context.Context, op Op) error {
	p := &t.requests[uint64(op.Index)%uint64(len(t.requests))]
	body := p.body
	if n := len(t.config.Bodies); n > 0 && !p.own {
		body = t.config.Bodies[uint64(op.Index)%uint64(n)]
	}
	if t.config.BodyFunc != nil {
		body = t.config.BodyFunc(op)
	}
	var (
		res *http.Response
		err error
	)
	if p.pool != nil && len(body) <= maxDirectBody {
		res, err = t.direct(ctx, op, p, body)
	} else {
		res, err = t.viaTransport(ctx, op, p, body)
	}
	if err != nil {
		return err
	}
	var moved *move
	if code := res.StatusCode; code >= 300 && code < 400 {
		if res, err = t.follow(ctx, p, res, body); err != nil {
			return err
		}
		if err := redirected(res); err != nil {
			return err
		}
		if res.Request != nil && res.Request.URL.Path != p.url.Path {
			moved = &move{p.method, code, res.Request.URL.Path}
		}
	}
	if res.StatusCode < 200 || res.StatusCode >= 400 {
		return &StatusError{Code: res.StatusCode}
	}
	p.answers.note(res, moved)
	return nil
}

// viaTransport sends a request with net/http's own client and reads its answer.
func (t *HTTPTarget) viaTransport(ctx context.Context, op Op, p *preparedRequest, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	res, err := t.transport.RoundTrip(p.request(t.resting.trace(ctx, op), body))
	if err != nil {
		return nil, describeTimeout(ctx, err, t.config.Timeout)
	}
	defer res.Body.Close()
	return res, describeTimeout(ctx, drain(res, t.config.MaxBody), t.config.Timeout)
}

// follow follows a redirect on the same host; others are returned as they came.
func (t *HTTPTarget) follow(ctx context.Context, p *preparedRequest, res *http.Response, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	next := followUp(ctx, p, res, body)
	if next == nil {
		return res, nil
	}
	res, err := t.client.Do(next)
	if err != nil {
		return nil, describeTimeout(ctx, err, t.config.Timeout)
	}
	defer res.Body.Close()
	return res, describeTimeout(ctx, drain(res, t.config.MaxBody), t.config.Timeout)
}

// Close gives up the idle connections. Operations must have ended.
func (t *HTTPTarget) Close() {
	t.transport.CloseIdleConnections()
	for _, p := range t.pools {
		p.close()
	}
}

// request builds a request without parsing or copying anything.
func (p *preparedRequest) request(ctx context.Context, body []byte) *http.Request {
	r := &http.Request{
		Method: p.method, URL: p.url, Host: p.host, Header: p.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	setBody(r, body)
	return r.WithContext(ctx)
}

func setBody(r *http.Request, body []byte) {
	if len(body) == 0 {
		return
	}
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body = io.NopCloser(bytes.NewReader(body))
}

// followUp returns the request that a redirect on the same host asks for, nil
// if the answer is none. 307 and 308 repeat the request, others become a GET.
func followUp(ctx context.Context, p *preparedRequest, res *http.Response, body []byte) *http.Request {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	res.Request = &http.Request{URL: p.url} // what Location resolves against
	to, err := res.Location()
	if err != nil || to.Host != p.url.Host || to.Scheme != p.url.Scheme {
		return nil
	}
	method := p.method
	if res.StatusCode != http.StatusTemporaryRedirect && res.StatusCode != http.StatusPermanentRedirect && method != http.MethodHead {
		method, body = http.MethodGet, nil
	}
	next := &http.Request{Method: method, URL: to, Host: p.host, Header: p.header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	setBody(next, body)
	return next.WithContext(ctx)
}

// describeTimeout makes a sentence of an error that the operation's own
// time-out caused.
func describeTimeout(ctx context.Context, err error, timeout time.Duration) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no complete answer within %v: %w", timeout, context.DeadlineExceeded)
	}
	return err
}
