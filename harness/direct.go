package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxDirectBody is the longest body that is sent over a [conn]: a server may
// answer while a longer one is under way, and wait until that is read.
const maxDirectBody = 1 << 20

// direct sends a request over a connection of the pool and reads its answer.
func (t *HTTPTarget) direct(ctx context.Context, op Op, p *preparedRequest, body []byte) (*http.Response, error) {
	deadline := time.Now().Add(t.config.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	p.pool.enter(op.Phase)
	for again := false; ; again = true {
		c, isNew, err := p.pool.take(ctx, deadline, again)
		if err != nil {
			return nil, t.describe(ctx, err)
		}
		if isNew {
			t.resting.opened(ctx, op)
		}
		res, reuse, unanswered, err := c.do(p, body, t.config.MaxBody)
		p.pool.give(c, reuse)
		if err == nil {
			return res, nil
		}
		// A server may close a connection at rest at any time, also as a request
		// is on its way. One that may be repeated is (RFC 9110, section 9.2.2).
		if unanswered && !isNew && p.repeatable && ctx.Err() == nil {
			continue
		}
		return nil, t.describe(ctx, err)
	}
}

// describe makes a sentence of an error that the operation's time-out or the
// end of the load caused.
func (t *HTTPTarget) describe(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if isTimeout(err) {
		return fmt.Errorf("no complete answer within %v: %w", t.config.Timeout, context.DeadlineExceeded)
	}
	return err
}

// drain reads an answer's body to its end or to the limit.
func drain(res *http.Response, limit int64) error {
	if res.ContentLength == 0 || res.Body == http.NoBody {
		return nil
	}
	if res.ContentLength > limit {
		return &BodyTooLargeError{Limit: limit}
	}
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, limit+1))
	if err != nil {
		return fmt.Errorf("read the answer's body: %w", err)
	}
	if n > limit {
		return &BodyTooLargeError{Limit: limit}
	}
	return nil
}

// render writes the request's head once, as net/http does, so that it is
// copied and not composed for each operation.
func (p *preparedRequest) render() error {
	p.asked = &http.Request{Method: p.method}
	switch p.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		p.repeatable = true
	}
	head := func(length int64, body io.ReadCloser) ([]byte, error) {
		r := p.request(context.Background(), nil)
		r.ContentLength, r.Body = length, body
		var b bytes.Buffer
		err := r.Write(&b)
		return b.Bytes(), err
	}
	var err error
	if p.bare, err = head(0, nil); err != nil {
		return err
	}
	withBody, err := head(1, io.NopCloser(bytes.NewReader([]byte{0})))
	if err != nil {
		return err
	}
	// net/http writes the length itself and drops one that the header holds.
	before, after, ok := bytes.Cut(withBody[:len(withBody)-1], []byte("\r\nContent-Length: 1\r\n"))
	if !ok {
		return fmt.Errorf("request %s %s: its head has no place for the body's length", p.method, p.url)
	}
	p.before = append(before[:len(before):len(before)], "\r\nContent-Length: "...)
	p.after = append([]byte("\r\n"), after...)
	return nil
}

// appendHead appends the head of a request with a body of that length.
func (p *preparedRequest) appendHead(to []byte, length int) []byte {
	if length == 0 {
		return append(to, p.bare...)
	}
	to = append(to, p.before...)
	to = strconv.AppendInt(to, int64(length), 10)
	return append(to, p.after...)
}

// address returns host and port to dial for a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
