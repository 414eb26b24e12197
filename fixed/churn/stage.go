// Package churn is the pipeline's embedding stage with an eye for repeats: a
// chunk whose words are those of one of the latest chunks, whatever their case,
// their punctuation and the blanks between them, is counted.
//
// Mended: one buffer serves all chunks of a document. The words are appended to
// it, in lower case, and the buffer itself is hashed: after the longest chunk it
// has room for every other, and no string is made.
package churn

import (
	"context"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

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
	var words []byte
	for _, c := range chunks {
		words = slices.Grow(words[:0], len(c.Text)+len(c.Text)/2)
		if words = plain(words, c.Text); len(words) > 0 {
			s.remember(xxh3.Hash(words))
		}
	}
	return s.embedder.Embed(ctx, chunks)
}

// plain appends the words of a text in lower case, one blank after each.
func plain(b []byte, s string) []byte {
	for word := range text.Words(s) {
		b = append(lower(b, word), ' ')
	}
	return b
}

// lower appends a word in lower case.
func lower(b []byte, word string) []byte {
	for _, r := range word {
		b = utf8.AppendRune(b, unicode.ToLower(r))
	}
	return b
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
