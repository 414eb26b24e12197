// Package closure is the pipeline's embedding stage with an audit: an hour
// after a document was embedded, when the search index has had time to catch
// up, it reports how many vectors should have arrived there.
//
// Defect: the goroutine that waits for the hour keeps the document's vectors.
// Cause: its closure counts them when the hour is over, so it has to hold them
// until then.
// What fixes it: count first and hand on the number; and count what is due in
// slots of a minute that one goroutine works off.
package closure

import (
	"context"
	"slices"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// AuditDelay is how long after its embedding a document is audited.
const AuditDelay = time.Hour

// Stage embeds, and has what it embedded audited later.
type Stage struct {
	embedder pipeline.Embedder
	audit    func(vectors int)
}

// New puts the audit behind an embedder. audit is called with how many
// searchable vectors have become due, by a goroutine of the stage's own.
func New(embedder pipeline.Embedder, audit func(vectors int)) *Stage {
	return &Stage{embedder: embedder, audit: audit}
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.embedder.Embed(ctx, chunks)
	if err != nil {
		return nil, err
	}
	go func() {
		time.Sleep(AuditDelay)
		s.audit(searchable(vectors))
	}()
	return vectors, nil
}

// searchable counts the vectors that can be found: a chunk without a word has
// none but zeros.
func searchable(vectors []embed.Vector) int {
	n := 0
	for _, v := range vectors {
		if slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			n++
		}
	}
	return n
}

// Close ends the stage. Audits that are not due yet are dropped.
func (s *Stage) Close() error { return nil }
