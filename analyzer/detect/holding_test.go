package detect

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// dumped makes a text dump of the last snapshot, in which count goroutines have the
// stack st and the longest of them waited for so long.
func dumped(run *snapshot.Run, st *snapshot.Stack, count int, longest time.Duration) {
	var stack []snapshot.Frame
	for _, f := range st.Frames { // a dump leaves out the runtime's own frames, and the wrapper
		if !series.Standard(f) || f.Function == "time.Sleep" {
			stack = append(stack, f)
		}
	}
	stack = slices.DeleteFunc(stack, func(f snapshot.Frame) bool { return f.Function == "example.com/app.Start.gowrap1" })
	at := run.Snapshots[len(run.Snapshots)-1]
	for i := range count {
		w := snapshot.Waiting{Stack: stack, CreatedBy: snapshot.Frame{Function: "example.com/app.Start", Line: 7}}
		if i == 0 {
			w.For = longest
		}
		at.Waiting = append(at.Waiting, w)
	}
}

// What goroutines hold that end by themselves, or may, is no leak of its own; what
// the heap keeps beside them is.
func TestHeapGrowthIsJudgedByTheGoroutinesThatHoldIt(t *testing.T) {
	t.Parallel()
	const n, drain = 20, 5
	held := allocator{at(7, "example.com/app.Start", "example.com/app.Handle", handler), 1024, 0, 12}
	beside := allocator{at(8, "example.com/app.Keep", "example.com/app.Other", handler), 1024, 0, 12}
	size := 12 * 19 * perSample(1024) // that either allocator keeps over the run
	sites := func(all ...allocator) []*snapshot.Heap {
		return sampledHeaps(seeded("holding", len(all)), n+drain, sampling, all...)
	}
	// In the drain the goroutines end as they began, if at all.
	rise := func(total, ends float64) []float64 {
		y := curve(n, 0, linear(total))
		for i := range drain {
			y = append(y, total*(1-ends*float64(i+1)))
		}
		return y
	}
	slow := curve(n+drain, 0, func(u float64) float64 { return 400 * min(1, u*(n+drain-1)/(n-1)) })
	early := curve(n+drain, 0, func(u float64) float64 { return 400 * min(1, 1.5*u) })
	for _, c := range []struct {
		name   string
		st     *snapshot.Stack
		counts []float64
		heap   []*snapshot.Heap // nil: no profiles
		bytes  float64          // that the heap grows by, each goroutine's part let go with it …
		free   float64          // … and this, which no goroutine holds
		ops    int64
		want   RunVerdict
	}{
		{"they sleep for longer than the run, and some end in the drain", sleeping, rise(2000, 0.04), sites(held), size, 0, 2000, RunInconclusive},
		{"likewise, without a profile", sleeping, rise(2000, 0.04), nil, size, 0, 2000, RunInconclusive},
		{"they wait in a select with a timer", parked("runtime.gopark", "runtime.selectgo"), rise(2000, 0.04), sites(held), size, 0, 2000, RunInconclusive},
		{"they sleep, and none ends", sleeping, rise(2000, 0), sites(held), size, 0, 2000, RunLeak},
		{"connections come in, few an operation", reading, slow, sites(held), size, 0, 10_000, RunInconclusive},
		{"one operation in two leaves a connection behind", reading, slow, sites(held), size, 0, 800, RunLeak},
		{"some end, but the sites that grow are others", sleeping, rise(2000, 0.04), sites(beside), 0, size, 2000, RunLeak},
		{"some end, and the heap goes on as before, without a profile", sleeping, rise(2000, 0.06), nil, size / 5, size, 2000, RunLeak},
		{"connections came early, and the heap goes on", reading, early, nil, size / 5, size, 10_000, RunLeak},
		{"more than connections have, without a profile", reading, slow, nil, 400 * 64 << 10, 0, 10_000, RunLeak},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := simulation{steady: n, drain: drain, phased: true, ops: c.ops, stacks: crowds(c.st, c.counts), heap: c.heap}
			run := s.run()
			most := slices.Max(c.counts)
			for i, x := range run.Snapshots {
				// Each goroutine holds the same, in sixteen objects and more.
				v := c.bytes*math.Round(c.counts[i])/most + c.free*min(1, float64(i)/(n-1)) + curve(n+drain, 300, linear(0))[i]
				freed := x.Counters.Values["Frees"]
				x.Counters.Values["HeapAlloc"], x.Counters.Values["Mallocs"] = whole(baseBytes+v), freed+whole(baseObjects+v/64)
			}
			res := Analyze(run, DefaultConfig())
			if b := res.Total(series.LiveBytes); res.Verdict != c.want || (c.want == RunInconclusive) != says(b.Reasons, Reason{Code: WithGoroutines}) {
				t.Errorf("%s, live bytes %s %+v, findings %+v; want %s", res.Verdict, b.Verdict, b.Reasons, res.Findings, c.want)
			}
		})
	}
}

// By a text dump: sleepers of which none waits for long end, and the heap with them,
// however their number rises with the load.
func TestShortWaitsEnd(t *testing.T) {
	t.Parallel()
	const n = 20
	for _, c := range []struct {
		longest time.Duration // of 10 minutes
		dump    bool
		want    RunVerdict
	}{
		{3 * time.Minute, true, RunInconclusive},
		{4 * time.Minute, true, RunLeak}, // up to five: half of the time
		{9 * time.Minute, true, RunLeak},
		{0, false, RunLeak},
	} {
		s := simulation{steady: n, every: 600 * time.Second / (n - 1), stacks: crowds(sleeping, curve(n, 0, func(u float64) float64 { return 10 + 390*u }))}
		s.bytes, s.objects = curve(n, 500, linear(4e6)), curve(n, 5, linear(16_000))
		run := s.run()
		if c.dump {
			dumped(run, sleeping, 400, c.longest)
		}
		if res := Analyze(run, DefaultConfig()); res.Verdict != c.want {
			t.Errorf("longest wait %v (dump: %v): %s, findings %+v; want %s", c.longest, c.dump, res.Verdict, res.Findings, c.want)
		}
	}
}

// Goroutines that wait for another one and hold what the heap grew by are a leak
// whatever their curve, where others begin while one waits; else they are suspects.
func TestGoroutinesThatHoldTheGrowth(t *testing.T) {
	t.Parallel()
	const n, drain = 20, 3
	bends := func(u float64) float64 { return 400 * math.Sqrt(min(1, u*(n+drain-1)/(n-1))) }
	made := allocator{at(7, "example.com/app.Start", "example.com/app.Handle", handler), 1024, 0, 12}
	other := allocator{at(7, "example.com/app.Keep", "example.com/app.Other", handler), 1024, 0, 12}
	select_ := parked("runtime.gopark", "runtime.selectgo")
	for _, c := range []struct {
		name    string
		st      *snapshot.Stack
		made    allocator
		longest time.Duration // of 7 minutes; below 0: no dump
		want    Verdict
		says    Code
	}{
		{"one has waited since others began", receiving, made, 5 * time.Minute, Leak, OthersBeganSince},
		{"one has waited since fewer than eight began", receiving, made, time.Minute, Suspect, HoldTheGrowth},
		{"no wait is known", receiving, made, 0, Suspect, HoldTheGrowth},
		{"no dump", receiving, made, -1, Suspect, HoldTheGrowth},
		{"they hold nothing of it", receiving, other, 5 * time.Minute, Growing, SlackensHalfway},
		{"a select may have a timer", select_, made, 5 * time.Minute, Growing, SlackensHalfway},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts := curve(n+drain, 0, bends)
			s := simulation{steady: n, drain: drain, phased: true, ops: 10_000, every: 20 * time.Second, stacks: crowds(c.st, counts)}
			s.heap = sampledHeaps(seeded("pool", 1), n+drain, sampling, c.made)
			grew := 12 * 19 * perSample(1024)
			s.bytes, s.objects = curve(n, 500, func(u float64) float64 { return grew * math.Sqrt(u) }), curve(n, 5, func(u float64) float64 { return 4000 * math.Sqrt(u) })
			run := s.run()
			if c.longest >= 0 {
				dumped(run, c.st, 400, c.longest)
			}
			res := Analyze(run, DefaultConfig())
			f := find(res, "example.com/app.Start.func1")
			if f == nil || f.Verdict != c.want || !saysAny(f.Reasons, append(slackening(), c.says)...) || reasonOf(f, c.says) == nil && !slices.Contains(slackening(), c.says) {
				t.Fatalf("findings %+v, want %s saying %s", res.Findings, c.want, c.says)
			}
			if (res.Verdict == RunLeak) != (c.want == Leak) {
				t.Errorf("the run is %s", res.Verdict)
			}
		})
	}
}

// A connection's writer ends with its reader, which waits for I/O.
func TestConnectionsEndTogether(t *testing.T) {
	t.Parallel()
	const n = 20
	reads := stackOf("runtime.gopark", "internal/poll.runtime_pollWait", "net.(*conn).Read", "net/http.(*persistConn).readLoop")
	waits := stackOf("runtime.gopark", "runtime.selectgo", "net/http.(*persistConn).readLoop")
	writes := stackOf("runtime.gopark", "runtime.selectgo", "net/http.(*persistConn).writeLoop")
	for _, c := range []struct {
		name   string
		reader *snapshot.Stack
		ops    int64
		want   Verdict
	}{
		{"a pool that grows", reads, 10_000, Suspect},
		{"one for each operation: no pool", reads, 380, Leak},
		{"both wait for the program, as where a body was not closed", waits, 10_000, Leak},
	} {
		var all []*snapshot.Goroutines
		for i := range int64(n) {
			g := &snapshot.Goroutines{Total: baseGoroutines + 40*i, Samples: []snapshot.GoroutineSample{{Stack: worker, Count: baseGoroutines}}}
			if i > 0 {
				g.Samples = append(g.Samples, snapshot.GoroutineSample{Stack: c.reader, Count: 20 * i}, snapshot.GoroutineSample{Stack: writes, Count: 20 * i})
			}
			all = append(all, g)
		}
		res := Analyze(simulation{steady: n, ops: c.ops, bytes: curve(n, 20, linear(0)), stacks: all}.run(), DefaultConfig())
		if len(res.Findings) != 1 || res.Findings[0].Verdict != c.want {
			t.Errorf("%s: findings %+v, want one that is %s", c.name, res.Findings, c.want)
		}
	}
}

// Goroutines of a deadlock are too few at each place that they wait at, and none
// ever ends.
func TestGoroutinesThatPileUp(t *testing.T) {
	t.Parallel()
	locking := parked("runtime.gopark", "runtime.semacquire1", "internal/sync.runtime_SemacquireMutex", "sync.(*Mutex).Lock")
	up := func(of ...float64) []float64 { return of }
	few := up(0, 1, 2, 3, 3, 4, 4, 5, 5, 6)
	for _, c := range []struct {
		name     string
		at, also []float64 // counts at two places of one root, receiving and locking
		every    time.Duration
		ops      int64
		want     Verdict // of those that receive; Unknown: no finding
	}{
		{"two places, together enough", few, up(0, 0, 1, 1, 1, 2, 2, 2, 3, 3), 20 * time.Second, 0, Suspect},
		{"together fewer than eight", few, up(0, 0, 0, 0, 0, 1, 1, 1, 1, 1), 20 * time.Second, 0, Unknown},
		{"they move from place to place", up(0, 2, 2, 3, 2, 4, 3, 5, 5, 6), up(0, 0, 1, 1, 2, 1, 3, 2, 3, 3), 20 * time.Second, 0, Suspect},
		{"one ends", up(0, 1, 2, 3, 3, 4, 3, 5, 5, 6), up(0, 0, 1, 1, 1, 2, 2, 2, 3, 3), 20 * time.Second, 0, Unknown},
		{"they come in the first third", up(0, 3, 6, 6, 6, 6, 6, 6, 6, 6), up(0, 1, 3, 3, 3, 3, 3, 3, 3, 3), 20 * time.Second, 0, Unknown},
		{"most of them were there", up(20, 21, 22, 23, 23, 24, 24, 25, 25, 26), up(0, 0, 1, 1, 1, 2, 2, 2, 3, 3), 20 * time.Second, 0, Unknown},
		{"in less than a minute", few, up(0, 0, 1, 1, 1, 2, 2, 2, 3, 3), 9 * time.Second, 0, Unknown},
		{"operations are counted", few, up(0, 0, 1, 1, 1, 2, 2, 2, 3, 3), 20 * time.Second, 1000, Unknown},
		{"faster and faster", up(3, 3, 4, 6, 9, 11, 16, 20, 25, 30), up(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 20 * time.Second, 0, Suspect},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []*snapshot.Goroutines
			for i := range c.at {
				g := &snapshot.Goroutines{Total: baseGoroutines + int64(c.at[i]+c.also[i]), Samples: []snapshot.GoroutineSample{{Stack: worker, Count: baseGoroutines}}}
				for st, k := range map[*snapshot.Stack]float64{receiving: c.at[i], locking: c.also[i]} {
					if k > 0 {
						g.Samples = append(g.Samples, snapshot.GoroutineSample{Stack: st, Count: int64(k)})
					}
				}
				all = append(all, g)
			}
			res := Analyze(simulation{steady: len(all), every: c.every, ops: c.ops, stacks: all}.run(), DefaultConfig())
			got := Unknown
			for _, f := range res.Findings {
				if f.WaitReason == "chan receive" {
					got = f.Verdict
				}
				if f.Verdict == Suspect && !says(f.Reasons, Reason{Code: PileUp}) || f.Verdict == Leak {
					t.Errorf("finding %+v, want a suspect that piles up", f)
				}
			}
			if got != c.want {
				t.Errorf("%q, findings %+v; want %q", got, res.Findings, c.want)
			}
		})
	}
}

// Goroutines that live for some time and then end are a ramp for as long: under a
// steady load of Poisson arrivals, a life of three tenths of the load's time up to
// all of it, each holding a heap of its own. What they hold is no leak, and
// neither are they.
func TestRampsOfGoroutinesThatEnd(t *testing.T) {
	t.Parallel()
	const n, warm, drain, runs = 20, 4, 5, 240
	r := seeded("ramps", n)
	stacks := []*snapshot.Stack{sleeping, reading, running, parked("runtime.gopark", "runtime.selectgo"), receiving}
	bad := map[string]int{}
	for i := range runs {
		st := stacks[i%len(stacks)]
		perStep := spread(r, 3, 200)
		life := spread(r, 0.3, 1) * (n + warm)
		each := spread(r, 300, 30_000)
		var begun []float64
		for k := 0.0; k < n+warm; k += r.ExpFloat64() / perStep {
			begun = append(begun, k)
		}
		counts := make([]float64, n+drain)
		for k := range counts {
			for _, b := range begun {
				if now := float64(k + warm); b <= now && now < b+life {
					counts[k]++
				}
			}
		}
		noise := autoregressive(r, n+drain, 0.3)
		s := simulation{steady: n, drain: drain, idle: 4, ops: int64(perStep * n), every: 2 * time.Second}
		s.stacks = append(crowds(st, make([]float64, s.idle)), crowds(st, counts)...)
		run := s.run()
		for k, c := range counts {
			x := run.Snapshots[s.idle+k]
			v := c*each + 2000*noise[k]
			x.Counters.Values["HeapAlloc"], x.Counters.Values["Mallocs"] = whole(baseBytes+v), x.Counters.Values["Frees"]+whole(baseObjects+v/100)
		}
		if judge(run, DefaultConfig()).res.Verdict == RunLeak {
			bad[series.WaitReason(st.Frames)]++
		}
	}
	t.Logf("of %d runs: %v", runs, bad)
	for reason, k := range bad {
		t.Errorf("[%s]: %d of %d ramps are a leak", reason, k, runs/len(stacks))
	}
}
