// Package context is the pipeline's embedding stage with a limit: a document
// has so long to be embedded, and is given up earlier when its request ends or
// the service does.
//
// Mended: cancel is deferred beside the context that it belongs to. Whichever way
// Embed returns, the service's context has no child of it any more.
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
	// One context of two: it ends with the service, and with the request.
	document, cancel := context.WithCancelCause(s.service)
	defer cancel(nil)
	unlink := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer unlink()

	limited, stop := context.WithTimeout(document, s.limit)
	defer stop()
	vectors, err := s.embedder.Embed(limited, chunks)
	if err != nil {
		if cause := context.Cause(limited); cause != nil {
			err = fmt.Errorf("given up: %w", cause)
		}
		return nil, err
	}
	return vectors, nil
}
