// Package churn is the pipeline's embedding stage with an eye for repeats: a
// chunk whose words are those of one of the latest chunks, whatever their case,
// their punctuation and the blanks between them, is counted.
//
// Defect: to compare a chunk costs a hundred times its size in allocations, and
// all of it is garbage at once.
// Cause: the words are joined into a string. Each one that is added turns what
// is there into bytes, appends to them without room to spare, and turns them
// back: three copies of the chunk so far for each of its words.
// What fixes it: append to one buffer that keeps its room, and hash that.
package churn

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// latest is how many chunks are remembered.
const latest = 64

// Stage embeds, and counts chunks that came before.
type Stage struct {
	embedder pipeline.Embedder

	mu      sync.Mutex
	seen    [latest]uint64 // hashes of the latest chunks
	next    int            // index in seen
	repeats int64
}

// New makes the stage.
func New(embedder pipeline.Embedder) *Stage { return &Stage{embedder: embedder} }

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	for _, c := range chunks {
		if words := plain(c.Text); words != "" {
			s.remember(xxh3.HashString(words))
		}
	}
	return s.embedder.Embed(ctx, chunks)
}

// plain returns the words of a text in lower case, one blank after each.
func plain(s string) string {
	joined := ""
	for word := range text.Words(s) {
		word = strings.ToLower(word)
		b := []byte(joined)
		b = append(b, word...)
		b = append(b, ' ')
		joined = string(b)
	}
	return joined
}

// remember notes a chunk by its hash, and whether it is a repeat.
func (s *Stage) remember(hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.seen[:], hash) {
		s.repeats++
		return
	}
	s.seen[s.next] = hash
	s.next = (s.next + 1) % latest
}

// Repeats returns how many chunks came again.
func (s *Stage) Repeats() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repeats
}
