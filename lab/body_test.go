package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	fixedbody "github.com/heapdrift/heapdrift/fixed/body"
	leakybody "github.com/heapdrift/heapdrift/leakscenarios/body"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/fake"
)

// askingReader is either variant of the reader that asks the desk.
type askingReader interface {
	Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error)
	Unchecked() int64
	Close() error
}

func askingReaders(desk string) map[Variant]askingReader {
	return map[Variant]askingReader{Leaky: leakybody.New(desk), Fixed: fixedbody.New(desk)}
}

// countConnections counts the connections that were ever made to a server.
func countConnections(server *httptest.Server) *atomic.Int64 {
	var made atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	return &made
}

func TestAnErrorCostsTheLeakyReaderAConnection(t *testing.T) {
	t.Parallel()
	// Of 20 questions one after the other every fourth is answered with an error.
	for v, want := range map[Variant]int64{Leaky: 5, Fixed: 1} {
		server := httptest.NewUnstartedServer(&fake.Desk{Trouble: fake.EveryNth(4, http.StatusBadGateway)})
		made := countConnections(server)
		server.Start()
		r := askingReaders(server.URL)[v]
		for range 20 {
			if _, err := r.Read(t.Context(), strings.NewReader(`{"id":"1","text":"Some news"}`), -1); err != nil {
				t.Errorf("%s: a document was not taken in, as the desk is out of order: %v", v, err)
			}
		}
		if n := made.Load(); n != want {
			t.Errorf("%s: 20 questions took %d connections, want %d", v, n, want)
		}
		if n := r.Unchecked(); n != 5 {
			t.Errorf("%s: %d documents unchecked, want 5", v, n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	}
}

// Not parallel: the goroutines are the process's.
func TestTheFixedReaderLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	server := httptest.NewServer(&fake.Desk{Trouble: fake.EveryNth(2, http.StatusServiceUnavailable)})
	r := fixedbody.New(server.URL)
	for range 10 {
		if _, err := r.Read(t.Context(), strings.NewReader(`{"id":"1","text":"Some news"}`), -1); err != nil {
			t.Error(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	server.Close()
	goleak.VerifyNone(t, before)
}

func TestBothReadersHeedTheDesk(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&fake.Desk{Withdrawn: func(id string) bool { return id == "hoax" }})
	t.Cleanup(server.Close)
	for v, r := range askingReaders(server.URL) {
		if doc, err := r.Read(t.Context(), strings.NewReader(`{"id":"news","text":"A headline\nSome news"}`), -1); err != nil || doc.Title != "A headline" {
			t.Errorf("%s: a document that stands: %q, %v", v, doc.Title, err)
		}
		if _, err := r.Read(t.Context(), strings.NewReader(`{"id":"hoax","text":"Some news"}`), -1); !errors.Is(err, pipeline.ErrInvalid) {
			t.Errorf("%s: a document that was withdrawn: %v", v, err)
		}
		if _, err := r.Read(t.Context(), strings.NewReader("no JSON"), -1); !errors.Is(err, pipeline.ErrInvalid) {
			t.Errorf("%s: no JSON: %v", v, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for v, r := range askingReaders("http://127.0.0.1:1") { // nobody listens there
		if _, err := r.Read(t.Context(), strings.NewReader(`{"id":"news"}`), -1); err != nil || r.Unchecked() != 1 {
			t.Errorf("%s: without a desk: %v, %d unchecked", v, err, r.Unchecked())
		}
	}
}
