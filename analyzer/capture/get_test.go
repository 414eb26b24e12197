package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/internal/ports"
)

// heapOnly asks for the heap profile alone, as Offer's first request does.
func heapOnly(t *testing.T, c *Client) error {
	t.Helper()
	return c.offerHeap(t.Context(), &Offer{})
}

// wantSentence checks that an error is a TargetError that says what happened
// and what to do.
func wantSentence(t *testing.T, err error, mentions ...string) {
	t.Helper()
	var e *TargetError
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want a *TargetError", err, err)
	}
	if e.Problem == "" || e.Remedy == "" || e.URL == "" {
		t.Errorf("a piece of the sentence is missing: %+v", e)
	}
	for _, m := range mentions {
		if !strings.Contains(err.Error(), m) {
			t.Errorf("error %q does not mention %q", err, m)
		}
	}
}

func TestEachWrongAnswerIsASentence(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		h       http.HandlerFunc
		mention []string
	}{
		{"404", answer(404, "text/plain", "404 page not found"), []string{"404", `net/http/pprof`}},
		{"401", answer(401, "text/plain", "who are you"), []string{"401", "credentials", "who are you"}},
		{"403", answer(403, "text/html", "<html>no</html>"), []string{"403", "not allowed"}},
		{"405", answer(405, "text/plain", ""), []string{"405"}},
		{"429", answer(429, "text/plain", ""), []string{"429", "less often"}},
		{"500", answer(500, "text/plain", "boom\nmore"), []string{"500", `"boom"`, "log"}},
		{"503", answer(503, "text/html", "<html>"), []string{"503", "proxy"}},
		{"204", answer(204, "text/plain", ""), []string{"204"}},
		{"HTML", answer(200, "text/html; charset=utf-8", "<h1>hi</h1>"), []string{"answered HTML, not a heap profile"}},
		{"HTML under another type", answer(200, "application/octet-stream", "\n <!DOCTYPE html><p>"), []string{"HTML"}},
		{"JSON", answer(200, "application/json", `{"error":"x"}`), []string{"JSON"}},
		{"text", answer(200, "text/plain", "hello"), []string{"else than a profile"}},
		{"nothing", answer(200, "application/octet-stream", ""), []string{"empty"}},
		{"the text form", answer(200, "text/plain", text(1, 1, moment0)), []string{"text form"}},
		{"a profile of another kind", pprof.Handler("mutex").ServeHTTP, []string{"another kind", "contentions"}},
		{"half a profile", func(w http.ResponseWriter, r *http.Request) {
			b := compressed(t, made{functions: []string{"main.f"}}.heapProfile())
			_, _ = w.Write(b[:len(b)/2])
		}, []string{"cut short"}},
		{"a reset in the middle", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 100))
			w.(http.Flusher).Flush()
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}, []string{"connection ended"}},
		{"an encoding that nobody asked for", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = w.Write([]byte("xx"))
		}, []string{`"br"`}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, over(t, map[string]http.HandlerFunc{"/debug/pprof/heap": x.h}))
			c := client(t, Config{URL: s.URL})
			o := &Offer{}
			err := c.offerHeap(t.Context(), o)
			if err == nil { // recorded as missing: the same words
				f := o.Features[0]
				if f.Offered {
					t.Fatal("taken for a heap profile")
				}
				err = &TargetError{URL: s.URL, Problem: f.Detail, Remedy: f.Remedy}
			}
			wantSentence(t, err, x.mention...)
		})
	}
}

type recorder struct {
	*bytes.Buffer
	h http.Header
}

func (r *recorder) Header() http.Header { return r.h }
func (r *recorder) WriteHeader(int)     {}

func TestATargetThatHangsOrTricklesEndsInTime(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, mention string
		h             http.HandlerFunc
	}{
		{"never answers", "no answer within 2s", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"stops in the body", "no complete answer within 2s", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 5000))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
		{"trickles", "no complete answer within 2s", func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-r.Context().Done():
					return
				case <-tick.C:
					_, _ = w.Write([]byte{0x1f})
					w.(http.Flusher).Flush()
				}
			}
		}},
		{"stops in an error's body", "no complete answer within 2s", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write(make([]byte, 5000))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, over(t, map[string]http.HandlerFunc{"/debug/pprof/heap": x.h}))
			c := client(t, Config{URL: s.URL, Timeout: 2 * time.Second}) // so that what is begun is begun in time
			start := time.Now()
			wantSentence(t, heapOnly(t, c), x.mention)
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// zeros compresses about a thousandfold.
func zeros(n int) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = zw.Write(make([]byte, 1<<20))
	_ = zw.Close()
	return bytes.Repeat(b.Bytes(), n>>20)
}

func TestAnAnswerWithoutEndIsCutAtTheLimit(t *testing.T) {
	// not parallel: it measures what this process allocates
	bomb := zeros(64 << 20)
	for _, x := range []struct {
		name, mention string
		h             http.HandlerFunc
	}{
		{"endless", "limit of 1 MiB", func(w http.ResponseWriter, r *http.Request) {
			block := bytes.Repeat([]byte{0x1f, 0x8b}, 32<<10)
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}},
		{"announced as 10 GiB", "limit of 1 MiB", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(10<<30))
			block := bytes.Repeat([]byte{0x1f, 0x8b}, 32<<10)
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}},
		{"a bomb as content encoding", "limit of 1 MiB after decompression", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serve(t, over(t, map[string]http.HandlerFunc{"/debug/pprof/heap": x.h}))
			c := client(t, Config{URL: s.URL, MaxBytes: 1 << 20})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			o := &Offer{}
			if err := c.offerHeap(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if f := o.Features[0]; f.Offered || !strings.Contains(f.Detail, x.mention) || f.Remedy == "" {
				t.Errorf("feature %+v, want a detail that mentions %q", f, x.mention)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("%d bytes were allocated over an answer limited to 1 MiB", used)
			}
		})
	}
}

func TestAGzipEncodedAnswerIsRead(t *testing.T) {
	t.Parallel()
	mux := canned(t)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		defer zw.Close()
		var b bytes.Buffer
		mux.ServeHTTP(&recorder{Buffer: &b, h: http.Header{}}, r)
		_, _ = io.Copy(zw, &b)
	}))
	raw, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), noPause)
	if err != nil || raw.Heap == nil || raw.Goroutine == nil || raw.Counters.Empty() {
		t.Fatalf("snapshot %+v, error %v", raw, err)
	}
}

func TestNothingListens(t *testing.T) {
	t.Parallel()
	addr := ports.Free(t)
	wantSentence(t, heapOnly(t, client(t, Config{URL: addr})), "connection refused", "start the target")
	wantSentence(t, heapOnly(t, client(t, Config{URL: "unix:" + t.TempDir() + "/none.sock"})), "socket does not exist")
}

func TestCausesThatNeedNoNetworkToTell(t *testing.T) {
	t.Parallel()
	c := client(t, Config{URL: ":1"})
	for _, x := range []struct {
		err     error
		mention string
	}{
		{&net.DNSError{Err: "no such host", Name: "nowhere"}, `"nowhere" is not known`},
		{&net.OpError{Err: syscall.EACCES}, "permission denied"},
		{errors.New("net/http: HTTP/1.x transport connection broken: malformed HTTP response \"SSH-2.0\""), "does not speak HTTP"},
		{context.DeadlineExceeded, "could not connect in time"},
	} {
		problem, remedy := c.diagnose(0, x.err)
		if !strings.Contains(problem, x.mention) || remedy == "" {
			t.Errorf("%v: %q; %q, want a mention of %q", x.err, problem, remedy, x.mention)
		}
	}
}

func TestACancelledContextIsNotTheTargetsFault(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user pressed Ctrl-C")
	s := serve(t, over(t, map[string]http.HandlerFunc{"/debug/pprof/heap": func(w http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	}}))
	_, err := client(t, Config{URL: s.URL}).Snapshot(ctx, noPause)
	var e *TargetError
	if !errors.Is(err, why) || errors.As(err, &e) {
		t.Errorf("error %v, want the cause of the context and no TargetError", err)
	}
}

func TestSizesAreSaidAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{512 << 20: "512 MiB", 1 << 30: "1 GiB", 16384: "16 KiB", 1000: "1000 bytes", 0: "0 bytes"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}
