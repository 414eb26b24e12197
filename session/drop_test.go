package session

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/internal/ports"
)

// forward is a port-forward that can drop and come back.
type forward struct {
	address, to string

	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
	wg    sync.WaitGroup
}

func (f *forward) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", f.address)
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
			f.conns = append(f.conns, in, out)
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
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
	f.mu.Unlock()
	f.wg.Wait()
}

// Load and snapshots go through a port-forward that drops for a moment: what was
// captured before and after still says that the target leaks, the errors are
// told, and nothing hangs.
func TestAPortForwardThatDropsForAMoment(t *testing.T) {
	t.Parallel()
	addr := startTarget(t, "leaky")
	cfg, _ := short(t, "")
	f := &forward{address: ports.Free(t), to: addr}
	f.open(t)
	defer f.drop()
	cfg.Command, cfg.Pprof.URL = nil, f.address
	cfg.Load = &harness.HTTPConfig{URL: "http://" + f.address + "/op", Timeout: time.Minute}
	cfg.Plan.Steady, cfg.Plan.Every = 1500*time.Millisecond, 100*time.Millisecond
	var drop, missed sync.Once
	lost := make(chan struct{}) // a snapshot was
	var wg sync.WaitGroup
	cfg.Progress = func(e Event) {
		if e.Snapshots >= 9 {
			drop.Do(func() {
				wg.Go(func() {
					f.drop()
					<-lost
					f.open(t)
				})
			})
		}
		if strings.Contains(e.Message, "a snapshot failed") {
			missed.Do(func() { close(lost) })
		}
	}
	out, err := Run(t.Context(), cfg)
	missed.Do(func() {
		t.Error("no snapshot fell into the gap")
		close(lost)
	})
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if out.Died != nil || out.Result.Verdict != detect.RunLeak {
		t.Errorf("died %v, verdict %s; want the leak that the rest of the run shows", out.Died, out.Result.Verdict)
	}
	if n := out.Load.ErrorClasses["refused"] + out.Load.ErrorClasses["reset"]; n == 0 || n != out.Load.Counts.Errors {
		t.Errorf("errors %v of %d, want refused and reset ones alone", out.Load.ErrorClasses, out.Load.Counts.Errors)
	}
	if !warned(out.Result, WarnOperationsFailed) {
		t.Errorf("warnings %+v do not tell of the failed operations", out.Result.Warnings)
	}
}
