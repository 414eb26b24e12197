// Package rampworkers is the pipeline's embedding stage with workers that come
// and go: a document for which no worker is free gets a new one, up to a bound,
// and a worker that has had nothing to do for a while ends.
//
// Nothing is wrong with it. But while the load rises there are more and more
// goroutines, all of them waiting for a channel whenever one looks.
package rampworkers

import (
	"context"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Config says how many workers there are, and when. All must be above 0.
type Config struct {
	Workers int           // at most
	Idle    time.Duration // after which a worker ends
	// Took is how long a worker holds a document at the least, as one does that
	// waits for a server of embeddings.
	Took time.Duration
}

// Stage embeds in workers.
type Stage struct {
	embedder pipeline.Embedder
	cfg      Config
	work     chan job
	slots    chan struct{} // a value for each worker

	stop chan struct{}
	done sync.WaitGroup
}

type job struct {
	ctx    context.Context
	chunks []text.Chunk
	result chan<- result // has room for it
}

type result struct {
	vectors []embed.Vector
	err     error
}

// New makes a stage without a worker.
func New(embedder pipeline.Embedder, cfg Config) *Stage {
	return &Stage{
		embedder: embedder, cfg: cfg,
		work: make(chan job), slots: make(chan struct{}, cfg.Workers), stop: make(chan struct{}),
	}
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	results := make(chan result, 1)
	j := job{ctx: ctx, chunks: chunks, result: results}
	select {
	case s.work <- j: // a worker was free
	default:
		select {
		case s.work <- j:
		case s.slots <- struct{}{}:
			s.done.Go(func() { s.worker(j) })
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r := <-results
	return r.vectors, r.err
}

// worker does its first job, and then others until there was none for a while.
func (s *Stage) worker(j job) {
	defer func() { <-s.slots }()
	idle := time.NewTimer(s.cfg.Idle)
	defer idle.Stop()
	for {
		s.embed(j)
		idle.Reset(s.cfg.Idle)
		select {
		case j = <-s.work:
		case <-idle.C:
			return
		case <-s.stop:
			return
		}
	}
}

func (s *Stage) embed(j job) {
	vectors, err := s.embedder.Embed(j.ctx, j.chunks)
	select {
	case <-time.After(s.cfg.Took):
	case <-j.ctx.Done():
	}
	j.result <- result{vectors, err}
}

// Close ends the workers. No more Embed may be called.
func (s *Stage) Close() error {
	close(s.stop)
	s.done.Wait()
	return nil
}
