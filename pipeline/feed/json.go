// Package feed reads documents as their sources send them.
package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// JSON reads documents sent as one JSON object with the fields id, source,
// title and text; other fields are passed over. The zero value works.
type JSON struct{}

// Read reads one document. The caller bounds body; size is how many bytes it
// is said to hold, -1 if that is not known, and is believed only as a hint.
// Of a body over wholeBody bytes the text stays in the body: the document's
// Rest reads it from there; the id must then stand before it.
// A document without a title gets its first line for one. An error of the
// content wraps pipeline.ErrInvalid, an error of body is returned wrapped.
//
// The document's text is one string of its own; its title, where it comes from
// the text, is a view of it.
func (JSON) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	raw, err := readAll(io.LimitReader(body, wholeBody+1), size)
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("read document: %w", err)
	}
	if len(raw) > wholeBody {
		return readLarge(io.MultiReader(bytes.NewReader(raw), body))
	}
	if err := ctx.Err(); err != nil {
		return pipeline.Document{}, fmt.Errorf("read document: %w", err)
	}
	var doc pipeline.Document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return pipeline.Document{}, fmt.Errorf("%w: read JSON: %w", pipeline.ErrInvalid, err)
	}
	if err := doc.Validate(); err != nil {
		return pipeline.Document{}, err
	}
	if doc.Title == "" {
		doc.Title = text.Headline(doc.Text)
	}
	return doc, nil
}

// wholeBody is up to how many bytes a document is read at once.
const wholeBody = 256 << 10

func readAll(r io.Reader, size int64) ([]byte, error) {
	var b bytes.Buffer
	if size > 0 {
		// ReadFrom wants room for one more read than there is to come.
		b.Grow(int(min(size, wholeBody+1)) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
