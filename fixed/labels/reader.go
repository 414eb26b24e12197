// Package labels is the pipeline's reader with a metric: how long it took to
// receive and read a document.
//
// Mended: the metric is labelled by the document's source. There are few, but
// they come from outside as well: the first Sources of them have a histogram of
// their own, and all others share one.
package labels

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
)

// Sources is how many sources are told apart.
const Sources = 32

// other is the label of the sources beyond those.
const other = "other"

// Reader reads documents and takes the time.
type Reader struct {
	feed    feed.JSON
	seconds *prometheus.HistogramVec

	mu      sync.Mutex
	sources map[string]bool // that have a label of their own; at most Sources
}

// New makes a reader. Its Collector is to be registered.
func New() *Reader {
	return &Reader{sources: make(map[string]bool), seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "processor_read_seconds",
		Help:    "Time that it took to receive and read a document.",
		Buckets: prometheus.ExponentialBucketsRange(0.0001, 60, 24),
	}, []string{"source"})}
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
	r.seconds.WithLabelValues(r.label(doc.Source)).Observe(time.Since(begin).Seconds())
	return doc, nil
}

// label returns the label for a source.
func (r *Reader) label(source string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sources[source] {
		return source
	}
	if len(r.sources) == Sources {
		return other
	}
	r.sources[strings.Clone(source)] = true
	return source
}
