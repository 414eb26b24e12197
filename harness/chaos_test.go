package harness

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
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
			if f.l != l { // dropped meanwhile
				f.mu.Unlock()
				in.Close()
				out.Close()
				continue
			}
			f.conns[in], f.conns[out] = true, true
			f.mu.Unlock()
			f.wg.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			f.wg.Go(func() { _, _ = io.Copy(in, out); in.Close() })
		}
	})
}

func (f *forward) drop() {
	f.mu.Lock()
	if f.l != nil {
		f.l.Close()
	}
	f.l = nil
	for c := range f.conns {
		c.Close()
	}
	clear(f.conns)
	f.mu.Unlock()
	f.wg.Wait()
}

// Whatever the target does, a run ends, counts each operation once and by class,
// and goes on when the target does. What happens to a target begins and ends
// with an operation, not by the clock.
func TestWhateverTheTargetDoesTheRunEndsAndCounts(t *testing.T) {
	t.Parallel()
	const (
		rate, seconds = 200, 0.9
		all           = rate * seconds
		first, after  = 60, 120 // operations
		some          = after - first
	)
	for _, c := range []struct {
		name  string
		start func(t *testing.T) (url string, middle func(begin bool))
		class []string
		least int64 // fail; beside them may those that are under way when it begins
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
		}, []string{"refused", "reset"}, some},
		{"a storm of 5xx", func(t *testing.T) (string, func(bool)) {
			var storm atomic.Bool
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if storm.Load() {
					w.WriteHeader(503)
				}
			})
			return s.URL, storm.Store
		}, []string{"status 503"}, some},
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
		}, []string{"timeout"}, some},
		{"connections that are accepted and never answered", func(t *testing.T) (string, func(bool)) {
			url, _ := rawServer(t, func(_ int64, _ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
			return url, func(bool) {}
		}, []string{"timeout"}, all},
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
		}, []string{"reset"}, some},
		{"a name that does not resolve", func(*testing.T) (string, func(bool)) {
			// No name, so that no server is asked, whose patience is not ours.
			return "http://no..such.host/", func(bool) {}
		}, []string{"dns"}, all},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, middle := c.start(t)
			timeout, most := time.Minute, min(all, c.least+first)
			if slices.Contains(c.class, "timeout") {
				timeout, most = 150*time.Millisecond, all // a busy machine lets others wait as long
			}
			client := newHTTP(t, HTTPConfig{URL: url, Body: []byte("x"), Timeout: timeout, MaxConns: all})
			begun, over := make(chan struct{}), make(chan struct{})
			var between sync.WaitGroup
			between.Add(some)
			target := TargetFunc(func(ctx context.Context, op Op) error {
				switch {
				case op.Seq == first:
					middle(true)
					close(begun)
				case op.Seq == after:
					between.Wait()
					middle(false)
					close(over)
				case op.Seq > after:
					<-over
				case op.Seq > first:
					<-begun
				}
				if op.Seq >= first && op.Seq < after {
					defer between.Done()
				}
				return client.Do(ctx, op)
			})
			begin := time.Now()
			res := mustRun(t, target, Plan{Rate: Rate{From: rate, To: rate}, Steady: time.Duration(seconds * float64(time.Second)), MaxInFlight: all, QuiesceTimeout: time.Minute})
			if took := time.Since(begin); took > 30*time.Second { // one that waits for what never comes takes longer
				t.Errorf("the run took %v", took)
			}
			if got := res.Counts; got.Completed != all || got.InFlight != 0 || res.Abandoned != 0 {
				t.Errorf("got %+v, want %v operations, all of them ended", got, all)
			}
			var classed int64
			for _, class := range c.class {
				classed += res.ErrorClasses[class]
			}
			if classed < c.least || classed > most {
				t.Errorf("%d of class %q, want %d to %d: %v", classed, c.class, c.least, most, res.ErrorExamples)
			}
			if classed != res.Counts.Errors {
				t.Errorf("errors %v, want those of %v alone: %q", res.ErrorClasses, c.class, res.ErrorExamples)
			}
		})
	}
}
