package capture

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heapdrift/heapdrift/internal/ports"
)

func TestTheOfferOfARealTarget(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := pprofMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/vars", func(w http.ResponseWriter, r *http.Request) {
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		_ = json.NewEncoder(w).Encode(map[string]any{"cmdline": os.Args, "memstats": &ms})
	})
	s := serve(t, mux)
	c := client(t, Config{URL: s.URL})
	o, err := c.Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Piece{PieceHeap, PieceGC, PieceCounters, PieceGoroutine, PieceSites, PieceMetrics, PieceBySize} {
		if !o.Has(p) {
			t.Errorf("%s is not seen: %+v", p, o.Features)
		}
	}
	if o.Target.GoVersion != runtime.Version() || o.Target.MemProfileRate != 16<<10 || o.Target.Name == "" {
		t.Errorf("target %+v", o.Target)
	}
	raw, err := c.Snapshot(t.Context(), noPause)
	if err != nil || len(raw.Missing) > 0 || len(raw.Counters.BySize) == 0 {
		t.Errorf("missing %q, %d size classes, error %v", raw.Missing, len(raw.Counters.BySize), err)
	}
	if runtime.GOOS == "linux" {
		if raw.RSS == nil || raw.Started == nil {
			t.Errorf("resident set %v, start %v: want both from /metrics", raw.RSS, raw.Started)
		}
		p, err := c.Probe(t.Context(), 0)
		if err != nil || p.LiveBytes == 0 || p.RSS == 0 {
			t.Errorf("probe %+v, error %v", p, err)
		}
	}
}

func TestEachMissingThingHasItsRemedy(t *testing.T) {
	t.Parallel()
	s := serve(t, canned(t))
	o, err := client(t, Config{URL: s.URL}).Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pieces []Piece
	for _, f := range o.Features {
		pieces = append(pieces, f.Piece)
		if f.For == "" || f.Detail == "" || f.Offered == (f.Remedy != "") {
			t.Errorf("%+v: want what it is for, a detail, and a remedy just when it is missing", f)
		}
	}
	order := []Piece{PieceHeap, PieceGC, PieceCounters, PieceGoroutine, PieceSites, PieceMetrics, PieceBySize, PieceGoroutineLeak}
	if d := cmp.Diff(order, pieces); d != "" {
		t.Errorf("pieces (-want +got):\n%s", d)
	}
	var missing []Piece
	for _, f := range o.Missing() {
		missing = append(missing, f.Piece)
	}
	if d := cmp.Diff(order[5:], missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	if o.Target.Name != "server" {
		t.Errorf("name %q, want the program's without its arguments", o.Target.Name)
	}
}

// A collection that began by itself serves the first request for one: the second
// shows that it is heeded.
func TestACollectionThatAnotherOneServedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	text1 := func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/heap") && r.URL.Query().Get("debug") == "1"
	}
	s := serve(t, without(t, text1, func(w http.ResponseWriter, r *http.Request) {
		forced := int64(5)
		if r.URL.Query().Get("gc") == "1" && asked.Add(1) > 1 {
			forced++
		}
		answer(200, "text/plain", text(1, forced, moment0))(w, r)
	}))
	o, err := client(t, Config{URL: s.URL}).Offer(t.Context())
	if err != nil || !o.Has(PieceGC) || asked.Load() != 2 {
		t.Errorf("%v, collections asked for %d times, offered %v; want them offered at the second", err, asked.Load(), o != nil && o.Has(PieceGC))
	}
}

func TestAnOfferThatLacksSomethingNeeded(t *testing.T) {
	t.Parallel()
	query := func(name, q string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, name) && strings.Contains(r.URL.RawQuery, q)
		}
	}
	for _, x := range []struct {
		name    string
		missing func(*http.Request) bool
		instead http.HandlerFunc
		lacks   Piece
		mention string
	}{
		{"gc=1 is not heeded", query("/heap", "debug=1"), answer(200, "text/plain", text(1, 5, moment0)), PieceGC, "not heeded"},
		{"gc=1 is refused", query("/heap", "gc=1"), answer(403, "text/plain", ""), PieceGC, "403"},
		{"no text", query("/heap", "debug=1"), answer(404, "text/plain", ""), PieceCounters, "404"},
		{"no goroutine profile", query("/goroutine", ""), answer(404, "text/plain", ""), PieceGoroutine, "404"},
		{"a rate of 0", func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/heap") && r.URL.RawQuery == "" }, func(w http.ResponseWriter, r *http.Request) {
			p := made{}.heapProfile()
			p.Period = 0
			_ = p.Write(w)
		}, PieceSites, "profiling is off"},
		{"metrics that are HTML", query("/metrics", ""), answer(200, "text/html", "<p>"), PieceMetrics, "HTML"},
		{"metrics that are broken", query("/metrics", ""), answer(200, "text/plain", "a{b= 1\n"), PieceMetrics, "cannot be read"},
		{"vars without memstats", query("/debug/vars", ""), answer(200, "application/json", "{}"), PieceBySize, "no memstats"},
		{"vars that are no JSON", query("/debug/vars", ""), answer(200, "text/plain", "hello"), PieceBySize, "something else"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, without(t, x.missing, x.instead))
			o, err := client(t, Config{URL: s.URL}).Offer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if o.Has(x.lacks) {
				t.Fatalf("%s reads as offered", x.lacks)
			}
			for _, f := range o.Missing() {
				if f.Piece == x.lacks && (!strings.Contains(f.Detail, x.mention) || f.Remedy == "") {
					t.Errorf("%+v: want a detail that mentions %q and a remedy", f, x.mention)
				}
			}
		})
	}
}

func TestATargetWithoutPprofIsToldHowToMountIt(t *testing.T) {
	t.Parallel()
	for _, h := range []http.HandlerFunc{http.NotFound, answer(200, "text/html", "<h1>shop</h1>")} {
		s := serve(t, h)
		_, err := client(t, Config{URL: s.URL}).Offer(t.Context())
		wantSentence(t, err, `import _ "net/http/pprof"`)
	}
}

func TestAnOfferEndsWithItsContextAndAHangingTarget(t *testing.T) {
	t.Parallel()
	s := serve(t, over(t, map[string]http.HandlerFunc{"/debug/pprof/goroutine": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}))
	_, err := client(t, Config{URL: s.URL, Timeout: 2 * time.Second}).Offer(t.Context())
	wantSentence(t, err, "no answer within")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, Config{URL: s.URL}).Offer(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

const exposition = `# TYPE http_requests_total counter
http_requests_total{code="200"} 40
http_requests_total{code="500"} 2
# TYPE jobs gauge
jobs 7
# TYPE took histogram
took_bucket{le="1"} 3
took_bucket{le="+Inf"} 5
took_sum 9
took_count 5
# TYPE quant summary
quant{quantile="0.5"} 1
quant_sum 1
quant_count 6
untyped_thing 8
# TYPE backwards counter
backwards -1
`

func TestAMetricIsSummedOverItsLabels(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, "text/plain; version=0.0.4", exposition))
	c := client(t, Config{URL: s.URL})
	for name, want := range map[string]float64{"http_requests_total": 42, "took_count": 5, "quant_count": 6, "untyped_thing": 8} {
		if got, err := c.Metric(t.Context(), name); err != nil || got != want {
			t.Errorf("%s: got %v, error %v, want %v", name, got, err, want)
		}
	}
	for name, mention := range map[string]string{
		"http_request_total": "http_requests_total",
		"requests":           "http_requests_total",
		"jobs":               "is a gauge",
		"took":               "took_count",
		"jobs_count":         "is a gauge",
		"backwards":          "-1",
	} {
		_, err := c.Metric(t.Context(), name)
		wantSentence(t, err, name, mention)
	}
	none := serve(t, answer(200, "text/plain", "# TYPE g gauge\ng 1\n"))
	_, err := client(t, Config{URL: none.URL}).Metric(t.Context(), "x")
	wantSentence(t, err, "no counter at all")
	_, err = client(t, Config{URL: serve(t, canned(t)).URL}).Metric(t.Context(), "x")
	wantSentence(t, err, "404")
}

func TestNamesNearAName(t *testing.T) {
	t.Parallel()
	have := []string{"apples_total", "http_requests_total", "requests_in_flight", "zebra"}
	if d := cmp.Diff([]string{"http_requests_total", "requests_in_flight"}, nearest("requests", have, 2)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAProbeIsLight(t *testing.T) {
	t.Parallel()
	live := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("go_memstats_heap_alloc_bytes 5e+06\nprocess_resident_memory_bytes 9e+06\n"))
	}
	s := serve(t, over(t, map[string]http.HandlerFunc{"/metrics": live}))
	c := client(t, Config{URL: s.URL})
	for range 2 {
		p, err := c.Probe(t.Context(), 0)
		if err != nil || p.LiveBytes != 5e6 || p.RSS != 9e6 || p.Time.IsZero() {
			t.Fatalf("probe %+v, error %v", p, err)
		}
	}
	if d := cmp.Diff([]string{"/metrics", "/metrics"}, s.requests()); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}

	bare := serve(t, canned(t))
	c = client(t, Config{URL: bare.URL})
	for range 3 {
		if p, err := c.Probe(t.Context(), 0); err != nil || !p.Empty() {
			t.Fatalf("probe %+v, error %v, want an empty point", p, err)
		}
	}
	if d := cmp.Diff([]string{"/metrics"}, bare.requests()); d != "" {
		t.Errorf("a target without /metrics is to be asked once (-want +got):\n%s", d)
	}
	if runtime.GOOS == "linux" {
		if p, err := c.Probe(t.Context(), os.Getpid()); err != nil || p.RSS < 1<<20 {
			t.Errorf("probe of this process %+v, error %v", p, err)
		}
	}
	if residentOf(-1) != (resident{}) {
		t.Error("a process that cannot be has a resident set")
	}
}

func TestAProbePrefersTheMarkedHeap(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, "text/plain", "go_memstats_heap_alloc_bytes 5\ngo_gc_heap_live_bytes 3\n"))
	if p, err := client(t, Config{URL: s.URL}).Probe(t.Context(), 0); err != nil || p.LiveBytes != 3 {
		t.Errorf("probe %+v, error %v", p, err)
	}
}

func TestWaitReadyWaitsForAnAnswer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		default:
			http.NotFound(w, r) // an answer: what to think of it is Offer's
		}
	}))
	if err := WaitReady(t.Context(), client(t, Config{URL: s.URL})); err != nil {
		t.Error(err)
	}
	if n := asked.Load(); n < 3 {
		t.Errorf("it was asked %d times, want until it answered", n)
	}
}

func TestWaitReadyGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	addr := ports.Free(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // to ask at least once
	defer cancel()
	wantSentence(t, WaitReady(ctx, client(t, Config{URL: addr})), "did not answer in time", "connection refused")
	ended, end := context.WithCancelCause(t.Context())
	why := errors.New("the child died")
	end(why)
	if err := WaitReady(ended, client(t, Config{URL: addr})); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}
