package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/heapdrift/heapdrift/pipeline/backoff"
)

// Errors that Reason tells apart.
var (
	ErrTooLarge  = errors.New("the answer is too large")
	ErrRedirects = errors.New("the address leads from one to the next without end")
	ErrMalformed = errors.New("the answer is not what it should be")
)

// Limits bound what one request may take.
type Limits struct {
	Timeout   time.Duration // of a request, its body included
	Bytes     int64         // of a body, after decompression
	Redirects int
	Retry     backoff.Policy // of what a server says may pass
}

// DefaultLimits allow half a minute, 16 MiB, and five redirects.
func DefaultLimits() Limits {
	return Limits{
		Timeout: 30 * time.Second, Bytes: 16 << 20, Redirects: 5,
		Retry: backoff.Policy{Attempts: 3, First: time.Second, Max: 30 * time.Second},
	}
}

// Client gets what sources publish. Any number of goroutines may use it.
type Client struct {
	limits Limits
	http   *http.Client
}

// NewClient makes a client with connections of its own; Close it.
func NewClient(l Limits) (*Client, error) {
	if l.Timeout <= 0 || l.Bytes <= 0 || l.Redirects < 0 {
		return nil, fmt.Errorf("limits of a source: %s, %d bytes, %d redirects: the first two must be above 0", l.Timeout, l.Bytes, l.Redirects)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2
	transport.MaxResponseHeaderBytes = 64 << 10
	return &Client{limits: l, http: &http.Client{
		Transport: transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > l.Redirects {
				return fmt.Errorf("%w (%d times)", ErrRedirects, l.Redirects)
			}
			if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				return fmt.Errorf("%w: it leads to %s", ErrMalformed, r.URL.Redacted())
			}
			return nil
		},
	}}, nil
}

// Close lets the connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// validators are what a server gave to ask by whether a thing has changed.
type validators struct{ etag, modified string }

// answer is what a get has brought.
type answer struct {
	bytes     int64
	unchanged bool
}

// get reads an address. read gets the body, bounded; it is called again when
// the body breaks off and the request is repeated. If v is not nil, the server
// is asked only for what has changed since, and v is renewed once read has
// succeeded.
func (c *Client) get(ctx context.Context, address string, v *validators, read func(io.Reader) error) (answer, error) {
	var a answer
	err := c.limits.Retry.Do(ctx, func(ctx context.Context) error {
		var err error
		a, err = c.try(ctx, address, v, read)
		return err
	})
	if err != nil {
		return a, fmt.Errorf("get %s: %w", redact(address), err)
	}
	return a, nil
}

func (c *Client) try(ctx context.Context, address string, v *validators, read func(io.Reader) error) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("User-Agent", "heapdrift-processor")
	if v != nil {
		setIf(r.Header, "If-None-Match", v.etag)
		setIf(r.Header, "If-Modified-Since", v.modified)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, bare(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && v != nil {
		return answer{unchanged: true}, nil
	}
	if err := backoff.Status(resp, time.Now()); err != nil {
		return answer{}, err
	}
	body := &limited{r: resp.Body, left: c.limits.Bytes}
	err = read(body)
	a := answer{bytes: c.limits.Bytes - body.left}
	switch {
	case body.err != nil: // why the reader failed
		return a, body.err
	case err != nil:
		return a, err
	}
	if v != nil {
		*v = validators{etag: resp.Header.Get("ETag"), modified: resp.Header.Get("Last-Modified")}
	}
	return a, nil
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// bare takes the address out of an error of net/http: get says it, without a
// password.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// redact takes the password out of an address.
func redact(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "an address that cannot be read"
}

// limited reads at most left bytes, and fails where there are more. It
// remembers an error that is not the end.
type limited struct {
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if l.left == 0 {
		var one [1]byte
		n, err := l.r.Read(one[:])
		if n > 0 {
			l.err = ErrTooLarge
			return 0, l.err
		}
		if err != nil && !errors.Is(err, io.EOF) {
			l.err = err
		}
		return 0, err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}
