package harness

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// counting counts a server's connections, those that are open and all ever.
type counting struct{ open, all atomic.Int64 }

func (c *counting) state(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		c.open.Add(1)
		c.all.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	}
}

func countingServer(t *testing.T) (*httptest.Server, *counting) {
	t.Helper()
	c := &counting{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	s.Config.ConnState = c.state
	s.Start()
	t.Cleanup(s.Close)
	return s, c
}

func TestTheWarmUpOpensTheRestingConnectionsAndNoMoreComeLater(t *testing.T) {
	s, c := countingServer(t)
	target := newHTTP(t, HTTPConfig{URL: s.URL, MaxConns: 64, Resting: 6})
	target.resting.patience = time.Minute // until all are there, however slow the machine
	done := make(chan error)
	for range 6 {
		go func() { done <- target.Do(context.Background(), Op{Phase: PhaseWarmup}) }()
	}
	for range 6 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := c.all.Load(); n != 6 {
		t.Fatalf("the warm-up opened %d connections, want 6", n)
	}
	for range 50 {
		if err := target.Do(context.Background(), Op{Phase: PhaseSteady}); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.all.Load(); n != 6 {
		t.Errorf("one operation at a time opened %d connections more", n-6)
	}
}

func TestAnOperationWaitsForRestingConnectionsNoLongerThanPatience(t *testing.T) {
	s, _ := countingServer(t)
	target := newHTTP(t, HTTPConfig{URL: s.URL, Resting: 6})
	target.resting.patience = time.Millisecond
	for range 3 { // one at a time: there are never six
		if err := target.Do(context.Background(), Op{Phase: PhaseWarmup}); err != nil {
			t.Fatal(err)
		}
	}
	if !target.resting.over() {
		t.Error("still waiting for more connections")
	}
}

func TestAnEndedContextFreesAWaitingOperation(t *testing.T) {
	s, _ := countingServer(t)
	target := newHTTP(t, HTTPConfig{URL: s.URL, Resting: 6})
	target.resting.patience = time.Hour
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := target.Do(ctx, Op{Phase: PhaseWarmup}); err == nil {
		t.Error("want the context's error")
	}
	target.resting.timer.Stop()
}

// At a low rate the warm-up is over before all resting connections are open. What is
// opened later, when more is in flight than ever before, is closed again.
func TestNoMoreConnectionsRestThanTheWarmUpOpened(t *testing.T) {
	for _, c := range []struct {
		name         string
		warm, steady int // operations in flight at once
		want         int // connections at rest after both
	}{
		{"more in flight than in the warm-up", 3, 8, 3},
		{"fewer", 5, 2, 5},
		{"no warm-up, so the limit stays", 0, 8, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			arrived, release := make(chan struct{}), make(chan struct{})
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				<-release
			}))
			defer s.Close()
			target := newHTTP(t, HTTPConfig{URL: s.URL, MaxConns: 64, Resting: 6})
			target.resting.expire() // as patience would, before the first operation
			for _, phase := range []struct {
				phase Phase
				ops   int
			}{{PhaseWarmup, c.warm}, {PhaseSteady, c.steady}} {
				done := make(chan error)
				for range phase.ops {
					go func() { done <- target.Do(context.Background(), Op{Phase: phase.phase}) }()
				}
				for range phase.ops {
					<-arrived
				}
				for range phase.ops {
					release <- struct{}{}
				}
				for range phase.ops {
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, p := range target.pools {
				if len(p.rest) != c.want {
					t.Errorf("%d connections at rest, want %d", len(p.rest), c.want)
				}
			}
		})
	}
}
