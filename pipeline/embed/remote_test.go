package embed_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/fake"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

func quick() backoff.Policy {
	return backoff.Policy{Attempts: 4, First: time.Millisecond, Max: 5 * time.Millisecond}
}

func remote(t *testing.T, h http.Handler, change func(*embed.RemoteConfig)) *embed.Remote {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := embed.RemoteConfig{URL: server.URL, Model: "m", Key: "k", Retry: quick()}
	if change != nil {
		change(&cfg)
	}
	r, err := embed.NewRemote(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func chunks(n int) []text.Chunk {
	c := make([]text.Chunk, n)
	for i := range c {
		c[i].Text = fmt.Sprint("words of chunk ", i)
	}
	return c
}

func TestRemoteVectorsAreTheServers(t *testing.T) {
	t.Parallel()
	server := &fake.Embeddings{Key: "k"}
	r := remote(t, server, func(c *embed.RemoteConfig) { c.Batch = 10 })
	input := chunks(35)
	got, err := r.Embed(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := embed.Hasher{}.Embed(t.Context(), input)
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Fatalf("vector %d is not that of its chunk", i)
		}
	}
	if n := server.Requests(); n != 4 {
		t.Errorf("35 texts came in %d requests, want batches of 10", n)
	}
	if got, err := r.Embed(t.Context(), nil); len(got) != 0 || err != nil {
		t.Errorf("no chunks: %v, %v", got, err)
	}
}

func TestRemoteTriesAgain(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(http.ResponseWriter){
		"429":                   func(w http.ResponseWriter) { w.WriteHeader(429) },
		"500":                   func(w http.ResponseWriter) { w.WriteHeader(500) },
		"a connection cut":      func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"an answer cut in half": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"data":[{"embed`)); panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			server := &fake.Embeddings{Trouble: func(w http.ResponseWriter, _ *http.Request) bool {
				if n.Add(1) <= 3 {
					trouble(w)
					return true
				}
				return false
			}}
			if v, err := remote(t, server, nil).Embed(t.Context(), chunks(2)); err != nil || len(v) != 2 {
				t.Errorf("%d vectors, %v", len(v), err)
			}
			if n.Load() != 4 {
				t.Errorf("asked %d times, want 4", n.Load())
			}
		})
	}
}

func TestRemoteGivesUp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, answer string
		code         int
		tries        int64
		want         string
	}{
		{"a server that stays down", "overloaded", 503, 4, "tried 4 times: the answer is 503 Service Unavailable: overloaded"},
		{"a request that is refused", `{"error":"no such model"}`, 404, 1, "no such model"},
		{"too few vectors", `{"data":[]}`, 200, 1, "0 vectors for 1 texts"},
		{"an index that is not one", `{"data":[{"index":3,"embedding":[1]}]}`, 200, 1, "index 3"},
		{"an empty vector", `{"data":[{"index":0,"embedding":[]}]}`, 200, 1, "0 dimensions"},
		{"a number that is none", `{"data":[{"embedding":[1e99]}]}`, 200, 1, "read its answer"},
		{"no JSON", `<html>`, 200, 1, "read its answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n.Add(1)
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.answer))
			})
			_, err := remote(t, h, nil).Embed(t.Context(), chunks(1))
			if err == nil || !strings.Contains(err.Error(), test.want) || n.Load() != test.tries {
				t.Errorf("%v after %d requests; want %q, %d", err, n.Load(), test.want, test.tries)
			}
		})
	}
}

func TestRemoteDoesNotHang(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	var n atomic.Int64
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n.Add(1); <-release })
	r := remote(t, h, func(c *embed.RemoteConfig) { c.Timeout = 20 * time.Millisecond; c.Retry.Attempts = 2 })
	if _, err := r.Embed(t.Context(), chunks(1)); !errors.Is(err, context.DeadlineExceeded) || n.Load() != 2 {
		t.Errorf("%v after %d requests, want a time-out after 2", err, n.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Embed(ctx, chunks(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

func TestNewRemoteReadsAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "x", "ftp://h", "http://", ":"} {
		if _, err := embed.NewRemote(embed.RemoteConfig{URL: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	for _, path := range []string{"", "/", "/v1", "/v1/embeddings"} {
		server := httptest.NewServer(&fake.Embeddings{})
		r, err := embed.NewRemote(embed.RemoteConfig{URL: server.URL + path, Retry: quick()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Embed(t.Context(), chunks(1)); err != nil {
			t.Errorf("%q: %v", path, err)
		}
		_ = r.Close()
		server.Close()
	}
}
