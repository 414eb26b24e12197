// Package stucksend is the pipeline's embedding stage in front of a model
// server: the chunks of a document are asked for all at once, and when the
// server fails for one of them the document is embedded by a fallback instead.
//
// Mended: the channel has room for the result of every chunk, so that no sender
// ever waits, whether somebody receives or not. And the requests that nobody
// waits for any more are called off: the stage has none under way when it
// returns.
package stucksend

import (
	"context"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Model embeds one text, on a server that may fail. Used by several goroutines.
type Model interface {
	Vector(ctx context.Context, text string) (embed.Vector, error)
}

// Stage embeds documents by a model, and by a fallback where the model fails.
type Stage struct {
	model    Model
	fallback pipeline.Embedder
}

// New makes the stage.
func New(m Model, fallback pipeline.Embedder) *Stage {
	return &Stage{model: m, fallback: fallback}
}

// Embed makes one vector for each chunk: all of them by the model, or all by
// the fallback, as vectors of two models cannot be compared.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.ask(ctx, chunks)
	if err != nil && ctx.Err() == nil {
		return s.fallback.Embed(ctx, chunks)
	}
	return vectors, err
}

// result is what became of one chunk.
type result struct {
	chunk  int
	vector embed.Vector
	err    error
}

// ask has the model embed all chunks at once.
func (s *Stage) ask(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	ctx, cancel := context.WithCancel(ctx)
	var senders sync.WaitGroup
	defer senders.Wait()
	defer cancel()                            // before the wait
	results := make(chan result, len(chunks)) // room for all: no sender ever waits for us
	for i, c := range chunks {
		senders.Go(func() { s.send(ctx, results, i, c.Text) })
	}
	vectors := make([]embed.Vector, len(chunks))
	for range chunks {
		r := <-results
		if r.err != nil {
			return nil, r.err
		}
		vectors[r.chunk] = r.vector
	}
	return vectors, nil
}

// send asks for one chunk and sends what came of it.
func (s *Stage) send(ctx context.Context, results chan<- result, chunk int, text string) {
	vector, err := s.model.Vector(ctx, text)
	results <- result{chunk, vector, err}
}
