// Package subslice is the pipeline's reader with an eye for repeats: it
// remembers under which title which document came, so that a document whose
// title was seen before can be told from a new one.
//
// Mended: the index keeps a copy of the title, not a view of the text; and of
// the latest titles only, as repeats follow close on each other.
package subslice

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// latest is how many titles are remembered.
const latest = 128

// Reader reads documents and recognises titles.
type Reader struct {
	feed feed.JSON

	mu     sync.Mutex
	seen   map[string]string // the id of the document that came with a title
	titles [latest]string    // the keys of seen
	oldest int               // index in titles
}

// New makes a reader that has seen nothing.
func New() *Reader {
	return &Reader{seen: make(map[string]string)}
}

// Read reads one document. If its title came before under another id, the
// document says so.
func (r *Reader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	doc, err := r.feed.Read(ctx, body, size)
	if err != nil {
		return pipeline.Document{}, err
	}
	if doc.Title != "" {
		doc.SameTitleAs = r.remember(doc.Title, doc.ID)
	}
	return doc, nil
}

// remember notes the title of a document. If the title is known already, it
// returns the id of the document that brought it.
func (r *Reader) remember(title, id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.seen[title]; ok {
		if first != id {
			return first
		}
		return ""
	}
	title = strings.Clone(title)
	delete(r.seen, r.titles[r.oldest])
	r.seen[title] = id
	r.titles[r.oldest] = title
	r.oldest = (r.oldest + 1) % latest
	return ""
}
