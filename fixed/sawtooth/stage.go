// Package sawtooth is the pipeline's embedding stage with an index of what is
// new: the vectors of the latest documents are kept until there are enough of
// them to build a segment of the index, and then all let go.
//
// Nothing is wrong with it. But between two segments it keeps every document,
// and two moments of it tell nothing: what it holds climbs and falls.
package sawtooth

import (
	"context"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Stage embeds, and collects what it embedded.
type Stage struct {
	embedder pipeline.Embedder
	size     int
	build    func(segment [][]embed.Vector)

	mu      sync.Mutex
	segment [][]embed.Vector // of the documents since the last one was built
}

// New makes a stage that calls build with the vectors of so many documents at
// a time, one call after the other.
func New(embedder pipeline.Embedder, size int, build func(segment [][]embed.Vector)) *Stage {
	return &Stage{embedder: embedder, size: size, build: build}
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.embedder.Embed(ctx, chunks)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segment = append(s.segment, vectors)
	if len(s.segment) == s.size {
		s.build(s.segment)
		s.segment = nil
	}
	return vectors, nil
}
