package pipeline_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/heapdrift/heapdrift/internal/apart"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// endless reads the generated articles, one after the other, up to so many
// bytes.
type endless struct {
	left int64
	seq  int64
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	if e.rest == "" {
		// The generator's cost and garbage are not the pipeline's: a few
		// articles over and over.
		e.rest = articles[e.seq%int64(len(articles))]
		e.seq++
	}
	n := copy(p[:min(int64(len(p)), e.left)], e.rest)
	e.rest = e.rest[n:]
	e.left -= int64(n)
	return n, nil
}

var articles = func() []string {
	g := corpus.DefaultGenerator(4)
	var list []string
	for seq := range int64(50) {
		list = append(list, g.Document(seq).Text+"\n\n")
	}
	return list
}()

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAStreamIsTheDocumentThatItHolds(t *testing.T) {
	t.Parallel()
	whole, err := io.ReadAll(&endless{left: 300 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s := string(whole) + "é" // the last rune may be cut off by a part's end
	p := start(t, pipeline.DefaultConfig(openStore(t)))
	want := pipeline.Document{ID: "whole", Title: text.Headline(s), Text: s}
	if _, err := p.Ingest(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for name, rest := range map[string]io.Reader{
		"at once": strings.NewReader(s), "byte by byte": iotest.OneByteReader(strings.NewReader(s)), "with its end": iotest.DataErrReader(strings.NewReader(s)),
	} {
		summary, err := p.Ingest(t.Context(), pipeline.Document{ID: name, Rest: rest})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a, _, _ := p.Document(t.Context(), "whole")
		b, _, err := p.Document(t.Context(), name)
		if err != nil || summary.Chunks != len(b.Chunks) || summary.Entities != len(b.Entities) || a.Fingerprint != b.Fingerprint || a.Title != b.Title {
			t.Errorf("%s: %v, %+v, %q %x, want %q %x", name, err, summary, b.Title, b.Fingerprint, a.Title, a.Fingerprint)
		}
		if !slices.Equal(a.Entities, b.Entities) || !slices.EqualFunc(a.Chunks, b.Chunks, func(x, y store.ChunkRecord) bool {
			return x.Start == y.Start && x.End == y.End && slices.Equal(x.Vector, y.Vector)
		}) {
			t.Errorf("%s: other chunks or entities than those of the whole text", name)
		}
	}
	if known, err := p.Known(t.Context(), want); !known || err != nil {
		t.Errorf("the same document is known: %t, %v", known, err)
	}
	want.Text += "!"
	if known, _ := p.Known(t.Context(), want); known {
		t.Error("another text is known")
	}
}

// stubborn fails from a certain call on.
type stubborn struct {
	embed.Hasher
	calls chan struct{}
}

func (s stubborn) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	select {
	case <-s.calls:
		return s.Hasher.Embed(ctx, chunks)
	default:
		return nil, errors.New("out of vectors")
	}
}

func TestAStreamThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	few := make(chan struct{}, 3)
	for range 3 {
		few <- struct{}{}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	tests := []struct {
		name string
		ctx  context.Context
		doc  pipeline.Document
		cfg  func(*pipeline.Config)
		want string
	}{
		{"its source breaks off", t.Context(), pipeline.Document{ID: "a", Rest: io.MultiReader(&endless{left: 400 << 10}, iotest.ErrReader(io.ErrUnexpectedEOF))}, nil, "read its text: unexpected EOF"},
		{"a stage fails half way", t.Context(), pipeline.Document{ID: "a", Rest: &endless{left: 800 << 10}}, func(c *pipeline.Config) { c.Embedder = stubborn{calls: few} }, "out of vectors"},
		{"nobody waits any more", cancelled, pipeline.Document{ID: "a", Rest: io.MultiReader(&endless{left: 400 << 10}, readerFunc(func([]byte) (int, error) { cancel(); return 0, nil }), &endless{left: 1 << 30})}, nil, "context canceled"},
	}
	for _, test := range tests {
		s := openStore(t)
		cfg := pipeline.DefaultConfig(s)
		if test.cfg != nil {
			test.cfg(&cfg)
		}
		p := start(t, cfg)
		if _, err := p.Ingest(test.ctx, test.doc); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if _, found, err := p.Document(t.Context(), "a"); found || err != nil {
			t.Errorf("%s: the document is found: %t, %v", test.name, found, err)
		}
		if st := p.Stats(); st[3].Documents != 0 || st[0].InFlight+st[1].InFlight+st[2].InFlight+st[3].InFlight != 0 {
			t.Errorf("%s: %+v", test.name, st)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) {
	n, err := f(p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// peak returns the largest live heap that a collection found while work ran,
// over what there was before it, in bytes.
func peak(work func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	live := func() uint64 {
		runtime.GC()
		metrics.Read(sample) // what was marked, without what was allocated since
		return sample[0].Value.Uint64()
	}
	before := live()
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	most := before
	for {
		select {
		case <-done:
			return most - min(before, most)
		case <-time.After(2 * time.Millisecond):
			most = max(most, live())
		}
	}
}

// The peak must not grow with the document: parts of it are there at a time.
func TestALargeDocumentTakesConstantMemory(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		p := start(t, pipeline.DefaultConfig(openStore(t)))
		most := peak(func() {
			if _, err := p.Ingest(t.Context(), pipeline.Document{ID: "large", Rest: &endless{left: 8 << 20}}); err != nil {
				t.Error(err)
			}
		})
		if most > 8<<20 {
			t.Errorf("a document of 8 MiB took %d KiB", most>>10)
		}
		if head, found, err := p.Head(t.Context(), "large"); !found || err != nil || head.Chunks < 5000 || head.Entities < 10_000 || head.Dimensions != embed.Dimensions {
			t.Errorf("stored as %+v, %t, %v", head, found, err)
		}
	})
}

// The peak live heap against the size of the document: from the size of one
// part on it is the same.
func BenchmarkPeakLiveHeap(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"1KB", 1 << 10}, {"10KB", 10 << 10}, {"100KB", 100 << 10}, {"1MB", 1 << 20}, {"10MB", 10 << 20}, {"50MB", 50 << 20}} {
		b.Run(size.name, func(b *testing.B) {
			p, err := pipeline.New(pipeline.DefaultConfig(openStore(b)))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size.bytes)
			var most uint64
			for b.Loop() {
				most = max(most, peak(func() {
					if _, err := p.Ingest(b.Context(), pipeline.Document{ID: "d", Title: "t", Rest: &endless{left: size.bytes}}); err != nil {
						b.Error(err)
					}
				}))
			}
			b.ReportMetric(float64(most)/(1<<20), "peak-live-MiB")
			b.ReportMetric(float64(most)/float64(size.bytes), "×document")
			if err := p.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
