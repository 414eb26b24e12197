// Package closure is the pipeline's embedding stage with an audit: an hour
// after a document was embedded, when the search index has had time to catch
// up, it reports how many vectors should have arrived there.
//
// Mended: what waits for the hour is a number. The vectors are counted at once,
// those that are due in the same minute together, in one of sixty slots, and
// one goroutine works the slots off: the stage keeps as much after a million
// documents as after the first.
package closure

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// AuditDelay is how long after its embedding a document is audited, to the
// minute.
const AuditDelay = time.Hour

const slots = 60

// Stage embeds, and has what it embedded audited later.
type Stage struct {
	embedder pipeline.Embedder
	audit    func(vectors int)
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu  sync.Mutex
	due [slots]int // vectors, by the slot in which they are due
	now int        // the slot that is worked off next
}

// New puts the audit behind an embedder. audit is called with how many
// searchable vectors have become due, by a goroutine of the stage's own.
func New(embedder pipeline.Embedder, audit func(vectors int)) *Stage {
	ctx, stop := context.WithCancel(context.Background())
	s := &Stage{embedder: embedder, audit: audit, stop: stop}
	s.done.Go(func() { s.auditDue(ctx) })
	return s
}

// Embed makes one vector for each chunk.
func (s *Stage) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors, err := s.embedder.Embed(ctx, chunks)
	if err != nil {
		return nil, err
	}
	s.auditLater(searchable(vectors))
	return vectors, nil
}

// auditLater counts vectors into the slot that was worked off last: the one
// whose turn is furthest away.
func (s *Stage) auditLater(vectors int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due[(s.now+slots-1)%slots] += vectors
}

// auditDue audits one slot a minute until ctx ends.
func (s *Stage) auditDue(ctx context.Context) {
	ticker := time.NewTicker(AuditDelay / slots)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if n := s.next(); n > 0 {
				s.audit(n)
			}
		case <-ctx.Done():
			return
		}
	}
}

// next empties the slot whose turn it is, and says what was in it.
func (s *Stage) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.due[s.now]
	s.due[s.now] = 0
	s.now = (s.now + 1) % slots
	return n
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
func (s *Stage) Close() error {
	s.stop()
	s.done.Wait()
	return nil
}
