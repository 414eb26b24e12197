// Package queue is the pipeline's embedding stage with a search index behind
// it: what was embedded is handed on to the index, which takes one document
// after the other.
//
// Mended: a channel with room for a few documents stands before the index. When
// it is full, Embed waits; the stages before it fill up; and the sender gets the
// pace of the index.
package queue

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Index is where the vectors go; it is called by one goroutine.
type Index interface {
	Add(ctx context.Context, vectors []embed.Vector) error
}

// Room is how many documents may wait for the index: enough that it has
// something to do while the next ones are embedded.
const Room = 4

// Stage embeds, and hands on what it embedded.
type Stage struct {
	embedder pipeline.Embedder
	index    Index
	stop     context.CancelFunc
	done     sync.WaitGroup
	missed   atomic.Int64

	waiting chan []embed.Vector
}

// New puts the index behind an embedder. Close the stage.
func New(embedder pipeline.Embedder, index Index) *Stage {
	ctx, stop := context.WithCancel(context.Background())
	s := &Stage{embedder: embedder, index: index, stop: stop, waiting: make(chan []embed.Vector, Room)}
	s.done.Go(func() { s.handOn(ctx) })
	return s
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.embedder.Embed(ctx, chunks)
	if err != nil {
		return nil, err
	}
	select {
	case s.waiting <- vectors:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return vectors, nil
}

// handOn gives the index what waits, oldest first, until ctx ends.
func (s *Stage) handOn(ctx context.Context) {
	for {
		select {
		case vectors := <-s.waiting:
			if s.index.Add(ctx, vectors) != nil {
				s.missed.Add(1)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Missed returns how many documents the index refused: it can get them from the
// store.
func (s *Stage) Missed() int64 { return s.missed.Load() }

// Close ends the stage. What waits is dropped.
func (s *Stage) Close() error {
	s.stop()
	s.done.Wait()
	return nil
}
