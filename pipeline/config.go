package pipeline

import (
	"context"
	"fmt"
	"runtime"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Splitter cuts a normalised text into chunks, in order; all but the last must
// not depend on what would follow the text. Used by several goroutines.
type Splitter interface {
	Split(ctx context.Context, text string) ([]text.Chunk, error)
}

// Extractor finds the entities of one part of a document; see text.Part. Used
// by several goroutines.
type Extractor interface {
	Extract(ctx context.Context, part text.Part) ([]entity.Entity, error)
}

// Embedder makes one vector for each chunk, in their order. The chunks of one
// call are one document's, or one part's of it. Used by several goroutines. If it is an io.Closer,
// the pipeline's Close closes it after its last call.
type Embedder interface {
	Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error)
}

// Store keeps records. Put is called by one goroutine, the others by any. See
// store.Store for what the methods promise.
type Store interface {
	Put(ctx context.Context, records []store.Record) error
	NewDraft() uint64
	Discard(ctx context.Context, draft uint64) error
	Get(ctx context.Context, id string) (store.Record, bool, error)
	Head(ctx context.Context, id string) (store.Head, bool, error)
	Parts(ctx context.Context, id string, use func(store.Record) error) error
	Close() error
}

// Gate is asked before a document is taken in. It returns ErrFull, or waits if
// wait is set, while there is no room for what the document will lead to.
type Gate interface {
	Enter(ctx context.Context, wait bool) error
}

// Config assembles a pipeline. A stage that is nil is rejected, as is a
// number below 1: begin with DefaultConfig.
type Config struct {
	Splitter  Splitter
	Extractor Extractor
	Embedder  Embedder
	Store     Store // the pipeline closes it
	Gate      Gate  // may be nil: always open

	Queue     int // documents, or parts of large ones, that may wait before each stage
	Workers   int // goroutines of each of the stages split and extract
	Embedders int // goroutines of the stage embed
	Batch     int // documents that may share one commit of the store
	PartBytes int // text that a large document is worked on with at a time; at least MinPartBytes
}

// MinPartBytes is the smallest part that a document may be cut into.
const MinPartBytes = 4 << 10

// DefaultConfig is the pipeline with what is built in. The store is opened by
// the caller and handed over.
func DefaultConfig(s Store) Config {
	return Config{
		Splitter:  text.DefaultChunker(),
		Extractor: entity.NewRecognizer(),
		Embedder:  embed.Hasher{},
		Store:     s,
		Queue:     256,
		Workers:   max(2, runtime.GOMAXPROCS(0)),
		Embedders: max(2, runtime.GOMAXPROCS(0)),
		Batch:     128,
		PartBytes: 64 << 10,
	}
}

func (c Config) validate() error {
	switch {
	case c.Splitter == nil:
		return fmt.Errorf("the pipeline needs a splitter; none was given")
	case c.Extractor == nil:
		return fmt.Errorf("the pipeline needs an extractor; none was given")
	case c.Embedder == nil:
		return fmt.Errorf("the pipeline needs an embedder; none was given")
	case c.Store == nil:
		return fmt.Errorf("the pipeline needs a store; none was given")
	case c.Queue < 1:
		return fmt.Errorf("a queue of %d documents: at least 1 is needed", c.Queue)
	case c.Workers < 1 || c.Embedders < 1:
		return fmt.Errorf("%d workers a stage, %d embedders: at least 1 is needed", c.Workers, c.Embedders)
	case c.PartBytes < MinPartBytes:
		return fmt.Errorf("parts of %d bytes: at least %d are needed", c.PartBytes, MinPartBytes)
	case c.Batch < 1:
		return fmt.Errorf("a batch of %d documents: at least 1 is needed", c.Batch)
	}
	if v, ok := c.Splitter.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}
