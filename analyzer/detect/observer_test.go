package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestTheObserversEffectIsMeasuredAsWellAsIdleSnapshotsAllow(t *testing.T) {
	t.Parallel()
	idle := []int{1, 2, 3, 4, 5}
	even := []float64{0, 1, 2, 3, 4, 5}
	for _, c := range []struct {
		name        string
		y, seconds  []float64 // the first snapshot is no idle one
		least, most float64   // of the effect
		widest      float64   // its error at the most
	}{
		{"a steady effect is taken as it is", []float64{0, 1000, 1300, 1600, 1900, 2200}, even, 300, 300, 0},
		{"a step among them is not the observer's", []float64{0, 1000, 1300, 21600, 21900, 22200}, even, 300, 300, 0},
		{"a heap that goes up and down tells little, and costs little", []float64{0, 676248, 673336, 677256, 673376, 676728}, even, 0, observerBytes, observerBytes},
		{"a heap that falls has no negative effect", []float64{0, 9000, 8000, 7000, 6000, 5000}, even, 0, 0, 0},
		{"more than a snapshot can leave behind is the program's", []float64{0, 1000, 3000, 5000, 7000, 9000}, even, observerBytes, observerBytes, 0},
		{"of two spacings the shorter tells", []float64{0, 1000, 1300, 1600, 1900, 9000}, []float64{0, 1, 2, 3, 4, 20}, 300, 300, 0},
	} {
		o := observe(c.y, c.seconds, idle, observerBytes)
		if !o.known || o.perSnapshot < c.least || o.perSnapshot > c.most || o.se > c.widest || math.IsNaN(o.se) {
			t.Errorf("%s: effect %.0f ± %.0f (known %v), want %.0f to %.0f ± at most %.0f", c.name, o.perSnapshot, o.se, o.known, c.least, c.most, c.widest)
		}
	}
	if o := observe([]float64{0, 1, 2}, even, []int{1, 2}, observerBytes); o.known {
		t.Errorf("two idle snapshots gave an effect of %.0f", o.perSnapshot)
	}
}

// pace is when snapshots without load are taken, in seconds: those before it and
// those after it.
type pace struct{ idle, drain []float64 }

// evenly is n moments at a distance.
func evenly(n int, apart float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = apart * float64(i)
	}
	return out
}

// recorded paces: idle snapshots at one spacing, as they were once taken, and at
// two.
func recorded() map[string]pace {
	drain := []float64{0, 1.5, 3, 5}
	return map[string]pace{
		"one spacing":  {evenly(6, 0.5), drain},
		"two spacings": {[]float64{0, 0.3, 0.6, 0.9, 1.2, 1.5, 3.5, 5.5}, drain},
	}
}

// grower is a program whose live bytes grow by operations, time and snapshots, at
// 100 operations a second and with noise of sd bytes.
type grower struct {
	perOp, perSecond, perSnapshot, sd float64
	loadSD                            float64 // further noise under load
}

// run is its run with n snapshots under load, every seconds apart.
func (g grower) run(r *rand.Rand, p pace, n int, every float64) *snapshot.Run {
	const perSecond, warmup = 100, 5
	out := &snapshot.Run{}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	add := func(phase snapshot.Phase, at, loaded float64) {
		done := int64(math.Round(loaded * perSecond))
		b := 8e6 + g.perOp*float64(done) + g.perSecond*at + g.perSnapshot*float64(len(out.Snapshots)) + g.sd*r.NormFloat64()
		if phase == snapshot.PhaseSteady {
			b += g.loadSD * r.NormFloat64()
		}
		freed := uint64(len(out.Snapshots)+1) * 1_000_000
		x := &snapshot.Snapshot{Meta: snapshot.Meta{Time: start.Add(time.Duration(at * 1e9)), Phase: phase, Ops: &done}}
		x.Counters.Values = map[string]uint64{"HeapAlloc": whole(b), "Mallocs": freed + whole(b/1000), "Frees": freed}
		x.Goroutines = &snapshot.Goroutines{Total: 4, Samples: []snapshot.GoroutineSample{{Stack: worker, Count: 4}}}
		out.Snapshots = append(out.Snapshots, x)
	}
	for _, at := range p.idle {
		add(snapshot.PhaseIdle, at, 0)
	}
	begin := warmup
	if k := len(p.idle); k > 0 {
		begin += int(p.idle[k-1])
	}
	for i := range n {
		add(snapshot.PhaseSteady, float64(begin)+every*float64(i), warmup+every*float64(i))
	}
	end := every * float64(n-1)
	for _, at := range p.drain {
		add(snapshot.PhaseDrain, float64(begin)+end+at, warmup+end)
	}
	return out
}

// Growth by time, by operations and by snapshots is told apart as well as the
// snapshots without load allow.
func TestGrowthWithoutLoadIsMeasured(t *testing.T) {
	t.Parallel()
	for name, p := range recorded() {
		for _, c := range []struct {
			what string
			g    grower
			want float64 // bytes per second
		}{
			{"time alone", grower{perSecond: 2000, sd: 10}, 2000},
			{"operations alone", grower{perOp: 20, sd: 10}, 0},
			{"time, operations and snapshots", grower{perOp: 20, perSecond: 3000, perSnapshot: 300, sd: 10}, 3000},
		} {
			r := series.Build(c.g.run(seeded(c.what+name, 1), p, 21, 3))
			got := withoutLoad(r.Total(series.LiveBytes).Y, r.Seconds, [][]int{r.Window.Idle, r.Window.Drain}, observerBytes/2, observerBytes/2)
			if got == nil || math.Abs(got.perSecond-c.want) > 4*got.se || got.se > 60 {
				t.Errorf("%s, %s: %+v, want %.0f B/s, give or take at most 60", c.what, name, got, c.want)
			}
		}
	}
	if r := withoutLoad([]float64{1, 2, 3}, []float64{0, 1, 2}, [][]int{{0, 1, 2}}, observerBytes/2, observerBytes/2); r != nil {
		t.Errorf("three snapshots measured %+v", r)
	}
}

func TestGrowthByTimeIsNeverClean(t *testing.T) {
	t.Parallel()
	p := recorded()["two spacings"]
	for _, c := range []struct {
		name   string
		g      grower
		edit   func(*Config)
		run    RunVerdict
		why    Code
		passes bool // the test of growth without load
	}{
		{"2,000 B a second under a limit of 6,400", grower{perSecond: 2000, sd: 1000}, nil, RunLeak, GrowsWithoutLoad, true},
		{"too little for a leak", grower{perSecond: 700, sd: 200}, nil, RunInconclusive, GrowsWithoutLoad, true},
		{"noise under load hides it", grower{perSecond: 2000, sd: 300, loadSD: 1e5}, nil, RunInconclusive, GrowsWithoutLoad, true},
		{"noise without load hides whether it is by time", grower{perSecond: 600, sd: 1500}, nil, RunInconclusive, MayGrowByTime, false},
		{"it grows by operations, less than the limit", grower{perOp: 6, sd: 500}, nil, RunClean, Bounded, false},
		{"a limit by time that it keeps to", grower{perSecond: 700, sd: 200}, func(c *Config) { c.Clean.BytesPerSecond = 5000 }, RunClean, Bounded, false},
		{"snapshots leave something behind", grower{perSnapshot: 300, sd: 500}, nil, RunClean, Bounded, false},
	} {
		cfg := DefaultConfig()
		if c.edit != nil {
			c.edit(&cfg)
		}
		res := judge(c.g.run(seeded(c.name, 3), p, 21, 3), cfg).res
		b := res.Total(series.LiveBytes)
		if res.Verdict != c.run || !says(b.Reasons, Reason{Code: c.why}) {
			t.Errorf("%s: %q, %+v; want %q, %q", c.name, res.Verdict, b.Reasons, c.run, c.why)
		}
		if x := slices.IndexFunc(b.Tests, func(t Test) bool { return t.Name == "grows without load" }); x < 0 || b.Tests[x].Passed != c.passes {
			t.Errorf("%s: tests %+v; want growth without load passed: %v", c.name, b.Tests, c.passes)
		}
	}
}

// A limit by time is one per operation at the observed rate, and takes its place.
func TestACleanLimitByTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit CleanLimit
		rate  float64
		want  float64
	}{
		{CleanLimit{Bytes: 64}, 100, 64},
		{CleanLimit{Bytes: 64, BytesPerSecond: 500}, 100, 5},
		{CleanLimit{Bytes: 64, BytesPerSecond: 500}, 0, 500},
	} {
		if got := c.limit.at(c.rate); got.Bytes != c.want {
			t.Errorf("%+v at %g a second: %g, want %g", c.limit, c.rate, got.Bytes, c.want)
		}
	}
	cfg := DefaultConfig()
	cfg.Clean.BytesPerSecond = 10
	res := judge(grower{sd: 500}.run(seeded("clean by time", 3), recorded()["two spacings"], 21, 3), cfg).res
	if b := res.Total(series.LiveBytes); res.Verdict == RunClean || b.Verdict != Unknown || math.Abs(res.Clean.Bytes-0.1) > 1e-6 {
		t.Errorf("%q, live bytes %q, limit %+v; want no proof that it grows by less than 10 B a second", res.Verdict, b.Verdict, res.Clean)
	}
}

// How often growth by time is called clean, and healthy programs are not for what
// their snapshots without load say.
func TestCalibrationOfGrowthByTime(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 10)
	var b strings.Builder
	b.WriteString("| live bytes at 100 op/s, one minute, noise of 1,500 B | pace | clean | inconclusive | leak |\n|---|---|--:|--:|--:|\n")
	for _, pacing := range []string{"one spacing", "two spacings"} {
		for _, x := range []struct {
			name  string
			g     grower
			clean float64 // of runs, at most; below 0: of those not clean
		}{
			{"500 B/s", grower{perSecond: 500}, 0.1},
			{"1,000 B/s", grower{perSecond: 1000}, 0.05},
			{"2,000 B/s", grower{perSecond: 2000}, 0.02},
			{"3,000 B/s", grower{perSecond: 3000}, 0.02},
			{"nothing grows", grower{}, -0.03},
			{"300 B a snapshot", grower{perSnapshot: 300}, -0.03},
			{"noise of 100 kB under load, 3,000 B/s", grower{perSecond: 3000, loadSD: 1e5}, 1},
			{"noise of 20 kB under load, nothing grows", grower{loadSD: 2e4}, -0.03},
			{"5 B/op", grower{perOp: 5}, 1},
			{"30 B/op", grower{perOp: 30}, 1},
		} {
			r := c.source("time/"+pacing+x.name, 21)
			n := map[RunVerdict]int{}
			x.g.sd = 1500
			for range c.runs {
				n[judge(x.g.run(r, recorded()[pacing], 21, 3), DefaultConfig()).res.Verdict]++
			}
			of := func(v RunVerdict) string { return fmt.Sprintf("%.1f %%", 100*float64(n[v])/float64(c.runs)) }
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", x.name, pacing, of(RunClean), of(RunInconclusive), of(RunLeak))
			most := x.clean
			if most > 0 && pacing == "one spacing" { // which tells less
				most *= 2
			}
			if bad := n[RunClean]; most >= 0 && !c.within(bad, c.runs, most) {
				t.Errorf("%s, %s: clean in %s", x.name, pacing, share(bad, c.runs))
			} else if bad = c.runs - bad; most < 0 && !c.within(bad, c.runs, -most) {
				t.Errorf("%s, %s: not clean in %s", x.name, pacing, share(bad, c.runs))
			}
		}
	}
	c.show(&b)
}

// A wave slower than the run rises along a line under load, and goes on as before
// when the load has ended; before it nothing grew. What the operations leave behind
// stays where it was.
func TestGrowthThatGoesOnAfterTheLoadIsNoLeak(t *testing.T) {
	t.Parallel()
	const steady, drain = 20, 4
	for _, c := range []struct {
		name string
		part float64 // of the growth under load, that goes on in the drain
		want Verdict
	}{
		{"as under load", 1, Growing},
		{"at two thirds", 0.67, Growing},
		{"at a third", 0.33, Leak},
		{"not at all", 0, Leak},
	} {
		s := simulation{idle: 8, steady: steady, drain: drain, ops: 10_000, bytes: curve(steady, 2e3, linear(5e6)), objects: curve(steady, 20, linear(5e4))}
		more := func(y []float64, grown, noise float64) []float64 {
			r := seeded("after the load "+c.name, steady)
			for i := range drain {
				y = append(y, y[steady-1]+c.part*grown*float64(i+1)/(steady-1)+noise*r.NormFloat64())
			}
			return y
		}
		s.bytes, s.objects = more(s.bytes, 5e6, 2e3), more(s.objects, 5e4, 20)
		res := judge(s.run(), DefaultConfig()).res
		for _, name := range []string{series.LiveBytes, series.LiveObjects} {
			b := res.Total(name)
			if b.Verdict != c.want {
				t.Errorf("%s, %s: %s %+v, want %s", c.name, name, b.Verdict, b.Reasons, c.want)
			}
			if told := slices.ContainsFunc(b.Reasons, func(r Reason) bool { return r.Code == GrowsAfterLoad }); told != (c.want == Growing) {
				t.Errorf("%s, %s: told %v, %+v", c.name, name, told, b.Reasons)
			}
		}
	}
}
