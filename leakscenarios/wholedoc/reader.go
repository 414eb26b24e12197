// Package wholedoc is where a document is handed to the pipeline: how much of
// it is there at a time, and in how large parts the stages work on it.
//
// Defect: one large document takes many times its size in memory, all at once.
// Cause: it is read to its end before anything is done with it, and goes
// through the stages in one piece: the raw body, the text, all its chunks, all
// their vectors and the encoded record of them are there at the same time.
// What fixes it: read and embed it in parts, and store each before the next.
package wholedoc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// PartBytes is how much of a document's text goes through the stages at a time.
const PartBytes = math.MaxInt

// Reader reads documents.
type Reader struct{}

// Read reads one document, all of it.
func (r Reader) Read(ctx context.Context, body io.Reader, _ int64) (pipeline.Document, error) {
	raw, err := io.ReadAll(body)
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
	if doc.Title == "" {
		doc.Title = text.Headline(doc.Text)
	}
	return doc, doc.Validate()
}
