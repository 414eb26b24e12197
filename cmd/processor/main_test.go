package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/internal/ports"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/fake"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// childEnv makes the test binary the processor itself.
const childEnv = "HEAPDRIFT_PROCESSOR_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main() // exits
	}
	goleak.VerifyTestMain(m)
}

// child is a processor in a process of its own.
type child struct {
	cmd    *exec.Cmd
	url    string
	client *http.Client
	log    sync.WaitGroup // the reader of its log
	mu     sync.Mutex
	lines  bytes.Buffer
}

func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr := ports.Free(t)
	c := &child{
		cmd:    exec.CommandContext(t.Context(), exe, append([]string{"-addr", addr, "-pprof", "127.0.0.1:0"}, args...)...),
		url:    "http://" + addr,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: time.Minute},
	}
	t.Cleanup(c.client.CloseIdleConnections)
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	serving := make(chan struct{})
	c.log.Go(func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if strings.Contains(lines.Text(), "serving") {
				close(serving)
			}
			c.mu.Lock()
			fmt.Fprintln(&c.lines, lines.Text())
			c.mu.Unlock()
		}
	})
	select {
	case <-serving:
	case <-time.After(time.Minute):
		t.Fatalf("the processor does not serve:\n%s", c.said())
	}
	return c
}

func (c *child) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines.String()
}

// end sends a signal and returns how the child ended.
func (c *child) end(t *testing.T, s os.Signal) error {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	c.log.Wait()
	return c.cmd.Wait()
}

// send posts the documents of one worker until the child is gone, and notes what was acknowledged.
func (c *child) send(worker int, g corpus.Generator, acknowledged *sync.Map, some chan<- struct{}) {
	for i := int64(0); ; i++ {
		doc := g.Document(int64(worker)*1_000_000 + i)
		body, err := json.Marshal(doc)
		if err != nil {
			return
		}
		resp, err := c.client.Post(c.url+"/ingest", "application/json", bytes.NewReader(body))
		if err != nil {
			return // the child is gone
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK && err == nil {
			acknowledged.Store(doc.ID, true)
			select {
			case some <- struct{}{}:
			default:
			}
		}
	}
}

// load sends documents until the child is gone; after so many were
// acknowledged it calls end.
func (c *child) load(t *testing.T, seed uint64, after int, end func()) *sync.Map {
	t.Helper()
	g := corpus.DefaultGenerator(seed)
	g.MaxWords = 600
	acknowledged, some := &sync.Map{}, make(chan struct{}, 10_000)
	var senders sync.WaitGroup
	for w := range 4 {
		senders.Go(func() { c.send(w, g, acknowledged, some) })
	}
	for range after {
		select {
		case <-some:
		case <-time.After(time.Minute):
			t.Errorf("too few documents were acknowledged:\n%s", c.said())
		}
	}
	end()
	senders.Wait()
	return acknowledged
}

// check holds the store to what was acknowledged: every document is there, and
// there is one of each id.
func check(t *testing.T, dir string, acknowledged *sync.Map, more int) {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	acknowledged.Range(func(id, _ any) bool {
		n++
		r, found, err := s.Get(t.Context(), id.(string))
		if err != nil || !found || len(r.Chunks) == 0 {
			t.Errorf("document %v was acknowledged; found %t with %d chunks, %v", id, found, len(r.Chunks), err)
		}
		return true
	})
	stored, err := s.Len()
	// Four were under way at the end, of which none was acknowledged.
	if err != nil || stored < n+more || stored > n+more+4 {
		t.Errorf("%d documents are stored (%v); %d were acknowledged beside %d others", stored, err, n, more)
	}
}

func TestKilledItLosesNothingThatItAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	down := &fake.Downstream{}
	server := httptest.NewServer(down)
	defer server.Close()
	flags := []string{"-data", dir, "-publish", server.URL}
	c := startChild(t, flags...)
	acknowledged := c.load(t, 1, 200, func() {
		_ = c.end(t, syscall.SIGKILL) // it ends with "signal: killed"
	})

	// It starts again, takes everything again, and publishes what was left.
	c = startChild(t, flags...)
	g := corpus.DefaultGenerator(1)
	g.MaxWords = 600
	again := 0
	acknowledged.Range(func(id, _ any) bool {
		if again++; again > 50 {
			return false
		}
		var seq int64
		if _, err := fmt.Sscanf(id.(string)[strings.LastIndex(id.(string), "-")+1:], "%d", &seq); err != nil {
			t.Fatal(err)
		}
		body, _ := json.Marshal(g.Document(seq))
		resp, err := c.client.Post(c.url+"/ingest", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return true
	})
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(c.metrics(t), "\nprocessor_publish_queued_documents 0\n") {
		if time.Now().After(deadline) {
			t.Fatalf("the outbox is not empty:\n%s", c.said())
		}
		<-time.After(20 * time.Millisecond)
	}
	if err := c.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v\n%s", err, c.said())
	}
	check(t, dir, acknowledged, 0)
	arrived := down.Documents()
	acknowledged.Range(func(id, _ any) bool {
		if _, ok := arrived[id.(string)]; !ok {
			t.Errorf("document %v was acknowledged and not published", id)
		}
		return true
	})
	// What was on its way when it was killed may come twice, with the same key:
	// one round of the publisher.
	if n := down.Repeats(); n > 64 {
		t.Errorf("%d documents were published again", n)
	}
}

func (c *child) metrics(t *testing.T) string {
	t.Helper()
	resp, err := c.client.Get(c.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStoppedItLosesNothingThatItAccepted(t *testing.T) {
	t.Parallel()
	dir, texts := t.TempDir(), t.TempDir()
	for i := range 40 {
		if err := os.WriteFile(fmt.Sprintf("%s/%02d.txt", texts, i), []byte("Some words of a file."), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := startChild(t, "-data", dir, "-corpus", texts)
	acknowledged := c.load(t, 2, 200, func() {
		if err := c.end(t, syscall.SIGTERM); err != nil {
			t.Errorf("stopped: %v\n%s", err, c.said())
		}
	})
	check(t, dir, acknowledged, 40)
}

func TestItReadsAllItsSources(t *testing.T) {
	g := corpus.DefaultGenerator(3)
	g.MaxWords = 100
	room := &fake.Newsroom{
		Document: func(seq int64) (pipeline.Document, error) { return g.Document(seq), nil },
		Total:    30, PerPage: 10,
	}
	mux := http.NewServeMux()
	mux.Handle("/", room.Handler())
	mux.Handle("/v1/embeddings", &fake.Embeddings{Key: "k"})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<rss><") })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	server := httptest.NewServer(mux)
	defer server.Close()
	t.Setenv("PROCESSOR_EMBEDDER_KEY", "k")
	c := startChild(t, "-data", t.TempDir(), "-feed", server.URL+"/rss", "-feed", server.URL+"/atom", "-news", server.URL+"/news",
		"-feed", server.URL+"/broken", "-feed", server.URL+"/loop", "-embedder", server.URL)
	deadline := time.Now().Add(time.Minute)
	want := []string{
		"\nprocessor_stored_documents_total 50\n",
		`processor_source_errors_total{reason="malformed",source="feed"}`,
		`processor_source_errors_total{reason="redirects",source="feed"}`,
	}
	for _, w := range want {
		for !strings.Contains(c.metrics(t), w) {
			if time.Now().After(deadline) {
				t.Fatalf("the metrics lack %s:\n%s", w, c.said())
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	if err := c.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v\n%s", err, c.said())
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		body string
		code int
		want string
	}{
		"no folder":             {nil, "", 2, "-data FOLDER is needed"},
		"something after flags": {[]string{"-data", "x", "y"}, "", 2, "nothing may follow"},
		"an unknown flag":       {[]string{"-nope"}, "", 2, "-nope"},
		"help":                  {[]string{"-help"}, "", 0, "-embedder"},
		"a body of no size":     {[]string{"-data", "x"}, "big", 2, "PROCESSOR_MAX_BODY"},
		"a bad embedder":        {[]string{"-data", t.TempDir(), "-addr", "127.0.0.1:0", "-pprof", "127.0.0.1:0", "-embedder", "x"}, "1", 1, "embedder"},
		"a bad news API":        {[]string{"-data", t.TempDir(), "-news", "x"}, "", 1, "news API"},
		"a bad downstream":      {[]string{"-data", t.TempDir(), "-addr", "127.0.0.1:0", "-pprof", "127.0.0.1:0", "-publish", "x"}, "", 1, "publish"},
	} {
		var stderr bytes.Buffer
		getenv := func(key string) string {
			if key == "PROCESSOR_MAX_BODY" {
				return test.body
			}
			return ""
		}
		if code := run(context.Background(), test.args, getenv, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: exit code %d, %q; want %d with %q", name, code, stderr.String(), test.code, test.want)
		}
	}
}
