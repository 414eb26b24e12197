// Package pool is the pipeline's reader with a pool of buffers: a request's
// body is read into one, and the buffer goes back to the pool when the document
// is decoded.
//
// Mended: a buffer that has grown beyond what an ordinary document needs is not
// put back. A large document pays for a buffer of its own; the pool is bounded
// in bytes and not only in buffers.
package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Buffers is how many buffers the pool holds at most; they are used in turn.
const Buffers = 8

// Largest is the largest buffer that is kept, in bytes: nearly all documents
// fit.
const Largest = 64 << 10

// Reader reads documents by way of pooled buffers.
type Reader struct {
	free chan *bytes.Buffer
}

// New makes a reader whose pool is full of buffers without room.
func New() *Reader {
	r := &Reader{free: make(chan *bytes.Buffer, Buffers)}
	for range Buffers {
		r.put(new(bytes.Buffer))
	}
	return r
}

// Read reads one document.
func (r *Reader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	buf := r.get()
	defer r.put(buf)
	buf.Grow(int(max(size, 0)) + bytes.MinRead) // ReadFrom wants room for one more read than there is to come
	if _, err := buf.ReadFrom(body); err != nil {
		return pipeline.Document{}, fmt.Errorf("read document: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return pipeline.Document{}, fmt.Errorf("read document: %w", err)
	}
	var doc pipeline.Document // its strings are copies: nothing refers to the buffer afterwards
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		return pipeline.Document{}, fmt.Errorf("%w: read JSON: %w", pipeline.ErrInvalid, err)
	}
	if doc.Title == "" {
		doc.Title = text.Headline(doc.Text)
	}
	return doc, doc.Validate()
}

// get returns an empty buffer, of the pool where it has one.
func (r *Reader) get() *bytes.Buffer {
	select {
	case buf := <-r.free:
		return buf
	default:
		return new(bytes.Buffer)
	}
}

// put gives a buffer back to the pool, if it is not full and the buffer is of
// the usual size.
func (r *Reader) put(buf *bytes.Buffer) {
	if buf.Cap() > Largest {
		return
	}
	buf.Reset()
	select {
	case r.free <- buf:
	default:
	}
}
