package capture

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestMain(m *testing.M) {
	runtime.MemProfileRate = 16 << 10                            // so that this small process has samples
	if spec := os.Getenv("HEAPDRIFT_BENCH_TARGET"); spec != "" { // see BenchmarkSnapshotCost
		if err := runBenchTarget(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// pprofMux serves the profiles of this process as net/http/pprof does.
func pprofMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	return mux
}

// target is a server with the requests that it got. What makes them differ for
// caches is taken from them, so that the rest can be compared.
type target struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // path?query without the pprof folder
}

func (s *target) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *target) count(prefix string) int {
	n := 0
	for _, r := range s.requests() {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func serve(t testing.TB, h http.Handler) *target {
	t.Helper()
	s := &target{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		varied := regexp.MustCompile(`&?\b` + varyParameter + `=[^&]*$`)
		r.URL.RawQuery = varied.ReplaceAllString(r.URL.RawQuery, "")
		s.mu.Lock()
		s.seen = append(s.seen, strings.TrimPrefix(r.URL.RequestURI(), "/debug/pprof/"))
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// over serves canned profiles with some paths ("/debug/pprof/heap") handled
// otherwise.
func over(t testing.TB, h map[string]http.HandlerFunc) http.Handler {
	mux := canned(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := h[r.URL.Path]; f != nil {
			f(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func client(t testing.TB, cfg Config) *Client {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Minute
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// noPause takes snapshots without waiting between the collections.
var noPause = Options{Pause: -1}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// onSocket serves pprof on a unix socket and returns its path.
func onSocket(t testing.TB, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("no unix sockets here: %v", err)
	}
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return path
}

// quiet takes a server's log, which a test provokes on purpose.
func quiet(testing.TB) *log.Logger { return log.New(io.Discard, "", 0) }

// warns checks that reading gave one warning, of a code, that names something.
func warns(t testing.TB, run *snapshot.Run, code string, names ...string) {
	t.Helper()
	if len(run.Warnings) != 1 || run.Warnings[0].Code != code {
		t.Errorf("warnings %q, want one of the code %s", run.Warnings, code)
		return
	}
	for _, n := range names {
		if !strings.Contains(run.Warnings[0].Text, n) {
			t.Errorf("warning %q, want one that names %q", run.Warnings[0], n)
		}
	}
}
