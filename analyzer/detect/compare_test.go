package detect

import (
	"math"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// growingBy is a run of 20 snapshots that keeps perOp bytes an operation.
func growingBy(name string, perOp, sd float64) simulation {
	s := keeping(seeded(name, 20), 20, perOp, sd, 0)
	return s
}

func row(t *testing.T, c *Comparison, name string) Compared {
	t.Helper()
	for _, r := range append(append([]Compared(nil), c.Totals...), c.Sites...) {
		if r.Function == name || r.Kind == KindTotal && r.ID == name {
			return r
		}
	}
	t.Fatalf("no row %s in %+v", name, c)
	return Compared{}
}

func TestCompareTotals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		before, after float64 // B/op
		sd            float64
		bytes, all    Change
		says          Code // of all
	}{
		{"the leak is mended", 200, 0, 2e3, Better, Better, ""},
		{"half of the leak is mended", 200, 100, 2e3, Better, Better, StillLeaks},
		{"a leak came in", 0, 200, 2e3, Worse, Worse, ""},
		{"the leak doubled", 200, 400, 2e3, Worse, Worse, ""},
		{"the same leak", 200, 200, 2e3, Same, Same, ""},
		{"calm before and after", 0, 0, 2e3, Same, Same, ""},
		{"noise hides everything", 0, 0, 3e6, Undecided, Undecided, RunLonger},
		{"a leak of which little is known", 2000, 1500, 1.5e6, Undecided, Undecided, ""},
		{"less than the tolerance of 1 B/op more", 200, 200.8, 5, Same, Same, ""},
		{"less than the tolerance of 1 B/op less", 200.8, 200, 5, Same, Same, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(growingBy("a", c.before, c.sd).run(), growingBy("b", c.after, c.sd).run(), DefaultConfig())
			b := row(t, got, series.LiveBytes)
			if b.Change != c.bytes || got.Change != c.all || !says(got.Reasons, Reason{Code: c.says}) {
				t.Errorf("live bytes %s (%+v), all %s %+v; want %s, %s, %q\n%+v", b.Change, b.Reasons, got.Change, got.Reasons, c.bytes, c.all, c.says, *b.Difference)
			}
			if want := c.after - c.before; b.Difference.Lo > want || b.Difference.Hi < want {
				t.Errorf("difference %+v, want %v in it", *b.Difference, want)
			}
			if got.Before.Power == nil || got.After.Totals == nil || got.Per != PerOp {
				t.Error("the runs are not judged whole")
			}
		})
	}
}

// withSites is a run whose profile holds the allocators, and whose exact
// counters keep what they keep.
func withSites(name string, rate int64, all ...allocator) simulation {
	kept := 0.0
	for _, x := range all {
		w := float64(x.size) / -math.Expm1(-float64(x.size)/float64(rate))
		kept += x.kept * 19 * w
	}
	s := leaky(kept, sampledHeaps(seeded(name, 1), 20, rate, all...))
	s.bytes, s.objects = curve(20, 2e3, linear(kept)), curve(20, 20, linear(kept/128))
	return s
}

func TestCompareSites(t *testing.T) {
	t.Parallel()
	site := func(line int, name string, kept float64) allocator {
		return allocator{at(line, "example.com/app."+name, "example.com/app.Handle", handler), 128, 0, kept}
	}
	busy := allocator{at(1, "example.com/app.Parse", handler), 512, 60, 0}
	still := allocator{at(3, "example.com/app.Cache", handler), 128, 20, 0}
	for _, c := range []struct {
		name          string
		before, after []allocator
		want          map[string]Change
		all           Change
	}{
		{"a leak ends, another begins", []allocator{busy, still, site(2, "Keep", 30)}, []allocator{busy, still, site(9, "Other", 30)},
			map[string]Change{"Keep": Gone, "Other": Appeared}, Worse},
		{"the site still allocates and keeps nothing", []allocator{busy, site(2, "Keep", 30)}, []allocator{busy, {at(7, "example.com/app.Keep", "example.com/app.Handle", handler), 128, 30, 0}},
			map[string]Change{"Keep": Better}, Better},
		{"it keeps three times as much, at another line", []allocator{busy, site(2, "Keep", 15)}, []allocator{busy, site(8, "Keep", 45)},
			map[string]Change{"Keep": Worse}, Worse},
		{"it keeps what it kept", []allocator{busy, site(2, "Keep", 30)}, []allocator{busy, site(2, "Keep", 30)},
			map[string]Change{"Keep": Undecided}, Same},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(withSites("before", sampling, c.before...).run(), withSites("after", sampling, c.after...).run(), DefaultConfig())
			for name, want := range c.want {
				if r := row(t, got, "example.com/app."+name); r.Change != want || r.Kind != KindHeap || r.Difference == nil || want == Gone && r.After != nil || want == Appeared && r.Before != nil {
					t.Errorf("%s: %s (%+v, P %v), want %s: %+v", name, r.Change, r.Reasons, r.P, want, r)
				}
			}
			if got.Change != c.all || len(got.Sites) != len(c.want) {
				t.Errorf("all %s %+v with %d sites, want %s with %d", got.Change, got.Reasons, len(got.Sites), c.all, len(c.want))
			}
		})
	}
}

func TestCompareGoroutines(t *testing.T) {
	t.Parallel()
	calmly := simulation{steady: 20, ops: 10_000, bytes: curve(20, 20, linear(0)), objects: curve(20, 1, linear(0))}
	stuck := calmly
	stuck.stacks = crowds(receiving, curve(20, 0, linear(200)))
	got := Compare(stuck.run(), calmly.run(), DefaultConfig())
	if r := row(t, got, "example.com/app.Start.func1"); r.Change != Gone || r.WaitReason != "chan receive" || got.Change != Better || got.After.Verdict != RunClean {
		t.Errorf("mended: %+v, all %s", r, got.Change)
	}
	got = Compare(calmly.run(), stuck.run(), DefaultConfig())
	if r := row(t, got, "example.com/app.Start.func1"); r.Change != Appeared || r.Is != Leak || got.Change != Worse || got.After.Verdict != RunLeak {
		t.Errorf("broken: %+v, all %s", r, got.Change)
	}
	calmly.noGoroutines = true
	got = Compare(stuck.run(), calmly.run(), DefaultConfig())
	if got.Change != Undecided || len(got.Sites) != 0 {
		t.Errorf("without a goroutine profile: %s with %+v, want unknown and nothing gone", got.Change, got.Sites)
	}
}

func TestWhatMakesRunsHardToCompareIsSaid(t *testing.T) {
	t.Parallel()
	busy := allocator{at(1, "example.com/app.Parse", handler), 512, 60, 0}
	base := withSites("a", sampling, busy)
	for _, c := range []struct {
		name  string
		other func() *snapshot.Run
		says  Reason
		per   Per
	}{
		{"another sampling rate", func() *snapshot.Run { return withSites("a", 512<<10, busy).run() }, Reason{PeriodsDiffer, Values{OldPeriod: sampling, Period: 512 << 10}}, PerOp},
		{"no operations in one", func() *snapshot.Run { s := base; s.ops = 0; return s.run() }, Reason{OneLacksOps, Values{Run: "second"}}, PerSecond},
		{"another load", func() *snapshot.Run { s := base; s.every = 6 * time.Second; return s.run() }, Reason{LoadsDiffer, Values{From: 10_000 / (19 * 2.0), To: 10_000 / (19 * 6.0)}}, PerOp},
		{"the same", func() *snapshot.Run { return base.run() }, Reason{}, PerOp},
	} {
		got := Compare(base.run(), c.other(), DefaultConfig())
		if !warns(got.Warnings, c.says) || (c.says.Code == "") != (len(got.Warnings) == 0) || got.Per != c.per {
			t.Errorf("%s: warns %+v, per %s; want %+v", c.name, got.Warnings, got.Per, c.says)
		}
	}
}

// A slope per second is the one per operation at the observed rate.
func TestCompareInSeconds(t *testing.T) {
	t.Parallel()
	with := growingBy("a", 200, 2e3)
	without := growingBy("b", 400, 2e3)
	without.ops = 0
	for i, v := range keeping(seeded("b", 20), 20, 400, 2e3, 0).bytes {
		without.bytes[i] = v
	}
	got := Compare(with.run(), without.run(), DefaultConfig())
	b := row(t, got, series.LiveBytes)
	want := 200 * 10_000 / (19 * 2.0) // 10,000 operations in 19 intervals of 2 s
	if math.Abs(b.Difference.Estimate-want) > 0.02*want || b.Change != Worse {
		t.Errorf("%+v %s, want %.0f B/s more", *b.Difference, b.Change, want)
	}
}

func TestCompareSaysNothingOfNothing(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]*snapshot.Run{
		"two empty runs":   {{}, {}},
		"one empty run":    {growingBy("a", 200, 2e3).run(), {}},
		"one short run":    {growingBy("a", 200, 2e3).run(), simulation{steady: 4, ops: 10}.run()},
		"the short before": {simulation{steady: 4, ops: 10}.run(), growingBy("a", 200, 2e3).run()},
	} {
		got := Compare(pair[0], pair[1], DefaultConfig())
		if got.Change != Undecided || len(got.Sites) > 0 {
			t.Errorf("%s: %s with %+v", name, got.Change, got.Sites)
		}
	}
}

// Exchanged runs have exchanged changes: the difference turns its sign.
func TestCompareIsAntisymmetric(t *testing.T) {
	t.Parallel()
	a, b := crowdedRun(5), crowdedRun(6)
	b.bytes = curve(20, 6e3, linear(6e6))
	x, y := Compare(a.run(), b.run(), DefaultConfig()), Compare(b.run(), a.run(), DefaultConfig())
	turned := map[Change]Change{Worse: Better, Better: Worse, Appeared: Gone, Gone: Appeared, Same: Same, Undecided: Undecided}
	for _, r := range append(x.Totals, x.Sites...) {
		var o *Compared
		for _, s := range append(append([]Compared(nil), y.Totals...), y.Sites...) {
			if s.ID == r.ID {
				o = &s
			}
		}
		if o == nil || math.Abs(o.Difference.Estimate+r.Difference.Estimate) > 1e-9*math.Abs(r.Difference.Estimate) || math.Abs(*o.P-*r.P) > 1e-12 {
			t.Errorf("%s: %+v, exchanged %+v", r.Function, r, o)
			continue
		}
		if r.Change != Same && r.Change != Undecided && o.Change != turned[r.Change] {
			t.Errorf("%s: %s, exchanged %s", r.Function, r.Change, o.Change)
		}
	}
	if row(t, x, series.LiveBytes).Change != Worse {
		t.Errorf("live bytes: %+v", row(t, x, series.LiveBytes))
	}
}

func FuzzCompare(f *testing.F) {
	r := seeded("fuzz compare", 1)
	for range 30 {
		var d [2][]byte
		for k := range d {
			d[k] = make([]byte, r.IntN(8<<10))
			for i := range d[k] {
				if r.IntN(3) > 0 {
					d[k][i] = byte(r.Uint32())
				}
			}
		}
		f.Add(d[0], d[1])
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		if len(x)+len(y) > 16<<10 {
			return
		}
		got := Compare(decoded(x), decoded(y), DefaultConfig())
		encodes(t, got.Totals, got.Sites, got.Reasons)
		for _, c := range append(got.Totals, got.Sites...) {
			if c.P != nil && !finite(*c.P) || c.DF != nil && !finite(*c.DF) || math.IsNaN(c.Margin) || c.Change == "" || len(c.Reasons) == 0 || c.ID == "" {
				t.Errorf("%+v", c)
			}
			if d := c.Difference; d != nil && (math.IsNaN(d.Estimate) || !(d.Lo <= d.Estimate && d.Estimate <= d.Hi)) {
				t.Errorf("%s: difference %+v", c.Function, *d)
			}
		}
	})
}
