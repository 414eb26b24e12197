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

// perOp and perSecond are growth along either axis.
func perOp(estimate, lo, hi float64) *detect.Rate {
	return &detect.Rate{Interval: *iv(estimate, lo, hi), Per: detect.PerOp}
}

func perSecond(estimate, lo, hi float64) *detect.Rate {
	return &detect.Rate{Interval: *iv(estimate, lo, hi), Per: detect.PerSecond}
}

// told is a warning that came with a recording.
func told(s string) detect.Warning { return detect.Warning{Code: detect.Recorded, Text: s} }

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
		Verdict: detect.RunLeak, Proof: detect.ProofProved, Reasons: []detect.Reason{{Code: detect.DoNotEnd}}, Per: detect.PerOp, Snapshots: 25, Window: detect.Window{Snapshots: 14}, Ops: 24000, Seconds: 60,
		Clean: detect.CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01},
		Totals: []detect.Total{
			{Name: "live_bytes", Growth: perOp(80.4, 79.1, 81.7), OpsPerSecond: 400, Verdict: detect.Leak},
			{Name: "live_objects", Growth: perOp(1.52, 1.5, 1.54), OpsPerSecond: 400, Verdict: detect.Leak},
			{Name: "goroutines", Growth: perOp(0.009, 0.0085, 0.0095), OpsPerSecond: 400, Verdict: detect.Leak},
			{Name: "stack_bytes", Growth: perOp(18.4, 17, 20), OpsPerSecond: 400, Verdict: detect.Growing},
			{Name: "rss_bytes", Growth: perOp(120, 60, 180), OpsPerSecond: 400, Verdict: detect.Growing},
			{Name: "allocated_bytes", Growth: perOp(66720, 66700, 66740), OpsPerSecond: 400, Verdict: detect.Churn},
		},
		Power: &detect.Power{
			Bytes: ptr(0.87), Goroutines: ptr(0.00018), Per: detect.PerOp, Confidence: 0.9, SiteBytes: ptr(12.3),
			Busiest: &detect.SitePower{Function: "example.com/feed/pipeline/text.(*Splitter).Split", File: "/src/feed/pipeline/text/split.go", Line: 40, Bytes: 348.7, Per: detect.PerOp, Confidence: 0.85},
		},
		Forecast: &detect.Forecast{Limit: detect.LimitCgroup, Assumption: &detect.Reason{Code: detect.PeaksBeforeGC, Values: detect.Values{Times: 2}}, LimitBytes: 512 << 20, SecondsToLimit: *iv(10560, 9660, 11520)},
		Findings: []detect.Finding{
			{
				ID: "h-5f2c", Kind: detect.KindHeap, Verdict: detect.Leak, Proof: detect.ProofGrowth,
				Function: "example.com/feed/pipeline/embed.(*Batcher).Flush", File: "/src/feed/pipeline/embed/batch.go", Line: 88,
				Stack: []snapshot.Frame{
					{Function: "example.com/feed/pipeline/embed.(*Batcher).Flush", File: "/src/feed/pipeline/embed/batch.go", Line: 88},
					{Function: "example.com/feed/pipeline/embed.Service.Embed", File: "/src/feed/pipeline/embed/service.go", Line: 142},
				},
				Shape: "closure retention", Docs: "docs/closure.md",
				Bytes: perOp(52.9, 51.8, 54), Objects: perOp(1.0002, 0.999, 1.001), Allocated: perOp(53.4, 52, 54.8),
				LiveBytes: 31 << 20, Count: 24011, Share: 0.658,
				Trend: &detect.Trend{Tau: 1, P: 1e-9, N: 14},
				Reasons: []detect.Reason{
					{Code: detect.PassesAllTests, Values: detect.Values{Level: 0.01, N: 13, Samples: 1985, Tau: 1, P: 1e-9}},
					{Code: detect.MemoryGrowsWith, Values: detect.Values{Function: "example.com/feed/pipeline/embed.(*Batcher).retry"}},
					{Code: detect.GrowTogether, Values: detect.Values{N: 7, More: 5, Parts: []detect.Part{
						{Function: "example.com/feed/pipeline/embed.(*Batcher).Flush", File: "/src/feed/pipeline/embed/batch.go", Line: 88, Rate: 48.2, Per: detect.PerOp},
						{Function: "example.com/feed/pipeline/embed.copied", File: "/src/feed/pipeline/embed/copy.go", Line: 7, Rate: 4.7, Per: detect.PerOp},
					}}},
				},
				HeldBy: []detect.Holder{{Goroutines: 381, WaitReason: "sleep", Function: "example.com/feed/pipeline/embed.(*Batcher).Flush.func1", Root: "example.com/feed/pipeline/embed.(*Batcher).Flush.func1", CreatedBy: "example.com/feed/worker.(*Pool).Start"}},
			},
			{
				ID: "g-77aa", Kind: detect.KindGoroutine, Verdict: detect.Leak, Proof: detect.ProofProved,
				Function: "example.com/feed/worker.retry", File: "/src/feed/worker/retry.go", Line: 19,
				Stack:      []snapshot.Frame{{Function: "runtime.gopark"}, {Function: "example.com/feed/worker.retry", File: "/src/feed/worker/retry.go", Line: 19}},
				WaitReason: "chan send", CreatedBy: &snapshot.Frame{Function: "example.com/feed/worker.(*Pool).Start", File: "/src/feed/worker/pool.go", Line: 31}, Goroutines: perOp(0.009, 0.0085, 0.0095), Count: 381,
				Reasons: []detect.Reason{
					{Code: detect.DoNotEnd, Values: detect.Values{Count: 381, N: 14, Tau: 1, P: 1e-9}},
					{Code: detect.HaveWaited, Values: detect.Values{Seconds: 240}},
				},
			},
			{ID: "h-0001", Kind: detect.KindHeap, Verdict: detect.Plateau, Function: "example.com/feed.(*Cache).Get", Stack: []snapshot.Frame{{Function: "example.com/feed.(*Cache).Get"}}, Bytes: perOp(0.01, -0.4, 0.4)},
		},
		Warnings: []detect.Warning{told("2 snapshots could not be read"), {Code: detect.StacksCut}},
	}
	return run, res
}

func calm() (*snapshot.Run, *detect.Result) {
	run, res := leaking()
	res.Verdict, res.Findings, res.Forecast, res.Warnings = detect.RunClean, nil, nil, nil
	res.Proof, res.Reasons = "", nil
	res.Totals = []detect.Total{
		{Name: "live_bytes", Growth: perOp(0.1, -0.9, 1.1), OpsPerSecond: 400, Verdict: detect.Stable, Bound: &detect.Bound{Test: "bounded", PerOp: ptr(0.87), PerSecond: ptr(348.0), Limit: 64}},
		{Name: "goroutines", Growth: perOp(0, -0.0002, 0.0002), OpsPerSecond: 400, Verdict: detect.Stable, Bound: &detect.Bound{Test: "bounded", PerOp: ptr(0.00018), PerSecond: ptr(0.072), Limit: 0.01}},
	}
	return run, res
}

func open() (*snapshot.Run, *detect.Result) {
	run, res := calm()
	run.Load.Errors = 12
	res.Verdict, res.Ops, res.Seconds = detect.RunInconclusive, 4000, 20
	res.Totals = []detect.Total{
		{Name: "live_bytes", Growth: perOp(12, -80, 104), OpsPerSecond: 400, Verdict: detect.Unknown},
		{Name: "goroutines", Growth: perOp(0, -0.001, 0.001), OpsPerSecond: 400, Verdict: detect.Stable},
	}
	res.Findings = []detect.Finding{{
		ID: "h-0002", Kind: detect.KindHeap, Verdict: detect.Growing,
		Function: "github.com/acme/tmpl.(*Set).compile", File: "/root/go/pkg/mod/github.com/acme/tmpl@v1.2.0/set.go", Line: 57,
		Stack: []snapshot.Frame{{Function: "github.com/acme/tmpl.(*Set).compile"}},
		Bytes: perOp(0.9, -0.4, 2.2), LiveBytes: 8 << 20,
		Reasons: []detect.Reason{{Code: detect.FlatAtEnd, Values: detect.Values{N: 3}}},
	}}
	return run, res
}

// timed is a run without operations: rates are per second.
func timed() (*snapshot.Run, *detect.Result) {
	run, res := leaking()
	run.Load, run.Target.Module = snapshot.LoadInfo{}, ""
	res.Per, res.Ops, res.Seconds = detect.PerSecond, 0, 38
	res.Totals = []detect.Total{{Name: "live_bytes", Growth: perSecond(1229, 1100, 1350), Verdict: detect.Leak}}
	res.Power = &detect.Power{Bytes: ptr(90.0), Goroutines: ptr(0.02), Per: detect.PerSecond, Confidence: 0.9}
	res.Forecast, res.Warnings = nil, nil
	f := res.Findings[0]
	f.Bytes, f.Objects, f.Allocated, f.HeldBy = perSecond(1180, 1000, 1360), nil, nil, nil
	g := res.Findings[1]
	g.Goroutines = perSecond(0.2, 0.19, 0.21)
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
		{Name: "live_bytes", Growth: perOp(80, math.Inf(-1), inf), OpsPerSecond: nan, Verdict: detect.Leak},
		{Name: "goroutines", Growth: perOp(inf, inf, inf), OpsPerSecond: 400, Verdict: detect.Unknown},
	}
	res.Power = &detect.Power{Bytes: &inf, Goroutines: &nan, Per: detect.PerOp, Confidence: nan, SiteBytes: &inf, Busiest: &detect.SitePower{Bytes: nan, Per: detect.PerOp, Confidence: inf}}
	res.Forecast = &detect.Forecast{LimitBytes: 1 << 20, SecondsToLimit: *iv(inf, 5, inf)}
	res.Findings = res.Findings[:2]
	f := &res.Findings[0]
	f.Bytes, f.Objects, f.LiveBytes, f.Count, f.Share = perOp(nan, nan, nan), perOp(1, -inf, inf), detect.Bytes(nan), detect.Count(inf), detect.Share(nan)
	f.Reasons[0].Values = detect.Values{Level: nan, Samples: inf, Tau: nan, P: -inf}
	f.Trend = &detect.Trend{Tau: nan, P: inf, N: 3}
	return run, res
}
