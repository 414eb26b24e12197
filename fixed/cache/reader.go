// Package cache is the pipeline's reader for a service that takes in only what
// may be used to train models: it looks up the terms of the page that a document
// comes from, and refuses the document where they do not allow it.
//
// Mended: the pages that were asked for last are kept, and no more than Pages of
// them. The few that bring most of the documents are always among them; the many
// that bring one each push each other out.
package cache

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// Fetch gets the terms of the page with that URL: one rule a line, as in
// robots.txt. Used by several goroutines.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// Pages is how many pages' terms are kept.
const Pages = 192

// Reader reads documents whose source allows it.
type Reader struct {
	feed  feed.JSON
	fetch Fetch

	mu    sync.Mutex
	pages map[string]*list.Element // by URL
	order *list.List               // of *page: the one asked for last comes first
}

type page struct {
	url   string
	terms *terms
}

// New makes a reader that knows no page yet.
func New(fetch Fetch) *Reader {
	return &Reader{fetch: fetch, pages: make(map[string]*list.Element), order: list.New()}
}

// Read reads one document. One that its source's terms keep back is not valid.
// A document whose source is no address was brought by hand: nobody is asked.
func (r *Reader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	doc, err := r.feed.Read(ctx, body, size)
	if err != nil || !strings.Contains(doc.Source, "://") {
		return doc, err
	}
	t, err := r.terms(ctx, doc.Source)
	if err != nil {
		return pipeline.Document{}, err
	}
	if !t.allow(doc.ID) {
		return pipeline.Document{}, fmt.Errorf("%w: the terms of %s do not allow to use %s", pipeline.ErrInvalid, doc.Source, doc.ID)
	}
	return doc, nil
}

// terms returns the terms of a page. Two goroutines that ask for a new page at
// the same time both fetch it.
func (r *Reader) terms(ctx context.Context, url string) (*terms, error) {
	if t, ok := r.known(url); ok {
		return t, nil
	}
	text, err := r.fetch(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("fetch the terms of %s: %w", url, err)
	}
	t := parse(string(text))
	r.keep(url, t)
	return t, nil
}

func (r *Reader) known(url string) (*terms, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.pages[url]
	if !ok {
		return nil, false
	}
	r.order.MoveToFront(e)
	return e.Value.(*page).terms, true
}

func (r *Reader) keep(url string, t *terms) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.pages[url]; ok { // another goroutine was faster
		e.Value.(*page).terms = t
		return
	}
	r.pages[url] = r.order.PushFront(&page{url, t})
	if r.order.Len() > Pages {
		oldest := r.order.Remove(r.order.Back()).(*page)
		delete(r.pages, oldest.url)
	}
}
