package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// fetched says what one request took.
type fetched struct {
	seconds float64 // wall time
	bytes   int64   // body bytes on the wire
}

// request is one GET and what is to become of its answer.
type request struct {
	url    *url.URL
	accept string
	want   string // what the answer should be, for messages: "a heap profile"
	text   bool   // the answer is text: HTML and JSON are told apart from it
	json   bool   // the answer is JSON
	page   bool   // the answer is HTML
	limit  int64  // of the answer after any content encoding; 0: MaxBytes
	// began is called when the status line is in, before the body is read; may
	// be nil.
	began func()
	// read consumes the body. It need not read to the end.
	read func(io.Reader) error
}

var errTimedOut = errors.New("timed out")

// limitError says which limit an answer passed.
type limitError struct {
	limit int64
	after string // "" or " after decompression"
}

func (e *limitError) Error() string {
	return fmt.Sprintf("the answer is larger than the limit of %s%s", size(e.limit), e.after)
}

// get makes one request. The time limit covers the body, so a target that
// trickles cannot hold it. Errors are *TargetError, but for a cancelled ctx.
func (c *Client) get(ctx context.Context, r request) (f fetched, err error) {
	start := time.Now()
	wire := &boundedReader{limit: c.maxBytes}
	defer func() {
		f = fetched{seconds: time.Since(start).Seconds(), bytes: wire.n}
		if err != nil {
			err = c.explain(ctx, r, wire.n, err)
		}
	}()
	within, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimedOut)
	defer cancel()
	err = c.exchange(within, wire, r)
	if err != nil && errors.Is(context.Cause(within), errTimedOut) {
		err = errTimedOut
	}
	return f, err
}

func (c *Client) exchange(ctx context.Context, wire *boundedReader, r request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err != nil {
		return err
	}
	c.authorize(req, r)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if r.began != nil {
		r.began()
	}
	wire.r = resp.Body
	if err := c.consume(resp, wire, r); err != nil {
		return err
	}
	// A body that is read to its end gives the connection back.
	_, err = io.CopyN(io.Discard, wire, 64<<10)
	if err == io.EOF {
		return nil
	}
	return err
}

func (c *Client) authorize(req *http.Request, r request) {
	req.Header.Set("User-Agent", "heapdrift")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if req.URL.Host == socketHost {
		req.Host = "localhost"
	}
	if req.URL.Hostname() != c.addr.base.Hostname() {
		return // what was given for pprof is not for another host
	}
	for k, v := range c.header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if h := c.header.Get("Host"); h != "" {
		req.Host = h
	}
	switch {
	case c.basic:
		req.SetBasicAuth(c.user, c.password)
	case c.bearer != "":
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
}

func (c *Client) consume(resp *http.Response, wire *boundedReader, r request) error {
	if resp.StatusCode != http.StatusOK {
		head, _ := io.ReadAll(io.LimitReader(wire, 512))
		_, _ = io.CopyN(io.Discard, wire, 64<<10)
		return &statusError{code: resp.StatusCode, text: excerpt(head, resp.Header.Get("Content-Type"))}
	}
	var body io.Reader = wire
	switch enc := strings.ToLower(resp.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip", "x-gzip": // unasked for, but a proxy may do it
		zr, err := gzip.NewReader(wire)
		if err != nil {
			return fmt.Errorf("its gzip encoding cannot be read: %w", err)
		}
		body = zr
	default:
		return fmt.Errorf("the answer is encoded as %q, which was not asked for", enc)
	}
	limit := r.limit
	if limit == 0 {
		limit = c.maxBytes
	}
	inner := &boundedReader{r: body, limit: limit}
	if body != io.Reader(wire) {
		inner.after = " after decompression"
	}
	br := bufio.NewReaderSize(inner, 16<<10)
	if what := foreign(br, resp.Header.Get("Content-Type"), r); what != "" {
		return &foreignError{what}
	}
	err := r.read(br)
	switch {
	case err == nil:
		return nil
	case wire.err != nil:
		return wire.err
	case inner.err != nil:
		return inner.err
	}
	return err
}

// foreign names what an answer is when it is not what was asked for: HTML or
// JSON in the place of a profile. It consumes nothing.
func foreign(br *bufio.Reader, contentType string, r request) string {
	head, _ := br.Peek(512)
	if r.page {
		return ""
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := bytes.ToLower(head[:min(len(head), 64)])
	switch {
	case bytes.HasPrefix(lower, []byte("<!doctype")), bytes.HasPrefix(lower, []byte("<html")),
		bytes.HasPrefix(lower, []byte("<head")), bytes.HasPrefix(lower, []byte("<?xml")),
		strings.HasPrefix(contentType, "text/html"):
		return "HTML"
	case r.json:
		if len(head) > 0 && head[0] != '{' && head[0] != '[' {
			return "something else"
		}
	case bytes.HasPrefix(head, []byte("{")), bytes.HasPrefix(head, []byte("[")), strings.HasPrefix(contentType, "application/json"):
		if r.text || contentType != "application/octet-stream" {
			return "JSON"
		}
	}
	return ""
}

// excerpt is the first line of an error's body, for a message.
func excerpt(b []byte, contentType string) string {
	if strings.HasPrefix(contentType, "text/html") || bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")) {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, line)
	if len(line) > 120 {
		line = line[:120] + "…"
	}
	return line
}

// boundedReader counts what was read, fails past its limit, and remembers the
// failure: a decoder that meets it may report something else.
type boundedReader struct {
	r     io.Reader
	n     int64
	limit int64
	after string // see limitError
	err   error  // the first error that was not the end
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	room := b.limit - b.n
	if room <= 0 { // whether that was all shows only in one more byte
		var more [1]byte
		if n, err := b.r.Read(more[:]); n == 0 {
			return 0, b.keep(err)
		}
		return 0, b.keep(&limitError{b.limit, b.after})
	}
	n, err := b.r.Read(p[:min(int64(len(p)), room)])
	b.n += int64(n)
	return n, b.keep(err)
}

func (b *boundedReader) keep(err error) error {
	if err != nil && err != io.EOF {
		b.err = err
	}
	return err
}

// size prints a limit as people say it.
func size(n int64) string {
	const k = 1 << 10
	switch {
	case n >= k*k*k && n%(k*k*k) == 0:
		return fmt.Sprintf("%d GiB", n/(k*k*k))
	case n >= k*k && n%(k*k) == 0:
		return fmt.Sprintf("%d MiB", n/(k*k))
	case n >= k && n%k == 0:
		return fmt.Sprintf("%d KiB", n/k)
	}
	return fmt.Sprintf("%d bytes", n)
}
