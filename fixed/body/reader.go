// Package body is the pipeline's reader with a question to the corrections
// desk: has this document been withdrawn? The desk is a service of its own, and
// when it is out of order news is taken in without its answer.
//
// Mended: the body is closed on every way out, and what is left of it is read
// before, so that the connection serves the next question.
package body

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// Reader reads documents and asks the desk.
type Reader struct {
	feed      feed.JSON
	desk      string
	http      *http.Client
	unchecked atomic.Int64
}

// New makes a reader that asks the desk at an address. Close it.
func New(desk string) *Reader {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 10 * time.Second // a desk that does not answer must not hold up the news
	return &Reader{desk: desk, http: &http.Client{Transport: transport}}
}

// Read reads one document. The error of one that was withdrawn wraps
// pipeline.ErrInvalid.
func (r *Reader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	doc, err := r.feed.Read(ctx, body, size)
	if err != nil {
		return pipeline.Document{}, err
	}
	withdrawn, err := r.ask(doc)
	switch {
	case err != nil:
		r.unchecked.Add(1)
	case withdrawn:
		return pipeline.Document{}, fmt.Errorf("%w: it was withdrawn", pipeline.ErrInvalid)
	}
	return doc, nil
}

// ask puts one question. The desk knows an article by its text.
func (r *Reader) ask(doc pipeline.Document) (withdrawn bool, err error) {
	question, err := json.Marshal(doc)
	if err != nil {
		return false, fmt.Errorf("ask the desk: %w", err)
	}
	resp, err := r.http.Post(r.desk, "application/json", bytes.NewReader(question))
	if err != nil {
		return false, fmt.Errorf("ask the desk: %w", err)
	}
	defer done(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("ask the desk: it answers %s", resp.Status)
	}

	var answer struct {
		Withdrawn bool `json:"withdrawn"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return false, fmt.Errorf("ask the desk: read its answer: %w", err)
	}
	return answer.Withdrawn, nil
}

// done closes a body. It reads a short rest first: a connection is used again
// only when the answer before has come to its end.
func done(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10)) // an error closes the connection, which is all it can do
	_ = body.Close()
}

// Unchecked returns how many documents were taken in without an answer.
func (r *Reader) Unchecked() int64 { return r.unchecked.Load() }

// Close lets the connections go that are not in use.
func (r *Reader) Close() error {
	r.http.CloseIdleConnections()
	return nil
}
