package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/internal/ports"
)

// serve starts a server on loopback that ends with the test.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func newHTTP(t *testing.T, c HTTPConfig) *HTTPTarget {
	t.Helper()
	target, err := NewHTTP(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target
}

func TestHTTPSendsWhatItIsTold(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.Store(fmt.Sprintf("%s %s host=%s x=%s type=%s len=%d %s", r.Method, r.URL.RequestURI(), r.Host, r.Header.Get("X"), r.Header.Get("Content-Type"), r.ContentLength, body))
	})
	host := strings.TrimPrefix(s.URL, "http://")
	for _, c := range []struct {
		name   string
		config HTTPConfig
		index  int64
		want   string
	}{
		{"a bare URL is a GET", HTTPConfig{URL: s.URL + "/a?b=c"}, 0, "GET /a?b=c host=" + host + " x= type= len=0 "},
		{"no scheme is http", HTTPConfig{URL: host + "/a"}, 0, "GET /a host=" + host + " x= type= len=0 "},
		{"a body makes it a POST", HTTPConfig{URL: s.URL, Body: []byte("hi")}, 0, "POST / host=" + host + " x= type= len=2 hi"},
		{"a body function sees the operation", HTTPConfig{URL: s.URL, BodyFunc: func(op Op) []byte { return fmt.Appendf(nil, "op %d %d", op.Seq, op.Index) }}, 3, "POST / host=" + host + " x= type= len=8 op 103 3"},
		{"headers and host", HTTPConfig{URL: s.URL, Method: "PUT", Header: http.Header{"x": {"1"}, "Host": {"example.org"}}}, 0, "PUT / host=example.org x=1 type= len=0 "},
		{"requests are taken in turn, their headers replace the config's", HTTPConfig{
			Header: http.Header{"X": {"1"}, "Content-Type": {"a/b"}}, Body: []byte("default"),
			Requests: []Request{{Method: "GET", URL: s.URL}, {Method: "POST", URL: s.URL + "/2", Header: http.Header{"X": {"2"}}}},
		}, 3, "POST /2 host=" + host + " x=2 type=a/b len=7 default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := newHTTP(t, c.config).Do(t.Context(), Op{Seq: c.index + 100, Index: c.index}); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if got := got.Load(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestHTTPFailuresHaveClasses(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the server's own cleanup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flush := func() { w.(http.Flusher).Flush() }
		switch r.URL.Path {
		case "/reset":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "some")
			flush()
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		case "/short":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "some")
			panic(http.ErrAbortHandler)
		case "/slow":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/trickle":
			for range 100 {
				fmt.Fprint(w, "x")
				flush()
				select {
				case <-time.After(20 * time.Millisecond):
				case <-r.Context().Done():
					return
				}
			}
		case "/giant":
			w.Header().Set("Content-Length", "10737418240")
			_, _ = w.Write(make([]byte, 1<<16))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/503":
			w.WriteHeader(503)
		case "/404":
			w.WriteHeader(404)
		case "/garbage":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(conn, "this is no HTTP\r\n\r\n")
			conn.Close()
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	for _, c := range []struct{ name, url, class string }{
		{"nobody listens", "http://" + ports.Free(t), "refused"},
		{"no such host", "http://no-such-host.invalid/", "dns"},
		{"a reset in mid-body", s.URL + "/reset", "reset"},
		{"a body that ends too early", s.URL + "/short", "reset"},
		{"no answer in time", s.URL + "/slow", "timeout"},
		{"an answer that trickles", s.URL + "/trickle", "timeout"},
		{"a body announced as too large", s.URL + "/giant", "body too large"},
		{"a body that does not end", s.URL + "/endless", "body too large"},
		{"an overloaded server", s.URL + "/503", "status 503"},
		{"no such page", s.URL + "/404", "status 404"},
		{"an answer that is no HTTP", s.URL + "/garbage", "other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := time.Minute
			switch c.class {
			case "timeout":
				timeout = 300 * time.Millisecond
			case "dns": // a server that does not answer is all the same
				timeout = 2 * time.Second
			}
			target := newHTTP(t, HTTPConfig{URL: c.url, Timeout: timeout, MaxBody: 1 << 20})
			err := target.Do(t.Context(), Op{})
			if err == nil {
				t.Fatal("no error")
			}
			if got := ErrorClass(err); got != c.class && !(c.class == "dns" && got == "timeout") {
				t.Errorf("%v is of class %q, want %q", err, got, c.class)
			}
		})
	}
	t.Run("a cancelled operation", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		err := newHTTP(t, HTTPConfig{URL: s.URL + "/slow"}).Do(ctx, Op{})
		if got := ErrorClass(err); got != "canceled" {
			t.Errorf("%v is of class %q, want canceled", err, got)
		}
	})
}

func TestHTTPConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/503" {
			w.WriteHeader(503)
		}
		_, _ = w.Write(make([]byte, 100_000))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	for _, path := range []string{"/", "/503"} {
		conns.Store(0)
		target := newHTTP(t, HTTPConfig{URL: s.URL + path, MaxConns: 4})
		for range 20 {
			_ = target.Do(t.Context(), Op{})
		}
		if got := conns.Load(); got != 1 {
			t.Errorf("%s: %d connections for 20 operations in a row, want 1", path, got)
		}
	}
}

func TestHTTPOverAUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hd") // a socket's path may have 100 bytes only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/x" {
			w.WriteHeader(404)
		}
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	target := newHTTP(t, HTTPConfig{URL: "http://service/x", Socket: socket})
	if err := target.Do(t.Context(), Op{}); err != nil {
		t.Error(err)
	}
	s.Close()
	if err := target.Do(t.Context(), Op{}); err == nil || ErrorClass(err) != "refused" {
		t.Errorf("a socket that is gone gives %v, class %s; want refused", err, ErrorClass(err))
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var hits, elsewhere atomic.Int64
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/op/":
			hits.Add(1)
			if r.Method != http.MethodPost || string(body) != "hi" {
				w.WriteHeader(400)
			}
		case "/page":
			hits.Add(1)
			if r.Method != http.MethodGet || len(body) > 0 {
				w.WriteHeader(400)
			}
		case "/op":
			http.Redirect(w, r, "/op/", http.StatusPermanentRedirect)
		case "/moved":
			http.Redirect(w, r, "/page", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		}
	})
	for path, want := range map[string]int64{"/op": 1, "/moved": 1, "/loop": 0, "/away": 0} {
		hits.Store(0)
		target := newHTTP(t, HTTPConfig{URL: s.URL + path, Body: []byte("hi")})
		err := target.Do(t.Context(), Op{})
		var refused *RedirectError
		if errors.As(err, &refused) != (want == 0) || err != nil && (refused == nil || ErrorClass(err) != fmt.Sprintf("redirect (status %d)", refused.Code)) {
			t.Errorf("%s: %v", path, err)
		}
		if got := hits.Load(); got != want {
			t.Errorf("%s: the page behind was asked %d times, want %d", path, got, want)
		}
		if u := target.Unlike(); u.All != want || u.Astray != 0 || want > 0 && !strings.HasPrefix(u.Example, "redirected to /") {
			t.Errorf("%s: %+v; want the redirected, none of them astray after a POST", path, u)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}

// A login page is a success, too: what is unlike the first success is counted.
func TestAnswersUnlikeTheFirst(t *testing.T) {
	t.Parallel()
	types := []string{"", "application/json", "application/json; charset=utf-8", "text/html", "", "application/json", "text/html; charset=utf-8"}
	var asked atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		media := types[asked.Add(1)-1]
		if media == "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", media)
	})
	target := newHTTP(t, HTTPConfig{URL: s.URL})
	for range types {
		if err := target.Do(t.Context(), Op{}); err != nil {
			t.Fatal(err)
		}
	}
	if u := target.Unlike(); u != (Unlike{All: 2, Example: "of type text/html"}) {
		t.Errorf("%+v; want the 2 of HTML", u)
	}
}

func TestPagesThatAnotherStandsInForAreAstray(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]Unlike{
		http.StatusFound: {1, 1, "redirected to /login"}, http.StatusTemporaryRedirect: {1, 1, "redirected to /login"},
		http.StatusMovedPermanently: {1, 0, "redirected to /login"}, http.StatusOK: {},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if code != http.StatusOK && r.URL.Path != "/login" {
				http.Redirect(w, r, "/login", code)
			}
		})
		target := newHTTP(t, HTTPConfig{URL: s.URL + "/page"})
		if err := target.Do(t.Context(), Op{}); err != nil {
			t.Fatal(err)
		}
		if got := target.Unlike(); got != want {
			t.Errorf("status %d: %+v, want %+v", code, got, want)
		}
	}
}

func TestHTTPConfigsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config HTTPConfig
		want   string
	}{
		{HTTPConfig{}, "no URL"},
		{HTTPConfig{URL: "ftp://x"}, "http or https"},
		{HTTPConfig{URL: "http://"}, "a host"},
		{HTTPConfig{URL: "http://a b/"}, "want one as"},
		{HTTPConfig{URL: "http://x", Method: "GE T"}, "invalid method"},
		{HTTPConfig{URL: "http://x", Header: http.Header{"a b": {"c"}}}, "header"},
		{HTTPConfig{URL: "http://x", Header: http.Header{"A": {"c\r\nD: e"}}}, "header"},
		{HTTPConfig{URL: "http://x", Timeout: -1}, "negative"},
	} {
		if _, err := NewHTTP(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error with %q", c.config, err, c.want)
		}
	}
}

func TestLoadOverHTTP(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Equal(body, []byte("hello")) {
			w.WriteHeader(400)
		}
		served.Add(1)
	})
	target := newHTTP(t, HTTPConfig{URL: s.URL, Body: []byte("hello"), MaxConns: 32})
	res := mustRun(t, target, Plan{Rate: Rate{From: 200, To: 200}, Warmup: 200 * time.Millisecond, Steady: time.Second, MaxInFlight: 32, Drain: 30 * time.Millisecond})
	if got := res.Steady.Counts; got.Completed != 200 || got.Errors != 0 || served.Load() != 240 {
		t.Errorf("got %+v, served %d; want 200 and 240: %v", got, served.Load(), res.ErrorExamples)
	}
}

func TestATargetThatDiesAndReturns(t *testing.T) {
	t.Parallel()
	address := ports.Free(t)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	start := func(l net.Listener) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.Listener.Close()
		s.Listener = l
		s.Start()
		return s
	}
	s := start(listener)
	target := newHTTP(t, HTTPConfig{URL: "http://" + address})
	marks := 0
	l, err := New(target, Plan{Rate: Rate{From: 100, To: 100}, Steady: 1500 * time.Millisecond, Every: 500 * time.Millisecond, Quiesce: true, OnMark: func(context.Context, Mark) error {
		switch marks++; marks {
		case 2:
			s.Close()
		case 3:
			again, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			s = start(again)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if got := res.Steady.Counts; got.Completed != 150 || got.Errors < 45 || got.Errors > 55 || res.ErrorClasses["refused"] < 45 {
		t.Errorf("got %+v %v, want 150 completed, the 50 of the middle refused", got, res.ErrorClasses)
	}
}

func BenchmarkHTTP(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	target, err := NewHTTP(HTTPConfig{URL: s.URL, MaxConns: 16})
	if err != nil {
		b.Fatal(err)
	}
	defer target.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := target.Do(b.Context(), Op{}); err != nil {
			b.Fatal(err)
		}
	}
}
