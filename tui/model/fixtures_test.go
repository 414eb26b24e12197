package model

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// began is when every simulated run begins.
var began = time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)

// frames makes a stack of "function file:line" texts, leaf first.
func stackOf(frames ...string) *snapshot.Stack {
	st := &snapshot.Stack{}
	var keys []string
	for _, s := range frames {
		function, place, _ := strings.Cut(s, " ")
		file, line, _ := strings.Cut(place, ":")
		n := 0
		fmt.Sscan(line, &n)
		st.Frames = append(st.Frames, snapshot.Frame{Function: function, File: file, Line: n})
		keys = append(keys, function)
	}
	st.Key = strings.Join(keys, "\n")
	return st
}

// simSite is a site of a simulated run: bytes and objects over the operations.
type simSite struct {
	stack   *snapshot.Stack
	objects func(ops float64) float64
	size    float64
}

// simGroup is a group of goroutines.
type simGroup struct {
	stack *snapshot.Stack
	count func(ops float64) float64
}

// sim is a simulated process: everything about it follows from the moment.
type sim struct {
	target  snapshot.Target
	rate    float64 // operations a second
	every   time.Duration
	sites   []simSite
	groups  []simGroup
	base    float64 // live bytes at no site
	drift   float64 // and what comes to them with each operation
	phases  []snapshot.PhaseSpan
	cost    float64 // seconds a snapshot
	restart time.Duration
}

// pipeline is the process of the mock-up: two leaks, a cache that fills, one that
// is full, and much that stays flat.
func pipeline() *sim {
	s := &sim{
		target: snapshot.Target{Name: "processor:6060", GoVersion: "go1.26.8", PID: 4121, MemProfileRate: 16384, Limit: 512 << 20, Module: "example.com/pipeline"},
		rate:   400, every: 10 * time.Second, base: 120 << 20, drift: 25.3, cost: 0.07,
	}
	add := func(size float64, objects func(float64) float64, frames ...string) {
		s.sites = append(s.sites, simSite{stackOf(frames...), objects, size})
	}
	root := "example.com/pipeline/worker.run /src/pipeline/worker/worker.go:61"
	add(1024, func(n float64) float64 { return 2000 + n*52.9/1024 },
		"example.com/pipeline/embed.(*Batcher).Flush /src/pipeline/embed/batch.go:88",
		"example.com/pipeline/embed.(*Service).Embed /src/pipeline/embed/service.go:142", root)
	add(4096, func(n float64) float64 { return 1500 + 400*(1-math.Exp(-n/4e5)) },
		"bufio.NewWriterSize /usr/local/go/src/bufio/bufio.go:599",
		"example.com/pipeline/tmpl.(*Set).compile /src/pipeline/tmpl/set.go:57", root)
	add(2048, func(n float64) float64 { return math.Min(11000, n/2) },
		"example.com/pipeline/feed.(*Cache).Get /src/pipeline/feed/cache.go:120", root)
	add(96, func(n float64) float64 { return 900 + 100*math.Sin(n/7919) },
		"strings.(*Builder).grow /usr/local/go/src/strings/builder.go:81",
		"github.com/other/text/v2.Tokens[...] /root/go/pkg/mod/github.com/other/text/v2@v2.3.1/tokens/tokens.go:31", root)
	add(512, func(float64) float64 { return 300 },
		"example.com/pipeline/索引.(*転置索引).追加する文書 /src/pipeline/索引/転置.go:204", root)
	for i := range 40 {
		add(64, func(n float64) float64 { return 50 + float64(i) + 5*math.Cos(n/(1000+float64(i))) },
			fmt.Sprintf("example.com/pipeline/flat%d.(*Thing).Do /src/pipeline/flat%d/thing.go:%d", i, i, 10+i), root)
	}
	s.groups = []simGroup{
		{stackOf("runtime.gopark /usr/local/go/src/runtime/proc.go:462", "runtime.chansend /usr/local/go/src/runtime/chan.go:283", "runtime.chansend1 /usr/local/go/src/runtime/chan.go:161",
			"example.com/pipeline/worker.retry /src/pipeline/worker/retry.go:19"), func(n float64) float64 { return 12 + n*0.0009 }},
		{stackOf("runtime.gopark /usr/local/go/src/runtime/proc.go:462", "runtime.netpollblock /usr/local/go/src/runtime/netpoll.go:575", "internal/poll.runtime_pollWait /usr/local/go/src/runtime/netpoll.go:351",
			"net/http.(*conn).serve /usr/local/go/src/net/http/server.go:2103"), func(n float64) float64 { return 40 + 3*math.Sin(n/997) }},
	}
	at := began
	for _, p := range []struct {
		phase snapshot.Phase
		pass  int
		d     time.Duration
	}{{snapshot.PhaseIdle, 0, 30 * time.Second}, {snapshot.PhaseWarmup, 0, time.Minute}, {snapshot.PhaseSteady, 1, 5 * time.Minute}, {snapshot.PhaseSteady, 2, 20 * time.Minute}, {snapshot.PhaseDrain, 0, time.Minute}} {
		s.phases = append(s.phases, snapshot.PhaseSpan{Phase: p.phase, Pass: p.pass, Start: at, End: at.Add(p.d)})
		at = at.Add(p.d)
	}
	return s
}

// ops done at a time of the run.
func (s *sim) ops(at time.Duration) float64 {
	if len(s.phases) == 0 {
		return s.rate * at.Seconds()
	}
	n := 0.0
	for _, p := range s.phases {
		if p.Phase == snapshot.PhaseIdle || p.Phase == snapshot.PhaseDrain {
			continue
		}
		from, to := p.Start.Sub(began), p.End.Sub(began)
		n += s.rate * math.Max(0, min(at, to).Seconds()-from.Seconds())
	}
	return n
}

// at is the snapshot of a moment.
func (s *sim) at(d time.Duration) *snapshot.Snapshot {
	ops := s.ops(d)
	held, pid := ops, s.target.PID
	if s.restart > 0 && d >= s.restart { // it begins anew
		held, pid = ops-s.ops(s.restart), pid+1
	}
	whole := int64(ops)
	rss := uint64(0)
	heap := &snapshot.Heap{Period: s.target.MemProfileRate}
	live, objects := s.base+s.drift*held, 0.0
	for _, x := range s.sites {
		n := math.Round(x.objects(held))
		live += n * x.size
		objects += n
		heap.Samples = append(heap.Samples, snapshot.HeapSample{Stack: x.stack, Size: int64(x.size), InuseObjects: int64(n), InuseBytes: int64(n * x.size), AllocObjects: int64(2*n + held), AllocBytes: int64((2*n + held) * x.size)})
	}
	gor := &snapshot.Goroutines{}
	for _, g := range s.groups {
		n := int64(g.count(held))
		gor.Total += n
		gor.Samples = append(gor.Samples, snapshot.GoroutineSample{Stack: g.stack, Count: n})
	}
	rss = uint64(1.3*live) + 20<<20
	m := snapshot.Meta{Time: began.Add(d), Ops: &whole, RSS: &rss, PID: pid}
	if s.cost > 0 {
		m.Cost = &snapshot.Cost{Seconds: s.cost, Bytes: 40000}
	}
	m.Load = &snapshot.Load{Rate: s.rate, Sent: whole, Completed: whole, Latency: &snapshot.Latency{P50: 4, P99: 18 + 0.4*math.Sin(d.Seconds()/9)}}
	for _, p := range s.phases {
		if !m.Time.Before(p.Start) && m.Time.Before(p.End) {
			m.Phase, m.Pass = p.Phase, p.Pass
		}
	}
	return &snapshot.Snapshot{
		Meta: m, Heap: heap, Goroutines: gor,
		Counters: snapshot.Counters{GCCPUFraction: 0.031, Values: map[string]uint64{
			"HeapAlloc": uint64(live), "Mallocs": uint64(objects + 10*held), "Frees": uint64(10 * held), "TotalAlloc": uint64(live + 5000*held),
			"NextGC": uint64(2 * live), "StackInuse": uint64(2<<20 + 4096*gor.Total), "NumGC": uint64(10 + d.Seconds()/3),
		}},
	}
}

// run is the process from its start to a time.
func (s *sim) run(until time.Duration) *snapshot.Run {
	r := &snapshot.Run{Target: s.target}
	for d := time.Duration(0); d <= until; d += s.every {
		r.Snapshots = append(r.Snapshots, s.at(d))
	}
	return r
}

func (s *sim) plan() []Step {
	var out []Step
	for _, p := range s.phases {
		out = append(out, Step{p.Phase, p.Pass})
	}
	return out
}

// updates tell the run to a time as a live session would.
func (s *sim) updates(until time.Duration) []Update {
	run := s.run(until)
	var out []Update
	for i, x := range run.Snapshots {
		part := *run
		part.Snapshots = run.Snapshots[:i+1]
		u := Update{
			Source: "processor:6060", Time: x.Time, State: StateLive, Title: "run closure/leaky", Tick: time.Second, Run: &part, Plan: s.plan(),
			Load:   &Load{Source: "heapdrift", Load: *x.Load},
			Probes: []Probe{{Time: x.Time.Add(s.every / 2), RSS: *x.RSS + 1<<20}},
		}
		for _, p := range s.phases {
			if p.Phase == x.Phase && p.Pass == x.Pass {
				u.Progress = &Progress{Phase: x.Phase, Pass: x.Pass, Done: x.Time.Sub(p.Start), Total: p.End.Sub(p.Start)}
			}
		}
		if x.Phase == snapshot.PhaseSteady && i%6 == 0 {
			u.Result = s.result(i + 1)
		}
		out = append(out, u)
	}
	return out
}

func interval(estimate, half float64) *stats.Interval {
	return &stats.Interval{Estimate: estimate, Lo: estimate - half, Hi: estimate + half, Confidence: 0.95, N: 40}
}

func perOp(estimate, half float64) *detect.Rate {
	return &detect.Rate{Interval: *interval(estimate, half), Per: detect.PerOp}
}

// window is from one moment of the run to another.
func (s *sim) window(from, to time.Duration) detect.Window {
	return detect.Window{
		From: began.Add(from), To: began.Add(to), Snapshots: 1 + int((to-from)/s.every),
		Work: s.ops(to) - s.ops(from), Phased: len(s.phases) > 0,
	}
}

// result is what a judgement of the pipeline's first n snapshots says. It is
// written down, not computed: what the dashboard shows must not change with the
// statistics.
func (s *sim) result(n int) *detect.Result {
	id := func(i int) string { return detect.SiteID(series.SiteKey(s.sites[i].stack)) }
	site := func(i int, v detect.Verdict, rate, half float64) detect.Finding {
		x := s.sites[i]
		c := x.stack.Frames[max(0, series.Culprit(x.stack.Frames, s.target.Module))]
		return detect.Finding{
			ID: id(i), Kind: detect.KindHeap, Verdict: v, Function: c.Function, File: c.File, Line: c.Line, Stack: x.stack.Frames,
			Bytes: perOp(rate, half), Trend: &detect.Trend{Tau: 0.98, P: 1e-9, N: n},
		}
	}
	late := n > 60
	r := &detect.Result{
		Verdict: detect.RunInconclusive, Per: detect.PerOp, Snapshots: n, Window: s.window(9*s.every, time.Duration(n-1)*s.every), Ops: 304112, Seconds: float64(n) * 10,
		Totals: []detect.Total{
			{Name: series.LiveBytes, Growth: perOp(80.4, 1.3), OpsPerSecond: s.rate, Verdict: detect.Growing},
			{Name: series.Goroutines, Growth: perOp(0.009, 0.0004), OpsPerSecond: s.rate, Verdict: detect.Growing},
			{Name: series.RSSBytes, Verdict: detect.Growing},
		},
	}
	leak := site(0, detect.Growing, 52.9, 1.1)
	leak.Reasons = []detect.Reason{
		{Code: detect.PassesAllTests, Values: detect.Values{Samples: 9000, N: 214, Level: 0.01, Tau: 0.98, P: 1e-9}},
		{Code: detect.KeptAfterDrain},
		{Code: detect.SecondPassGrew, Values: detect.Values{Share: 0.97, N: 40}},
	}
	if late {
		leak.Verdict, r.Verdict, r.Proof = detect.Leak, detect.RunLeak, detect.ProofProved
		r.Totals[0].Verdict = detect.Leak
		r.Forecast = &detect.Forecast{LimitBytes: 512 << 20, SecondsToLimit: stats.Interval{Estimate: 10560, Lo: 9660, Hi: 11520}}
		leak.Shape, leak.Docs, leak.HeldBy = "closure retention", "docs/closure.md", []detect.Holder{{Goroutines: 381, WaitReason: "sleep", Function: "example.com/pipeline/embed.(*Batcher).Flush.func1"}}
		leak.Objects, leak.Share = perOp(0.0517, 0.001), 0.66
	}
	g := s.groups[0].stack
	reason, where, root := series.GroupKey(g)
	retry := detect.Finding{
		ID: detect.GroupID(reason, where, root), Kind: detect.KindGoroutine, Verdict: leak.Verdict, Function: where, File: g.Frames[3].File, Line: g.Frames[3].Line,
		Stack: g.Frames, WaitReason: reason, Goroutines: perOp(0.009, 0.0004), Bytes: perOp(4.8, 0.2), Count: 381, Shape: "stuck goroutine", Docs: "docs/stuckreceive.md", CreatedBy: &snapshot.Frame{Function: "example.com/pipeline/worker.(*Pool).Submit", File: "/src/pipeline/worker/pool.go", Line: 44},
		Reasons: []detect.Reason{{Code: detect.DoNotEnd, Values: detect.Values{Count: 369, N: 60, Tau: 1, P: 1e-12}}},
	}
	r.Findings = []detect.Finding{leak, retry, site(1, detect.Growing, 0.9, 1.3), site(2, detect.Plateau, 0, 0.4)}
	if late {
		r.Warn(detect.Warning{Code: detect.Recorded, Text: "live bytes grew by at least 300 between any two idle snapshots, more than taking one leaves behind: the program keeps memory without load"})
	}
	r.Findings[2].Reasons = []detect.Reason{{Code: detect.SlackensHalfway, Values: detect.Values{Share: 0.3}}}
	return r
}

// source stands in for the files of the simulated program.
func source(file string, line int) ([]string, int) {
	var out []string
	for i := line - 3; i <= line+3; i++ {
		text := fmt.Sprintf("\tstep%d()", i)
		if i == line {
			text = "\tgo func() { time.Sleep(time.Hour); _ = emb }()"
		}
		out = append(out, text)
	}
	return out, line - 3
}

// feed makes a dashboard that was told of the pipeline until a time.
func feed(t testing.TB, until time.Duration) *Model {
	t.Helper()
	m := New(Config{Source: source})
	for _, u := range pipeline().updates(until) {
		m.Apply(u)
	}
	return m
}

// text draws the picture and returns it as text.
func text(m *Model, w, h int) string { return m.View(w, h).Text() }
