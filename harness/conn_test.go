package harness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/internal/apart"
)

// rawServer answers each connection with what serve does, until the test ends.
func rawServer(t *testing.T, serve func(n int64, c net.Conn, in *bufio.Reader)) (url string, conns *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := conns.Add(1)
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				serve(n, c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "http://" + l.Addr().String(), conns
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestAnswersInOddShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		class        string // "": none
		conns        int64  // for two operations
	}{
		{"a body of known length", okAnswer, "", 1},
		{"a chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "", 1},
		{"no body at all", "HTTP/1.1 204 No Content\r\n\r\n", "", 1},
		{"interim answers before the answer", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + okAnswer, "", 1},
		{"interim answers without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20), "other", 2},
		{"the server wants to close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "", 2},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "", 2},
		{"something unasked behind the answer", okAnswer + "HTTP/1.1 408 Request Timeout\r\n\r\n", "", 2},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "status 101", 2},
		{"headers without end", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", maxHeaderBytes+10), "other", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, conns := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if _, err := io.WriteString(conn, c.answer); err != nil {
						return
					}
				}
			})
			target := newHTTP(t, HTTPConfig{URL: url, Body: []byte("x"), Timeout: 5 * time.Second})
			for range 2 {
				err := target.Do(t.Context(), Op{})
				if err == nil != (c.class == "") || err != nil && ErrorClass(err) != c.class {
					t.Errorf("got %v, want class %q", err, c.class)
				}
			}
			if got := conns.Load(); got != c.conns {
				t.Errorf("%d connections for two operations, want %d", got, c.conns)
			}
		})
	}
}

// A server that has closed a connection at rest must not cost an operation
// where it can be told or the request be repeated.
func TestConnectionsThatTheServerClosed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		method string
		rest   time.Duration
		class  string
	}{
		{"a GET at once is repeated", "GET", 0, ""},
		{"a POST after a rest sees it beforehand", "POST", 2 * checkAfter, ""},
		{"a POST at once is not repeated", "POST", 0, "reset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan struct{}, 10)
			url, conns := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
				if r, err := http.ReadRequest(in); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(conn, okAnswer)
				}
				conn.Close()
				closed <- struct{}{}
			})
			target := newHTTP(t, HTTPConfig{URL: url, Method: c.method})
			if err := target.Do(t.Context(), Op{}); err != nil {
				t.Fatal(err)
			}
			<-closed
			// Rather than sleep, say that it has rested.
			pool := target.requests[0].pool
			pool.mu.Lock()
			if c.rest > 0 {
				pool.rest[0].used = time.Now().Add(-c.rest)
			} else {
				pool.rest[0].used = time.Now().Add(time.Hour)
			}
			pool.mu.Unlock()
			err := target.Do(t.Context(), Op{})
			if err == nil != (c.class == "") || err != nil && ErrorClass(err) != c.class {
				t.Errorf("got %v, want class %q", err, c.class)
			}
			if want := map[bool]int64{true: 2, false: 1}[c.class == ""]; conns.Load() != want {
				t.Errorf("%d connections, want %d", conns.Load(), want)
			}
		})
	}
}

func TestAnAnswerBeforeTheRequestIsThroughCounts(t *testing.T) {
	t.Parallel()
	url, _ := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
		_, _ = in.ReadString('\n')
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, in)
	})
	for _, size := range []int{100, maxJoined + 1, maxDirectBody, maxDirectBody + 1} {
		err := newHTTP(t, HTTPConfig{URL: url, Body: make([]byte, size)}).Do(t.Context(), Op{})
		if err == nil || ErrorClass(err) != "status 413" {
			t.Errorf("a body of %d bytes: got %v, want status 413", size, err)
		}
	}
}

// The server answers and closes with most of the request unread: what it said
// counts, not that the rest could not be written.
func TestTheLastWordOfAServerThatClosesCounts(t *testing.T) {
	t.Parallel()
	url, _ := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, _ = in.ReadString('\n')
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		time.Sleep(20 * time.Millisecond) // the client is writing
	})
	pool := newConnPool(1, 1, func(ctx context.Context) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
		return c, err
	})
	target := newHTTP(t, HTTPConfig{URL: url, Body: make([]byte, maxDirectBody)})
	target.requests[0].pool = pool
	t.Cleanup(pool.close)
	if err := target.Do(t.Context(), Op{}); err == nil || ErrorClass(err) != "status 413" {
		t.Errorf("got %v, want status 413", err)
	}
}

func TestBodiesOfAllSizesArrive(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength || len(bytes.Trim(body, "x")) > 0 {
			w.WriteHeader(400)
		}
		w.Header().Set("Got", fmt.Sprint(len(body)))
	})
	target := newHTTP(t, HTTPConfig{URL: s.URL, Timeout: 10 * time.Second, BodyFunc: func(op Op) []byte {
		return bytes.Repeat([]byte("x"), int(op.Seq))
	}})
	for _, n := range []int{0, 1, maxJoined, maxJoined + 1, 300_000, maxDirectBody, maxDirectBody + 1} {
		if err := target.Do(t.Context(), Op{Seq: int64(n)}); err != nil {
			t.Errorf("a body of %d bytes: %v", n, err)
		}
	}
}

func TestNoMoreConnectionsThanAllowed(t *testing.T) {
	t.Parallel()
	release, served := make(chan struct{}), make(chan struct{}, 10)
	s := serve(t, func(http.ResponseWriter, *http.Request) {
		served <- struct{}{}
		<-release
	})
	target := newHTTP(t, HTTPConfig{URL: s.URL, MaxConns: 1})
	first := make(chan error)
	go func() { first <- target.Do(t.Context(), Op{}) }()
	<-served
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := target.Do(ctx, Op{}); err == nil || ErrorClass(err) != "timeout" {
		t.Errorf("while the only connection was in use: got %v, want a timeout", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := target.Do(t.Context(), Op{}); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// The connection was last used under the context of another operation; the end
// of that must not disturb, and the end of the present one must.
func TestTheContextOfTheOperationCounts(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{}, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			slow <- struct{}{}
			<-r.Context().Done()
		}
	})
	target := newHTTP(t, HTTPConfig{Requests: []Request{{Method: "POST", URL: s.URL + "/"}, {Method: "POST", URL: s.URL + "/slow"}}})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		if err := target.Do(ctx, Op{}); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-slow
		cancel()
	}()
	defer func(begin time.Time) {
		if took := time.Since(begin); took > DefaultTimeout/2 {
			t.Errorf("it took %v to notice", took)
		}
	}(time.Now())
	if err := target.Do(ctx, Op{Index: 1}); err == nil || ErrorClass(err) != "canceled" {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	var proto atomic.Value
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		proto.Store(fmt.Sprintf("%s %s", r.Proto, body))
	})
	start := func(tlsOn, h2 bool) *httptest.Server {
		s := httptest.NewUnstartedServer(handler)
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the refused handshake
		if tlsOn {
			s.EnableHTTP2 = h2
			s.StartTLS()
		} else {
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetHTTP1(true)
			s.Config.Protocols.SetUnencryptedHTTP2(h2)
			s.Start()
		}
		t.Cleanup(s.Close)
		return s
	}
	for _, c := range []struct {
		name         string
		tls, h2, set bool
		want         string
		class        string
	}{
		{"https with HTTP/2 on both sides", true, true, false, "HTTP/2.0 hi", ""},
		{"https with a server of HTTP/1.1", true, false, false, "HTTP/1.1 hi", ""},
		{"http is HTTP/1.1 unless asked", false, true, false, "HTTP/1.1 hi", ""},
		{"http with prior knowledge", false, true, true, "HTTP/2.0 hi", ""},
		{"https, HTTP/2 only", true, true, true, "HTTP/2.0 hi", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(c.tls, c.h2)
			config := HTTPConfig{URL: s.URL, Body: []byte("hi"), HTTP2: c.set}
			if c.tls {
				roots := x509.NewCertPool()
				roots.AddCert(s.Certificate())
				config.TLS = &tls.Config{RootCAs: roots}
			}
			target := newHTTP(t, config)
			defer target.Close()
			for range 3 {
				if err := target.Do(t.Context(), Op{}); err != nil {
					t.Fatal(err)
				}
			}
			if got := proto.Load(); got != c.want {
				t.Errorf("the server got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("an unknown authority", func(t *testing.T) {
		s := start(true, false)
		err := newHTTP(t, HTTPConfig{URL: s.URL}).Do(t.Context(), Op{})
		if err == nil || ErrorClass(err) != "tls" {
			t.Errorf("got %v, want class tls", err)
		}
	})
}

func TestTheUserOfTheURLIsSent(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "secret" {
			w.WriteHeader(401)
		}
	})
	if err := newHTTP(t, HTTPConfig{URL: strings.Replace(s.URL, "http://", "http://ann:secret@", 1)}).Do(t.Context(), Op{}); err != nil {
		t.Error(err)
	}
}

// An operation over a kept connection must stay cheap.
func TestAnOperationAllocatesLittle(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		url, _ := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
			answer := []byte(okAnswer)
			for {
				for {
					line, err := in.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						break
					}
				}
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		})
		target := newHTTP(t, HTTPConfig{URL: url})
		n := testing.AllocsPerRun(200, func() {
			if err := target.Do(t.Context(), Op{}); err != nil {
				t.Fatal(err)
			}
		})
		if n > 14 {
			t.Errorf("%v allocations an operation, want at most 14", n)
		}
	})
}

// Connections of a burst are given up but for those that rest.
func TestABurstLeavesTheRestingConnectionsAlone(t *testing.T) {
	t.Parallel()
	const burst, keep = 8, 2
	block := make(chan struct{})
	var open atomic.Int64
	arrived := make(chan struct{}, burst)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-block
	}))
	closed := make(chan struct{}, burst)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	target := newHTTP(t, HTTPConfig{URL: s.URL, MaxConns: burst, Resting: keep})
	done := make(chan error, burst)
	for range burst {
		go func() { done <- target.Do(t.Context(), Op{}) }()
	}
	for range burst {
		<-arrived
	}
	close(block)
	for range burst {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for range burst - keep {
		<-closed
	}
	if n := open.Load(); n != keep {
		t.Errorf("%d connections after the burst, want %d", n, keep)
	}
}
