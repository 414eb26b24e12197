// Package wholedoc is where a document is handed to the pipeline: how much of
// it is there at a time, and in how large parts the stages work on it.
//
// Mended: a large document stays in the connection it comes through. The stages
// get it in parts of 64 KiB, and the next part is read when there is room for
// it: a document of 100 MB needs as much memory as one of 100 KB.
package wholedoc

import (
	"context"
	"io"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// PartBytes is how much of a document's text goes through the stages at a time.
const PartBytes = 64 << 10

// Reader reads documents.
type Reader struct{ feed feed.JSON }

// Read reads one document. Of a large one the text is not read yet: it follows
// as the document's Rest.
func (r Reader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	return r.feed.Read(ctx, body, size)
}
