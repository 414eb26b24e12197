package capture

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// held keeps memory alive between two snapshots.
var held struct{ blocks [][]byte }

func TestASnapshotOfARealTarget(t *testing.T) {
	s := serve(t, pprofMux())
	c := client(t, Config{URL: s.URL})
	ops := int64(10)
	opt := Options{Pause: -1, PID: os.Getpid(), Ops: func() int64 { ops += 10; return ops }}
	first, err := c.Snapshot(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	const grown = 8 << 20
	for range 64 {
		held.blocks = append(held.blocks, make([]byte, grown/64))
	}
	second, err := c.Snapshot(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	held.blocks = nil

	a, _ := first.Counters.LiveBytes()
	b, _ := second.Counters.LiveBytes()
	if got := int64(b) - int64(a); got < grown*9/10 || got > grown*11/10 {
		t.Errorf("live bytes grew by %d, want about %d", got, grown)
	}
	n1, _ := first.Counters.Get("NumForcedGC")
	n2, _ := second.Counters.Get("NumForcedGC")
	if n2-n1 < 2 {
		t.Errorf("%d collections between the snapshots, want 2 a snapshot", n2-n1)
	}
	if *first.Ops != 25 || *second.Ops != 45 { // 20 before, 30 after; 40 before, 50 after
		t.Errorf("operations %d and %d, want the means 25 and 45", *first.Ops, *second.Ops)
	}
	if anon, ok := second.Counters.Get(AnonymousRSS); runtime.GOOS == "linux" && (!ok || anon < 1<<20 || anon > *second.RSS) {
		t.Errorf("anonymous resident memory %d of %d, want some MiB", anon, *second.RSS)
	}
	if !second.Time.After(first.Time) || second.Time.Location() != time.UTC {
		t.Errorf("times %v and %v", first.Time, second.Time)
	}
	if c := second.Cost; c.Seconds <= 0 || c.Bytes < int64(len(second.Heap)+len(second.Goroutine)) {
		t.Errorf("cost %+v", *c)
	}
	if runtime.GOOS == "linux" && (second.RSS == nil || *second.RSS < b) {
		t.Errorf("resident set %v, want at least the live heap", second.RSS)
	}
	if len(second.Missing) > 0 || second.PID != os.Getpid() {
		t.Errorf("missing %q, pid %d", second.Missing, second.PID)
	}
	parsed, err := second.Parse(snapshot.NewInterner())
	if err != nil {
		t.Fatal(err)
	}
	var site int64
	for _, x := range parsed.Heap.Samples {
		if strings.Contains(x.Stack.Key, "TestASnapshotOfARealTarget") {
			site += x.InuseBytes
		}
	}
	if site < grown*8/10 { // blocks far above the sampling rate are all sampled
		t.Errorf("the profile shows %d bytes kept by this test, want about %d", site, grown)
	}
	if parsed.Goroutines.Total < 2 {
		t.Errorf("%d goroutines", parsed.Goroutines.Total)
	}
	if got := c.Target(); got.MemProfileRate != 16<<10 || got.PID != os.Getpid() {
		t.Errorf("target %+v", got)
	}
}

func TestTheOrderOfRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, canned(t))
	if _, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), Options{Pause: -1, Leak: true}); err != nil {
		t.Fatal(err)
	}
	want := []string{"heap?gc=1", "heap?debug=1&gc=1", "heap", "goroutine"}
	if d := cmp.Diff(want, s.requests()); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

func TestASnapshotOverAUnixSocket(t *testing.T) {
	t.Parallel()
	path := onSocket(t, pprofMux())
	c := client(t, Config{URL: "unix:" + path})
	if _, err := c.Offer(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := c.Snapshot(t.Context(), noPause)
	if err != nil || raw.Heap == nil || raw.Counters.Empty() {
		t.Errorf("snapshot %+v, error %v", raw, err)
	}
	if got, want := c.Target().Pprof, "unix:"+path+":/debug/pprof"; got != want {
		t.Errorf("target %q, want %q", got, want)
	}
}

// without serves pprof but for some requests, told by path and query.
func without(t testing.TB, missing func(r *http.Request) bool, instead http.HandlerFunc) http.Handler {
	mux := canned(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if missing(r) {
			instead(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func TestAMissingPieceIsNamedAndTheRestIsTaken(t *testing.T) {
	t.Parallel()
	is := func(name string) func(*http.Request) bool {
		return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/"+name) }
	}
	text := func(r *http.Request) bool { return r.FormValue("debug") == "1" }
	gone := answer(404, "text/plain", "no")
	for _, x := range []struct {
		name                       string
		missing                    func(*http.Request) bool
		instead                    http.HandlerFunc
		counters, heap, goroutines bool
		mention                    string
	}{
		{"no text", text, gone, false, true, true, "no exact counters"},
		{"a text without counters", text, answer(200, "text/plain", "heap profile: 0\n"), false, true, true, "no exact counters"},
		{"no heap profile", is("heap"), gone, false, false, true, "no heap profile"},
		{"no goroutine profile", is("goroutine"), gone, true, true, false, "no goroutine profile"},
		{"the goroutine profile breaks off", is("goroutine"), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 10))
		}, true, true, false, "connection ended"},
		{"the heap profile is HTML", func(r *http.Request) bool { return is("heap")(r) && r.URL.RawQuery == "" }, answer(200, "text/html", "<p>"), true, false, true, "HTML"},
		{"the heap profile is a difference", func(r *http.Request) bool { return is("heap")(r) && r.URL.RawQuery == "" }, func(w http.ResponseWriter, r *http.Request) {
			_ = (&profile.Profile{SampleType: heapTypes(), DurationNanos: 1e9, Period: 1}).Write(w)
		}, true, false, true, "seconds="},
		{"the goroutine profile is a difference", is("goroutine"), func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(goroutineDelta(t))
		}, true, true, false, "seconds="},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, without(t, x.missing, x.instead))
			ops := int64(0)
			raw, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), Options{Pause: -1, Ops: func() int64 { ops += 2; return ops }})
			if err != nil {
				t.Fatal(err)
			}
			if got := !raw.Counters.Empty(); got != x.counters {
				t.Errorf("counters %v, want %v", got, x.counters)
			}
			if got := raw.Heap != nil; got != x.heap {
				t.Errorf("heap %v, want %v", got, x.heap)
			}
			if got := raw.Goroutine != nil; got != x.goroutines {
				t.Errorf("goroutines %v, want %v", got, x.goroutines)
			}
			if len(raw.Missing) != 1 || !strings.Contains(raw.Missing[0], x.mention) {
				t.Errorf("missing %q, want one sentence that mentions %q", raw.Missing, x.mention)
			}
			if raw.Ops == nil || raw.Time.IsZero() {
				t.Errorf("operations %v, time %v: want both from a piece that came", raw.Ops, raw.Time)
			}
		})
	}
}

func TestATargetThatIsNotSampledSaysSo(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		period  int64
		mention string
	}{{0, "memory profiling is off"}, {524288, "GODEBUG=memprofilerate"}} {
		s := serve(t, without(t, func(r *http.Request) bool { return r.URL.Path == "/debug/pprof/heap" && r.FormValue("debug") == "" },
			func(w http.ResponseWriter, r *http.Request) {
				_ = (&profile.Profile{SampleType: heapTypes(), Period: x.period}).Write(w)
			}))
		raw, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), noPause)
		if err != nil {
			t.Fatal(err)
		}
		if raw.Heap == nil || raw.Counters.Empty() || len(raw.Missing) != 1 || !strings.Contains(raw.Missing[0], x.mention) {
			t.Errorf("period %d: missing %q, want one sentence that mentions %q, and both pieces", x.period, raw.Missing, x.mention)
		}
	}
}

func TestATargetThatHangsCostsOneTimeout(t *testing.T) {
	t.Parallel()
	s := serve(t, without(t, func(r *http.Request) bool { return r.URL.Path == "/debug/pprof/heap" },
		func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	_, err := client(t, Config{URL: s.URL, Timeout: 2 * time.Second}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "no answer within")
	if got := s.requests(); len(got) != 1 {
		t.Errorf("it was asked %q, want nothing after the request that hung", got)
	}
}

func TestNothingAtAllIsAnError(t *testing.T) {
	t.Parallel()
	s := serve(t, http.NotFoundHandler())
	_, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "404", "net/http/pprof")
}

func TestThePauseLiesBetweenTheCollections(t *testing.T) {
	for _, x := range []struct {
		pause, want time.Duration
	}{{0, DefaultPause}, {time.Hour, time.Hour}, {-1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			if err := wait(t.Context(), Options{Pause: x.pause}.pause()); err != nil || time.Since(start) != x.want {
				t.Errorf("pause %v: waited %v (error %v), want %v", x.pause, time.Since(start), err, x.want)
			}
		})
	}
}

func TestExpvarGivesSizeClassesAndStandsInForTheText(t *testing.T) {
	t.Parallel()
	vars := func(w http.ResponseWriter, r *http.Request) {
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		fmt.Fprintf(w, `{"cmdline":["x"],"memstats":{"HeapAlloc":%d,"BySize":[{"Size":8,"Mallocs":5,"Frees":2}]}}`, ms.HeapAlloc)
	}
	for _, text := range []bool{true, false} {
		s := serve(t, without(t, func(r *http.Request) bool {
			return r.URL.Path == "/debug/vars" || !text && r.FormValue("debug") == "1"
		}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/debug/vars" {
				vars(w, r)
				return
			}
			http.NotFound(w, r)
		}))
		c := client(t, Config{URL: s.URL})
		if _, err := c.Offer(t.Context()); err != nil {
			t.Fatal(err)
		}
		raw, err := c.Snapshot(t.Context(), noPause)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := raw.Counters.LiveBytes(); !ok || len(raw.Counters.BySize) != 1 || raw.Counters.BySize[0].Mallocs != 5 {
			t.Errorf("text %v: counters %+v", text, raw.Counters)
		}
		if _, ok := raw.Counters.Get("Mallocs"); ok != text {
			t.Errorf("text %v: Mallocs known %v", text, ok)
		}
	}
}

func TestARestartShowsInTheStartTime(t *testing.T) {
	t.Parallel()
	started := 1_700_000_000
	s := serve(t, over(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "process_start_time_seconds %d.5\nprocess_resident_memory_bytes 1e+08\n", started)
	}}))
	c := client(t, Config{URL: s.URL})
	if _, err := c.Offer(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := c.Snapshot(t.Context(), noPause)
	if err != nil {
		t.Fatal(err)
	}
	started++
	second, err := c.Snapshot(t.Context(), noPause)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Started.Equal(time.UnixMilli(1_700_000_000_500)) || second.Started.Equal(*first.Started) {
		t.Errorf("start times %v and %v", first.Started, second.Started)
	}
	if first.RSS == nil || *first.RSS != 1e8 {
		t.Errorf("resident set %v, want that of /metrics", first.RSS)
	}
	if got := s.requests(); got[len(got)-5] != "/metrics" {
		t.Errorf("requests %q: want /metrics before the collections, so that its garbage is gone", got)
	}
}

func TestGoroutineLeakIsTakenOnlyWhenAskedForAndListed(t *testing.T) {
	t.Parallel()
	listed := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`<a href='goroutineleak?debug=1'>goroutineleak</a>`))
	}
	leak := compressed(t, made{functions: []string{"main.stuck"}, inuse: 3}.goroutineProfile())
	s := serve(t, over(t, map[string]http.HandlerFunc{
		"/debug/pprof/": listed,
		"/debug/pprof/goroutineleak": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(leak)
		},
	}))
	c := client(t, Config{URL: s.URL})
	o, err := c.Offer(t.Context())
	if err != nil || !o.Has(PieceGoroutineLeak) {
		t.Fatalf("offer %+v, error %v", o, err)
	}
	if _, err := c.Snapshot(t.Context(), noPause); err != nil {
		t.Fatal(err)
	}
	if n := s.count("goroutineleak"); n != 0 {
		t.Fatalf("goroutineleak was asked for %d times before it was wanted", n)
	}
	raw, err := c.Snapshot(t.Context(), Options{Pause: -1, Leak: true})
	if err != nil || raw.GoroutineLeak == nil {
		t.Errorf("leak profile of %d bytes, error %v", len(raw.GoroutineLeak), err)
	}
}

// Only the end of a run asks for the dump, and only of few goroutines.
func TestADumpIsTakenOfFewGoroutinesWhenAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		goroutines int64
		answer     string
		asked      int
		kept       bool
	}{
		{"a few goroutines", 3, "goroutine 7 [select]:\nmain.work()\n\t/m.go:5 +0x1\n", 1, true},
		{"too many to stop the target for", mostDumped + 1, "goroutine 7 [select]:\n", 0, false},
		{"a handler that answers something else", 3, "<html>", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			profile := compressed(t, made{functions: []string{"main.work"}, inuse: c.goroutines}.goroutineProfile())
			asked := 0
			s := serve(t, over(t, map[string]http.HandlerFunc{"/debug/pprof/goroutine": func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("debug") == "2" {
					asked++
					_, _ = w.Write([]byte(c.answer))
					return
				}
				_, _ = w.Write(profile)
			}}))
			client := client(t, Config{URL: s.URL})
			if raw, err := client.Snapshot(t.Context(), noPause); err != nil || asked != 0 || raw.Dump != nil {
				t.Fatalf("asked for %d dumps before it was wanted, error %v", asked, err)
			}
			raw, err := client.Snapshot(t.Context(), Options{Pause: -1, Dump: true})
			if err != nil || asked != c.asked || (raw.Dump != nil) != c.kept || len(raw.Missing) != 0 {
				t.Errorf("asked for %d dumps, got %d bytes, missing %q, error %v; want %d asked, kept %v", asked, len(raw.Dump), raw.Missing, err, c.asked, c.kept)
			}
		})
	}
}

func TestNoRequestEverAsksForADurationOrACPUProfile(t *testing.T) {
	t.Parallel()
	s := serve(t, over(t, map[string]http.HandlerFunc{"/metrics": answer(200, "text/plain", "x 1\n")}))
	c := client(t, Config{URL: s.URL + "/debug/pprof/profile?seconds=30"})
	if err := WaitReady(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Offer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Snapshot(t.Context(), Options{Pause: -1, Leak: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Probe(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(s.requests(), func(r string) bool {
		return strings.Contains(r, "seconds") || strings.HasPrefix(r, "profile") || strings.HasPrefix(r, "trace") || strings.HasPrefix(r, "goroutineleak")
	}); i >= 0 {
		t.Errorf("it asked for %s", s.requests()[i])
	}
}

func TestInterruptedIsToldFromUnreachable(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	_, eof := b.ReadByte()
	if !interrupted(fmt.Errorf("x: %w", eof)) || interrupted(errors.New("refused")) {
		t.Error("EOF must read as interrupted, anything else not")
	}
}

// A cache on the way answers what it has been asked before: no two requests are
// alike, each says that it wants no such answer, and messages show neither.
func TestNoTwoRequestsAreAlike(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	var mu sync.Mutex
	mux := canned(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.RequestURI()]++
		if r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s without Cache-Control: no-cache", r.URL)
		}
		mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	for range 2 { // two recordings are not alike either
		c := client(t, Config{URL: s.URL + "/debug/pprof?token=x"})
		for range 2 {
			if _, err := c.Snapshot(t.Context(), noPause); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d different requests, want all 16: %v", len(seen), seen)
	}
	for uri := range seen {
		if q, _ := url.ParseQuery(uri[strings.IndexByte(uri, '?')+1:]); q.Get("token") != "x" || q.Get(varyParameter) == "" {
			t.Errorf("query of %s, want the token and %s", uri, varyParameter)
		}
	}
	s.Close()
	if _, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), noPause); err == nil || strings.Contains(err.Error(), varyParameter+"=") {
		t.Errorf("error %v, want one without %s", err, varyParameter)
	}
}

func TestAStepOfTheClockMovesNoSnapshot(t *testing.T) {
	t.Parallel()
	c := client(t, Config{URL: serve(t, canned(t)).URL})
	c.epoch = c.epoch.Add(-time.Hour) // the wall clock has been put forward by an hour since
	before := c.now()
	raw, err := c.Snapshot(t.Context(), noPause)
	if err != nil {
		t.Fatal(err)
	}
	if after := c.now(); raw.Time.Before(before) || raw.Time.After(after) {
		t.Errorf("time %s, want one between %s and %s", raw.Time, before, after)
	}
}
