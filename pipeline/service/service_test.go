package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/internal/ports"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failing answers every document with one error.
type failing struct {
	Pipeline
	err error
}

func (f failing) Offer(context.Context, pipeline.Document) (pipeline.Summary, error) {
	return pipeline.Summary{}, f.err
}

func newPipeline(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(pipeline.DefaultConfig(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func serve(t *testing.T, p Pipeline, maxBody int64) *httptest.Server {
	t.Helper()
	s, err := New(Config{Pipeline: p, Reader: feed.JSON{}, MaxBody: maxBody})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return server
}

func request(t *testing.T, client *http.Client, method, url, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answer)
}

func TestTheAPI(t *testing.T) {
	t.Parallel()
	server := serve(t, newPipeline(t), 4096)
	long := `{"id":"long","title":"L","text":"` + strings.Repeat("A sentence of words. ", 180) + `"}`
	steps := []struct {
		name, method, path, body string
		status                   int
		want                     string // in the answer
	}{
		{"a document is stored", "POST", "/ingest", `{"id":"a","source":"s","title":"T","text":"Some words."}`, 200, `{"id":"a","chunks":1,"entities":0}`},
		{"and found", "GET", "/documents/a", "", 200, `{"id":"a","title":"T","chunks":1,"entities":[],"dimensions":2048}`},
		{"a long one has several chunks", "POST", "/ingest", long, 200, `{"id":"long","chunks":3,"entities":0}`},
		{"the same again changes nothing", "POST", "/ingest", long, 200, `{"id":"long","chunks":3,"entities":0}`},
		{"an empty one has none", "POST", "/ingest", `{"id":"e"}`, 200, `{"id":"e","chunks":0,"entities":0}`},
		{"and no dimensions", "GET", "/documents/e", "", 200, `"chunks":0,"entities":[],"dimensions":0`},
		{"what it speaks of is found", "POST", "/ingest", `{"id":"n","text":"Angela Merkel left  Berlin."}`, 200, `{"id":"n","chunks":1,"entities":2}`},
		{"and said", "GET", "/documents/n", "", 200, `"entities":[{"kind":"person","text":"Angela Merkel","start":0,"end":13},{"kind":"place","text":"Berlin","start":20,"end":26}],"dimensions":2048}`},
		{"an id may hold a slash", "POST", "/ingest", `{"id":"x/y","text":"w"}`, 200, `"chunks":1`},
		{"and is then escaped", "GET", "/documents/x%2Fy", "", 200, `{"id":"x/y"`},
		{"what was never sent is not there", "GET", "/documents/zzz", "", 404, `there is no document \"zzz\"`},
		{"broken JSON is the client's fault", "POST", "/ingest", `{"id":`, 400, "read JSON"},
		{"so is a document without an id", "POST", "/ingest", `{"text":"x"}`, 400, "no id"},
		{"a body over the limit is refused", "POST", "/ingest", `{"id":"b","text":"` + strings.Repeat("x", 5000) + `"}`, 413, "larger than 4096 bytes"},
		{"only POST may ingest", "GET", "/ingest", "", 405, ""},
		{"it says that it is well", "GET", "/healthz", "", 200, "ok"},
	}
	for _, step := range steps {
		resp, answer := request(t, server.Client(), step.method, server.URL+step.path, step.body)
		if resp.StatusCode != step.status || !strings.Contains(answer, step.want) {
			t.Errorf("%s: %s %s = %d %s; want %d with %s", step.name, step.method, step.path, resp.StatusCode, answer, step.status, step.want)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    error
		status int
		retry  string
	}{
		{fmt.Errorf("document: %w", pipeline.ErrFull), 429, "1"},
		{pipeline.ErrClosed, 503, "1"},
		{context.Canceled, 503, "1"},
		{errors.New("disk full"), 500, ""},
	}
	for _, test := range tests {
		server := serve(t, failing{newPipeline(t), test.err}, 0)
		resp, answer := request(t, server.Client(), "POST", server.URL+"/ingest", `{"id":"a"}`)
		if resp.StatusCode != test.status || resp.Header.Get("Retry-After") != test.retry || !strings.Contains(answer, test.err.Error()) {
			t.Errorf("%v: %d, Retry-After %q, %s; want %d, %q", test.err, resp.StatusCode, resp.Header.Get("Retry-After"), answer, test.status, test.retry)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	server := serve(t, newPipeline(t), 0)
	for i := range 3 {
		request(t, server.Client(), "POST", server.URL+"/ingest", fmt.Sprintf(`{"id":"%d","text":"Some words."}`, i))
	}
	request(t, server.Client(), "POST", server.URL+"/ingest", `no JSON`)
	_, answer := request(t, server.Client(), "GET", server.URL+"/metrics", "")
	for _, want := range []string{
		`processor_stage_documents_total{stage="split"} 3`,
		`processor_stage_documents_total{stage="embed"} 3`,
		`processor_stage_duration_seconds_count{stage="extract"} 3`,
		`processor_stored_documents_total 3`,
		`processor_stage_chunks_total{stage="embed"} 3`,
		`processor_stage_text_bytes_total{stage="split"} 33`,
		`processor_http_requests_total{code="200"} 3`,
		`processor_http_requests_total{code="400"} 1`,
		"go_memstats_heap_alloc_bytes ", "process_start_time_seconds ", "go_info{",
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	lint(t, answer)
}

// lint holds metrics to what promtool holds them to.
func lint(t *testing.T, answer string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(answer)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("metric %s: %s", p.Metric, p.Text)
	}
}

func programConfig(t *testing.T, lines *lines, api string) ProgramConfig {
	t.Helper()
	return ProgramConfig{Addr: api, Pprof: "127.0.0.1:0", Data: t.TempDir(), Log: log.New(lines, "", 0)}
}

func TestRunStopsWithoutLosingWhatItAnswered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	texts := t.TempDir()
	for i := range 30 {
		if err := os.WriteFile(filepath.Join(texts, fmt.Sprintf("%02d.txt", i)), []byte("Some words of a file."), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	api, debug := ports.Free(t), ports.Free(t)
	lines := newLines()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, ProgramConfig{Addr: api, Pprof: debug, Data: dir, Corpus: texts, Log: log.New(lines, "", 0)})
	}()
	lines.wait(t, "serving documents")
	lines.wait(t, "30 documents stored")

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if _, answer := request(t, client, "GET", "http://"+debug+"/debug/pprof/", ""); !strings.Contains(answer, "goroutine") {
		t.Errorf("the pprof port answers %.200s", answer)
	}
	if resp, _ := request(t, client, "GET", "http://"+api+"/debug/pprof/", ""); resp.StatusCode != 404 {
		t.Errorf("the API's port answers /debug/pprof/ with %d", resp.StatusCode)
	}

	var acknowledged sync.Map
	var senders sync.WaitGroup
	for w := range 4 {
		senders.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("w%d-%d", w, i)
				resp, err := client.Post("http://"+api+"/ingest", "application/json", strings.NewReader(`{"id":"`+id+`","text":"x"}`))
				if err != nil {
					return // the service is gone
				}
				_ = resp.Body.Close()
				if resp.StatusCode == 200 {
					acknowledged.Store(id, true)
				}
				if w == 0 && i == 20 {
					stop()
				}
			}
		})
	}
	senders.Wait()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}

	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	acknowledged.Range(func(id, _ any) bool {
		n++
		if _, found, err := s.Get(t.Context(), id.(string)); !found || err != nil {
			t.Errorf("document %s was acknowledged and is not stored (%v)", id, err)
		}
		return true
	})
	if n < 20 {
		t.Errorf("only %d documents were acknowledged", n)
	}
	if _, found, _ := s.Get(t.Context(), "07.txt"); !found {
		t.Error("a file of the corpus is not stored")
	}
}

func TestRunSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := "127.0.0.1:0"
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]ProgramConfig{
		"listen for the API":  {Addr: taken.Addr().String(), Pprof: free, Data: t.TempDir()},
		"listen for pprof":    {Addr: free, Pprof: taken.Addr().String(), Data: t.TempDir()},
		"no folder was given": {Addr: free, Pprof: free},
		"make folder":         {Addr: free, Pprof: free, Data: file},
		"read corpus":         {Addr: free, Pprof: free, Data: t.TempDir(), Corpus: file + "x"},
	}
	for want, cfg := range tests {
		cfg.Log = log.New(io.Discard, "", 0)
		if err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", cfg, err, want)
		}
	}
}

func TestNewRefusesHalfAService(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, {Reader: feed.JSON{}}, {Reader: feed.JSON{}, Pipeline: failing{}, MaxBody: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestAnswersAreJSON(t *testing.T) {
	t.Parallel()
	server := serve(t, newPipeline(t), 0)
	resp, answer := request(t, server.Client(), "POST", server.URL+"/ingest", `x"y`)
	var body map[string]string
	if err := json.Unmarshal([]byte(answer), &body); err != nil || body["error"] == "" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %v", resp.Header.Get("Content-Type"), answer, err)
	}
}

// lines collects a log and lets a test wait for one of its lines.
type lines struct {
	mu   sync.Mutex
	cond *sync.Cond
	text strings.Builder
}

func newLines() *lines {
	l := &lines{}
	l.cond = sync.NewCond(&l.mu)
	return l
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.cond.Broadcast()
	return l.text.Write(b)
}

func (l *lines) wait(t *testing.T, part string) {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { panic("no line with " + part) })
	defer late.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.text.String(), part) {
		l.cond.Wait()
	}
}
