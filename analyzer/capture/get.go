package capture

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// request is one GET and what is to become of its answer.
type request struct {
	url    *url.URL
	accept string
	want   string         // what the answer should be, for messages: "a heap profile"
	text   bool           // the answer is text: HTML and JSON are told apart from it
	json   bool           // the answer is JSON
	page   bool           // the answer is HTML
	limit  int64          // of the answer after any content encoding; 0: MaxBytes
	cost   *snapshot.Cost // is added to; nil: nobody wants to know
	// began is called when the status line is in, before the body is read; may
	// be nil.
	began func()
	// read consumes the body. It need not read to the end.
	read func(io.Reader) error
}

var errTimedOut = errors.New("timed out")

// get makes one request. The time limit covers the body, so a target that
// trickles cannot hold it. Errors are *TargetError, but for a cancelled ctx.
func (c *Client) get(ctx context.Context, r request) error {
	start := time.Now()
	wire := &boundedReader{limit: c.cfg.MaxBytes}
	within, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, errTimedOut)
	defer cancel()
	err := c.exchange(within, wire, r)
	if r.cost != nil {
		r.cost.Seconds += time.Since(start).Seconds()
		r.cost.Bytes += wire.n
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(within), errTimedOut):
		err = errTimedOut
	}
	return c.explain(ctx, r, wire.n, err)
}

func (c *Client) exchange(ctx context.Context, wire *boundedReader, r request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.varied(r.url).String(), nil)
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

// varyParameter is what no two requests have alike, so that a cache on the way has
// no answer for them. The handlers of net/http/pprof pass over it.
const varyParameter = "heapdrift"

// varied is u with a varyParameter of its own, as the last of its query.
func (c *Client) varied(u *url.URL) *url.URL {
	v := *u
	if v.RawQuery != "" {
		v.RawQuery += "&"
	}
	v.RawQuery += fmt.Sprintf("%s=%x-%x", varyParameter, c.epoch.UnixNano(), c.asked.Add(1))
	return &v
}

func (c *Client) authorize(req *http.Request, r request) {
	req.Header.Set("User-Agent", "heapdrift")
	req.Header.Set("Cache-Control", "no-cache")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if req.URL.Host == socketHost {
		req.Host = "localhost"
	}
	if req.URL.Hostname() != c.addr.base.Hostname() {
		return // what was given for pprof is not for another host
	}
	for k, v := range c.cfg.Header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if h := c.cfg.Header.Get("Host"); h != "" {
		req.Host = h
	}
	switch {
	case c.basic:
		req.SetBasicAuth(c.cfg.User, c.cfg.Password)
	case c.cfg.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+c.cfg.Bearer)
	}
}

func (c *Client) consume(resp *http.Response, wire *boundedReader, r request) error {
	if resp.StatusCode != http.StatusOK {
		head, _ := io.ReadAll(io.LimitReader(wire, 512))
		_, _ = io.CopyN(io.Discard, wire, 64<<10)
		return &statusError{code: resp.StatusCode, text: excerpt(head, resp.Header.Get("Content-Type"))}
	}
	inner := &boundedReader{r: wire, limit: cmp.Or(r.limit, c.cfg.MaxBytes)}
	switch enc := strings.ToLower(resp.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip", "x-gzip": // unasked for, but a proxy may do it
		zr, err := gzip.NewReader(wire)
		if err != nil {
			return fmt.Errorf("its gzip encoding cannot be read: %w", err)
		}
		inner.r, inner.after = zr, " after decompression"
	default:
		return fmt.Errorf("the answer is encoded as %q, which was not asked for", enc)
	}
	br := bufio.NewReaderSize(inner, 16<<10)
	if what := foreign(br, resp.Header.Get("Content-Type"), r); what != "" {
		return &contentError{
			problem: fmt.Sprintf("it answered %s, not %s", what, r.want),
			remedy:  "another server or a login page seems to be there: " + mountRemedy,
		}
	}
	if err := r.read(br); err != nil {
		return cmp.Or(wire.err, inner.err, err)
	}
	return nil
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
	after string // of the limit, for messages: " after decompression"
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
		return 0, b.keep(&contentError{
			problem: fmt.Sprintf("the answer is larger than the limit of %s%s", size(b.limit), b.after),
			remedy:  "raise the limit if the target is to be trusted, or raise its sampling rate (runtime.MemProfileRate) for smaller profiles",
		})
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
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if k := int64(1) << (30 - 10*i); n >= k && n%k == 0 {
			return fmt.Sprintf("%d %s", n/k, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// WaitReady asks until the target answers anything but "not yet" (status 502,
// 503, 504), and leaves the judgement of the answer to Offer. It ends with
// ctx: without a deadline there it waits as long as nothing answers. An
// address that can never answer (an unknown host, a certificate that is not
// trusted) ends it at once.
func WaitReady(ctx context.Context, c *Client) error {
	pause := 20 * time.Millisecond
	var last error // why the target did not answer, rather than that ctx ended
	for {
		err := c.get(ctx, request{
			url: c.addr.of("cmdline", nil), want: "an answer", page: true,
			read: func(io.Reader) error { return nil },
		})
		status, answered := errors.AsType[*statusError](err)
		switch {
		case err == nil:
			return nil
		case answered:
			if status.code < 502 || status.code > 504 {
				return nil
			}
		case ctx.Err() == nil && !transport(err):
			return nil
		case ctx.Err() == nil && isTLS(err):
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if wait(ctx, pause) != nil {
			return notReady(ctx, c, last)
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

func notReady(ctx context.Context, c *Client, last error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for %s: %w", c.addr, context.Cause(ctx))
	}
	problem, remedy := problemOf(last)
	if errors.Is(last, context.DeadlineExceeded) {
		problem, remedy = "no answer", "look whether the process hangs"
	}
	return &TargetError{URL: c.addr.String(), Problem: "pprof did not answer in time: " + problem, Remedy: remedy, Err: last}
}
