package session

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary runs itself again as the program under test when modeEnv is
// set, so that the measured heap is not the test's own.
const (
	modeEnv = "SESSION_TEST_TARGET" // leaky, healthy, maps, dies, hangs, html, refuses, blind, or one of growing
	addrEnv = "SESSION_TEST_ADDR"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeEnv); mode != "" {
		if err := serve(mode, os.Getenv(addrEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		flag.Set("test.parallel", "8") // they mostly wait for time to pass
	}
	goleak.VerifyTestMain(m)
}

// What an operation of a leaky target keeps, in bytes and objects, is large
// beside the noise that a connection more or less makes.
const (
	keptPerOp    = 32 << 10
	objectsPerOp = 64
)

// mappedPerOp is what an operation of a target that maps memory keeps, bytes:
// outside the Go heap.
const mappedPerOp = 256 << 10

// lifetime bounds a target whose test was killed.
const lifetime = 3 * time.Minute

// serve is a service with pprof.
func serve(mode, addr string) error {
	if mode == "blind" {
		runtime.MemProfileRate = 0
	}
	time.AfterFunc(lifetime, func() { os.Exit(4) })
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	var (
		mu   sync.Mutex
		kept [][]byte
		ops  atomic.Int64
		hung atomic.Bool
	)
	grow := func() error { return nil }
	if f := growing[mode]; f != nil {
		grow = f()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/op", func(w http.ResponseWriter, _ *http.Request) {
		n := ops.Add(1)
		switch {
		case mode == "refuses":
			http.Error(w, "no", http.StatusNotFound)
			return
		case mode == "dies" && n == 100:
			fmt.Fprintln(os.Stderr, "fatal: the roof fell in")
			os.Exit(3)
		case mode == "hangs" && n == 100:
			hung.Store(true)
		case mode == "maps":
			if err := keepMapped(mappedPerOp); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		case growing[mode] != nil:
			if err := grow(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
			return
		case mode == "leaky", mode == "dies", mode == "blind":
			mu.Lock()
			for range objectsPerOp {
				kept = append(kept, make([]byte, keptPerOp/objectsPerOp))
			}
			mu.Unlock()
		}
		fmt.Fprintln(w, len(make([]byte, keptPerOp)))
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE ops_total counter\nops_total %d\n", ops.Load())
	})
	mux.HandleFunc("/debug/pprof/", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case mode == "html":
			fmt.Fprintln(w, "<!doctype html><title>Log in</title>")
		case hung.Load():
			<-r.Context().Done()
		default:
			http.DefaultServeMux.ServeHTTP(w, r)
		}
	})
	fmt.Fprintln(os.Stderr, "listening on", l.Addr())
	return (&http.Server{Handler: mux}).Serve(l)
}

// environment of the target in a mode, listening at addr.
func environment(mode, addr string) []string {
	env := []string{modeEnv + "=" + mode, addrEnv + "=" + addr}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GODEBUG=") {
			env = append(env, kv)
		}
	}
	return env
}

// waitGone fails the test if somebody still listens at addr.
func waitGone(t *testing.T, addr string) {
	t.Helper()
	for range 1000 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the target still listens at %s after the run", addr)
}
