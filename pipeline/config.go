package pipeline

import (
	"context"
	"fmt"
	"runtime"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Splitter cuts a normalised text into chunks. Used by several goroutines.
type Splitter interface {
	Split(ctx context.Context, text string) ([]text.Chunk, error)
}

// Embedder makes one vector for each chunk, in their order. The chunks of one
// call are one document's. Used by several goroutines. If it is an io.Closer,
// the pipeline's Close closes it after its last call.
type Embedder interface {
	Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error)
}

// Store keeps records. Put is called by one goroutine, Get by any.
type Store interface {
	Put(ctx context.Context, records []store.Record) error
	Get(ctx context.Context, id string) (store.Record, bool, error)
	Close() error
}

// Config assembles a pipeline. A stage that is nil is rejected, as is a
// number below 1: begin with DefaultConfig.
type Config struct {
	Splitter Splitter
	Embedder Embedder
	Store    Store // the pipeline closes it

	Queue   int // documents that may wait before each stage
	Workers int // goroutines of each of the stages split and embed
	Batch   int // documents that may share one commit of the store
}

// DefaultConfig is the pipeline with what is built in. The store is opened by
// the caller and handed over.
func DefaultConfig(s Store) Config {
	return Config{
		Splitter: text.DefaultChunker(),
		Embedder: embed.Hasher{},
		Store:    s,
		Queue:    256,
		Workers:  max(2, runtime.GOMAXPROCS(0)),
		Batch:    128,
	}
}

func (c Config) validate() error {
	switch {
	case c.Splitter == nil:
		return fmt.Errorf("the pipeline needs a splitter; none was given")
	case c.Embedder == nil:
		return fmt.Errorf("the pipeline needs an embedder; none was given")
	case c.Store == nil:
		return fmt.Errorf("the pipeline needs a store; none was given")
	case c.Queue < 1:
		return fmt.Errorf("a queue of %d documents: at least 1 is needed", c.Queue)
	case c.Workers < 1:
		return fmt.Errorf("%d workers a stage: at least 1 is needed", c.Workers)
	case c.Batch < 1:
		return fmt.Errorf("a batch of %d documents: at least 1 is needed", c.Batch)
	}
	if v, ok := c.Splitter.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}
