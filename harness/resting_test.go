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
