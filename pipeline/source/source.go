// Package source gets documents from where they are published: RSS and Atom
// feeds, the paged JSON of a news API, a folder of files. A source is asked
// again and again; what is stored already, and has not changed, is passed over,
// so that it keeps no list of what it has seen.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/markup"
)

// Sink is where the documents go. A pipeline.Pipeline is one.
type Sink interface {
	Known(ctx context.Context, doc pipeline.Document) (bool, error)
	Ingest(ctx context.Context, doc pipeline.Document) (pipeline.Summary, error)
}

// Source is asked for its documents. Poll is called by one goroutine.
type Source interface {
	Name() string // for the log: where the documents come from
	Kind() string // for the metrics: "feed", "news" or "folder"
	// Poll hands every document that the source has now to deliver. The error
	// is the source's own; those of documents are deliver's business.
	Poll(ctx context.Context, deliver func(pipeline.Document)) (Round, error)
	// Forget makes the next poll deliver a document again, though it has not
	// changed: it did not get through. It may deliver others as well.
	Forget(id string)
}

// Round is what a poll says of itself.
type Round struct {
	Bytes     int64 // received
	Unchanged bool  // the source said that nothing is new
}

// together is how many documents of one source are processed at a time, so
// that they share commits.
const together = 32

// delivery hands the documents of one poll to the sink.
type delivery struct {
	ctx     context.Context
	sink    Sink
	report  func(doc pipeline.Document, known bool, err error)
	workers errgroup.Group
}

func newDelivery(ctx context.Context, sink Sink, report func(pipeline.Document, bool, error)) *delivery {
	d := &delivery{ctx: ctx, sink: sink, report: report}
	d.workers.SetLimit(together)
	return d
}

// deliver waits while too many are under way. It closes the document's Rest
// when it is done with it.
func (d *delivery) deliver(doc pipeline.Document) {
	d.workers.Go(func() error {
		if c, ok := doc.Rest.(io.Closer); ok {
			defer c.Close() // it was read only
		}
		if err := d.ctx.Err(); err != nil {
			return nil // the program stops: that is no document's fault
		}
		known, err := d.sink.Known(d.ctx, doc)
		if err == nil && !known {
			_, err = d.sink.Ingest(d.ctx, doc)
		}
		if d.ctx.Err() == nil || err == nil {
			d.report(doc, known, err)
		}
		return nil
	})
}

func (d *delivery) wait() { _ = d.workers.Wait() } // its functions return no error

// identify makes an id of what a source calls its document: the name itself
// where it is an address, else the source's address and the name. One that is
// too long keeps its front, and a hash of all of it.
func identify(source, name string) string {
	id := name
	if !strings.Contains(name, "://") {
		id = source + "#" + name
	}
	id = strings.ToValidUTF8(id, "\uFFFD")
	if len(id) <= pipeline.MaxIDBytes {
		return id
	}
	cut := pipeline.MaxIDBytes - 17
	for cut > 0 && !utf8.RuneStart(id[cut]) {
		cut--
	}
	return fmt.Sprintf("%s~%016x", id[:cut], xxh3.HashString(id))
}

// Reason puts an error of a source or a document into one of a few classes,
// for the metrics.
func Reason(err error) string {
	var timeout net.Error
	var status *backoff.StatusError
	switch {
	case errors.Is(err, ErrTooLarge):
		return "too_large"
	case errors.Is(err, ErrRedirects):
		return "redirects"
	case errors.Is(err, ErrMalformed), errors.Is(err, pipeline.ErrInvalid), errors.Is(err, markup.ErrTooLong):
		return "malformed"
	case errors.As(err, &status):
		return fmt.Sprintf("status_%dxx", status.Code/100)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, http.ErrHandlerTimeout):
		return "broken_off"
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return "file"
	}
	return "other"
}
