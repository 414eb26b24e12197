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
// A document without a title gets its first line for one. An error of the
// content wraps pipeline.ErrInvalid, an error of body is returned wrapped.
//
// The document's text is one string of its own; its title, where it comes from
// the text, is a view of it.
func (JSON) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	raw, err := readAll(body, size)
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("read document: %w", err)
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

// maxHint bounds how much is allocated on the word of a sender.
const maxHint = 1 << 20

func readAll(r io.Reader, size int64) ([]byte, error) {
	var b bytes.Buffer
	if size > 0 {
		// ReadFrom wants room for one more read than there is to come.
		b.Grow(int(min(size, maxHint)) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
