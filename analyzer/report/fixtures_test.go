package report

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (rewrite it with -update)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func iv(estimate, lo, hi float64) *stats.Interval {
	return &stats.Interval{Estimate: estimate, Lo: lo, Hi: hi, Confidence: 0.95, N: 14}
}

func ptr[T any](v T) *T { return &v }

// leaking is a run in which everything is known.
func leaking() (*snapshot.Run, *detect.Result) {
	run := &snapshot.Run{
		Target: snapshot.Target{
			Name: "processor", Pprof: "http://127.0.0.1:6060", GoVersion: "go1.26.8",
			PID: 4121, MemProfileRate: 16384, Module: "example.com/feed",
		},
		Load: snapshot.LoadInfo{
			Source: "heapdrift", Rate: 400, Sent: 24000, Completed: 24000, Achieved: 399.98,
			MaxInFlight: 31, Valid: ptr(true), Seconds: 60,
			Latency: &snapshot.Latency{P50: 1.5, P90: 2.25, P99: 18.4, P999: 30.1, Max: 44},
		},
		Peak: snapshot.Peak{LiveBytes: 190 << 20, RSS: 241 << 20},
	}
	res := &detect.Result{
		Verdict: detect.RunLeak, HasOps: true, Snapshots: 25, Judged: 14, Ops: 24000, Seconds: 60,
		Clean: detect.CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01},
		Totals: []detect.Total{
			{Name: "live_bytes", PerOp: iv(80.4, 79.1, 81.7), PerSecond: iv(32160, 31640, 32680), Verdict: detect.Leak},
			{Name: "live_objects", PerOp: iv(1.52, 1.5, 1.54), PerSecond: iv(608, 600, 616), Verdict: detect.Leak},
			{Name: "goroutines", PerOp: iv(0.009, 0.0085, 0.0095), PerSecond: iv(3.6, 3.4, 3.8), Verdict: detect.Leak},
			{Name: "stack_bytes", PerOp: iv(18.4, 17, 20), Verdict: detect.Growing},
			{Name: "rss_bytes", PerOp: iv(120, 60, 180), Verdict: detect.Growing},
			{Name: "allocated_bytes", PerOp: iv(66720, 66700, 66740), Verdict: detect.Churn},
		},
		Power: &detect.Power{
			BytesPerOp: ptr(0.87), GoroutinesPerOp: ptr(0.00018), Confidence: 0.9, SiteBytes: ptr(12.3),
			Busiest: &detect.SitePower{Function: "example.com/feed/pipeline/text.(*Splitter).Split", File: "/src/feed/pipeline/text/split.go", Line: 40, Bytes: 348.7, Confidence: 0.85},
		},
		Forecast: &detect.Forecast{Limit: detect.LimitCgroup, Assumes: "memory peaks at 2.0 times what is live before the collector runs", LimitBytes: 512 << 20, SecondsToLimit: *iv(10560, 9660, 11520)},
		Findings: []detect.Finding{
			{
				ID: "h-5f2c", Kind: detect.KindHeap, Verdict: detect.Leak,
				Function: "example.com/feed/pipeline/embed.(*Batcher).Flush", File: "/src/feed/pipeline/embed/batch.go", Line: 88,
				Stack: []snapshot.Frame{
					{Function: "example.com/feed/pipeline/embed.(*Batcher).Flush", File: "/src/feed/pipeline/embed/batch.go", Line: 88},
					{Function: "example.com/feed/pipeline/embed.Service.Embed", File: "/src/feed/pipeline/embed/service.go", Line: 142},
				},
				Shape: "closure retention", Docs: "docs/closure.md",
				BytesPerOp: iv(52.9, 51.8, 54), ObjectsPerOp: iv(1.0002, 0.999, 1.001), AllocPerOp: iv(53.4, 52, 54.8),
				LiveBytes: 31 << 20, Count: 24011, Share: 0.658,
				Trend:  &detect.Trend{Tau: 1, P: 1e-9, N: 14},
				Why:    []string{"growth passes all gates", "unchanged by the drain", "the second pass grew like the first"},
				HeldBy: []string{"381 goroutines [sleep] in embed.(*Batcher).Flush.func1"},
			},
			{
				ID: "g-77aa", Kind: detect.KindGoroutine, Verdict: detect.Leak,
				Function: "example.com/feed/worker.retry", File: "/src/feed/worker/retry.go", Line: 19,
				Stack:      []snapshot.Frame{{Function: "runtime.gopark"}, {Function: "example.com/feed/worker.retry", File: "/src/feed/worker/retry.go", Line: 19}},
				WaitReason: "chan send", CreatedBy: snapshot.Frame{Function: "example.com/feed/worker.(*Pool).Start", File: "/src/feed/worker/pool.go", Line: 31}, GoroutinesPerOp: iv(0.009, 0.0085, 0.0095), Count: 381,
				Warnings: []string{"durations were not asked for"},
			},
			{ID: "h-0001", Kind: detect.KindHeap, Verdict: detect.Plateau, Function: "example.com/feed.(*Cache).Get", Stack: []snapshot.Frame{{Function: "example.com/feed.(*Cache).Get"}}, BytesPerOp: iv(0.01, -0.4, 0.4)},
		},
		Warnings: []string{"2 snapshots could not be read"},
	}
	return run, res
}

func calm() (*snapshot.Run, *detect.Result) {
	run, res := leaking()
	res.Verdict, res.Findings, res.Forecast, res.Warnings = detect.RunClean, nil, nil, nil
	res.Totals = []detect.Total{
		{Name: "live_bytes", PerOp: iv(0.1, -0.7, 0.87), Verdict: detect.Stable},
		{Name: "goroutines", PerOp: iv(0, -0.00018, 0.00018), Verdict: detect.Stable},
	}
	return run, res
}

func undecided() (*snapshot.Run, *detect.Result) {
	run, res := calm()
	run.Load.Errors = 12
	res.Verdict, res.Ops, res.Seconds = detect.RunInconclusive, 4000, 20
	res.Totals = []detect.Total{
		{Name: "live_bytes", PerOp: iv(12, -80, 104), Verdict: detect.Unknown},
		{Name: "goroutines", PerOp: iv(0, -0.001, 0.001), Verdict: detect.Stable},
	}
	res.Findings = []detect.Finding{{
		ID: "h-0002", Kind: detect.KindHeap, Verdict: detect.Growing,
		Function: "github.com/acme/tmpl.(*Set).compile", File: "/root/go/pkg/mod/github.com/acme/tmpl@v1.2.0/set.go", Line: 57,
		Stack:      []snapshot.Frame{{Function: "github.com/acme/tmpl.(*Set).compile"}},
		BytesPerOp: iv(0.9, -0.4, 2.2), LiveBytes: 8 << 20,
		Why: []string{"the last sixth grew less than the rest"},
	}}
	return run, res
}

// timed is a run without operations: rates are per second.
func timed() (*snapshot.Run, *detect.Result) {
	run, res := leaking()
	run.Load, run.Target.Module = snapshot.LoadInfo{}, ""
	res.HasOps, res.Ops, res.Seconds = false, 0, 38
	res.Totals = []detect.Total{{Name: "live_bytes", PerSecond: iv(1229, 1100, 1350), Verdict: detect.Leak}}
	res.Power = &detect.Power{BytesPerSecond: ptr(90.0), GoroutinesPerSecond: ptr(0.02), Confidence: 0.9}
	res.Forecast, res.Warnings = nil, nil
	f := res.Findings[0]
	f.BytesPerOp, f.ObjectsPerOp, f.HeldBy = nil, nil, nil
	f.BytesPerSecond = iv(1180, 1000, 1360)
	g := res.Findings[1]
	g.GoroutinesPerOp = nil
	res.Findings = []detect.Finding{f, g}
	return run, res
}

// hostile is a result in which every number that can be is NaN or infinite.
func hostile() (*snapshot.Run, *detect.Result) {
	run, res := leaking()
	nan, inf := math.NaN(), math.Inf(1)
	run.Load.Rate, run.Load.Achieved = nan, inf
	run.Load.Latency = &snapshot.Latency{P50: nan}
	res.Seconds = inf
	res.Totals = []detect.Total{
		{Name: "live_bytes", PerOp: iv(80, math.Inf(-1), inf), PerSecond: iv(nan, 1, 2), Verdict: detect.Leak},
		{Name: "goroutines", PerOp: iv(inf, inf, inf), Verdict: detect.Unknown},
	}
	res.Power = &detect.Power{BytesPerOp: &inf, GoroutinesPerOp: &nan, Confidence: nan, SiteBytes: &inf, Busiest: &detect.SitePower{Bytes: nan, Confidence: inf}}
	res.Forecast = &detect.Forecast{LimitBytes: 1 << 20, SecondsToLimit: *iv(inf, 5, inf)}
	res.Findings = res.Findings[:2]
	f := &res.Findings[0]
	f.BytesPerOp, f.ObjectsPerOp, f.LiveBytes, f.Count, f.Share = iv(nan, nan, nan), iv(1, -inf, inf), nan, inf, nan
	f.Trend = &detect.Trend{Tau: nan, P: inf, N: 3}
	return run, res
}
