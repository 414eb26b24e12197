package detect

import (
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestTheLevelsOfAllLooksAddUpToLessThanOne(t *testing.T) {
	t.Parallel()
	for _, planned := range []int{-1, 1, 5, 53, 1000} {
		l := NewLooks(DefaultConfig(), planned)
		sum, before := 0.0, 1.0
		for k := 1; k <= 100_000; k++ {
			v := l.Level(k)
			if !(v > 0) || v > 1 || k != l.planned+1 && v > before {
				t.Fatalf("planned %d: look %d spends %v after %v", planned, k, v, before)
			}
			sum, before = sum+v, v
			if k == l.planned && (sum < 0.499 || sum > 0.501) {
				t.Errorf("planned %d: %v is spent as planned, want half", planned, sum)
			}
		}
		if sum > 1 {
			t.Errorf("planned %d: the parts add up to %v", planned, sum)
		}
	}
}

// leakingTwice is a plain leak of exact counters, with idle snapshots before.
func leakingTwice(n int) simulation {
	return simulation{idle: 6, steady: n, ops: 10_000, bytes: curve(n, 2e3, linear(5e6)), objects: curve(n, 20, linear(5e4))}
}

func TestALeakIsConfirmedAtTheSecondLookInARow(t *testing.T) {
	t.Parallel()
	run := leakingTwice(20).run()
	l := NewLooks(DefaultConfig(), 10)
	first := l.Look(upTo(run, 18))
	b := first.Total(series.LiveBytes)
	if first.Verdict != RunInconclusive || b.Verdict != Suspect || !says(b.Reasons, Reason{Code: AwaitsNextLook}) {
		t.Fatalf("first look: %s, %s %+v; want a suspect", first.Verdict, b.Verdict, b.Reasons)
	}
	for _, f := range first.Findings {
		if f.Verdict == Leak {
			t.Errorf("first look: finding %+v", f)
		}
	}
	if again := l.Look(upTo(run, 18)); again != first {
		t.Error("without a new snapshot the look counts as another")
	}
	second := l.Look(upTo(run, 19))
	if second.Verdict != RunLeak || second.Total(series.LiveBytes).Verdict != Leak || find(second, Unattributed) == nil || find(second, Unattributed).Verdict != Leak {
		t.Errorf("second look: %s with %+v", second.Verdict, second.Findings)
	}
}

// The level of a look falls for as long as the run goes on. A leak that goes on,
// too, is not taken back for it; one whose growth ends is.
func TestAConfirmedLeakStaysOne(t *testing.T) {
	t.Parallel()
	const n, first = 60, 10
	flips := func(s simulation, forget bool) (confirmed, back int) {
		run := s.run()
		l := NewLooks(DefaultConfig(), 5)
		for k := first; k <= n; k++ {
			if forget {
				clear(l.told)
			}
			switch leak := l.Look(upTo(run, s.idle+k)).Verdict == RunLeak; {
			case leak:
				confirmed++
			case confirmed > 0:
				back++
			}
		}
		return confirmed, back
	}
	s := leakingTwice(n)
	s.bytes, s.objects = curve(n, 3e5, linear(9e6)), curve(n, 1e3, linear(9e4))
	if confirmed, back := flips(s, false); confirmed == 0 || back > 0 {
		t.Errorf("a leak that goes on: confirmed at %d looks, then taken back at %d", confirmed, back)
	}
	if _, back := flips(s, true); back == 0 {
		t.Error("the leak is too plain: no look would take it back if those before were forgotten")
	}
	s.bytes, s.objects = curve(n, 2e3, fills(5e6, 0.4)), curve(n, 20, fills(5e4, 0.4))
	if confirmed, back := flips(s, false); confirmed == 0 || back == 0 {
		t.Errorf("growth that ends: confirmed at %d looks, taken back at %d; want both", confirmed, back)
	}
}

func TestALookWithoutTheLeakBreaksTheRow(t *testing.T) {
	t.Parallel()
	run := leakingTwice(24).run()
	// For one look all that was kept is gone.
	hole := upTo(run, 21)
	hole.Snapshots = append([]*snapshot.Snapshot(nil), hole.Snapshots...)
	for i := 18; i < 21; i++ {
		s := *hole.Snapshots[i]
		s.Counters.Values = map[string]uint64{"HeapAlloc": baseBytes, "Mallocs": s.Counters.Values["Frees"] + baseObjects, "Frees": s.Counters.Values["Frees"]}
		hole.Snapshots[i] = &s
	}
	l := NewLooks(DefaultConfig(), 10)
	for i, x := range []struct {
		run  *snapshot.Run
		leak bool
	}{{upTo(run, 20), false}, {hole, false}, {upTo(run, 22), false}, {upTo(run, 23), true}} {
		if got := l.Look(x.run); (got.Verdict == RunLeak) != x.leak {
			t.Errorf("look %d: %s, want a leak: %v", i+1, got.Verdict, x.leak)
		}
	}
}

func TestProvedGoroutinesNeedNoSecondLook(t *testing.T) {
	t.Parallel()
	s := simulation{steady: 12, ops: 10_000, bytes: curve(12, 20, linear(0)), stacks: crowds(receiving, curve(12, 0, func(float64) float64 { return 5 }))}
	s.leaked = &snapshot.Goroutines{Total: 5, Samples: []snapshot.GoroutineSample{{Stack: receiving, Count: 5}}}
	if got := NewLooks(DefaultConfig(), 100).Look(s.run()); got.Verdict != RunLeak {
		t.Errorf("%s with %+v, want the proof to count at once", got.Verdict, got.Findings)
	}
}

func TestGoroutinesAreConfirmedByGroup(t *testing.T) {
	t.Parallel()
	const n = 16
	s := simulation{idle: 2, steady: n, ops: 10_000, bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0)), stacks: crowds(receiving, curve(n+2, 0, linear(400)))}
	run := s.run()
	l := NewLooks(DefaultConfig(), 20)
	first, second := l.Look(upTo(run, n)), l.Look(upTo(run, n+1))
	if first.Verdict == RunLeak || first.Verdict == RunClean || second.Verdict != RunLeak {
		t.Errorf("%s, then %s; want inconclusive, then leak", first.Verdict, second.Verdict)
	}
	if g := second.Total(series.Goroutines); g.Verdict != Leak {
		t.Errorf("goroutines in all %s %+v, want a leak with their group", g.Verdict, g.Reasons)
	}
}

// Sites that are one story are confirmed together, whichever of them is the
// largest part at a look.
func TestAClusterIsConfirmedByAnyOfItsParts(t *testing.T) {
	t.Parallel()
	f := Finding{ID: "b", Kind: KindHeap, Verdict: Leak, Function: "x", Parts: []string{"a", "b"}}
	for _, c := range []struct {
		confirmed string
		want      Verdict
	}{{"a", Leak}, {"b", Leak}, {"c", Suspect}} {
		a := judge(&snapshot.Run{}, DefaultConfig())
		a.res.Findings = []Finding{f}
		a.hold(map[string]bool{"a": true, "b": true}, map[string]bool{c.confirmed: true})
		if got := a.res.Findings[0].Verdict; got != c.want {
			t.Errorf("%s confirmed: %s, want %s", c.confirmed, got, c.want)
		}
		if c.want == Suspect && a.said("a") != Suspect || a.said("c") != Unknown {
			t.Errorf("said %q of a part and %q of none", a.said("a"), a.said("c"))
		}
	}
}

// The only total that leaks is held back: that is no clean run.
func TestAHeldBackLeakIsNotClean(t *testing.T) {
	t.Parallel()
	const n = 20
	s := simulation{idle: 6, steady: n, drain: 3, ops: 10_000, bytes: curve(n, 1e3, linear(0)), objects: curve(n, 5, linear(6e3))}
	if res := Analyze(s.run(), DefaultConfig()); res.Verdict != RunLeak {
		t.Fatalf("%s, want a leak of objects for this test", res.Verdict)
	}
	if res := NewLooks(DefaultConfig(), 5).Look(s.run()); res.Verdict != RunInconclusive {
		t.Errorf("held back: %s, want inconclusive", res.Verdict)
	}
}

// A look at a run that failed is no cleaner than a judgement of it, and both say
// so once.
func TestALookAtARunThatFailedIsNeverClean(t *testing.T) {
	t.Parallel()
	run := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}.run()
	if v := NewLooks(DefaultConfig(), 5).Look(run).Verdict; v != RunClean {
		t.Fatalf("a look at the whole run: %s, want clean", v)
	}
	run.Failed = "the target is gone: killed"
	res := NewLooks(DefaultConfig(), 5).Look(run)
	said := 0
	for _, w := range res.Warnings {
		if w.Code == NotWholeRun && w.Values.Text == run.Failed {
			said++
		}
	}
	if res.Verdict != RunInconclusive || said != 1 {
		t.Errorf("%s, warnings %+v; want inconclusive, saying why once", res.Verdict, res.Warnings)
	}
}

// Whatever a file can hold, looks over it neither panic nor print what is no
// number.
func FuzzLooks(f *testing.F) {
	f.Add([]byte{})
	r := seeded("fuzz looks", 1)
	for range 30 {
		data := make([]byte, r.IntN(8<<10))
		for i := range data {
			if r.IntN(3) > 0 {
				data[i] = byte(r.Uint32())
			}
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8<<10 {
			return
		}
		run := decoded(data)
		l := NewLooks(DefaultConfig(), 10)
		for k := 0; k <= len(run.Snapshots); k += 3 {
			check(t, l.Look(upTo(run, k)))
		}
	})
}
