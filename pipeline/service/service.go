// Package service puts the pipeline behind HTTP: documents in, what is stored
// out, metrics beside them, and pprof on a port of its own.
package service

import (
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
	Document(ctx context.Context, id string) (store.Record, bool, error)
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
	// Grace is how long a stop waits for the requests under way; 0 means
	// DefaultGrace.
	Grace time.Duration
}

// What Config's zeros mean.
const (
	DefaultMaxBody = 8 << 20
	DefaultGrace   = 20 * time.Second
)

// Service answers requests for one pipeline. It does not own the pipeline.
type Service struct {
	cfg      Config
	registry *prometheus.Registry
	requests *prometheus.CounterVec
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
	if cfg.MaxBody < 0 || cfg.Grace < 0 {
		return nil, fmt.Errorf("start service: body limit (%d bytes) and grace (%s) must not be negative", cfg.MaxBody, cfg.Grace)
	}
	registry, requests, err := metrics(cfg.Pipeline)
	if err != nil {
		return nil, fmt.Errorf("start service: %w", err)
	}
	return &Service{cfg: cfg, registry: registry, requests: requests}, nil
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
	body := http.MaxBytesReader(w, r.Body, s.cfg.MaxBody)
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

// documentAnswer is what GET /documents/{id} says.
type documentAnswer struct {
	ID         string `json:"id"`
	Source     string `json:"source"`
	Title      string `json:"title"`
	Chunks     int    `json:"chunks"`
	Dimensions int    `json:"dimensions"` // of each chunk's vector; 0 without chunks
}

func (s *Service) document(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	record, found, err := s.cfg.Pipeline.Document(r.Context(), id)
	if err != nil {
		s.fail(w, err)
		return
	}
	if !found {
		s.answer(w, http.StatusNotFound, errorAnswer{fmt.Sprintf("there is no document %q", id)})
		return
	}
	answer := documentAnswer{ID: record.ID, Source: record.Source, Title: record.Title, Chunks: len(record.Chunks)}
	if len(record.Chunks) > 0 {
		answer.Dimensions = len(record.Chunks[0].Vector)
	}
	s.answer(w, http.StatusOK, answer)
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
