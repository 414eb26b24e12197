package service

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heapdrift/heapdrift/pipeline"
)

// metrics makes a registry of the service's own: nothing is registered
// globally, so that two services in one process do not meet.
func metrics(p Pipeline, more []prometheus.Collector) (*prometheus.Registry, *prometheus.CounterVec, error) {
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "processor_http_requests_total",
		Help: "Answers to requests for documents, by status code.",
	}, []string{"code"})
	for _, c := range append([]prometheus.Collector{
		requests,
		newStageCollector(p),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, more...) {
		if err := registry.Register(c); err != nil {
			return nil, nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return registry, requests, nil
}

func (s *Service) metricsHandler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// stageCollector gives the stages' counts when they are asked for, so that the
// pipeline itself needs no metrics library.
type stageCollector struct {
	pipeline  Pipeline
	documents *prometheus.Desc
	bytes     *prometheus.Desc
	chunks    *prometheus.Desc
	errors    *prometheus.Desc
	refused   *prometheus.Desc
	duration  *prometheus.Desc
	inFlight  *prometheus.Desc
	queued    *prometheus.Desc
	capacity  *prometheus.Desc
	stored    *prometheus.Desc
}

func newStageCollector(p Pipeline) *stageCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("processor_stage_"+name, help, []string{"stage"}, nil)
	}
	return &stageCollector{
		pipeline:  p,
		documents: desc("documents_total", "Documents that a stage finished."),
		bytes:     desc("text_bytes_total", "Text of the documents that a stage finished."),
		chunks:    desc("chunks_total", "Chunks of the documents that a stage finished."),
		errors:    desc("errors_total", "Documents that failed in a stage."),
		refused:   desc("refused_total", "Documents that found a stage's queue full."),
		duration:  desc("duration_seconds", "Time that a stage worked on one document, part or commit."),
		inFlight:  desc("in_flight_documents", "Documents that a stage is working on."),
		queued:    desc("queued_documents", "Documents that wait for a stage."),
		capacity:  desc("queue_capacity_documents", "Documents that may wait for a stage."),
		stored: prometheus.NewDesc("processor_stored_documents_total",
			"Documents that went through the whole pipeline and are stored.", nil, nil),
	}
}

func (c *stageCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.documents, c.bytes, c.chunks, c.errors, c.refused, c.duration, c.inFlight, c.queued, c.capacity, c.stored} {
		ch <- d
	}
}

func (c *stageCollector) Collect(ch chan<- prometheus.Metric) {
	var stored int64
	for _, s := range c.pipeline.Stats() {
		stored = s.Documents // of the last stage
		send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			ch <- prometheus.MustNewConstMetric(d, kind, v, s.Stage)
		}
		send(c.documents, prometheus.CounterValue, float64(s.Documents))
		send(c.bytes, prometheus.CounterValue, float64(s.Bytes))
		send(c.chunks, prometheus.CounterValue, float64(s.Chunks))
		send(c.errors, prometheus.CounterValue, float64(s.Errors))
		send(c.refused, prometheus.CounterValue, float64(s.Refused))
		ch <- histogram(c.duration, s.Latency, s.Stage)
		send(c.inFlight, prometheus.GaugeValue, float64(s.InFlight))
		send(c.queued, prometheus.GaugeValue, float64(s.Queued))
		send(c.capacity, prometheus.GaugeValue, float64(s.Capacity))
	}
	ch <- prometheus.MustNewConstMetric(c.stored, prometheus.CounterValue, float64(stored))
}

func histogram(d *prometheus.Desc, l pipeline.Latency, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(l.Buckets))
	for _, b := range l.Buckets {
		buckets[b.Limit.Seconds()] = uint64(b.Count)
	}
	return prometheus.MustNewConstHistogram(d, uint64(l.Count), l.Sum.Seconds(), buckets, labels...)
}
