// Package service puts the pipeline behind HTTP: documents in, what is stored
// out, metrics beside them, and pprof on a port of its own.
package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// Pipeline is what the service needs of a pipeline.
type Pipeline interface {
	Offer(ctx context.Context, doc pipeline.Document) (pipeline.Summary, error)
	Head(ctx context.Context, id string) (store.Head, bool, error)
	Parts(ctx context.Context, id string, use func(store.Record) error) error
	Stats() []pipeline.StageStats
}

// Reader makes a document of a request's body. The body is bounded; size is
// its length as the client gave it, -1 if it did not. An error of the content
// wraps pipeline.ErrInvalid. Used by several goroutines.
type Reader interface {
	Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error)
}

// Config assembles a service. Pipeline and Reader are needed.
type Config struct {
	Pipeline Pipeline
	Reader   Reader
	// MaxBody bounds a request's body in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// MaxRequests bounds the documents that are being received at a time; 0
	// means DefaultMaxRequests.
	MaxRequests int
	// Collectors are metrics to serve beside the pipeline's.
	Collectors []prometheus.Collector
	// Grace is how long a stop waits for the requests under way; 0 means
	// DefaultGrace.
	Grace time.Duration
}

// What Config's zeros mean.
const (
	DefaultMaxBody     = 128 << 20
	DefaultMaxRequests = 1024
	DefaultGrace       = 20 * time.Second
)

// Service answers requests for one pipeline. It does not own the pipeline.
type Service struct {
	cfg      Config
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	slots    chan struct{} // a value for each document that is being received
}

// New makes a service.
func New(cfg Config) (*Service, error) {
	if cfg.Pipeline == nil || cfg.Reader == nil {
		return nil, fmt.Errorf("start service: it needs a pipeline and a reader")
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	if cfg.MaxRequests == 0 {
		cfg.MaxRequests = DefaultMaxRequests
	}
	if cfg.MaxBody < 0 || cfg.Grace < 0 || cfg.MaxRequests < 0 {
		return nil, fmt.Errorf("start service: body limit (%d bytes), grace (%s) and requests at a time (%d) must not be negative",
			cfg.MaxBody, cfg.Grace, cfg.MaxRequests)
	}
	registry, requests, err := metrics(cfg.Pipeline, cfg.Collectors)
	if err != nil {
		return nil, fmt.Errorf("start service: %w", err)
	}
	return &Service{cfg: cfg, registry: registry, requests: requests, slots: make(chan struct{}, cfg.MaxRequests)}, nil
}

// Handler serves the API: POST /ingest, GET /documents/{id}, GET /healthz and
// GET /metrics.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ingest", s.ingest)
	mux.HandleFunc("GET /documents/{id}", s.document)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n") // a client that is gone has nothing to be told
	})
	mux.Handle("GET /metrics", s.metricsHandler())
	return mux
}

func (s *Service) ingest(w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		s.fail(w, fmt.Errorf("%d documents are being received already: %w", s.cfg.MaxRequests, pipeline.ErrFull))
		return
	}
	body := &patient{r: http.MaxBytesReader(w, r.Body, s.cfg.MaxBody), control: http.NewResponseController(w)}
	doc, err := s.cfg.Reader.Read(r.Context(), body, r.ContentLength)
	if err != nil {
		s.fail(w, err)
		return
	}
	summary, err := s.cfg.Pipeline.Offer(r.Context(), doc)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, summary)
}

// patient gives a body more time for each stretch of it that has come: a large
// document may take long, a sender that sends nothing may not.
type patient struct {
	r       io.Reader
	control *http.ResponseController
	since   int // bytes since the deadlines were last moved
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.since += n; p.since >= 1<<20 {
		p.since = 0
		deadline := time.Now().Add(requestTimeout)
		// A connection without deadlines (a test's) needs none moved.
		_ = p.control.SetReadDeadline(deadline)
		_ = p.control.SetWriteDeadline(deadline)
	}
	return n, err
}

func (s *Service) document(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	head, found, err := s.cfg.Pipeline.Head(r.Context(), id)
	if err != nil {
		s.fail(w, err)
		return
	}
	if !found {
		s.answer(w, http.StatusNotFound, errorAnswer{fmt.Sprintf("there is no document %q", id)})
		return
	}
	s.requests.WithLabelValues("200").Inc()
	w.Header().Set("Content-Type", "application/json")
	if err := s.writeDocument(r.Context(), w, head); err != nil {
		// Half an answer must not look like a whole one.
		panic(http.ErrAbortHandler)
	}
}

// writeDocument writes {"id","title","chunks","entities":[…],"dimensions"}, a
// part of the document in memory at a time.
func (s *Service) writeDocument(ctx context.Context, w io.Writer, head store.Head) error {
	front, err := json.Marshal(struct {
		ID     string `json:"id"`
		Title  string `json:"title"`
		Chunks int    `json:"chunks"`
	}{head.ID, head.Title, head.Chunks})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	_, _ = out.Write(front[:len(front)-1]) // an error stays with out until its Flush
	_, _ = out.WriteString(`,"entities":[`)
	first := true
	err = s.cfg.Pipeline.Parts(ctx, head.ID, func(part store.Record) error {
		for _, e := range part.Entities {
			if !first {
				_ = out.WriteByte(',')
			}
			first = false
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := out.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `],"dimensions":%d}`+"\n", head.Dimensions)
	return out.Flush()
}

type errorAnswer struct {
	Error string `json:"error"`
}

// fail answers with the status that tells the client what to do: mend the
// request (400, 413), come again (429, 503), or tell the operator (500).
func (s *Service) fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
		err = fmt.Errorf("the body is larger than %d bytes", tooLarge.Limit)
	case errors.Is(err, pipeline.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, pipeline.ErrFull):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "1")
	case errors.Is(err, pipeline.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	case errors.Is(err, io.ErrUnexpectedEOF):
		status = http.StatusBadRequest
	}
	s.answer(w, status, errorAnswer{err.Error()})
}

func (s *Service) answer(w http.ResponseWriter, status int, body any) {
	s.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone has nothing to be told
}
