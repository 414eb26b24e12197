package leaktest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRounds passes healthy functions and fails leaking ones, again and again:
// HEAPDRIFT_LEAKTEST_ROUNDS times each (make leaktest-rounds). By default, those
// alone that no other test has, once.
func TestRounds(t *testing.T) {
	rounds, all := 1, false
	if v := os.Getenv("HEAPDRIFT_LEAKTEST_ROUNDS"); v != "" {
		var err error
		all = true
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatalf("HEAPDRIFT_LEAKTEST_ROUNDS=%s: %v", v, err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") }))
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()

	for _, c := range []struct {
		name  string
		often bool   // other tests have the like
		leaks string // the function to blame; "" for a healthy one
		make  func() operation
	}{
		{"formats and forgets", true, "", func() operation {
			return func(_ context.Context, i int) error { _ = fmt.Sprintf("%d of %s", i, "many"); return nil }
		}},
		{"uses a pool and a bounded map", true, "", func() operation {
			var pool sync.Pool
			m := map[int]string{}
			return func(_ context.Context, i int) error {
				b, ok := pool.Get().(*bytes.Buffer)
				if !ok {
					b = new(bytes.Buffer)
				}
				b.Reset()
				fmt.Fprint(b, i)
				m[i%1000] = b.String()
				pool.Put(b)
				return nil
			}
		}},
		{"starts a goroutine with a timer and waits for it", false, "", func() operation {
			return func(ctx context.Context, _ int) error {
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				done := make(chan struct{})
				go func() { defer close(done); _ = ctx.Err() }()
				<-done
				return nil
			}
		}},
		{"asks a server", true, "", func() operation {
			return func(ctx context.Context, _ int) error {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
				if err != nil {
					return err
				}
				resp, err := client.Do(req)
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				return err
			}
		}},
		{"keeps 16 bytes", true, "leaktest.(*chainOf).keep", func() operation {
			var kept chainOf
			return func(_ context.Context, i int) error { kept.keep(i); return nil }
		}},
		{"keeps 16 bytes in half a millisecond", true, "leaktest.(*chainOf).keep", func() operation {
			var kept chainOf
			return func(_ context.Context, i int) error {
				kept.keep(i)
				for began := time.Now(); time.Since(began) < 500*time.Microsecond; {
				}
				return nil
			}
		}},
	} {
		if c.often && !all {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			var took []time.Duration
			wrong, unnamed := 0, 0
			for range rounds {
				began := time.Now()
				f := try(t, func(tb testing.TB) { Run(tb, c.make()) })
				took = append(took, time.Since(began))
				said := f.said.String()
				switch leaks := strings.Contains(said, "LEAK"); {
				case c.leaks == "" && f.failed, c.leaks != "" && !leaks:
					wrong++
					t.Errorf("failed: %v\n%s", f.failed, said)
				case c.leaks != "" && !strings.Contains(said, c.leaks):
					unnamed++
					t.Errorf("the site is not named:\n%s", said)
				}
			}
			slices.Sort(took)
			t.Logf("%d of %d rounds wrong, %d without the site; median %v, slowest %v", wrong, rounds, unnamed, took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
		})
	}
}
