// Package stucksend is the pipeline's embedding stage in front of a model
// server: the chunks of a document are asked for all at once, and when the
// server fails for one of them the document is embedded by a fallback instead.
//
// Defect: of every document that the server failed for, all goroutines but one
// stay for ever.
// Cause: they send what became of their chunk on a channel without a buffer,
// and the collector has returned at the first failure: nobody receives any more.
// What fixes it: room in the channel for everyone's result, and an end to the
// requests that nobody waits for.
package stucksend

import (
	"context"

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
	results := make(chan result)
	for i, c := range chunks {
		go s.send(ctx, results, i, c.Text)
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
