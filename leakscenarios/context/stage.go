// Package context is the pipeline's embedding stage with a limit: a chunk has so
// long to be embedded, and is given up earlier when the request ends or the
// service does.
//
// Defect: the service's context keeps a context of every chunk.
// Cause: context.WithCancelCause enters the new context into the list of the
// service's children, where it stays until cancel is called. That happens when
// the request ends before its time. When all goes well the link to the request
// is undone, and cancel with it.
// What fixes it: defer cancel, beside the context that it belongs to.
package context

import (
	"context"
	"fmt"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Stage embeds within a limit.
type Stage struct {
	service  context.Context
	embedder pipeline.Embedder
	limit    time.Duration
}

// New puts the limit before an embedder. service is the context that the
// embedder works under, whatever the request: it ends with the service.
func New(service context.Context, embedder pipeline.Embedder, limit time.Duration) *Stage {
	return &Stage{service: service, embedder: embedder, limit: limit}
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors := make([]embed.Vector, 0, len(chunks))
	for i := range chunks {
		one, err := s.embedOne(ctx, chunks[i:i+1])
		if err != nil {
			return nil, fmt.Errorf("chunk %d of %d: %w", i+1, len(chunks), err)
		}
		vectors = append(vectors, one...)
	}
	return vectors, nil
}

// embedOne embeds a single chunk.
func (s *Stage) embedOne(ctx context.Context, chunk []text.Chunk) ([]embed.Vector, error) {
	// One context of two: it ends with the service, and with the request.
	both, cancel := context.WithCancelCause(s.service)
	unlink := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer unlink()

	limited, stop := context.WithTimeout(both, s.limit)
	defer stop()
	vectors, err := s.embedder.Embed(limited, chunk)
	if cause := context.Cause(limited); err != nil && cause != nil {
		err = fmt.Errorf("given up: %w", cause)
	}
	return vectors, err
}
