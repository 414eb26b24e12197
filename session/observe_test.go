package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/internal/ports"
)

func TestAnObserverSeesTheRunGrowAndItsVerdict(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "leaky")
	var (
		seen   []Observation
		inside sync.Mutex
		now    = make(chan struct{}, 1)
		asked  = false
	)
	cfg.SnapshotNow = now
	cfg.Observe = func(o Observation) {
		if !inside.TryLock() {
			t.Error("two observations at once")
			return
		}
		defer inside.Unlock()
		if o.Event.Phase == "steady" && !asked {
			asked = true
			now <- struct{}{}
		}
		if o.Run != nil { // read while the run goes on: the race detector looks on
			for _, s := range o.Run.Snapshots {
				_ = s.Counters.Values["HeapAlloc"] + uint64(len(s.Heap.Samples))
			}
		}
		seen = append(seen, o)
	}
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	snapshots, probes, looks := 0, 0, 0
	var news []string
	for i, o := range seen {
		n := 0
		if o.Run != nil {
			n = len(o.Run.Snapshots)
		}
		if n < snapshots {
			t.Errorf("observation %d has %d snapshots, one before had %d", i, n, snapshots)
		}
		snapshots = n
		probes += len(o.Probes)
		if o.Result != nil && !o.Final {
			looks++
		}
		for _, e := range o.News {
			news = append(news, e.Message)
		}
	}
	last := seen[len(seen)-1]
	if !last.Final || last.Result.Verdict != detect.RunLeak || snapshots != len(out.Run.Snapshots) || last.Result.Power == nil {
		t.Errorf("the last observation is final: %v, with %d snapshots; want the verdict of the run and its %d", last.Final, snapshots, len(out.Run.Snapshots))
	}
	if looks == 0 || probes == 0 || len(last.Phases) != 3 {
		t.Errorf("%d looks, %d probes, phases %v; want some of each and idle, steady, drain", looks, probes, last.Phases)
	}
	if said := strings.Join(news, "\n"); !strings.Contains(said, "started ") {
		t.Errorf("news %q; want that the command was started", news)
	}
	steady := 0
	for _, s := range out.Run.Snapshots {
		if s.Phase == snapshot.PhaseSteady {
			steady++
		}
	}
	if steady != 12 { // 0, 120 ms, … 1200 ms, and the one that was asked for
		t.Errorf("%d snapshots of the steady phase, want 11 that were planned and the one that was asked for", steady)
	}
	mine := detect.Warning{Code: "mine"}
	last.Result.Warn(mine)
	if warned(out.Result, mine.Code) || last.Result == out.Result {
		t.Error("the observer and the outcome share the result")
	}
}

// A slow listener gets less often what the run comes to, and holds nothing up.
func TestASlowObserverHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Observation
		hold := make(chan struct{})
		o := startObserver(func(x Observation) {
			<-hold
			got = append(got, x)
		})
		for i := range 1000 {
			o.event(Event{Message: fmt.Sprint("news ", i), Snapshots: i})
			o.probe(capture.ProbePoint{LiveBytes: uint64(i)})
			if i == 0 {
				synctest.Wait() // the listener has the first
			}
		}
		close(hold)
		o.close()
		news := 0
		for _, x := range got {
			news += len(x.News)
		}
		last := got[len(got)-1]
		if len(got) != 2 || news != 1+mostPending || last.Event.Snapshots != 999 || last.Event.Message != "" {
			t.Fatalf("%d observations with %d news, the last at %d; want two with 257, and the newest state", len(got), news, last.Event.Snapshots)
		}
		if first, end := last.News[0].Message, last.News[mostPending-1].Message; first != "news 744" || end != "news 999" {
			t.Errorf("news from %q to %q, want the newest", first, end)
		}
		if p := last.Probes; len(p) != mostPending || p[len(p)-1].LiveBytes != 999 {
			t.Errorf("%d probes, want the newest %d", len(p), mostPending)
		}
	})
}

func TestNewsAreHandedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		o := startObserver(func(x Observation) {
			got = append(got, fmt.Sprint(len(x.News), len(x.Probes)))
		})
		for range 2 {
			o.event(Event{Message: "news"})
			synctest.Wait()
		}
		o.probe(capture.ProbePoint{LiveBytes: 1})
		o.close()
		if want := "1 0,1 0,0 1"; strings.Join(got, ",") != want {
			t.Errorf("news and probes %q, want %q", got, want)
		}
	})
}

func TestAWatchedTargetIsWaitedForAndItsNextLifeIsANewSeries(t *testing.T) {
	t.Parallel()
	refused := &capture.TargetError{URL: "u", Problem: "refused", Err: syscall.ECONNREFUSED}
	src := &script{errs: []error{nil, refused, refused, refused, refused, refused}}
	r := recorderOf(src, &shelf{})
	r.endures = true
	var told []Event
	r.report = newReporter(func(e Event) { told = append(told, e) })
	for range 7 {
		if err := r.take(t.Context(), moment{}); err != nil {
			t.Fatalf("take = %v; a watched target is waited for", err)
		}
		r.report.update(func(*Event) {})
	}
	if r.lost != 5 || len(r.run.Snapshots) != 2 {
		t.Errorf("%d lost, %d kept, want 5 and 2", r.lost, len(r.run.Snapshots))
	}
	var said, failing []string
	for _, e := range told {
		if e.Message != "" {
			said = append(said, e.Message)
		} else {
			failing = append(failing, fmt.Sprint(e.Failing != ""))
		}
	}
	if got := strings.Join(failing, " "); got != "false true true true true true false" {
		t.Errorf("failing %s", got)
	}
	if got := strings.Join(said, "\n"); strings.Count(got, "no snapshot:") != 1 || !strings.Contains(got, "answers again") {
		t.Errorf("said %q, want once that there is no snapshot, and that it answers again", said)
	}
	s := &session{cfg: Config{Watch: true}, rec: r}
	if n := len(s.soFar().Snapshots); n != 2 {
		t.Errorf("%d snapshots so far, want both: it was the same process", n)
	}
	r.pid = func() int { return 8 }
	if err := r.take(t.Context(), moment{}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.soFar().Snapshots); n != 1 || r.report.state.Restarts != 1 {
		t.Errorf("%d snapshots of the new process, %d restarts, want 1 and 1", n, r.report.state.Restarts)
	}
	s.cfg.Watch = false
	if n := len(s.soFar().Snapshots); n != 3 {
		t.Errorf("%d snapshots of a run, want all 3: the detector cuts", n)
	}
}

func TestALongWatchKeepsEvenlySpacedSnapshots(t *testing.T) {
	t.Parallel()
	th := thinning{most: 240}
	var kept, before []*snapshot.Snapshot
	var copied []*snapshot.Snapshot
	for i := range 10_000 {
		s := &snapshot.Snapshot{Meta: snapshot.Meta{Pass: i}}
		before, copied = kept, slices.Clone(kept)
		kept = th.add(kept, s)
		if !slices.Equal(before, copied) {
			t.Fatalf("snapshot %d changed what was handed out", i)
		}
		if n := len(kept); n > 240 || i >= 240 && n < 120 {
			t.Fatalf("%d kept after %d, want 120 to 240", n, i+1)
		}
		if kept[len(kept)-1] != s {
			t.Fatalf("the last of %d is not kept", i+1)
		}
		for k, x := range kept[:len(kept)-1] {
			if x.Pass != k*th.stride {
				t.Fatalf("after %d, the %dth kept is number %d, want %d", i+1, k, x.Pass, k*th.stride)
			}
		}
	}
	var none thinning
	if kept = none.add(none.add(nil, &snapshot.Snapshot{}), &snapshot.Snapshot{}); len(kept) != 2 {
		t.Errorf("without a bound %d of 2 are kept", len(kept))
	}
}

func TestAWatchedTargetGoesComesAndIsJudgedUntilTheEnd(t *testing.T) {
	t.Parallel()
	addr := ports.Free(t)
	cfg := DefaultConfig()
	cfg.Pprof.URL, cfg.OpsMetric, cfg.Out = addr, "ops_total", t.TempDir()+"/run"
	cfg.Plan.Steady, cfg.Plan.Warmup, cfg.Plan.Every = 0, 0, 50*time.Millisecond
	cfg.Watch, cfg.Await, cfg.ReadyTimeout = true, true, 100*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said []string
	lives := make(chan *exec.Cmd, 1)
	var first *snapshot.Snapshot
	came := false
	cfg.Observe = func(o Observation) {
		for _, e := range o.News {
			said = append(said, e.Message)
			if !came && strings.Contains(e.Message, "trying again") { // it comes late
				came = true
				lives <- live(t, addr)
			}
		}
		if o.Run == nil {
			return
		}
		if res, err := http.Get("http://" + addr + "/op"); err == nil {
			res.Body.Close()
		}
		switch n := len(o.Run.Snapshots); {
		case first == nil && n == 3 && len(lives) == 1:
			first = o.Run.Snapshots[0]
			c := <-lives
			_ = c.Process.Kill()
			_ = c.Wait()
			lives <- live(t, addr)
		case first != nil && o.Run.Snapshots[0] != first && n == 3:
			cancel()
		}
	}
	out, err := Run(ctx, cfg)
	http.DefaultClient.CloseIdleConnections()
	c := <-lives
	_ = c.Process.Kill()
	_ = c.Wait()
	if err != nil {
		t.Fatalf("Run = %v; said %q", err, said)
	}
	all := strings.Join(said, "\n")
	if out.Interrupted || out.Died != nil || warned(out.Result, WarnInterrupted) {
		t.Errorf("interrupted %v, died %v; the end of a watch is neither: %q", out.Interrupted, out.Died, said)
	}
	for _, want := range []string{"trying again", "restarted", "a new series begins"} {
		if !strings.Contains(all, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
	if b, err := capture.Open(t.Context(), out.Bundle); err != nil || len(b.Snapshots) < 6 {
		t.Errorf("the bundle does not hold both lives: %v", err)
	}
}

// live starts a target at addr, without waiting for it.
func live(t *testing.T, addr string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = environment("healthy", addr)
	if err := cmd.Start(); err != nil {
		t.Error(err)
	}
	return cmd
}

func TestWatchRefusesALoad(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Pprof.URL, cfg.Watch = "localhost:1", true
	cfg.Load = &harness.HTTPConfig{URL: "http://localhost:1"}
	var config *ConfigError
	if _, err := Run(t.Context(), cfg); err == nil || errors.As(err, &config) {
		t.Errorf("Run = %v, want a mistake of the program's", err)
	}
}
