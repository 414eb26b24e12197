package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// parked is the stack of a goroutine begun by app.Start and parked by the
// runtime functions given, leaf first.
func parked(runtime ...string) *snapshot.Stack {
	s := stackOf(append(runtime, "example.com/app.Start.func1", "example.com/app.Start.gowrap1")...)
	for i := range s.Frames {
		if strings.HasPrefix(s.Frames[i].Function, "example.com/") {
			s.Frames[i].File = "/home/u/app/start.go"
		}
	}
	return s
}

var (
	receiving = parked("runtime.gopark", "runtime.chanrecv", "runtime.chanrecv1")
	sleeping  = parked("runtime.gopark", "time.Sleep")
	reading   = parked("runtime.gopark", "runtime.netpollblock", "internal/poll.runtime_pollWait")
	hanging   = parked("runtime.gopark", "runtime.block")
	running   = parked()
)

// crowds makes goroutine profiles of one group beside 40 that serve.
func crowds(st *snapshot.Stack, counts []float64) []*snapshot.Goroutines {
	var out []*snapshot.Goroutines
	for _, c := range counts {
		n := int64(math.Max(0, math.Round(c)))
		g := &snapshot.Goroutines{Total: baseGoroutines + n, Samples: []snapshot.GoroutineSample{{Stack: worker, Count: baseGoroutines}}}
		if n > 0 {
			g.Samples = append(g.Samples, snapshot.GoroutineSample{Stack: st, Count: n})
		}
		out = append(out, g)
	}
	return out
}

// The rules of METHOD.md, Goroutines.
func TestGoroutineRules(t *testing.T) {
	t.Parallel()
	const n = 20
	rise := curve(n, 0, linear(200))
	withDrain := func(last float64) []float64 { return append(append([]float64(nil), rise...), 195, last, last) }
	dying := curve(n, 0, linear(200))
	for i := range dying {
		dying[i] += 20 * float64(i%2)
	}
	for _, c := range []struct {
		name   string
		st     *snapshot.Stack
		counts []float64
		ops    int64
		every  time.Duration
		drain  int
		want   Verdict // Unknown: no finding
		total  Verdict
		run    RunVerdict
		says   Reason
	}{
		{"blocked on a receive, one in fifty operations", receiving, rise, 10_000, 0, 0, Leak, Leak, RunLeak, Reason{DoNotEnd, Values{N: 14}}},
		{"the same, kept after the drain", receiving, withDrain(195), 10_000, 0, 3, Leak, Leak, RunLeak, Reason{Code: StillAfterDrain}},
		{"gone after the drain", receiving, withDrain(3), 10_000, 0, 3, Backlog, Backlog, RunInconclusive, Reason{Code: EndedInDrain}},
		{"asleep", sleeping, rise, 10_000, 0, 0, Suspect, Suspect, RunInconclusive, Reason{Code: MayEnd}},
		{"waiting for the network", reading, rise, 10_000, 0, 0, Suspect, Suspect, RunInconclusive, Reason{Code: MayEnd}},
		{"not parked at all", running, rise, 10_000, 0, 0, Suspect, Suspect, RunInconclusive, Reason{Code: MayEnd}},
		{"many of them end", receiving, dying, 10_000, 0, 0, Suspect, Suspect, RunInconclusive, Reason{Code: ManyEnded}},
		{"a short watch without operations or drain", receiving, rise, 0, time.Second, 0, Suspect, Suspect, RunInconclusive, Reason{ShortWatch, Values{Seconds: 13}}},
		{"a watch of two minutes to the interval", receiving, rise, 0, 120 * time.Second / 13, 0, Suspect, Suspect, RunInconclusive, Reason{ShortWatch, Values{Seconds: 120}}},
		{"a long watch without operations", receiving, rise, 0, 20 * time.Second, 0, Leak, Leak, RunLeak, Reason{DoNotEnd, Values{N: 14}}},
		{"a short watch of a select without cases", hanging, rise, 0, time.Second, 0, Leak, Leak, RunLeak, Reason{Code: SelectNoCases}},
		{"a pool that fills and stays", receiving, curve(n, 0, fills(200, 0.6)), 10_000, 0, 0, Unknown, Plateau, RunClean, Reason{}},
		{"a pool that has just filled", receiving, curve(n, 0, fills(200, 0.85)), 10_000, 0, 0, Growing, Growing, RunInconclusive, Reason{Code: SlackensLate}},
		{"fewer than eight more", receiving, curve(n, 0, linear(9)), 10_000, 0, 0, Unknown, Stable, RunClean, Reason{}},
		{"nothing grows", receiving, curve(n, 0, func(float64) float64 { return 100 }), 10_000, 0, 0, Unknown, Stable, RunClean, Reason{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := simulation{steady: n, drain: c.drain, ops: c.ops, every: c.every, stacks: crowds(c.st, c.counts), bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0))}
			res := Analyze(s.run(), DefaultConfig())
			got, why := Unknown, []Reason(nil)
			if f := find(res, "example.com/app.Start.func1"); f != nil {
				got, why = f.Verdict, f.Reasons
				if f.Kind != KindGoroutine || f.Count != Count(last(c.counts)) || (f.Goroutines == nil) != (c.ops == 0) {
					t.Errorf("finding %+v, want %v goroutines", *f, last(c.counts))
				}
			}
			if g := res.Total(series.Goroutines); got != c.want || g.Verdict != c.total || res.Verdict != c.run || !says(why, c.says) {
				t.Errorf("finding %q %+v, total %q %+v, run %q; want %q saying %+v, %q, %q", got, why, g.Verdict, g.Reasons, res.Verdict, c.want, c.says, c.total, c.run)
			}
		})
	}
}

// Latecomers are suspects where nothing but the recording tells of them.
func TestLatecomers(t *testing.T) {
	t.Parallel()
	const n = 20
	step := func(at int, before, after float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			if y[i] = before; i >= at {
				y[i] = after
			}
		}
		return y
	}
	ended := step(9, 0, 10)
	ended[15] = 9
	for _, c := range []struct {
		name   string
		st     *snapshot.Stack
		counts []float64
		ops    int64
		every  time.Duration
		drain  int
		want   Verdict // Unknown: no finding
	}{
		{"nine come at once after the first third and stay", receiving, step(9, 0, 9), 0, 10 * time.Second, 0, Suspect},
		{"fewer than the evidence floor", receiving, step(9, 0, 7), 0, 10 * time.Second, 0, Unknown},
		{"they come in the first third", receiving, step(5, 0, 9), 0, 10 * time.Second, 0, Unknown},
		{"some of them were there before", receiving, step(9, 1, 10), 0, 10 * time.Second, 0, Unknown},
		{"one of them ends", receiving, ended, 0, 10 * time.Second, 0, Unknown},
		{"they came less than a minute ago", receiving, step(15, 0, 9), 0, 10 * time.Second, 0, Growing},
		{"they sleep", sleeping, step(9, 0, 9), 0, 10 * time.Second, 0, Unknown},
		{"operations are counted", receiving, step(9, 0, 9), 10_000, 10 * time.Second, 0, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := simulation{steady: n, ops: c.ops, every: c.every, stacks: crowds(c.st, c.counts), bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0))}
			got := Unknown
			if f := find(Analyze(s.run(), DefaultConfig()), "example.com/app.Start.func1"); f != nil {
				got = f.Verdict
				if got == Suspect && !says(f.Reasons, Reason{CameLate, Values{Count: 9}}) || f.Count != 9 {
					t.Errorf("finding %+v", *f)
				}
			}
			if got != c.want {
				t.Errorf("finding %q, want %q", got, c.want)
			}
		})
	}
}

// What was not seen before cannot have come, and what is not seen later cannot have
// stayed: profiles of few moments are no more than those moments.
func TestLatecomersOfFewProfiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		have []int // snapshots with a goroutine profile
		want Verdict
		says Code
	}{
		{"one moment", []int{9}, Unknown, GoroutinesOnce},
		{"none in the first third", []int{9, 12, 19}, Unknown, ""},
		{"none after they came", []int{2, 4, 9}, Unknown, ""},
		{"before, and long after", []int{2, 9, 19}, Suspect, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := simulation{steady: 20, every: 10 * time.Second, bytes: curve(20, 20, linear(0)), objects: curve(20, 1, linear(0))}
			s.stacks = crowds(receiving, curve(20, 0, func(u float64) float64 { return 9 * math.Round(math.Min(1, u+0.04)) }))
			run := s.run()
			for i, x := range run.Snapshots {
				if !slices.Contains(c.have, i) {
					x.Goroutines = nil
				}
			}
			res := Analyze(run, DefaultConfig())
			got := Unknown
			if f := find(res, "example.com/app.Start.func1"); f != nil {
				got = f.Verdict
			}
			unknown := warns(res.Warnings, Reason{Code: GoroutinesUnknown}) || warns(res.Warnings, Reason{Code: GoroutinesOnce, Values: Values{Count: baseGoroutines + 9}})
			if got != c.want || unknown && c.says == "" || c.says != "" && !unknown {
				t.Errorf("finding %q, warnings %+v; want %q, %q", got, res.Warnings, c.want, c.says)
			}
		})
	}
}

func TestProvedGoroutinesAreALeak(t *testing.T) {
	t.Parallel()
	still := simulation{steady: 20, ops: 10_000, bytes: curve(20, 20, linear(0)), stacks: crowds(receiving, curve(20, 0, func(float64) float64 { return 5 }))}
	still.leaked = &snapshot.Goroutines{Total: 5, Samples: []snapshot.GoroutineSample{{Stack: receiving, Count: 5}}}
	for name, change := range map[string]func(*simulation){
		"beside the goroutine profile": func(*simulation) {},
		"without a goroutine profile":  func(s *simulation) { s.noGoroutines = true },
	} {
		s := still
		change(&s)
		res := Analyze(s.run(), DefaultConfig())
		f := find(res, "example.com/app.Start.func1")
		if res.Verdict != RunLeak || f == nil || f.Verdict != Leak || f.Count != 5 || !says(f.Reasons, Reason{RuntimeProved, Values{Count: 5}}) {
			t.Errorf("%s: run %s, findings %+v; want a proved leak of 5", name, res.Verdict, res.Findings)
		}
	}
}

// What the runtime proved once is a leak, whatever its last report says: a later
// snapshot may come without the goroutine, or without the profile.
func TestWhatWasProvedOnceIsALeak(t *testing.T) {
	t.Parallel()
	none := &snapshot.Goroutines{}
	proof := &snapshot.Goroutines{Total: 5, Samples: []snapshot.GoroutineSample{{Stack: receiving, Count: 5}}}
	for _, c := range []struct {
		name         string
		last         *snapshot.Goroutines
		noGoroutines bool
		count        float64
	}{
		{"the last report is the proof", proof, false, 5},
		{"the last report does not have them", none, false, 0},
		{"nor is there a goroutine profile", none, true, 0},
		{"there is no last report", nil, false, 5},
	} {
		s := simulation{steady: 20, ops: 10_000, bytes: curve(20, 20, linear(0)), noGoroutines: c.noGoroutines}
		s.stacks = crowds(receiving, curve(20, 0, func(float64) float64 { return 5 }))
		run := s.run()
		run.Snapshots[9].Leaked, run.Snapshots[19].Leaked = proof, c.last
		res := Analyze(run, DefaultConfig())
		f := find(res, "example.com/app.Start.func1")
		if res.Verdict != RunLeak || f == nil || f.Verdict != Leak || reason(f.Reasons, RuntimeProved) == nil || reason(f.Reasons, RuntimeProved).Values.Count != c.count {
			t.Errorf("%s: run %s, findings %+v; want a proved leak, %v of them in the last report", c.name, res.Verdict, res.Findings, c.count)
		}
	}
}

// Proof does not hide what the growth says by itself.
func TestProvedGoroutinesThatGrowSaySo(t *testing.T) {
	t.Parallel()
	const n = 20
	rise := curve(n, 0, linear(200))
	for _, c := range []struct {
		name   string
		counts []float64
		drain  int
		want   []Code
	}{
		{"they begin and do not end", rise, 0, []Code{DoNotEnd, RuntimeProved}},
		{"kept after the drain", append(slices.Clone(rise), 195, 195), 2, []Code{DoNotEnd, StillAfterDrain, RuntimeProved}},
		{"gone after the drain", append(slices.Clone(rise), 3, 3), 2, []Code{EndedInDrain, RuntimeProved}},
		{"they do not grow", curve(n, 0, func(float64) float64 { return 5 }), 0, []Code{RuntimeProved}},
	} {
		s := simulation{steady: n, drain: c.drain, ops: 10_000, stacks: crowds(receiving, c.counts), bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0))}
		s.leaked = &snapshot.Goroutines{Total: 5, Samples: []snapshot.GoroutineSample{{Stack: receiving, Count: 5}}}
		f := find(Analyze(s.run(), DefaultConfig()), "example.com/app.Start.func1")
		if f == nil || f.Verdict != Leak || !slices.Equal(codes(f.Reasons), c.want) {
			t.Errorf("%s: %+v, want a leak saying %q", c.name, f, c.want)
		}
	}
}

// Counts of healthy pools over u = 0 … 1, of amplitude about 1: none of them
// grows at the end.
func crowdFamilies() []family {
	return []family{
		{"ramp that ends in the first 70 %", func(r *rand.Rand, n int) []float64 {
			end := 0.2 + 0.5*r.Float64()
			y := autoregressive(r, n, 0.3)
			for i := range y {
				y[i] = 0.01*y[i] + math.Min(1, float64(i)/float64(n-1)/end)
			}
			return y
		}},
		{"ramp in steps that ends in the first 70 %", func(r *rand.Rand, n int) []float64 {
			end, steps := 0.2+0.5*r.Float64(), 3+float64(r.IntN(8))
			y := make([]float64, n)
			for i := range y {
				y[i] = math.Floor(steps*math.Min(1, float64(i)/float64(n-1)/end)) / steps
			}
			return y
		}},
		{"pool that oscillates", func(r *rand.Rand, n int) []float64 {
			y := autoregressive(r, n, 0.3)
			periods, phase := 2+6*r.Float64(), 2*math.Pi*r.Float64()
			for i := range y {
				y[i] = 0.1*y[i] + 1 + math.Sin(2*math.Pi*periods*float64(i)/float64(n-1)+phase)
			}
			return y
		}},
		{"pool that follows a wandering load", func(r *rand.Rand, n int) []float64 {
			y := autoregressive(r, n, 0.9)
			for i := range y {
				y[i] = math.Max(0, y[i]+2)
			}
			return y
		}},
		{"idle workers that time out", func(r *rand.Rand, n int) []float64 {
			y := make([]float64, n)
			v := 0.0
			for i := range y {
				v = 0.7*v + r.ExpFloat64()
				y[i] = v
			}
			return y
		}},
	}
}

func (f family) crowd(r *rand.Rand, n int) simulation {
	size := 10 * math.Pow(300, r.Float64())
	y := f.shape(r, n)
	for i := range y {
		y[i] *= size
	}
	s := simulation{steady: n, ops: int64(500 * math.Pow(200, r.Float64())), every: 10 * time.Second, stacks: crowds(receiving, y)}
	if r.IntN(2) == 0 {
		s.ops = 0
	}
	return s
}

// A keep-alive connection has two goroutines at the client's end and one at the
// server's: a ramp of connections is one thing to say.
func TestConnectionsAreOneFinding(t *testing.T) {
	t.Parallel()
	std := func(functions ...string) *snapshot.Stack { return stackOf(functions...) }
	reads := std("runtime.gopark", "internal/poll.runtime_pollWait", "net.(*conn).Read", "net/http.(*persistConn).readLoop")
	writes := std("runtime.gopark", "runtime.selectgo", "net/http.(*persistConn).writeLoop")
	timers := std("runtime.gopark", "time.Sleep", "net/http.timeoutLoop")
	var all []*snapshot.Goroutines
	for i := range int64(20) {
		g := &snapshot.Goroutines{Total: baseGoroutines + 50*i}
		for _, x := range []snapshot.GoroutineSample{{Stack: worker, Count: baseGoroutines}, {Stack: reads, Count: 10 * i}, {Stack: writes, Count: 10*i + i%2}, {Stack: timers, Count: 30 * i}} {
			if x.Count > 0 {
				g.Samples = append(g.Samples, x)
			}
		}
		all = append(all, g)
	}
	res := Analyze(simulation{steady: 20, ops: 10_000, bytes: curve(20, 20, linear(0)), stacks: all}.run(), DefaultConfig())
	if len(res.Findings) != 2 {
		t.Fatalf("findings %+v, want the connections and the timers", res.Findings)
	}
	var conn *Finding
	for i := range res.Findings {
		if res.Findings[i].Function != "net/http.timeoutLoop" {
			conn = &res.Findings[i]
		}
	}
	if conn == nil || conn.Function != "net/http.(*persistConn).writeLoop" || !says(conn.Reasons, Reason{SoDo, Values{Wait: "IO wait", Function: "net/http.(*persistConn).readLoop"}}) {
		t.Errorf("findings %+v, want the writers that tell of the readers", res.Findings)
	}
}

// A stuck goroutine keeps its descriptor and little else, which few samples see.
func TestWhatNoSiteExplainsIsTheStuckGoroutines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		each float64
		want Verdict // of (unattributed)
		says Reason  // of the goroutines
	}{{800, Growing, Reason{HeapGrowsWithEach, Values{Bytes: 803}}}, {80_000, Leak, Reason{Code: DoNotEnd}}} {
		s := simulation{steady: 20, ops: 10_000, stacks: crowds(receiving, curve(20, 0, linear(500))), heap: still(20)}
		s.bytes, s.objects = curve(20, 500, linear(500*c.each)), curve(20, 5, linear(2000))
		res := Analyze(s.run(), DefaultConfig())
		f, g := find(res, Unattributed), find(res, "example.com/app.Start.func1")
		if f == nil || g == nil || f.Verdict != c.want || g.Verdict != Leak || !says(g.Reasons, c.says) || res.Verdict != RunLeak {
			t.Errorf("%.0f bytes each: %s, findings %+v; want (unattributed) %s, the goroutines saying %+v", c.each, res.Verdict, res.Findings, c.want, c.says)
		}
	}
}
