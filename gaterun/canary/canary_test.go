package canary

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The exact counters of this process say what is kept. It runs alone: other
// tests allocate.
func TestItKeepsWhatItSays(t *testing.T) {
	for _, perOp := range []float64{0, 2.5, 16, 80, 100, 200, 1000, 8192} {
		s, err := New(perOp)
		if err != nil {
			t.Fatal(err)
		}
		ops := 4000
		work := func() {
			for range ops {
				s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/op", strings.NewReader("body")))
			}
		}
		work()
		before := live()
		work()
		got := (live() - before) / float64(ops)
		if math.Abs(got-perOp) > 0.02*perOp+0.5 {
			t.Errorf("keeps %.3g B/op; want %g", got, perOp)
		}
		runtime.KeepAlive(s)
	}
}

func live() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestAnUnknownAmountIsRefused(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := New(v); err == nil {
			t.Errorf("%v is taken", v)
		}
	}
}

func TestItEndsBeforeItTakesTheMachinesMemory(t *testing.T) {
	s, err := New(MaxKept / 4)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		s.keep()
	}
	select {
	case <-s.full:
	default:
		t.Error("it does not say that it is full")
	}
	if s.total > 2*MaxKept {
		t.Errorf("it has kept %.0f bytes; want at most about %d", s.total, MaxKept)
	}
}

func TestItServesUntilItsInputEnds(t *testing.T) {
	t.Parallel()
	in, closeIn := io.Pipe()
	out, announce := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(context.Background(), Config{PerOp: 16, Ready: announce, Stdin: in}) }()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready lab.Ready
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, url := range []string{ready.URL, ready.Pprof + "/heap?debug=1"} {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: status %d, %d bytes, %v", url, res.StatusCode, len(body), err)
		}
	}
	closeIn.Close()
	if err := <-done; err != nil {
		t.Errorf("it ended with %v; want no error", err)
	}
}
