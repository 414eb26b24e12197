package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/fake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a sink that keeps what it is given.
type shelf struct {
	fail func(pipeline.Document) error

	mu        sync.Mutex
	documents map[string]pipeline.Document
	processed int
}

func (s *shelf) Known(_ context.Context, doc pipeline.Document) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.documents[doc.ID]
	return ok && old == doc, nil
}

func (s *shelf) Ingest(_ context.Context, doc pipeline.Document) (pipeline.Summary, error) {
	if doc.Rest != nil {
		b, err := io.ReadAll(doc.Rest)
		if err != nil {
			return pipeline.Summary{}, err
		}
		doc.Text, doc.Rest = string(b), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(doc); err != nil {
			return pipeline.Summary{}, err
		}
	}
	if s.documents == nil {
		s.documents = map[string]pipeline.Document{}
	}
	s.documents[doc.ID] = doc
	s.processed++
	return pipeline.Summary{ID: doc.ID}, nil
}

// watcher is an observer that counts.
type watcher struct {
	mu     sync.Mutex
	polls  []Outcome
	failed []error
}

func (w *watcher) Polled(o Outcome) { w.mu.Lock(); defer w.mu.Unlock(); w.polls = append(w.polls, o) }

func (w *watcher) Failed(_ Source, _ pipeline.Document, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, err)
}

func newsroom(total, perPage int64, moving bool) *fake.Newsroom {
	g := corpus.DefaultGenerator(5)
	g.MaxWords = 200
	return &fake.Newsroom{
		Document: func(seq int64) (pipeline.Document, error) { return g.Document(seq), nil },
		Total:    total, PerPage: perPage, Moving: moving,
	}
}

func client(t *testing.T, change func(*Limits)) *Client {
	t.Helper()
	l := DefaultLimits()
	l.Retry = backoff.Policy{Attempts: 2, First: time.Millisecond, Max: 2 * time.Millisecond}
	if change != nil {
		change(&l)
	}
	c, err := NewClient(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestFeedsBringTheirItemsOnce(t *testing.T) {
	t.Parallel()
	g := corpus.DefaultGenerator(5)
	g.MaxWords = 200
	for _, kind := range []string{"rss", "atom"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			address := serve(t, newsroom(100, 10, false).Handler())
			f, sink := NewFeed(client(t, nil), address+"/"+kind), &shelf{}
			o := Poll(t.Context(), f, sink, &watcher{})
			if o.Err != nil || o.New != 10 || o.Known != 0 || o.Bytes < 1000 || len(sink.documents) != 10 {
				t.Fatalf("the first poll: %+v, %d documents", o, len(sink.documents))
			}
			want := g.Document(3)
			for id, got := range sink.documents {
				if strings.HasSuffix(id, want.ID) && (got.Title != want.Title || got.Text != want.Text || got.Source != "Newsroom") {
					t.Errorf("document 3 came as %+v\nwant %+v", got, want)
				}
			}
			if o := Poll(t.Context(), f, sink, &watcher{}); o.Err != nil || !o.Unchanged || o.New+o.Known != 0 {
				t.Errorf("the second poll: %+v; the server says that nothing has changed", o)
			}
			f.Forget("")
			if o := Poll(t.Context(), f, sink, &watcher{}); o.Err != nil || o.Unchanged || o.Known != 10 || sink.processed != 10 {
				t.Errorf("after forgetting: %+v, %d processed; want 10 known", o, sink.processed)
			}
		})
	}
}

func TestAMovingFeedIsReadPageByPage(t *testing.T) {
	t.Parallel()
	f, sink := NewFeed(client(t, nil), serve(t, newsroom(35, 10, true).Handler())+"/rss"), &shelf{}
	for range 5 {
		if o := Poll(t.Context(), f, sink, &watcher{}); o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	if len(sink.documents) != 35 {
		t.Errorf("%d documents came, want 35", len(sink.documents))
	}
}

func TestNewsIsReadPageByPage(t *testing.T) {
	t.Parallel()
	n, err := NewNews(client(t, nil), serve(t, newsroom(35, 10, false).Handler())+"/news?key=secret")
	if err != nil {
		t.Fatal(err)
	}
	sink := &shelf{}
	if o := Poll(t.Context(), n, sink, &watcher{}); o.Err != nil || o.New != 35 {
		t.Errorf("%+v; want 35 new", o)
	}
	if o := Poll(t.Context(), n, sink, &watcher{}); o.Err != nil || o.Known != 35 {
		t.Errorf("%+v; want 35 known", o)
	}
	if strings.Contains(n.Name(), "secret") {
		t.Errorf("the name says the key: %s", n.Name())
	}
}

func TestNewsFollowsNextWithinItsServer(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"":   `{"articles":[{"id":"a","content":"x"}],"next":"/n?cursor=2"}`,
		"2":  `{"articles":[{"title":"b"}],"next":null}`,
		"x":  `{"articles":[{"title":"b"}],"next":"http://elsewhere.test/"}`,
		"no": `{"status":"error","message":"the key is wrong"}`,
	}
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answers[r.URL.Query().Get("cursor")])
	}))
	for cursor, want := range map[string]string{"": "", "x": "another server", "no": "the key is wrong"} {
		n, err := NewNews(client(t, nil), address+"/n?cursor="+cursor+"&key=secret")
		if err != nil {
			t.Fatal(err)
		}
		o := Poll(t.Context(), n, &shelf{}, &watcher{})
		if want == "" && (o.Err != nil || o.New != 2) || want != "" && (o.Err == nil || !strings.Contains(o.Err.Error(), want) || strings.Contains(o.Err.Error(), "secret")) {
			t.Errorf("cursor %q: %+v, want %q", cursor, o, want)
		}
	}
	for _, bad := range []string{"", "no address", ":"} {
		if _, err := NewNews(client(t, nil), bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// What a server may do to a client: each is one class of error, in bounded
// time and memory.
func TestWhatServersDo(t *testing.T) {
	t.Parallel()
	var loops atomic.Int64
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	mux := http.NewServeMux()
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		loops.Add(1)
		http.Redirect(w, r, "/loop", http.StatusFound)
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<rss>")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<rss version="2.0"><channel><item><description>`)
		block := strings.Repeat("x", 64<<10)
		for range 1 << 14 { // 1 GB
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<rss version="2.0"><channel><item>`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	mux.HandleFunc("/404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	mux.HandleFunc("/html", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") })
	mux.HandleFunc("/xml", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<rss><channel><it") })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	address := serve(t, mux)
	c := client(t, func(l *Limits) { l.Timeout = 3 * time.Second; l.Bytes = 1 << 20 })
	quick := client(t, func(l *Limits) { l.Timeout = 50 * time.Millisecond })
	for path, want := range map[string]string{
		"/loop": "redirects", "/file": "malformed", "/hang": "timeout", "/huge": "too_large", "/cut": "broken_off",
		"/500": "status_5xx", "/404": "status_4xx", "/html": "malformed", "/xml": "malformed", "/empty": "malformed",
	} {
		use := c
		if path == "/hang" {
			use = quick
		}
		o := Poll(t.Context(), NewFeed(use, address+path), &shelf{}, &watcher{})
		if o.Err == nil || Reason(o.Err) != want || o.New > 0 {
			t.Errorf("%s: %+v is %q, want %q", path, o, Reason(o.Err), want)
		}
	}
	if n := loops.Load(); n > 7 {
		t.Errorf("the loop was followed %d times", n)
	}
	if o := Poll(t.Context(), NewFeed(c, "http://127.0.0.1:1/"), &shelf{}, &watcher{}); Reason(o.Err) != "refused" {
		t.Errorf("nobody listens: %v", o.Err)
	}
}

func TestWhatFailsIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	f := NewFeed(client(t, nil), serve(t, newsroom(10, 10, false).Handler())+"/rss")
	var failing atomic.Bool
	failing.Store(true)
	sink := &shelf{fail: func(d pipeline.Document) error {
		if failing.Load() && strings.HasSuffix(d.ID, "7") {
			return errors.New("the store is full")
		}
		return nil
	}}
	w := &watcher{}
	if o := Poll(t.Context(), f, sink, w); o.New != 9 || o.Failed != 1 || len(w.failed) != 1 {
		t.Errorf("%+v, %v", o, w.failed)
	}
	failing.Store(false)
	if o := Poll(t.Context(), f, sink, w); o.New != 1 || o.Known != 9 || o.Unchanged {
		t.Errorf("the next poll: %+v", o)
	}
}

func TestAFolderBringsWhatChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewFolder(dir, nil); err == nil {
		t.Error("a folder with nothing to read was accepted")
	}
	write("a.txt", "one")
	write("b.html", "<title>B</title><p>two")
	write("c.md", strings.Repeat("large ", 60_000))
	var unreadable []error
	f, err := NewFolder(dir, func(err error) { unreadable = append(unreadable, err) })
	if err != nil {
		t.Fatal(err)
	}
	sink := &shelf{}
	if o := Poll(t.Context(), f, sink, &watcher{}); o.Err != nil || o.New != 3 || len(sink.documents["c.md"].Text) != 360_000 {
		t.Errorf("the first poll: %+v", o)
	}
	if o := Poll(t.Context(), f, sink, &watcher{}); !o.Unchanged || o.New+o.Known != 0 {
		t.Errorf("the second poll: %+v", o)
	}
	write("a.txt", "one and more")
	write("d.txt", "new")
	if err := os.Remove(filepath.Join(dir, "b.html")); err != nil {
		t.Fatal(err)
	}
	if o := Poll(t.Context(), f, sink, &watcher{}); o.New != 2 || len(unreadable) != 0 || len(f.seen) != 3 {
		t.Errorf("after changes: %+v, unreadable %v, %d files remembered", o, unreadable, len(f.seen))
	}
}

func TestIdsAreTheirSourcesOwn(t *testing.T) {
	t.Parallel()
	long := "http://h/" + strings.Repeat("é", 400)
	for _, test := range []struct{ source, name, want string }{
		{"http://h/feed", "17", "http://h/feed#17"},
		{"http://h/feed", "https://x/17", "https://x/17"},
		{"http://h/feed", "a\xff", "http://h/feed#a\uFFFD"},
	} {
		if got := identify(test.source, test.name); got != test.want {
			t.Errorf("identify(%q, %q) = %q, want %q", test.source, test.name, got, test.want)
		}
	}
	a, b := identify("", long+"a"), identify("", long+"b")
	if a == b || len(a) > pipeline.MaxIDBytes || (pipeline.Document{ID: a}).Validate() != nil {
		t.Errorf("long ids: %q, %q", a, b)
	}
}

// script is a source that answers as it is told.
type script struct {
	outcomes []func(deliver func(pipeline.Document)) error
	at       []time.Time
	n        int
}

func (s *script) Name() string  { return "script" }
func (s *script) Kind() string  { return "script" }
func (s *script) Forget(string) {}

func (s *script) Poll(_ context.Context, deliver func(pipeline.Document)) (Round, error) {
	s.at = append(s.at, time.Now())
	s.n++
	if s.n <= len(s.outcomes) {
		return Round{}, s.outcomes[s.n-1](deliver)
	}
	return Round{Unchanged: true}, nil
}

func TestHowOftenASourceIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fresh := func(deliver func(pipeline.Document)) error {
			deliver(pipeline.Document{ID: fmt.Sprint(time.Now().UnixNano())})
			return nil
		}
		busy := func(func(pipeline.Document)) error {
			return &backoff.Temporary{Err: errors.New("busy"), After: 40 * time.Second}
		}
		s := &script{outcomes: []func(func(pipeline.Document)) error{fresh, fresh, busy, fresh}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := Run(ctx, s, &shelf{}, Schedule{Min: time.Second, Max: time.Minute}, &watcher{}); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{1, 1, 40, 1, 2, 4, 8, 16, 32, 60, 60}
		for i, w := range want {
			if got := s.at[i+1].Sub(s.at[i]); got != w*time.Second {
				t.Errorf("pause %d was %s, want %s", i, got, w*time.Second)
			}
		}
	})
	if err := Run(t.Context(), &script{}, &shelf{}, Schedule{}, &watcher{}); err == nil {
		t.Error("a schedule of nothing was accepted")
	}
}

func FuzzParseFeed(f *testing.F) {
	for _, s := range []string{
		`<rss version="2.0"><channel><title>t</title><item><title>a</title><guid>1</guid><description>&lt;p&gt;x</description></item></channel></rss>`,
		`<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><content type="html">x</content></entry></feed>`,
		`{"version":"https://jsonfeed.org/version/1","items":[{"id":"1","content_text":"x"}]}`,
		"<rss", "\xff\xfe<\x00r\x00s\x00s\x00", `<?xml version="1.0" encoding="latin-1"?><rss><channel><item/></channel></rss>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		feed, err := parseFeed(strings.NewReader(string(b)))
		if err != nil {
			if Reason(err) != "malformed" {
				t.Errorf("%q: %v is %s", b, err, Reason(err))
			}
			return
		}
		for _, item := range feed.Items {
			if item == nil {
				continue
			}
			if d := document("http://h/feed", feed.Title, item); d.Validate() != nil || d.Text != strings.ToValidUTF8(d.Text, "") {
				t.Errorf("%q: %+v", b, d)
			}
		}
	})
}

func FuzzParsePage(f *testing.F) {
	for _, s := range []string{`{"status":"ok","totalResults":1,"articles":[{"url":"u","content":"c"}],"next":null}`, `{`, `[]`, `null`} {
		f.Add([]byte(s))
	}
	n, err := NewNews(nil, "http://h/news")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePage(strings.NewReader(string(b)))
		if err != nil {
			if Reason(err) != "malformed" {
				t.Errorf("%q: %v is %s", b, err, Reason(err))
			}
			return
		}
		for _, a := range p.Articles {
			if d := n.document(a); d.Validate() != nil {
				t.Errorf("%q: %+v", b, d)
			}
		}
	})
}
