// Package subslice is the pipeline's reader with an eye for repeats: it
// remembers under which title which document came, so that a document whose
// title was seen before can be told from a new one.
//
// Defect: the index of titles keeps every document's whole text.
// Cause: the title of a document that came without one is the first line of
// its text, a view of it: a string of 70 bytes that holds the 5000 it was cut
// from. And the index has no bound.
// What fixes it: strings.Clone what outlives the text, and forget what is old.
package subslice

import (
	"context"
	"io"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// Reader reads documents and recognises titles.
type Reader struct {
	feed feed.JSON

	mu   sync.Mutex
	seen map[string]string // the id of the document that came with a title
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
	r.seen[title] = id
	return ""
}
