package detect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// memory is what the runtime has taken and what is resident, in bytes, as each
// grows over the load; a snapshot's own noise comes on top.
type memory struct {
	heap, idle, returned, stacks float64
	outside                      float64
	untouched                    float64 // taken and never touched, at the start; less by touched in the end
	touched                      float64
	file                         float64
}

// resident fills the counters of a run from memory over u = 0 … 1 of the load.
func resident(run *snapshot.Run, idle, steady int, anon bool, of func(i int, u float64) memory) {
	for i, s := range run.Snapshots {
		u := math.Max(0, float64(i-idle)) / float64(steady-1)
		m := of(i, math.Min(1, u))
		v := s.Counters.Values
		v["HeapInuse"], v["HeapIdle"], v["HeapReleased"] = whole(70e6+m.heap), whole(30e6+m.idle+m.returned), whole(10e6+m.returned)
		v["StackInuse"], v["GCSys"], v["OtherSys"] = whole(2e6+m.stacks), 4e6, 2e6
		v["HeapSys"] = v["HeapInuse"] + v["HeapIdle"]
		v["Sys"] = v["HeapSys"] + v["StackInuse"] + v["GCSys"] + v["OtherSys"]
		private := float64(v["Sys"]-v["HeapReleased"]) - math.Max(0, m.untouched-m.touched) + 1e6 + m.outside
		rss := whole(private + 20e6 + m.file)
		s.RSS = &rss
		if anon {
			v[anonymous] = whole(private)
		}
	}
}

func TestOutsideTheGoHeap(t *testing.T) {
	t.Parallel()
	const n = 20
	calm := simulation{steady: n, idle: 6, ops: 10_000, bytes: curve(n, 500, linear(0)), objects: curve(n, 5, linear(0))}
	for _, c := range []struct {
		name string
		at   func(u float64) memory
		anon bool
		want Verdict
		run  RunVerdict
		says Reason // of the finding, else of the warnings
	}{
		{"C code keeps memory", func(u float64) memory { return memory{outside: 40e6 * u} }, true, Suspect, RunInconclusive, Reason{GrowsOutside, Values{Grew: 40e6, Bytes: 40e6}}},
		{"and stacks grow beside it", func(u float64) memory { return memory{outside: 32e6 * u, stacks: 8e6 * u} }, true, Suspect, RunInconclusive, Reason{GrowsOutside, Values{Grew: 40e6, Bytes: 32e6, Share: 0.2}}},
		{"and the heap is used up and down beside it", func(u float64) memory {
			wave := 30e6 * math.Sin(20*u)
			return memory{outside: 40e6 * u, idle: wave, returned: -wave}
		}, true, Suspect, RunInconclusive, Reason{GrowsOutside, Values{Bytes: 38.1 * (1 << 20)}}},
		{"a mapped file is read", func(u float64) memory { return memory{file: 40e6 * u} }, true, Unknown, RunClean, Reason{}},
		{"not known what it is", func(u float64) memory { return memory{outside: 40e6 * u} }, false, Unknown, RunClean, Reason{ResidentClimbs, Values{Grew: 40e6}}},
		{"idle heap that is used again", func(u float64) memory { return memory{idle: 40e6 * u} }, true, Unknown, RunClean, Reason{}},
		{"idle heap, and the resident set alone", func(u float64) memory { return memory{idle: 40e6 * u} }, false, Unknown, RunClean, Reason{}},
		{"a ring buffer is filled", func(u float64) memory { return memory{untouched: 80e6, touched: 80e6 * u, outside: -1e6} }, true, Unknown, RunClean, Reason{OutsideUntouched, Values{Grew: 80e6}}},
		{"what is returned stays resident", func(u float64) memory { return memory{returned: 20e6 * u, outside: 20e6 * u, idle: -20e6 * u} }, true, Unknown, RunClean, Reason{}},
		{"too little to speak of", func(u float64) memory { return memory{outside: 3e6 * u} }, true, Unknown, RunClean, Reason{}},
		{"it went away in the drain", func(u float64) memory { return memory{outside: 40e6 * u} }, true, Unknown, RunClean, Reason{}},
	} {
		s := calm
		if c.name == "it went away in the drain" {
			s.drain = 3
		}
		run := s.run()
		resident(run, s.idle, s.steady, c.anon, func(i int, u float64) memory {
			if i >= s.idle+s.steady {
				u = 0
			}
			return c.at(u)
		})
		res := Analyze(run, DefaultConfig())
		f := find(res, OutsideGoHeap)
		if f == nil {
			if c.want != Unknown || !warns(res.Warnings, c.says) || c.says.Code == "" && (warns(res.Warnings, Reason{Code: ResidentClimbs}) || warns(res.Warnings, Reason{Code: OutsideUntouched})) {
				t.Errorf("%s: no finding, warnings %+v; want %q saying %+v", c.name, res.Warnings, c.want, c.says)
			}
		} else if f.Verdict != c.want || !says(f.Reasons, c.says) || f.Bytes == nil {
			t.Errorf("%s: %+v, want %q saying %+v", c.name, *f, c.want, c.says)
		}
		if why := reasonOf(f, GrowsOutside); why != nil {
			want := []Part(nil) // of the runtime's own memory
			if c.name == "and stacks grow beside it" {
				want = []Part{{Name: "stacks", Bytes: 8e6}}
			}
			if c.name != "and the heap is used up and down beside it" && !alikeParts(why.Values.Parts, want) {
				t.Errorf("%s: parts %+v, want %+v", c.name, why.Values.Parts, want)
			}
		}
		if res.Verdict != c.run {
			t.Errorf("%s: %s, want %s", c.name, res.Verdict, c.run)
		}
	}
}

// What healthy programs' resident memory does besides: the scavenger returns and
// the heap takes again, pages come into use, the two readings of a snapshot are
// not of one moment. The shapes are those that the heap's totals are tried with.
func TestCalibrationOfResidentMemory(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 120)
	const n = 20
	alarms, runs := 0, 0
	for _, f := range families() {
		r := c.source("resident "+f.name, n)
		for range (c.runs + 14) / 15 {
			runs++
			rest, scavenged := f.shape(r, n), f.shape(r, n)
			apart := 16e6 * math.Pow(16, r.Float64()) // of what is not explained
			moves := 200e6 * r.Float64()
			run := simulation{steady: n, idle: 6, ops: 10_000}.run()
			resident(run, 6, n, true, func(i int, u float64) memory {
				k := int(math.Round(u * (n - 1)))
				return memory{
					idle: moves * scavenged[k], returned: 0.8 * moves * math.Max(0, scavenged[k]),
					outside: apart*rest[k] + jitter(r),
				}
			})
			res := judge(run, DefaultConfig()).res
			if find(res, OutsideGoHeap) != nil {
				alarms++
				if !c.long {
					t.Logf("%s: %+v", f.name, find(res, OutsideGoHeap).Reasons)
				}
			}
			if v := res.Total(series.LiveBytes).Verdict; v == Leak {
				t.Fatalf("%s: the resident memory made the live heap's verdict %s", f.name, v)
			}
		}
	}
	if c.long {
		t.Logf("%s of healthy runs", share(alarms, runs))
	}
	if !c.within(alarms, runs, 0.01) {
		t.Errorf("memory outside the Go heap is suspected in %s of healthy runs, want 1 %%", share(alarms, runs))
	}
}

// jitter is what the resident set moves by between the reading of the counters
// and its own.
func jitter(r *rand.Rand) float64 { return 300e3 * r.NormFloat64() }

// And what grows is found through it: 1 MiB a snapshot.
func TestGrowthOutsideIsFoundUnderJitter(t *testing.T) {
	t.Parallel()
	r := seeded("outside", 20)
	reps, found := repetitions(t, 40), 0
	for range reps {
		run := simulation{steady: 20, idle: 6, ops: 10_000}.run()
		resident(run, 6, 20, true, func(_ int, u float64) memory {
			wave := 20e6 * r.Float64()
			return memory{outside: 20e6*u + jitter(r), idle: wave, returned: -0.2 * wave}
		})
		if f := find(judge(run, DefaultConfig()).res, OutsideGoHeap); f != nil && f.Bytes.Lo < 2000 && f.Bytes.Hi > 2000 {
			found++
		}
	}
	if float64(found) < 0.9*float64(reps) {
		t.Errorf("found in %d of %d runs", found, reps)
	}
}
