package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/internal/spelling"
)

// scrape is one reading of a target's /metrics.
type scrape map[string]*dto.MetricFamily

func (c *Client) scrapeRequest(into *scrape) request {
	return request{
		url: c.metrics, accept: string(expfmt.NewFormat(expfmt.TypeTextPlain)), want: "metrics", text: true,
		limit: maxMetricsBytes,
		read: func(r io.Reader) error {
			p := expfmt.NewTextParser(model.UTF8Validation)
			families, err := p.TextToMetricFamilies(r)
			if err != nil {
				return &contentError{
					problem: "its metrics cannot be read: " + err.Error(),
					remedy:  "serve them with promhttp.Handler()", err: err,
				}
			}
			*into = families
			return nil
		},
	}
}

// started is the start time of the process.
func (s scrape) started() (time.Time, bool) {
	v, ok := s.gauge("process_start_time_seconds")
	if !ok || v <= 0 || v > 1e11 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(v * 1000)).UTC(), true
}

func (s scrape) rss() (uint64, bool) { return s.bytes("process_resident_memory_bytes") }

// liveHeap is bytes of heap objects: as marked by the last collection where
// the target exports runtime/metrics, else with what became garbage since.
func (s scrape) liveHeap() (uint64, bool) {
	if v, ok := s.bytes("go_gc_heap_live_bytes"); ok {
		return v, true
	}
	return s.bytes("go_memstats_heap_alloc_bytes")
}

func (s scrape) goVersion() string {
	for _, m := range s["go_info"].GetMetric() {
		for _, l := range m.Label {
			if l.GetName() == "version" {
				return l.GetValue()
			}
		}
	}
	return ""
}

func (s scrape) bytes(name string) (uint64, bool) {
	v, ok := s.gauge(name)
	if !ok || !(v > 0) || v >= 1<<62 {
		return 0, false
	}
	return uint64(v), true
}

// gauge is the value of a metric without labels.
func (s scrape) gauge(name string) (float64, bool) {
	f := s[name]
	if f == nil || len(f.Metric) != 1 {
		return 0, false
	}
	m := f.Metric[0]
	switch {
	case m.Gauge != nil:
		return m.Gauge.GetValue(), true
	case m.Untyped != nil:
		return m.Untyped.GetValue(), true
	case m.Counter != nil:
		return m.Counter.GetValue(), true
	}
	return 0, false
}

// counter sums a counter over its label sets. "NAME_count" of a histogram or
// summary counts too. found is false when no metric has the name; kind says
// what it is when it is no counter.
func (s scrape) counter(name string) (sum float64, found bool, kind string) {
	family, count := s[name], false
	if family == nil {
		if base, ok := strings.CutSuffix(name, "_count"); ok {
			family, count = s[base], true
		}
	}
	if family == nil {
		return 0, false, ""
	}
	for _, m := range family.Metric {
		switch {
		case count && m.Histogram != nil:
			sum += float64(m.Histogram.GetSampleCount())
		case count && m.Summary != nil:
			sum += float64(m.Summary.GetSampleCount())
		case !count && m.Counter != nil:
			sum += m.Counter.GetValue()
		case !count && m.Untyped != nil:
			sum += m.Untyped.GetValue()
		default:
			return 0, true, strings.ToLower(family.GetType().String())
		}
	}
	return sum, true, ""
}

// counters are the names that Metric would accept, sorted.
func (s scrape) counters() []string {
	var names []string
	for name, f := range s {
		switch f.GetType() {
		case dto.MetricType_COUNTER, dto.MetricType_UNTYPED:
			names = append(names, name)
		case dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY:
			names = append(names, name+"_count")
		}
	}
	slices.Sort(names)
	return names
}

// ProbePoint is one line of probe.jsonl: what a target holds at a moment
// between snapshots, read without a collection. 0 is unknown.
type ProbePoint struct {
	Time      time.Time `json:"time"`
	LiveBytes uint64    `json:"live_bytes,omitempty"` // may include garbage not yet collected
	RSS       uint64    `json:"rss_bytes,omitempty"`
}

// Empty reports that nothing could be read.
func (p ProbePoint) Empty() bool { return p.LiveBytes == 0 && p.RSS == 0 }

// Probe reads live heap and resident set without pprof and without a
// collection: from /proc for a local pid, from /metrics where the target has
// it. For a target with neither, the point has only its time. A target that
// has no /metrics is asked for it once.
func (c *Client) Probe(ctx context.Context, pid int) (ProbePoint, error) {
	p := ProbePoint{Time: c.now().UTC().Round(0), RSS: residentOf(pid).all}
	if offered, asked := c.offers(PieceMetrics); asked && !offered {
		return p, nil
	}
	var s scrape
	if err := c.get(ctx, c.scrapeRequest(&s)); err != nil {
		if ctx.Err() == nil && !transport(err) {
			c.note(PieceMetrics, false)
			return p, nil
		}
		return p, err
	}
	c.note(PieceMetrics, true)
	p.LiveBytes, _ = s.liveHeap()
	if rss, ok := s.rss(); ok && p.RSS == 0 {
		p.RSS = rss
	}
	return p, nil
}

// AnonymousRSS is the name under which the exact counters hold the resident
// memory that no file backs, in bytes: runtime.MemStats has nothing of the kind.
const AnonymousRSS = "RssAnon"

// resident is the resident memory of a process, in bytes; 0 is not known.
type resident struct {
	all  uint64 // VmRSS
	anon uint64 // RssAnon (Linux 4.5 and later): what no file backs
}

// residentOf reads it of a local process; zero where there is no /proc.
func residentOf(pid int) resident {
	if pid <= 0 {
		return resident{}
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return resident{}
	}
	return parseStatus(b)
}

// parseStatus reads the text of /proc/PID/status.
func parseStatus(b []byte) (r resident) {
	for line := range bytes.Lines(b) {
		name, value, _ := strings.Cut(string(line), ":")
		number, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		kib, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		if !ok || err != nil || kib >= 1<<52 {
			continue
		}
		switch name {
		case "VmRSS":
			r.all = kib << 10
		case "RssAnon":
			r.anon = kib << 10
		}
	}
	return r
}

// Metric reads a counter of the target's /metrics, summed over its label sets:
// the operations of someone else's load.
func (c *Client) Metric(ctx context.Context, name string) (float64, error) {
	var s scrape
	if err := c.get(ctx, c.scrapeRequest(&s)); err != nil {
		return 0, err
	}
	fail := func(problem, remedy string) (float64, error) {
		return 0, &TargetError{URL: c.addr.show(c.metrics), Problem: problem, Remedy: remedy}
	}
	v, found, kind := s.counter(name)
	switch {
	case !found:
		return fail(fmt.Sprintf("no metric is named %q", name), nearRemedy(name, s.counters()))
	case kind != "":
		return fail(fmt.Sprintf("metric %s is a %s, not a counter", name, kind), "operations need a number that only grows; "+nearRemedy(name, s.counters()))
	case math.IsNaN(v) || math.IsInf(v, 0) || v < 0:
		return fail(fmt.Sprintf("metric %s has the value %v", name, v), "operations need a number that only grows from 0")
	}
	return v, nil
}

func nearRemedy(name string, have []string) string {
	if len(have) == 0 {
		return "the target exports no counter at all: count its operations with prometheus.NewCounter"
	}
	return "counters with names near it: " + strings.Join(nearest(name, have, 5), ", ")
}

// nearest returns the n names closest to name: ones that contain it (or are in
// it) first, then by edit distance, of names longer than 200 bytes that of their
// beginnings. O(len(names) · len(name) · longest).
func nearest(name string, names []string, n int) []string {
	const most = 200
	distance := make(map[string]int, len(names))
	for _, s := range names {
		if !strings.Contains(s, name) && !strings.Contains(name, s) {
			distance[s] = spelling.Distance(name[:min(len(name), most)], s[:min(len(s), most)])
		}
	}
	near := slices.Clone(names)
	slices.SortStableFunc(near, func(a, b string) int { return distance[a] - distance[b] })
	return near[:min(n, len(near))]
}

// varsRequest reads expvar's memstats.
func (c *Client) varsRequest(into *snapshot.Counters) request {
	return request{
		url: c.vars, want: "expvar's JSON", json: true, limit: maxMetricsBytes,
		read: func(r io.Reader) error {
			var v struct {
				Memstats *snapshot.Counters `json:"memstats"`
			}
			if err := json.NewDecoder(r).Decode(&v); err != nil {
				return &contentError{problem: "its JSON cannot be read: " + err.Error(), remedy: varsRemedy, err: err}
			}
			if v.Memstats == nil {
				return &contentError{problem: "its JSON has no memstats", remedy: varsRemedy}
			}
			*into = *v.Memstats
			return nil
		},
	}
}

const varsRemedy = `import _ "expvar" in the program: it publishes runtime.MemStats with the size classes`
