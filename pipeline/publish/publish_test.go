package publish

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/fake"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup is a pipeline whose documents are published to a fake downstream.
type setup struct {
	store     *store.Store
	pipeline  *pipeline.Pipeline
	publisher *Publisher
	server    *httptest.Server
}

func start(t *testing.T, downstream http.Handler, change func(*Config)) *setup {
	t.Helper()
	s := &setup{server: httptest.NewServer(downstream)}
	t.Cleanup(s.server.Close)
	var err error
	if s.store, err = store.Open(store.Options{Dir: t.TempDir(), NoSync: true, Outbox: true}); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig(s.server.URL)
	cfg.Retry = backoff.Policy{Attempts: 3, First: time.Millisecond, Max: 5 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	if s.publisher, err = New(cfg, s.store); err != nil {
		t.Fatal(err)
	}
	pc := pipeline.DefaultConfig(s.store)
	pc.Gate = s.publisher
	if s.pipeline, err = pipeline.New(pc); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.pipeline.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run publishes until done says so.
func (s *setup) run(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.publisher.Run(ctx) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("not done after a minute: %+v", s.publisher.Stats())
		case <-tick.C:
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func (s *setup) put(t *testing.T, doc pipeline.Document) {
	t.Helper()
	if _, err := s.pipeline.Ingest(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func (s *setup) empty() bool { return s.store.Pending() == 0 }

func TestWhatIsStoredIsPublished(t *testing.T) {
	t.Parallel()
	down := &fake.Downstream{}
	s := start(t, down, nil)
	g := corpus.DefaultGenerator(1)
	for seq := range int64(100) {
		s.put(t, g.Document(seq))
	}
	large := pipeline.Document{ID: "large", Title: "L", Text: strings.Repeat("Angela Merkel came to Berlin. ", 10_000)}
	s.put(t, large)
	s.run(t, s.empty)
	got := down.Documents()
	if len(got) != 101 || down.Repeats() != 0 {
		t.Errorf("%d documents arrived, %d of them again; want 101, 0", len(got), down.Repeats())
	}
	for _, id := range []string{g.Document(7).ID, "large"} {
		want, _, err := s.pipeline.Document(t.Context(), id)
		if err != nil || len(got[id].Chunks) != len(want.Chunks) || len(got[id].Entities) != len(want.Entities) || got[id].Title != want.Title {
			t.Fatalf("%s arrived with %d chunks and %d entities, want %d and %d (%v)",
				id, len(got[id].Chunks), len(got[id].Entities), len(want.Chunks), len(want.Entities), err)
		}
		for i, c := range want.Chunks {
			if base64.StdEncoding.EncodeToString(got[id].Chunks[i].Vector) != floats(c.Vector) {
				t.Errorf("%s: vector %d is another", id, i)
			}
		}
	}
	if st := s.publisher.Stats(); st.Published != 101 || st.Errors != 0 || st.InFlight != 0 || st.Bytes < 100_000 {
		t.Errorf("%+v", st)
	}
}

func TestTheSameAgainIsNotPublishedAgain(t *testing.T) {
	t.Parallel()
	down := &fake.Downstream{}
	s := start(t, down, nil)
	for _, text := range []string{"one", "one", "two"} {
		s.put(t, pipeline.Document{ID: "a", Text: text})
		s.run(t, s.empty)
	}
	if n := s.publisher.Stats().Published; n != 2 || down.Repeats() != 0 {
		t.Errorf("published %d times, %d of them the same; want 2, 0", n, down.Repeats())
	}
}

func TestTroubleDownstreamIsOvercome(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(http.ResponseWriter, *http.Request){
		"it answers 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"it answers 429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"it hangs up":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"it hangs": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // a server notices only then that a client is gone
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			down := &fake.Downstream{Trouble: func(w http.ResponseWriter, r *http.Request) bool {
				if n.Add(1) > 20 {
					return false
				}
				trouble(w, r)
				return true
			}}
			s := start(t, down, func(c *Config) { c.Timeout = 100 * time.Millisecond })
			for i := range 10 {
				s.put(t, pipeline.Document{ID: fmt.Sprint(i), Text: "Some words."})
			}
			s.run(t, s.empty)
			if got := len(down.Documents()); got != 10 || s.publisher.Stats().Errors == 0 {
				t.Errorf("%d documents arrived, want 10; %+v", got, s.publisher.Stats())
			}
		})
	}
}

func TestWhatIsRefusedIsGivenUp(t *testing.T) {
	t.Parallel()
	var told atomic.Value
	down := &fake.Downstream{Trouble: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(422); return true }}
	s := start(t, down, func(c *Config) { c.Failed = func(id string, err error) { told.Store(id + ": " + err.Error()) } })
	s.put(t, pipeline.Document{ID: "a"})
	s.run(t, s.empty)
	if got, _ := told.Load().(string); s.publisher.Stats().Refused != 1 || !strings.Contains(got, "a: given up") || !strings.Contains(got, "422") {
		t.Errorf("%+v, told %q", s.publisher.Stats(), got)
	}
}

func TestAFullOutboxClosesTheGate(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	taker := &fake.Downstream{Trouble: func(w http.ResponseWriter, _ *http.Request) bool {
		if down.Load() {
			w.WriteHeader(503)
		}
		return down.Load()
	}}
	s := start(t, taker, func(c *Config) { c.Limit = 5 })
	for i := range 5 {
		s.put(t, pipeline.Document{ID: fmt.Sprint(i)})
	}
	if _, err := s.pipeline.Offer(t.Context(), pipeline.Document{ID: "6"}); !errors.Is(err, pipeline.ErrFull) {
		t.Errorf("Offer with a full outbox: %v", err)
	}
	if n := s.pipeline.Stats()[0].Refused; n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
	waited := make(chan error, 1)
	go func() {
		_, err := s.pipeline.Ingest(t.Context(), pipeline.Document{ID: "6"})
		waited <- err
	}()
	down.Store(false)
	s.run(t, func() bool { return len(taker.Documents()) == 6 })
	if err := <-waited; err != nil {
		t.Errorf("Ingest, once there is room: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.publisher.cfg.Limit = 0
	if err := s.publisher.Enter(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a cancelled context: %v", err)
	}
}

func TestWhatIsLeftIsPublishedAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *store.Store {
		t.Helper()
		s, err := store.Open(store.Options{Dir: dir, Outbox: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if err := s.Put(t.Context(), []store.Record{{ID: "a"}, {ID: "b"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	down := &fake.Downstream{}
	server := httptest.NewServer(down)
	defer server.Close()
	p, err := New(DefaultConfig(server.URL), s)
	if err != nil {
		t.Fatal(err)
	}
	(&setup{store: s, publisher: p}).run(t, func() bool { return s.Pending() == 0 })
	if len(down.Documents()) != 2 {
		t.Errorf("%d documents arrived, want 2", len(down.Documents()))
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no address": func(c *Config) { c.URL = "" }, "a file": func(c *Config) { c.URL = "file:///x" },
		"no room": func(c *Config) { c.Limit = 0 }, "no workers": func(c *Config) { c.Workers = 0 },
		"no time": func(c *Config) { c.Timeout = 0 },
	} {
		cfg := DefaultConfig("http://127.0.0.1:1/")
		change(&cfg)
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
