// Package queue is the pipeline's embedding stage with a search index behind
// it: what was embedded is handed on to the index, which takes one document
// after the other.
//
// Defect: while documents come faster than the index takes them, their vectors
// pile up, and nobody who could slow down is told.
// Cause: the queue before the index has no bound, so a request never waits for
// it and is answered at once, however long the queue.
// What fixes it: a channel with room for a few. When it is full, Embed waits;
// the stages before it fill up; and the sender gets the pace of the index.
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

// Stage embeds, and hands on what it embedded.
type Stage struct {
	embedder pipeline.Embedder
	index    Index
	stop     context.CancelFunc
	done     sync.WaitGroup
	missed   atomic.Int64

	mu      sync.Mutex
	waiting [][]embed.Vector
	more    chan struct{} // holds one when there may be something in waiting
}

// New puts the index behind an embedder. Close the stage.
func New(embedder pipeline.Embedder, index Index) *Stage {
	ctx, stop := context.WithCancel(context.Background())
	s := &Stage{embedder: embedder, index: index, stop: stop, more: make(chan struct{}, 1)}
	s.done.Go(func() { s.handOn(ctx) })
	return s
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.embedder.Embed(ctx, chunks)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, vectors)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return vectors, nil
}

// handOn gives the index what waits, oldest first, until ctx ends.
func (s *Stage) handOn(ctx context.Context) {
	for {
		select {
		case <-s.more:
		case <-ctx.Done():
			return
		}
		for vectors := range s.oldest {
			if ctx.Err() != nil {
				return
			}
			if s.index.Add(ctx, vectors) != nil {
				s.missed.Add(1)
			}
		}
	}
}

// oldest takes what waits out of the queue, one after the other.
func (s *Stage) oldest(yield func([]embed.Vector) bool) {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 {
			s.waiting = nil // an array as long as the longest queue is let go
			s.mu.Unlock()
			return
		}
		vectors := s.waiting[0]
		s.waiting[0] = nil // the array outlives its elements
		s.waiting = s.waiting[1:]
		s.mu.Unlock()
		if !yield(vectors) {
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
