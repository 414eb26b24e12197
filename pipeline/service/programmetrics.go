package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/heapdrift/heapdrift/pipeline/publish"
	"github.com/heapdrift/heapdrift/pipeline/source"
)

// programMetrics counts what the sources do. The labels are kinds of sources
// and of errors, never addresses: how many series there are is bounded.
type programMetrics struct {
	polls     *prometheus.CounterVec
	documents *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	errors    *prometheus.CounterVec
}

func newProgramMetrics() *programMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "processor_source_" + name, Help: help}, labels)
	}
	return &programMetrics{
		polls:     counter("polls_total", "Times that a source was asked.", "source"),
		documents: counter("documents_total", "Documents that a source brought, by what became of them.", "source", "result"),
		bytes:     counter("received_bytes_total", "Bytes that a source sent.", "source"),
		errors:    counter("errors_total", "Failures of a source, or of a document that it brought.", "source", "reason"),
	}
}

func (m *programMetrics) polled(o source.Outcome) {
	kind := o.Source.Kind()
	m.polls.WithLabelValues(kind).Inc()
	m.bytes.WithLabelValues(kind).Add(float64(o.Bytes))
	for result, n := range map[string]int{"stored": o.New, "known": o.Known, "failed": o.Failed} {
		m.documents.WithLabelValues(kind, result).Add(float64(n))
	}
	if o.Err != nil {
		m.failed(kind, o.Err)
	}
}

func (m *programMetrics) failed(kind string, err error) {
	m.errors.WithLabelValues(kind, source.Reason(err)).Inc()
}

func (m *programMetrics) collectors(p *publish.Publisher) []prometheus.Collector {
	all := []prometheus.Collector{m.polls, m.documents, m.bytes, m.errors}
	if p != nil {
		all = append(all, publishCollector{p})
	}
	return all
}

// publishCollector gives a publisher's counts when they are asked for.
type publishCollector struct{ publisher *publish.Publisher }

// Describe says nothing: the collector is one that is not checked, for its
// metrics are made when they are asked for.
func (c publishCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the counts.
func (c publishCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.publisher.Stats()
	send := func(name, help string, kind prometheus.ValueType, v float64) {
		desc := prometheus.NewDesc("processor_publish_"+name, help, nil, nil)
		ch <- prometheus.MustNewConstMetric(desc, kind, v)
	}
	send("documents_total", "Documents that the downstream took.", prometheus.CounterValue, float64(s.Published))
	send("sent_bytes_total", "Bytes that were sent with them.", prometheus.CounterValue, float64(s.Bytes))
	send("refused_documents_total", "Documents that the downstream refused; they were given up.", prometheus.CounterValue, float64(s.Refused))
	send("errors_total", "Tries to publish that failed.", prometheus.CounterValue, float64(s.Errors))
	send("in_flight_documents", "Documents that are being sent.", prometheus.GaugeValue, float64(s.InFlight))
	send("queued_documents", "Documents that wait to be published.", prometheus.GaugeValue, float64(s.Pending))
	send("queue_capacity_documents", "Documents that may wait before no more are taken in.", prometheus.GaugeValue, float64(s.Limit))
}
