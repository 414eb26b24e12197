// Package metrics serves what a run comes to as Prometheus metrics, while it
// goes on: the load, and the verdict of the last look.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/harness"
)

// Load is what is asked of a load at each scrape; *harness.Load is one.
type Load interface {
	Counts() harness.Counts
	Latency() harness.Latency
	ErrorClasses() map[string]int64
}

// maxSites is how many sites are told of, the worst ones.
const maxSites = 10

// Metrics is what is known of a run. Its methods may be called from any
// goroutine.
type Metrics struct {
	registry *prometheus.Registry

	mu        sync.Mutex
	load      Load           // nil: somebody else's
	rate      float64        // planned, arrivals a second
	liveBytes uint64         // 0: unknown
	result    *detect.Result // nil: none yet
}

// New returns metrics of a run of which nothing is known yet.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collector{m})
	return m
}

// SetLoad names the load and its planned mean rate, arrivals a second.
func (m *Metrics) SetLoad(l Load, rate float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.load, m.rate = l, rate
}

// SetLive says how many live bytes the target's heap has, after a collection.
func (m *Metrics) SetLive(bytes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.liveBytes = bytes
}

// SetResult tells of a judgement. It is not changed.
func (m *Metrics) SetResult(r *detect.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.result = r
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Serve answers scrapes of /metrics at an address (":9464" is every interface)
// until stop is called, which waits for its end. Where tells the address that
// it listens on.
func (m *Metrics) Serve(addr string) (where string, stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("serve metrics at %s: %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return l.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			_ = l.Close()
		}
	}, nil
}

var (
	sent       = desc("load_sent_total", "Operations started.")
	completed  = desc("load_completed_total", "Operations ended, failed ones included.")
	failed     = desc("load_errors_total", "Operations that failed, by class.", "class")
	shed       = desc("load_shed_total", "Arrivals given up because too many waited.")
	inFlight   = desc("load_in_flight", "Operations under way.")
	queued     = desc("load_queued", "Arrivals that wait for an operation to end.")
	rate       = desc("load_planned_rate", "Mean planned rate of the steady phase, arrivals a second.")
	latencies  = desc("load_latency_seconds", "Time from intended arrival to end, of the phase so far.")
	live       = desc("live_heap_bytes", "Live heap of the target after its last collection asked for.")
	retained   = desc("retained_bytes_per_op", "Live bytes kept by an operation, estimated.")
	slope      = desc("leak_slope_bytes_per_second", "Growth of the live heap, estimated.")
	goroutines = desc("goroutines_per_op", "Goroutines kept by an operation, estimated.")
	timeLeft   = desc("time_to_limit_seconds", "Time until the memory limit is reached if growth goes on.")
	verdict    = desc("verdict", "Verdict of the last look: 1 for the one that holds.", "verdict")
	site       = desc("site_retained_bytes_per_op", "Live bytes kept by an operation, of the worst sites.", "site")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("heapdrift_"+name, help, labels, nil)
}

// collector keeps Describe and Collect off Metrics.
type collector struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sent, completed, failed, shed, inFlight, queued, rate, latencies,
		live, retained, slope, goroutines, timeLeft, verdict, site} {
		to <- d
	}
}

// Collect implements prometheus.Collector. What is unknown is left out.
func (c collector) Collect(to chan<- prometheus.Metric) {
	c.m.mu.Lock()
	load, planned, liveBytes, result := c.m.load, c.m.rate, c.m.liveBytes, c.m.result
	c.m.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
		}
	}
	if load != nil {
		collectLoad(load, to)
		gauge(rate, planned)
	}
	if liveBytes > 0 {
		gauge(live, float64(liveBytes))
	}
	if result != nil {
		collectResult(result, gauge)
	}
}

func collectLoad(load Load, to chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	counts := load.Counts()
	count(sent, counts.Sent)
	count(completed, counts.Completed)
	count(shed, counts.Shed)
	for class, n := range load.ErrorClasses() {
		count(failed, n, class)
	}
	to <- prometheus.MustNewConstMetric(inFlight, prometheus.GaugeValue, float64(counts.InFlight))
	to <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(counts.Queued))
	if l := load.Latency(); l.N > 0 {
		to <- prometheus.MustNewConstSummary(latencies, uint64(l.N), l.Mean.Seconds()*float64(l.N), map[float64]float64{
			0.5: l.P50.Seconds(), 0.9: l.P90.Seconds(), 0.99: l.P99.Seconds(), 0.999: l.P999.Seconds(), 1: l.Max.Seconds(),
		})
	}
}

func collectResult(r *detect.Result, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, v := range []detect.RunVerdict{detect.RunLeak, detect.RunClean, detect.RunInconclusive} {
		holds := 0.0
		if r.Verdict == v {
			holds = 1
		}
		gauge(verdict, holds, string(v))
	}
	for _, x := range []struct {
		as    *prometheus.Desc
		total string
		per   detect.Per
	}{{retained, series.LiveBytes, detect.PerOp}, {slope, series.LiveBytes, detect.PerSecond}, {goroutines, series.Goroutines, detect.PerOp}} {
		if i := r.Total(x.total).In(x.per); i != nil {
			gauge(x.as, i.Estimate)
		}
	}
	if r.Forecast != nil {
		gauge(timeLeft, r.Forecast.SecondsToLimit.Estimate)
	}
	told := map[string]bool{}
	for _, f := range r.Findings { // worst first
		name := f.Function
		if f.Line > 0 {
			name = fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		kept := f.Bytes.On(detect.PerOp)
		if kept == nil || told[name] || len(told) == maxSites {
			continue
		}
		told[name] = true
		gauge(site, kept.Estimate, name)
	}
}
