// Package pool is the pipeline's reader with a pool of buffers: a request's
// body is read into one, and the buffer goes back to the pool when the document
// is decoded.
//
// Defect: after a few large documents the service keeps a large buffer for each
// of them, however small all others are.
// Cause: a buffer that grew for a large document is put back as it is. The pool
// holds so many buffers, but nothing bounds what each of them holds.
// What fixes it: give a buffer that has grown beyond the usual to the garbage
// collection instead.
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

// put gives a buffer back to the pool, if it is not full.
func (r *Reader) put(buf *bytes.Buffer) {
	buf.Reset()
	select {
	case r.free <- buf:
	default:
	}
}
