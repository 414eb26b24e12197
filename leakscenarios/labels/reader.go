// Package labels is the pipeline's reader with a metric: how long it took to
// receive and read a document.
//
// Defect: the process keeps a whole histogram for every document it ever read.
// Cause: the metric is labelled by the document's address, so that one can see
// which is slow. A metric is kept for each value that a label ever had, and
// nothing takes one out again.
// What fixes it: label by what there are few of, and bound even that; the
// address of a document belongs in the log.
package labels

import (
	"context"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// Reader reads documents and takes the time.
type Reader struct {
	feed    feed.JSON
	seconds *prometheus.HistogramVec
}

// New makes a reader. Its Collector is to be registered.
func New() *Reader {
	return &Reader{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "processor_read_seconds",
		Help:    "Time that it took to receive and read a document.",
		Buckets: prometheus.ExponentialBucketsRange(0.0001, 60, 24),
	}, []string{"document"})}
}

// Collector gives the reader's metric.
func (r *Reader) Collector() prometheus.Collector { return r.seconds }

// Read reads one document.
func (r *Reader) Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error) {
	begin := time.Now()
	doc, err := r.feed.Read(ctx, body, size)
	if err != nil {
		return pipeline.Document{}, err
	}
	r.seconds.WithLabelValues(doc.ID).Observe(time.Since(begin).Seconds())
	return doc, nil
}
