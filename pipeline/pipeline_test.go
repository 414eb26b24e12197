package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/pipelinetest"
	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store whose commits wait for a gate, where it has one.
type memory struct {
	gate chan struct{}
	fail error

	mu      sync.Mutex
	records map[string]store.Record
	commits int
	closed  bool

	drafts, discarded atomic.Uint64
}

func (m *memory) Put(_ context.Context, records []store.Record) error {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.records == nil {
		m.records = make(map[string]store.Record)
	}
	for _, r := range records {
		m.records[r.ID] = r
	}
	m.commits++
	return nil
}

func (m *memory) Get(_ context.Context, id string) (store.Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id]
	return r, ok, nil
}

func (m *memory) NewDraft() uint64 { return m.drafts.Add(1) }

func (m *memory) Discard(_ context.Context, draft uint64) error {
	m.discarded.Store(draft)
	return nil
}

func (m *memory) Head(context.Context, string) (store.Head, bool, error) {
	return store.Head{}, false, nil
}

func (m *memory) Parts(context.Context, string, func(store.Record) error) error { return nil }

func (m *memory) Close() error { m.closed = true; return nil }

func start(t *testing.T, cfg pipeline.Config) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func doc(i int) pipeline.Document {
	return pipeline.Document{ID: fmt.Sprint("d", i), Text: "Some words of a document."}
}

func TestThePlainPipelineIsCorrect(t *testing.T) {
	t.Parallel()
	pipelinetest.SameAsPlain(t, func(dir string) (*pipeline.Pipeline, pipelinetest.Reader, error) {
		s, err := store.Open(store.Options{Dir: dir, NoSync: true})
		if err != nil {
			return nil, nil, err
		}
		p, err := pipeline.New(pipeline.DefaultConfig(s))
		return p, feed.JSON{}, err
	})
}

func TestAFullIntakeIsSaidOrWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{gate: make(chan struct{})}
		cfg := pipeline.DefaultConfig(m)
		cfg.Queue, cfg.Workers, cfg.Embedders, cfg.Batch = 1, 1, 1, 1
		p := start(t, cfg)

		// One at the store's gate, and a queue and a worker before each of the
		// others: 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 documents find room.
		const room = 8
		var accepted sync.WaitGroup
		for i := range room {
			accepted.Go(func() {
				if err := p.Process(t.Context(), doc(i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if _, err := p.Offer(t.Context(), doc(room)); !errors.Is(err, pipeline.ErrFull) {
			t.Errorf("Offer to a full pipeline: %v", err)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Ingest(impatient, doc(room)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ingest with a full pipeline and a second's time: %v", err)
		}
		if got := p.Stats()[0]; got.Refused != 1 || got.Queued != 1 {
			t.Errorf("intake: %+v, want 1 refused, 1 queued", got)
		}
		close(m.gate)
		accepted.Wait()
		if len(m.records) != room {
			t.Errorf("%d documents were stored, want %d", len(m.records), room)
		}
	})
}

func TestWhatWaitsSharesACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{gate: make(chan struct{})}
		p := start(t, pipeline.DefaultConfig(m))
		var stored sync.WaitGroup
		for i := range 50 {
			stored.Go(func() {
				if _, err := p.Ingest(t.Context(), doc(i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // the first goes to the gate alone
		}
		close(m.gate)
		stored.Wait()
		if m.commits != 2 || len(m.records) != 50 {
			t.Errorf("%d documents in %d commits, want 50 in 2", len(m.records), m.commits)
		}
	})
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{gate: make(chan struct{})}
		p := start(t, pipeline.DefaultConfig(m))
		var accepted sync.WaitGroup
		for i := range 20 {
			accepted.Go(func() {
				if _, err := p.Ingest(t.Context(), doc(i)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- p.Close() }()
		synctest.Wait()
		if _, err := p.Ingest(t.Context(), doc(99)); !errors.Is(err, pipeline.ErrClosed) {
			t.Errorf("Ingest after Close began: %v", err)
		}
		select {
		case err := <-closed:
			t.Fatalf("Close returned (%v) before the accepted documents were stored", err)
		default:
		}
		close(m.gate)
		accepted.Wait()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if len(m.records) != 20 || !m.closed {
			t.Errorf("%d documents stored, store closed %t; want 20, true", len(m.records), m.closed)
		}
	})
}

func TestADocumentNobodyWaitsForIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{gate: make(chan struct{})}
		p := start(t, pipeline.DefaultConfig(m))
		var first sync.WaitGroup
		first.Go(func() { _, _ = p.Ingest(t.Context(), doc(0)) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		var second sync.WaitGroup
		second.Go(func() {
			if _, err := p.Ingest(ctx, doc(1)); !errors.Is(err, context.Canceled) {
				t.Errorf("Ingest with a cancelled context: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		second.Wait()
		close(m.gate)
		first.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, ok := m.records["d1"]; ok || len(m.records) != 1 {
			t.Errorf("stored: %d documents, the dropped one among them: %t", len(m.records), ok)
		}
	})
}

// short makes a vector too few.
type short struct{ embed.Hasher }

func (s short) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	v, err := s.Hasher.Embed(ctx, chunks)
	return v[1:], err
}

// broken fails for some documents.
type broken struct{ text.Chunker }

func (b broken) Split(ctx context.Context, s string) ([]text.Chunk, error) {
	if strings.Contains(s, "poison") {
		return nil, errors.New("poisoned")
	}
	return b.Chunker.Split(ctx, s)
}

func TestAFailureIsTheDocumentsOwn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*pipeline.Config)
		doc    pipeline.Document
		want   string
	}{
		{"a document without an id", nil, pipeline.Document{Text: "x"}, "no id"},
		{"an id that is too long", nil, pipeline.Document{ID: strings.Repeat("x", 513)}, "513 bytes"},
		{"a splitter that fails", func(c *pipeline.Config) { c.Splitter = broken{text.DefaultChunker()} }, pipeline.Document{ID: "p", Text: "poison"}, `document "p": split: poisoned`},
		{"an embedder that loses a vector", func(c *pipeline.Config) { c.Embedder = short{} }, doc(1), "embed: the embedder made 0 vectors of 1 chunks"},
		{"a store that fails", func(c *pipeline.Config) { c.Store = &memory{fail: errors.New("disk full")} }, doc(1), "store: disk full"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := pipeline.DefaultConfig(&memory{})
			if test.change != nil {
				test.change(&cfg)
			}
			p := start(t, cfg)
			_, err := p.Ingest(t.Context(), test.doc)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if test.change == nil {
				if !errors.Is(err, pipeline.ErrInvalid) {
					t.Errorf("%v is not ErrInvalid", err)
				}
				if _, err := p.Ingest(t.Context(), doc(2)); err != nil {
					t.Errorf("the next document: %v", err)
				}
			}
		})
	}
}

func TestNewRefusesHalfAPipeline(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pipeline.Config){
		"no splitter":   func(c *pipeline.Config) { c.Splitter = nil },
		"no extractor":  func(c *pipeline.Config) { c.Extractor = nil },
		"no embedders":  func(c *pipeline.Config) { c.Embedders = 0 },
		"small parts":   func(c *pipeline.Config) { c.PartBytes = 100 },
		"no embedder":   func(c *pipeline.Config) { c.Embedder = nil },
		"no store":      func(c *pipeline.Config) { c.Store = nil },
		"no queue":      func(c *pipeline.Config) { c.Queue = 0 },
		"no workers":    func(c *pipeline.Config) { c.Workers = 0 },
		"no batch":      func(c *pipeline.Config) { c.Batch = 0 },
		"a bad chunker": func(c *pipeline.Config) { c.Splitter = text.Chunker{} },
	} {
		cfg := pipeline.DefaultConfig(&memory{})
		change(&cfg)
		if p, err := pipeline.New(cfg); err == nil {
			t.Errorf("%s: accepted (%v)", name, p.Close())
		}
	}
}

func TestStatsAddUp(t *testing.T) {
	t.Parallel()
	p := start(t, pipeline.DefaultConfig(&memory{}))
	for i := range 10 {
		if _, err := p.Ingest(t.Context(), doc(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Stats() {
		if s.Documents != 10 || s.Chunks != 10 || s.Bytes != 250 || s.Errors != 0 || s.InFlight != 0 || s.Queued != 0 {
			t.Errorf("stage %s: %+v, want 10 documents, 10 chunks, 250 bytes, nothing left", s.Stage, s)
		}
	}
}

// The peer is the bare work, without queues, goroutines or a store: the ratio
// is what the pipeline costs, and what it wins on several cores.
func BenchmarkProcess(b *testing.B) {
	g := corpus.DefaultGenerator(1)
	documents := make([]pipeline.Document, 512)
	bytes := 0
	for i := range documents {
		documents[i] = g.Document(int64(i))
		bytes += len(documents[i].Text)
	}
	recognizer := entity.NewRecognizer()
	begin := time.Now()
	for _, d := range documents {
		var reading text.Reading
		part, _ := reading.Next(b.Context(), text.DefaultChunker(), d.Text, true)
		_, _ = recognizer.Extract(b.Context(), part)
		_, _ = embed.Hasher{}.Embed(b.Context(), part.Chunks)
	}
	bare := time.Since(begin).Seconds() / float64(len(documents))

	p, err := pipeline.New(pipeline.DefaultConfig(openStore(b)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes / len(documents)))
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if err := p.Process(b.Context(), documents[i%len(documents)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	perDocument := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(1/perDocument, "docs/s")
	b.ReportMetric(perDocument/bare, "×bare-work")
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
}
