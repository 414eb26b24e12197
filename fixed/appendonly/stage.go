// Package appendonly is the pipeline's embedding stage with an eye on what
// comes in: it tells how far the latest documents lie from all before them, so
// that a source that has changed its subject or its language is noticed.
//
// Mended: what the answer takes is kept, not what it can be worked out from: of
// all documents their sum, which is of one size for ever, and of the documents
// themselves the latest only, each in the place of the one that is too old.
package appendonly

import (
	"context"
	"math"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Latest is how many documents are held against all that came.
const Latest = 64

// Stage embeds, and watches the drift of what it embeds.
type Stage struct {
	embedder pipeline.Embedder

	mu     sync.Mutex
	latest [Latest]*item // nil where there were not so many yet
	oldest int           // index in latest
	all    []float64     // the sum over all documents
}

// item is what one document, or one part of a large one, brought.
type item struct {
	chunks int
	mean   embed.Vector // of its chunks' vectors
}

// New puts the watch behind an embedder, whose vectors must all be of one
// length.
func New(embedder pipeline.Embedder) *Stage {
	return &Stage{embedder: embedder}
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.embedder.Embed(ctx, chunks)
	if err == nil && len(vectors) > 0 {
		s.remember(vectors)
	}
	return vectors, err
}

// remember notes what one document brought.
func (s *Stage) remember(vectors []embed.Vector) {
	seen := &item{chunks: len(vectors), mean: mean(vectors)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest[s.oldest] = seen
	s.oldest = (s.oldest + 1) % Latest
	s.all = add(s.all, seen)
}

// Drift is how far the latest documents lie from all that came, each counted by
// its chunks: 0 in the same direction, 1 at a right angle, 2 opposite.
func (s *Stage) Drift() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return distance(sum(s.latest[:]), s.all)
}

// mean returns the mean of one vector or more, of one length.
func mean(vectors []embed.Vector) embed.Vector {
	m := make(embed.Vector, len(vectors[0]))
	for _, v := range vectors {
		for i, x := range v {
			m[i] += x / float32(len(vectors))
		}
	}
	return m
}

// sum adds up the items' vectors, each as often as it has chunks; nil for no
// items.
func sum(items []*item) []float64 {
	var total []float64
	for _, it := range items {
		if it != nil {
			total = add(total, it)
		}
	}
	return total
}

// add adds one item's vector to a sum, as often as it has chunks.
func add(total []float64, it *item) []float64 {
	if total == nil {
		total = make([]float64, len(it.mean))
	}
	for i, x := range it.mean {
		total[i] += float64(x) * float64(it.chunks)
	}
	return total
}

// distance is 1 − the cosine of the angle between a and b; 0 where one of them
// has no direction.
func distance(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return 1 - ab/math.Sqrt(aa*bb)
}
