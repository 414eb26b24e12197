package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// A leak of 1 MB/s of live heap: at the end 105 MB are live, 20 MB are none of the
// heap, and the goal is twice what is live.
const (
	liveAtEnd = baseBytes + 38e6
	otherRSS  = 20e6
)

func leaking1MB(steady int) *snapshot.Run {
	run := simulation{steady: steady, idle: 6, ops: 10_000, bytes: curve(steady, 100, linear(38e6)), objects: curve(steady, 1, linear(38e4))}.run()
	for i, s := range run.Snapshots {
		s.Counters.Values["TotalAlloc"] = uint64(max(0, i-6)) * 2e9 // 1 GB/s: a cycle of the collector takes no time
		s.Counters.Values["NextGC"] = 2 * s.Counters.Values["HeapAlloc"]
		s.Counters.Values["Sys"], s.Counters.Values["HeapSys"] = 300e6, 280e6
	}
	return run
}

func TestForecastToEachLimit(t *testing.T) {
	t.Parallel()
	const MB = 1e6
	// Heaps come that far on their way to a goal of r times what is live more.
	peak := func(r float64) float64 { return 1 + r*goalReached }
	for _, c := range []struct {
		name string
		edit func(*snapshot.Run, *Config)
		kind LimitKind
		want float64 // seconds; −1: no forecast
		says Reason
	}{
		{"none is known", func(*snapshot.Run, *Config) {}, "", -1, Reason{}},
		{"the user's", func(_ *snapshot.Run, c *Config) { c.Limit = 1020e6 }, LimitGiven, 1000*MB/(peak(1)*MB) - liveAtEnd/MB, Reason{PeaksBeforeGC, Values{Times: 2}}},
		{"the user's goes before all others", func(r *snapshot.Run, c *Config) { c.Limit, r.Target.CgroupLimit = 1020e6, 500e6 }, LimitGiven, 1000*MB/(peak(1)*MB) - liveAtEnd/MB, Reason{}},
		{"one that the recording holds", func(r *snapshot.Run, _ *Config) { r.Target.Limit = 1020e6 }, LimitGiven, 1000*MB/(peak(1)*MB) - liveAtEnd/MB, Reason{}},
		{"a control group's", func(r *snapshot.Run, _ *Config) { r.Target.CgroupLimit = 1020e6 }, LimitCgroup, 1000*MB/(peak(1)*MB) - liveAtEnd/MB, Reason{PeaksBeforeGC, Values{Times: 2}}},
		{"GOMEMLIMIT: the collector gives up its room", func(r *snapshot.Run, _ *Config) { r.Target.GoMemLimit = 1020e6 }, LimitGo, (1000*MB - liveAtEnd) / MB, Reason{Code: RuntimeKeepsLimit}},
		{"both: GOMEMLIMIT comes first and keeps the peaks down", func(r *snapshot.Run, _ *Config) { r.Target.GoMemLimit, r.Target.CgroupLimit = 900e6, 1020e6 }, LimitGo, (880*MB - liveAtEnd) / MB, Reason{}},
		{"both: it is too high to help", func(r *snapshot.Run, _ *Config) { r.Target.GoMemLimit, r.Target.CgroupLimit = 2000e6, 1020e6 }, LimitCgroup, 1000*MB/(peak(1)*MB) - liveAtEnd/MB, Reason{}},
		{"the user's above GOMEMLIMIT", func(r *snapshot.Run, c *Config) { r.Target.GoMemLimit, c.Limit = 900e6, 1020e6 }, LimitGiven, (1000*MB - liveAtEnd) / MB, Reason{Code: LimitKeepsLow}},
		{"limits that are none", func(r *snapshot.Run, _ *Config) { r.Target.GoMemLimit, r.Target.CgroupLimit = 1<<63-1, 1<<62 }, "", -1, Reason{}},
		{"a goal of half as much more", func(r *snapshot.Run, c *Config) {
			c.Limit = 1020e6
			for _, s := range r.Snapshots {
				s.Counters.Values["NextGC"] = s.Counters.Values["HeapAlloc"] * 3 / 2
			}
		}, LimitGiven, 1000*MB/(peak(0.5)*MB) - liveAtEnd/MB, Reason{PeaksBeforeGC, Values{Times: 1.5}}},
		{"the least heap tells no goal, GOGC does", func(r *snapshot.Run, c *Config) {
			c.Limit, r.Target.GOGC = 1020e6, 300
			for _, s := range r.Snapshots {
				s.Counters.Values["NextGC"] = 12 << 20
			}
		}, LimitGiven, 1000*MB/(peak(3)*MB) - liveAtEnd/MB, Reason{PeaksBeforeGC, Values{Times: 4}}},
		{"a goal that the stacks share", func(r *snapshot.Run, c *Config) {
			c.Limit = 1020e6
			for _, s := range r.Snapshots {
				s.Counters.Values["StackInuse"] = 10e6
				s.Counters.Values["NextGC"] = 2*s.Counters.Values["HeapAlloc"] + 10e6
			}
		}, LimitGiven, (1000*MB-10*MB*(peak(1)-1))/(peak(1)*MB) - liveAtEnd/MB, Reason{PeaksBeforeGC, Values{Times: 2}}},
		{"GOGC=off and a limit that kills: nothing to be said", func(r *snapshot.Run, c *Config) {
			c.Limit, r.Target.GOGC = 1020e6, -1
			for _, s := range r.Snapshots {
				s.Counters.Values["NextGC"] = 1<<63 - 1
			}
		}, "", -1, Reason{}},
		{"GOGC=off and GOMEMLIMIT", func(r *snapshot.Run, _ *Config) { r.Target.GoMemLimit, r.Target.GOGC = 1020e6, -1 }, LimitGo, (1000*MB - liveAtEnd) / MB, Reason{}},
		{"more was resident than the goal tells", func(r *snapshot.Run, c *Config) { c.Limit, r.Peak.RSS = 1020e6, 500e6 }, LimitGiven, 520 * MB / (peak(1) * MB), Reason{}},
		{"of which files back a part", func(r *snapshot.Run, c *Config) {
			c.Limit, r.Peak.RSS = 1020e6, 500e6
			for _, s := range r.Snapshots {
				rss := uint64(330e6)
				s.RSS, s.Counters.Values[anonymous] = &rss, 300e6
			}
		}, LimitGiven, 550 * MB / (peak(1) * MB), Reason{}},
		{"resident memory grows faster than the heap can make it", func(r *snapshot.Run, c *Config) {
			c.Limit = 1020e6
			for i, s := range r.Snapshots {
				rss := uint64(100e6 + max(0, i-6)*10e6) // 5 MB/s
				s.RSS = &rss
			}
		}, LimitGiven, (1000*MB - peak(1)*liveAtEnd) / (5 * MB), Reason{Code: ResidentGoesOn}},
		{"it is reached already", func(_ *snapshot.Run, c *Config) { c.Limit = 100e6 }, LimitGiven, 0, Reason{}},
	} {
		run, cfg := leaking1MB(20), DefaultConfig()
		c.edit(run, &cfg)
		f := Analyze(run, cfg).Forecast
		if f == nil {
			if c.want >= 0 {
				t.Errorf("%s: no forecast, want %.0f s", c.name, c.want)
			}
			continue
		}
		iv := f.SecondsToLimit
		if f.Limit != c.kind || math.Abs(iv.Estimate-c.want) > 0.01*c.want || iv.Lo > iv.Estimate || iv.Hi < iv.Estimate || iv.Hi > 1.1*iv.Estimate || iv.N != 20 {
			t.Errorf("%s: %s limit in %+v, want %s in %.0f s", c.name, f.Limit, iv, c.kind, c.want)
		}
		if f.Assumption == nil || !says([]Reason{*f.Assumption}, c.says) {
			t.Errorf("%s: assumes %+v, want %+v", c.name, f.Assumption, c.says)
		}
	}
}

// Goroutines that never end take stacks, and what grows outside the heap counts
// for a limit that kills, not for GOMEMLIMIT.
func TestForecastCountsStacksAndWhatIsOutside(t *testing.T) {
	t.Parallel()
	run := leaking1MB(20)
	for i, s := range run.Snapshots {
		s.Counters.Values["StackInuse"] = uint64(10e6 + max(0, i-6)*2e6) // 1 MB/s
		s.Counters.Values["NextGC"] = 2*s.Counters.Values["HeapAlloc"] + s.Counters.Values["StackInuse"]
		s.Counters.Values["Sys"] += s.Counters.Values["StackInuse"]
	}
	cfg := DefaultConfig()
	cfg.Limit = 1020e6
	f := Analyze(run, cfg).Forecast
	const stacksAtEnd = 10e6 + 38e6
	if want := (1000e6 - liveAtEnd - stackTouched*stacksAtEnd - goalReached*(liveAtEnd+stacksAtEnd)) / (1e6 + stackTouched*1e6 + goalReached*2e6); f == nil || math.Abs(f.SecondsToLimit.Estimate-want) > 0.01*want {
		t.Errorf("with stacks that grow: %+v, want %.0f s", f, want)
	}

	calm := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}.run()
	resident(calm, 6, 20, true, func(_ int, u float64) memory { return memory{outside: 76e6 * u} }) // 2 MB/s
	for i, s := range calm.Snapshots {
		s.Counters.Values["TotalAlloc"] = uint64(max(0, i-6)) * 2e9
	}
	if f := Analyze(calm, DefaultConfig()).Forecast; f != nil {
		t.Errorf("a forecast without a limit: %+v", *f)
	}
	// Now 92 MB are the heap's and the stacks' and tables', up to 64 MiB more before
	// it collects, and 77 MB are outside.
	live, other := float64(baseBytes), 108e6-100e6
	f = Analyze(calm, cfg).Forecast
	if want := (1020e6 - (1+goalReached)*live - 2e6 - other - 77e6) / 2e6; f == nil || math.Abs(f.SecondsToLimit.Estimate-want) > 0.02*want {
		t.Errorf("outside the heap: %+v, want %.0f s", f, want)
	}
	calm.Target.GoMemLimit, cfg.Limit = 1020e6, 0
	if f := Analyze(calm, cfg).Forecast; f != nil {
		t.Errorf("GOMEMLIMIT does not count what is outside the heap: %+v", *f)
	}
}

// What is not allocated is no peak: the last cycle of the collector must rise to the
// limit, and where all that is allocated is retained, what is live is all there is.
func TestForecastOfTheLastCycle(t *testing.T) {
	t.Parallel()
	const (
		heap  = 1000e6
		goals = heap/((1+goalReached)*1e6) - liveAtEnd/1e6 // seconds
		soon  = heap/2e6 - liveAtEnd/1e6
		late  = heap/((1+goalAtLeast)*1e6) - liveAtEnd/1e6
		alone = (heap - liveAtEnd) / 1e6
	)
	// A cycle's way at the limit takes so long.
	cycle := func(reached, rate float64) float64 { return heap * reached / (1 + reached) / rate }
	for _, c := range []struct {
		name         string
		rate         float64 // bytes allocated a second; 0: not known
		own          float64 // bytes that each snapshot allocates
		want, lo, hi float64
	}{
		{"half of what is allocated is retained", 2e6, 0, goals + cycle(goalReached, 2e6)*1.25, soon + cycle(1, 2.2e6), late + cycle(goalAtLeast, 1.8e6)*(2-1/1.8)},
		{"all of it", 1e6, 0, alone, soon + cycle(1, 1.1e6), alone},
		{"a hundredth", 100e6, 0, goals + cycle(goalReached, 100e6)*1.495, soon + cycle(1, 110e6), late + cycle(goalAtLeast, 90e6)*2},
		{"snapshots allocate as much", 2e6, 4e6, goals + cycle(goalReached, 2e6)*1.25, soon + cycle(1, 2.2e6), late + cycle(goalAtLeast, 1.8e6)*(2-1/1.8)},
		{"nobody knows: half of it", 0, 0, goals + cycle(goalReached, 2e6)*1.25, soon, alone},
	} {
		run, cfg := leaking1MB(20), DefaultConfig()
		cfg.Limit = 1020e6
		for i, s := range run.Snapshots {
			if s.Counters.Values["TotalAlloc"] = uint64(float64(max(0, i-6))*2*c.rate + float64(i)*c.own); c.rate == 0 {
				delete(s.Counters.Values, "TotalAlloc")
			}
		}
		near := func(got, want float64) bool { return math.Abs(got-want) <= 0.01*want }
		f := Analyze(run, cfg).Forecast
		if f == nil || !near(f.SecondsToLimit.Estimate, c.want) || !near(f.SecondsToLimit.Lo, c.lo) || !near(f.SecondsToLimit.Hi, c.hi) {
			t.Errorf("%s: %+v, want %.0f [%.0f, %.0f] s", c.name, f, c.want, c.lo, c.hi)
		}
	}
}

// A container that was enlarged in the recording may be enlarged again just before the
// limit: then its next size stands beside it.
func TestForecastOfAContainer(t *testing.T) {
	t.Parallel()
	forecast := func(filled func(i int) float64) (iv stats.Interval, size float64) {
		run, cfg := leaking1MB(20), DefaultConfig()
		cfg.Limit = 1020e6
		for i, h := range appended(len(run.Snapshots), filled) {
			run.Snapshots[i].Heap = h
			for _, x := range h.Samples {
				size = math.Max(size, float64(x.Size))
			}
		}
		f := Analyze(run, cfg).Forecast
		if f == nil {
			t.Fatal("no forecast")
		}
		return f.SecondsToLimit, size
	}
	full, _ := forecast(func(int) float64 { return 20e6 })
	enlarged, size := forecast(func(i int) float64 { return 1e6 * float64(i+1) })
	want := 1000e6/(2*(1+enlargedTo*size/liveAtEnd)*1e6) - liveAtEnd/1e6
	if math.Abs(enlarged.Lo-want) > 0.02*want || enlarged.Estimate > full.Estimate-0.4*(full.Lo-want) || math.Abs(enlarged.Hi-full.Hi) > 1 {
		t.Errorf("one of %.0f bytes: %+v, want from %.0f s; one that is full: %+v", size, enlarged, want, full)
	}
}

// Garbage that lives through a collection hides growth of the total; what the sites
// that leak grow by is known all the same.
func TestForecastFromSitesWhereTheTotalIsUneven(t *testing.T) {
	t.Parallel()
	r := seeded("uneven", 20)
	run, cfg := leaking1MB(20), DefaultConfig()
	cfg.Limit = 1020e6
	n := len(run.Snapshots)
	leak := allocSite{at(3, "example.com/app.keep", handler), 128, leakingLives(r, n, 38e6/sampling)}
	for i, h := range serve(n, sampling, []allocSite{leak}) {
		s := run.Snapshots[i]
		s.Heap = h
		s.Counters.Values["HeapAlloc"] += uint64(60e6 * r.Float64())
		s.Counters.Values["NextGC"] = 2 * s.Counters.Values["HeapAlloc"]
	}
	res := Analyze(run, cfg)
	if res.Verdict != RunLeak || res.Total(series.LiveBytes).Verdict == Leak {
		t.Fatalf("the run is %s, live bytes %s; want a leak, but not of the total", res.Verdict, res.Total(series.LiveBytes).Verdict)
	}
	want := 1000e6/((1+goalReached)*1e6) - (liveAtEnd+30e6)/1e6
	if f := res.Forecast; f == nil || math.Abs(f.SecondsToLimit.Estimate-want) > 0.15*want || f.SecondsToLimit.Lo > want || f.SecondsToLimit.Hi < want {
		t.Errorf("forecast %+v, want some %.0f s", f, want)
	}
}

// What spans waste at the end goes on where it grew with the live heap, and stays what
// it is where it did not.
func TestForecastOfWastedSpans(t *testing.T) {
	t.Parallel()
	const other, grown = 20e6, 38e6
	for _, c := range []struct {
		name          string
		wasted, grows float64 // bytes at the first judged snapshot, and a byte of live heap
	}{
		{"nothing", 0, 0},
		{"always as much", 30e6, 0},
		{"a fifth of growth", 10e6, 0.2},
	} {
		run, cfg := leaking1MB(20), DefaultConfig()
		cfg.Limit = 1020e6
		for i, s := range run.Snapshots {
			s.Counters.Values["HeapInuse"] = s.Counters.Values["HeapAlloc"] + uint64(c.wasted+c.grows*2e6*float64(max(0, i-6)))
		}
		f := Analyze(run, cfg).Forecast
		room := 1020e6 - other - c.wasted - c.grows*grown + c.grows*liveAtEnd
		want := (room - (2+c.grows)*liveAtEnd) / ((2 + c.grows) * 1e6)
		if f == nil || math.Abs(f.SecondsToLimit.Lo-want) > 0.02*want || math.Abs(f.SecondsToLimit.Hi-413) > 5 {
			t.Errorf("%s: %+v, want %.0f to 413 s", c.name, f, want)
		}
	}
}
