package harness

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/internal/ports"
)

// forward is a port-forward that can drop: it then closes what it carries and
// refuses what is new.
type forward struct {
	address string
	to      string

	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newForward(t *testing.T, to string) *forward {
	t.Helper()
	f := &forward{address: ports.Free(t), to: to, conns: map[net.Conn]bool{}}
	f.restore(t, f.address)
	t.Cleanup(f.drop)
	return f
}

func (f *forward) restore(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	f.mu.Lock()
	f.l = l
	f.mu.Unlock()
	f.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", f.to)
			if err != nil {
				in.Close()
				continue
			}
			f.mu.Lock()
			f.conns[in], f.conns[out] = true, true
			f.mu.Unlock()
			f.wg.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			f.wg.Go(func() { _, _ = io.Copy(in, out); in.Close() })
		}
	})
}

func (f *forward) drop() {
	f.mu.Lock()
	f.l.Close()
	for c := range f.conns {
		c.Close()
	}
	clear(f.conns)
	f.mu.Unlock()
	f.wg.Wait()
}

// Whatever the target does, a run ends in its time, counts each operation once
// and by class, and goes on when the target does.
func TestWhateverTheTargetDoesTheRunEndsAndCounts(t *testing.T) {
	t.Parallel()
	const rate, seconds = 200, 0.9
	for _, c := range []struct {
		name  string
		start func(t *testing.T) (url string, middle func(begin bool))
		class map[string][2]int64 // at least, at most
	}{
		{"a port-forward that drops for a third of the time", func(t *testing.T) (string, func(bool)) {
			s := serve(t, func(http.ResponseWriter, *http.Request) {})
			f := newForward(t, s.Listener.Addr().String())
			return "http://" + f.address, func(begin bool) {
				if begin {
					f.drop()
				} else {
					f.restore(t, f.address)
				}
			}
		}, map[string][2]int64{"refused": {25, 90}, "reset": {0, 20}}},
		{"a storm of 5xx", func(t *testing.T) (string, func(bool)) {
			var storm atomic.Bool
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if storm.Load() {
					w.WriteHeader(503)
				}
			})
			return s.URL, storm.Store
		}, map[string][2]int64{"status 503": {25, 90}}},
		{"answers that trickle for ever", func(t *testing.T) (string, func(bool)) {
			var slow atomic.Bool
			url, _ := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if !slow.Load() {
						if _, err := io.WriteString(conn, okAnswer); err != nil {
							return
						}
						continue
					}
					if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"); err != nil {
						return
					}
					for {
						if _, err := io.WriteString(conn, "x"); err != nil {
							return
						}
						time.Sleep(20 * time.Millisecond)
					}
				}
			})
			return url, slow.Store
		}, map[string][2]int64{"timeout": {25, 90}}},
		{"connections that are accepted and never answered", func(t *testing.T) (string, func(bool)) {
			url, _ := rawServer(t, func(_ int64, _ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
			return url, func(bool) {}
		}, map[string][2]int64{"timeout": {180, 180}}},
		{"resets in the middle of bodies", func(t *testing.T) (string, func(bool)) {
			var cut atomic.Bool
			url, _ := rawServer(t, func(_ int64, conn net.Conn, in *bufio.Reader) {
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if cut.Load() {
						_, _ = io.WriteString(conn, okAnswer[:len(okAnswer)-1])
						_ = conn.(*net.TCPConn).SetLinger(0)
						return
					}
					if _, err := io.WriteString(conn, okAnswer); err != nil {
						return
					}
				}
			})
			return url, cut.Store
		}, map[string][2]int64{"reset": {25, 90}}},
		{"a name that does not resolve", func(*testing.T) (string, func(bool)) {
			// No name, so that no server is asked, whose patience is not ours.
			return "http://no..such.host/", func(bool) {}
		}, map[string][2]int64{"dns": {180, 180}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, middle := c.start(t)
			target := newHTTP(t, HTTPConfig{URL: url, Body: []byte("x"), Timeout: 150 * time.Millisecond, MaxConns: 64})
			done := make(chan struct{})
			go func() {
				defer close(done)
				time.Sleep(300 * time.Millisecond)
				middle(true)
				time.Sleep(300 * time.Millisecond)
				middle(false)
			}()
			begin := time.Now()
			res := mustRun(t, target, Plan{Rate: Rate{From: rate, To: rate}, Steady: time.Duration(seconds * float64(time.Second)), MaxInFlight: 64, QuiesceTimeout: time.Second})
			<-done
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("the run took %v", took)
			}
			if got := res.Counts; got.Completed+got.Shed != rate*seconds || got.InFlight != 0 || res.Abandoned != 0 {
				t.Errorf("got %+v, want %v operations, all of them ended", got, rate*seconds)
			}
			var classed int64
			for class, bounds := range c.class {
				n := res.ErrorClasses[class]
				classed += n
				if n < bounds[0] || n > bounds[1] {
					t.Errorf("%d of class %s, want %d to %d: %v", n, class, bounds[0], bounds[1], res.ErrorExamples)
				}
			}
			if classed != res.Counts.Errors {
				t.Errorf("errors %v, want those of %v alone: %q", res.ErrorClasses, c.class, res.ErrorExamples)
			}
		})
	}
}
