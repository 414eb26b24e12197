package session

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

func TestALeakThatIsConfirmedEndsTheRun(t *testing.T) {
	t.Parallel()
	cfg, addr := short(t, "leaky")
	cfg.Plan.Steady = time.Hour
	cfg.AbortOnLeak = true
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, addr)
	if out.Result.Verdict != detect.RunLeak || out.Interrupted || out.Died != nil {
		t.Errorf("verdict %s, interrupted %v, died %v; want a leak and neither", out.Result.Verdict, out.Interrupted, out.Died)
	}
	if n := len(out.Run.Snapshots); out.Run.Snapshots[n-1].Phase != snapshot.PhaseDrain {
		t.Errorf("the last snapshot is of phase %s, want the drain's", out.Run.Snapshots[n-1].Phase)
	}
	if !warned(out.Result, WarnEndedEarly) {
		t.Errorf("warnings %+v do not tell why the run ended early", out.Result.Warnings)
	}
}

func TestALeakThatIsConfirmedEndsTheWatching(t *testing.T) {
	t.Parallel()
	addr := startTarget(t, "leaky")
	stop := make(chan struct{})
	driven := make(chan struct{})
	go func() { // somebody else's load
		defer close(driven)
		for {
			select {
			case <-stop:
				http.DefaultClient.CloseIdleConnections()
				return
			case <-time.After(5 * time.Millisecond):
			}
			if res, err := http.Get("http://" + addr + "/op"); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
	}()
	defer func() { close(stop); <-driven }()
	cfg := DefaultConfig()
	cfg.Pprof.URL, cfg.OpsMetric = addr, "ops_total"
	cfg.Plan.Steady, cfg.Plan.Every, cfg.Plan.Warmup = time.Hour, 200*time.Millisecond, 0
	cfg.Out = t.TempDir() + "/run"
	cfg.AbortOnLeak = true
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result.Verdict != detect.RunLeak || out.Interrupted {
		t.Errorf("verdict %s, interrupted %v; want a leak", out.Result.Verdict, out.Interrupted)
	}
}

// That a run which ended early is never clean is the detector's rule: it must be
// told, now and by the bundle.
func TestALoadOverItsLimitsIsEndedAndTheDetectorTold(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "healthy")
	cfg.Plan.Steady = time.Hour
	cfg.Plan.Window = 200 * time.Millisecond
	cfg.Plan.Abort = harness.Abort{P99: time.Nanosecond}
	told := ""
	cfg.Analyze = func(run *snapshot.Run, _ detect.Config) *detect.Result {
		told = run.Ended
		return &detect.Result{Verdict: detect.RunInconclusive}
	}
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if out.Interrupted || !strings.Contains(out.Load.Ended, "99th percentile") || told != out.Load.Ended {
		t.Errorf("interrupted %v, ended %q, the detector told %q; want the limit in both", out.Interrupted, out.Load.Ended, told)
	}
	if !warned(out.Result, WarnEndedEarly) {
		t.Errorf("warnings %+v do not tell why the run ended early", out.Result.Warnings)
	}
	// The bundle tells the latencies over time.
	text, err := os.ReadFile(filepath.Join(out.Bundle, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var header capture.Header
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	if header.Ended != told {
		t.Errorf("the bundle says that the run ended %q, want %q", header.Ended, told)
	}
	steady := 0
	for _, w := range header.Windows {
		if w.Phase == snapshot.PhaseSteady && w.Completed > 0 && w.Latency != nil && w.To > w.From {
			steady++
		}
	}
	if steady < 2 {
		t.Errorf("%d windows of the steady phase with latencies, want two or more: %+v", steady, header.Windows)
	}
}

func TestMetricsAreServedWhileTheRunGoesOn(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "leaky")
	cfg.MetricsAddr = "127.0.0.1:0"
	var at, got atomic.Value
	cfg.Progress = func(e Event) {
		if _, where, ok := strings.Cut(e.Message, "metrics at "); ok {
			at.Store(where)
		}
		if e.Phase != "drain" || got.Load() != nil {
			return
		}
		client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get(at.Load().(string))
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		got.Store(string(body))
	}
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	text, _ := got.Load().(string)
	for _, want := range []string{"heapdrift_load_sent_total", "heapdrift_load_latency_seconds_count", "heapdrift_live_heap_bytes", `heapdrift_verdict{verdict="leak"} 1`, "heapdrift_retained_bytes_per_op 3"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in what was served in the drain:\n%s", want, text)
		}
	}
	cfg.MetricsAddr = "no address"
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "serve metrics at no address") {
		t.Errorf("a wrong address gives %v", err)
	}
}
