// Package warmcache is the pipeline's embedding stage with a cache: a chunk
// that came before has its vector already.
//
// Nothing is wrong with it. The cache is bounded, and forgets what was not asked
// for longest. But until it is full it grows with every chunk that is new, as
// steadily as a leak.
package warmcache

import (
	"container/list"
	"context"
	"strings"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Stage embeds what it does not remember.
type Stage struct {
	embedder pipeline.Embedder
	capacity int

	mu      sync.Mutex
	known   map[string]*list.Element
	entries *list.List // of *entry, the latest used first
}

type entry struct {
	text   string
	vector embed.Vector
}

// New puts a cache of so many chunks, at least 1, before an embedder.
func New(embedder pipeline.Embedder, capacity int) *Stage {
	return &Stage{
		embedder: embedder, capacity: capacity,
		known: make(map[string]*list.Element, capacity+1), entries: list.New(),
	}
}

// Embed returns one vector for each chunk, which the caller must not change.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors := make([]embed.Vector, len(chunks))
	var fresh []text.Chunk
	var at []int // where in vectors those of fresh belong
	for i, c := range chunks {
		if vectors[i] = s.lookUp(c.Text); vectors[i] == nil {
			fresh, at = append(fresh, c), append(at, i)
		}
	}
	made, err := s.embedder.Embed(ctx, fresh)
	if err != nil {
		return nil, err
	}
	for i, v := range made {
		vectors[at[i]] = v
		s.remember(fresh[i].Text, v)
	}
	return vectors, nil
}

// lookUp returns the vector of a text, nil where it is not known.
func (s *Stage) lookUp(chunk string) embed.Vector {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.known[chunk]
	if !ok {
		return nil
	}
	s.entries.MoveToFront(e)
	return e.Value.(*entry).vector
}

// remember keeps a vector, and forgets another where there is no more room. The
// chunk's text is copied: it is a view of its document.
func (s *Stage) remember(chunk string, v embed.Vector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.known[chunk]; ok {
		return // another document brought it meanwhile
	}
	chunk = strings.Clone(chunk)
	s.known[chunk] = s.entries.PushFront(&entry{text: chunk, vector: v})
	if s.entries.Len() > s.capacity {
		oldest := s.entries.Back()
		s.entries.Remove(oldest)
		delete(s.known, oldest.Value.(*entry).text)
	}
}
