package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// checkAfter is how long a connection must have rested for it to be looked
	// at before it is used again: the server may have closed it.
	checkAfter = 50 * time.Millisecond
	// maxRest is how long a connection may rest.
	maxRest = 90 * time.Second
	// lastWord is how long a server that broke off in the middle of a request
	// has to say why.
	lastWord = 50 * time.Millisecond
	// maxInterim answers (1xx) may come before the answer proper.
	maxInterim = 5
)

// conn is a kept-alive HTTP/1.1 connection that one operation uses at a time.
//
// http.Transport serves each connection with two goroutines of its own, so
// that an operation changes hands five times between goroutines. Here the
// operation's own goroutine writes and reads, with net/http's codec. What that
// gives up is an answer that streams while its request still does; large
// bodies therefore go through http.Transport (see maxDirectBody).
type conn struct {
	net   net.Conn
	in    *bufio.Reader
	limit headLimit // between net and in
	head  []byte    // scratch for the request's head
	used  time.Time // end of the last operation

	// ctx is what the operations so far ran under, mostly that of the whole
	// load; forget takes the connection off it.
	ctx    context.Context
	forget func() bool
}

// headLimit bounds what is read of an answer's head, and counts.
type headLimit struct {
	from io.Reader
	left int64 // bytes that may still be read; negative: any number
	n    int64 // bytes read since the request
}

// errHeadTooLong is an answer that does not come to its body.
var errHeadTooLong = fmt.Errorf("the answer's headers are longer than %d bytes", maxHeaderBytes)

// Read implements io.Reader.
func (l *headLimit) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, errHeadTooLong
	}
	if l.left > 0 && int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.from.Read(p)
	l.n += int64(n)
	if l.left > 0 {
		l.left -= int64(n)
	}
	return n, err
}

func newConn(c net.Conn) *conn {
	n := &conn{net: c}
	n.limit.from = c
	n.in = bufio.NewReader(&n.limit)
	return n
}

// close gives the connection up.
func (c *conn) close() {
	if c.forget != nil {
		c.forget()
	}
	_ = c.net.Close()
}

// under makes the end of ctx, or the deadline, end what the connection waits
// for. It reports false if the connection is of no use any more.
func (c *conn) under(ctx context.Context, deadline time.Time) bool {
	if c.ctx != ctx {
		if c.forget != nil && !c.forget() {
			return false // it was broken off, or is about to be
		}
		// Once for each connection and not for each operation: the context of a
		// load is one for all, and so is the lock on its children.
		c.ctx = ctx
		c.forget = context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(time.Unix(1, 0)) })
	}
	if err := c.net.SetDeadline(deadline); err != nil {
		return false
	}
	// If ctx ends from here on, its function overrules the deadline just set.
	return ctx.Err() == nil
}

// usable looks whether a connection that has rested may still be used.
func (c *conn) usable(now time.Time) bool {
	rested := now.Sub(c.used)
	if rested < checkAfter {
		return true
	}
	return rested < maxRest && stillOpen(c.net)
}

// do sends a request and reads the answer to its end. reuse says whether the
// connection can serve another operation, unanswered that the server had sent nothing
// when it broke off.
func (c *conn) do(p *preparedRequest, body []byte, maxBody int64) (res *http.Response, reuse, unanswered bool, err error) {
	c.limit.left, c.limit.n = maxHeaderBytes, 0
	writeErr := c.write(p, body)
	if writeErr != nil {
		if isTimeout(writeErr) {
			return nil, false, false, writeErr
		}
		_ = c.net.SetReadDeadline(time.Now().Add(lastWord))
	}
	res, err = c.read(p)
	if err != nil {
		if writeErr != nil {
			err = writeErr
		}
		return nil, false, c.limit.n == 0 && !isTimeout(err), err
	}
	c.limit.left = -1
	if err := drain(res, maxBody); err != nil {
		return nil, false, false, err
	}
	reuse = writeErr == nil && !res.Close && res.StatusCode != http.StatusSwitchingProtocols && c.in.Buffered() == 0
	return res, reuse, false, nil
}

// write sends the request: a small one in one piece, so that it takes one
// system call and one packet.
func (c *conn) write(p *preparedRequest, body []byte) error {
	c.head = p.appendHead(c.head[:0], len(body))
	if len(body) <= maxJoined {
		c.head = append(c.head, body...)
		body = nil
	}
	if _, err := c.net.Write(c.head); err != nil {
		return err
	}
	if len(body) > 0 {
		if _, err := c.net.Write(body); err != nil {
			return err
		}
	}
	return nil
}

// maxJoined is the longest body that is copied behind its head, bytes.
const maxJoined = 8 << 10

// read reads the head of the answer, past those that announce it.
func (c *conn) read(p *preparedRequest) (*http.Response, error) {
	for range maxInterim + 1 {
		res, err := http.ReadResponse(c.in, p.asked)
		if err != nil {
			if c.limit.left == 0 {
				err = errHeadTooLong
			}
			return nil, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, nil
		}
	}
	return nil, fmt.Errorf("more than %d interim answers and no other", maxInterim)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
