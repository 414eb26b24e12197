package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/internal/apart"
	"github.com/heapdrift/heapdrift/internal/ports"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/publish"
	"github.com/heapdrift/heapdrift/pipeline/source"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// repeat reads one text over and over, up to so many bytes, between a head and
// a tail.
type repeat struct {
	head, text, tail string
	left             int64
	at               int
	read             atomic.Int64
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	if len(r.text) < 16<<10 {
		r.text = strings.Repeat(r.text, 16<<10/len(r.text)) // a byte at a time is not the test
	}
	switch {
	case r.head != "":
		n = copy(p, r.head)
		r.head = r.head[n:]
	case r.left > 0:
		n = copy(p[:min(int64(len(p)), r.left)], r.text[r.at:])
		r.at = (r.at + n) % len(r.text)
		r.left -= int64(n)
	case r.tail != "":
		n = copy(p, r.tail)
		r.tail = r.tail[n:]
	default:
		return 0, io.EOF
	}
	r.read.Add(int64(n))
	return n, nil
}

func post(t *testing.T, server *httptest.Server, body io.Reader) (int, string) {
	t.Helper()
	resp, err := server.Client().Post(server.URL+"/ingest", "application/json", body)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// highest returns the largest live heap found while work ran, over what there
// was before, in bytes.
func highest(work func()) uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	live := func() uint64 {
		runtime.GC()
		runtimemetrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := live()
	most := before
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	for {
		select {
		case <-done:
			return most - before
		case <-time.After(20 * time.Millisecond):
			most = max(most, live())
		}
	}
}

func TestBodiesOfAGigabyte(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		server := serve(t, newPipeline(t), 4<<20)
		for name, body := range map[string]*repeat{
			"one text without an end":   {head: `{"id":"huge","text":"`, text: "It rained. ", left: 1 << 30},
			"one id without an end":     {head: `{"id":"`, text: "x", left: 1 << 30},
			"nothing but open brackets": {head: `{"id":"x","other":`, text: "[", left: 1 << 30},
			"nothing but blanks":        {text: " ", left: 1 << 30},
			"an array before the text":  {head: `{"id":"x","a":[1`, text: ",1", left: 1 << 30},
		} {
			most := highest(func() {
				status, answer := post(t, server, body)
				// Cut off while it is still sending, a client may not see the answer.
				if status != 413 && status != 400 && status != 0 {
					t.Errorf("%s: %d %s", name, status, answer)
				}
			})
			if most > 16<<20 || body.read.Load() > 64<<20 {
				t.Errorf("%s: %d KiB of live heap, %d KiB read", name, most>>10, body.read.Load()>>10)
			}
		}
		if resp, _ := request(t, server.Client(), "GET", server.URL+"/documents/huge", ""); resp.StatusCode != 404 {
			t.Errorf("half a document is there: %d", resp.StatusCode)
		}
		_, answer := request(t, server.Client(), "GET", server.URL+"/metrics", "")
		if !strings.Contains(answer, `processor_http_requests_total{code="413"}`) {
			t.Error("the refusals are not counted")
		}
		if status, answer := post(t, server, strings.NewReader(`{"id":"after","text":"alive"}`)); status != 200 {
			t.Errorf("after all that: %d %s", status, answer)
		}
	})
}

func TestALargeDocumentGoesInAndOutInConstantMemory(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		server := serve(t, newPipeline(t), 0)
		const text = `Angela Merkel came to Berlin, ïn \"Büro\".\n`
		body := &repeat{head: `{"id":"large","text":"`, text: text, left: int64(len(text)) * 125_000, tail: `","title":"T"}`} // 5.5 MB
		var status int
		var answer string
		most := highest(func() { status, answer = post(t, server, body) })
		if status != 200 || !strings.Contains(answer, `"entities":250000}`) {
			t.Fatalf("%d %s", status, answer)
		}
		if most > 16<<20 {
			t.Errorf("taking in a document of 5.5 MB took %d KiB of live heap", most>>10)
		}
		n := 0
		most = highest(func() {
			resp, err := server.Client().Get(server.URL + "/documents/large")
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			dec := json.NewDecoder(resp.Body)
			for {
				token, err := dec.Token()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if token == "place" {
					n++
				}
			}
		})
		if n != 125_000 || most > 16<<20 {
			t.Errorf("read back: %d places, %d KiB of live heap", n, most>>10)
		}
	})
}

func TestBytesThatAreNoUTF8(t *testing.T) {
	t.Parallel()
	server := serve(t, newPipeline(t), 0)
	for _, text := range []string{"\xff\xfe", "Berlin \xc3( Paris", strings.Repeat("\xed\xa0\x80", 200_000), `\ud800 x`} {
		status, answer := post(t, server, strings.NewReader(`{"id":"u","text":"`+text+`"}`))
		if status != 200 {
			t.Errorf("%.20q: %d %s", text, status, answer)
		}
		if _, answer := request(t, server.Client(), "GET", server.URL+"/documents/u", ""); !json.Valid([]byte(answer)) {
			t.Errorf("%.20q: it comes back as %.100q", text, answer)
		}
	}
}

// stuck is a pipeline that holds every document until it is let go.
type stuck struct {
	Pipeline
	gate chan struct{}
	in   chan struct{}
}

func (s stuck) Offer(ctx context.Context, d pipeline.Document) (pipeline.Summary, error) {
	s.in <- struct{}{}
	<-s.gate
	return s.Pipeline.Offer(ctx, d)
}

func TestTooManyAtATimeAreSentAway(t *testing.T) {
	t.Parallel()
	p := stuck{newPipeline(t), make(chan struct{}), make(chan struct{})}
	s, err := New(Config{Pipeline: p, Reader: feed.JSON{}, MaxRequests: 2})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	answers := make(chan int, 2)
	for i := range 2 {
		go func() {
			status, _ := post(t, server, strings.NewReader(fmt.Sprintf(`{"id":"%d"}`, i)))
			answers <- status
		}()
		<-p.in
	}
	resp, answer := request(t, server.Client(), "POST", server.URL+"/ingest", `{"id":"3"}`)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "1" || !strings.Contains(answer, "2 documents are being received") {
		t.Errorf("the third: %d, Retry-After %q, %s", resp.StatusCode, resp.Header.Get("Retry-After"), answer)
	}
	close(p.gate)
	for range 2 {
		if status := <-answers; status != 200 {
			t.Errorf("one of the first two: %d", status)
		}
	}
}

// everything is the metrics of a program with all that it can have.
func everything(t *testing.T) string {
	t.Helper()
	documents, err := store.Open(store.Options{Dir: t.TempDir(), NoSync: true, Outbox: true})
	if err != nil {
		t.Fatal(err)
	}
	defer documents.Close()
	outlet, err := publish.New(publish.DefaultConfig("http://127.0.0.1:1/"), documents)
	if err != nil {
		t.Fatal(err)
	}
	client, err := source.NewClient(source.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m := newProgramMetrics()
	m.polled(source.Outcome{Source: source.NewFeed(client, "http://h/"), New: 3, Err: source.ErrMalformed})
	s, err := New(Config{Pipeline: newPipeline(t), Reader: feed.JSON{}, Collectors: m.collectors(outlet)})
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	s.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return recorder.Body.String()
}

func TestAllMetricsAreNamedWell(t *testing.T) {
	t.Parallel()
	answer := everything(t)
	for _, want := range []string{
		`processor_source_documents_total{result="stored",source="feed"} 3`, `processor_source_errors_total{reason="malformed",source="feed"} 1`,
		"processor_publish_queued_documents 0", "processor_publish_queue_capacity_documents 10000",
		`processor_stage_queued_documents{stage="extract"} 0`, `processor_stage_in_flight_documents{stage="embed"} 0`,
		`processor_stage_duration_seconds_bucket{stage="store",le="+Inf"} 0`,
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	lint(t, answer)
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(everything(t))
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// A downstream that never answers must not stop the service, nor its stop.
func TestADownstreamThatHangs(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server notices only then that a client is gone
		<-r.Context().Done()
	}))
	defer down.Close()
	lines := newLines()
	api := ports.Free(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	cfg := programConfig(t, lines, api)
	cfg.Publish = down.URL
	go func() { ended <- Run(ctx, cfg) }()
	lines.wait(t, "serving documents")
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for i := range 20 {
		if resp, answer := request(t, client, "POST", "http://"+api+"/ingest", fmt.Sprintf(`{"id":"%d","text":"words"}`, i)); resp.StatusCode != 200 {
			t.Errorf("document %d: %d %s", i, resp.StatusCode, answer)
		}
	}
	if resp, _ := request(t, client, "GET", "http://"+api+"/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("healthz: %d", resp.StatusCode)
	}
	if _, answer := request(t, client, "GET", "http://"+api+"/metrics", ""); !strings.Contains(answer, "processor_publish_queued_documents 20") {
		t.Error("the metrics do not say what waits")
	}
	client.CloseIdleConnections()
	begin := time.Now()
	stop()
	if err := <-ended; err != nil || time.Since(begin) >= DefaultGrace {
		t.Errorf("it stopped after %s: %v", time.Since(begin), err)
	}
}

// Reading a lot in one go must not outrun what a slow connection is allowed.
func TestALargeBodyMovesItsDeadlines(t *testing.T) {
	t.Parallel()
	control := &deadlines{}
	p := &patient{r: strings.NewReader(strings.Repeat("x", 5<<19)), control: http.NewResponseController(control)}
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{p}); err != nil {
		t.Fatal(err)
	}
	if control.read != 2 || control.write != 2 {
		t.Errorf("2.5 MB moved the deadlines %d and %d times, want 2 and 2", control.read, control.write)
	}
}

type deadlines struct {
	http.ResponseWriter
	read, write int
}

func (d *deadlines) SetReadDeadline(time.Time) error  { d.read++; return nil }
func (d *deadlines) SetWriteDeadline(time.Time) error { d.write++; return nil }
