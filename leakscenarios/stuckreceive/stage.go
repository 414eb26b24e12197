// Package stuckreceive is the pipeline's embedding stage with a worker for
// each document, which embeds one chunk while the next is handed to it.
//
// Defect: the worker of every document stays for ever.
// Cause: it ranges over its channel of chunks, and nobody closes the channel:
// after the last chunk it waits for one more.
// What fixes it: the sender closes the channel when it has nothing left to send.
package stuckreceive

import (
	"context"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Vectorizer embeds one text. embed.Hasher is one.
type Vectorizer interface {
	Vector(text string) embed.Vector
}

// Stage embeds documents, each in a worker of its own.
type Stage struct {
	vectorizer Vectorizer
}

// New makes the stage.
func New(v Vectorizer) *Stage {
	return &Stage{vectorizer: v}
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	work := make(chan text.Chunk)
	results := make(chan embed.Vector, len(chunks)) // room for all: the worker never waits for us
	go s.worker(work, results)

	for _, c := range chunks {
		select {
		case work <- c:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	vectors := make([]embed.Vector, len(chunks))
	for i := range vectors {
		vectors[i] = <-results
	}
	return vectors, nil
}

// worker embeds what comes in, in order.
func (s *Stage) worker(work <-chan text.Chunk, results chan<- embed.Vector) {
	for c := range work {
		results <- s.vectorizer.Vector(c.Text)
	}
}
