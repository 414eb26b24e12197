package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// twoPasses marks the second half of the steady snapshots as a second pass over so
// many different contents.
func twoPasses(run *snapshot.Run, contents int) *snapshot.Run {
	var steady []*snapshot.Snapshot
	for _, x := range run.Snapshots {
		if x.Phase == snapshot.PhaseSteady {
			steady = append(steady, x)
		}
	}
	for i, x := range steady {
		x.Pass = 1 + 2*i/len(steady)
	}
	run.Load.Contents = contents
	return run
}

func TestHowALeakIsKnown(t *testing.T) {
	t.Parallel()
	const n = 20
	grows := simulation{steady: n, idle: 6, drain: 3, ops: 10_000, bytes: curve(n, 2e3, linear(5e6)), objects: curve(n, 20, linear(5e4))}
	flat := grows
	flat.bytes, flat.objects = curve(n, 20, linear(0)), curve(n, 1, linear(0))
	crowd := simulation{steady: n, ops: 10_000, bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0)), stacks: crowds(receiving, curve(n, 0, linear(400)))}
	hang := crowd
	hang.stacks = crowds(hanging, curve(n, 0, linear(400)))
	told := simulation{steady: n, ops: 10_000, bytes: curve(n, 20, linear(0)), stacks: crowds(receiving, curve(n, 0, func(float64) float64 { return 5 }))}
	told.leaked = &snapshot.Goroutines{Total: 5, Samples: []snapshot.GoroutineSample{{Stack: receiving, Count: 5}}}
	for _, c := range []struct {
		name  string
		run   *snapshot.Run
		proof Proof
		says  Reason
		heap  Proof // of the total of live bytes
	}{
		{"growth alone", grows.run(), ProofGrowth, Reason{GrowthAlone, Values{Bytes: 5e6, Count: 10_000, Per: PerOp}}, ProofGrowth},
		{"a second pass over the same contents", twoPasses(grows.run(), 40), ProofProved, Reason{SecondPassGrew, Values{N: 40}}, ProofProved},
		{"a second pass over one request", twoPasses(grows.run(), 1), ProofGrowth, Reason{Code: GrowthAlone}, ProofGrowth},
		{"a second pass over contents that never come again", twoPasses(grows.run(), 0), ProofGrowth, Reason{Code: GrowthAlone}, ProofGrowth},
		{"goroutines that begin and do not end", crowd.run(), ProofProved, Reason{Code: DoNotEnd}, ""},
		{"goroutines that nothing can end", hang.run(), ProofProved, Reason{Code: SelectNoCases}, ""},
		{"goroutines that the runtime proves", told.run(), ProofProved, Reason{Code: RuntimeProved}, ""},
		{"no leak", flat.run(), "", Reason{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := Analyze(c.run, DefaultConfig())
			if (res.Verdict == RunLeak) != (c.proof != "") || res.Proof != c.proof || !says(res.Reasons, c.says) || (c.proof == "") != (len(res.Reasons) == 0) {
				t.Errorf("%s, proof %q %+v; want proof %q saying %+v", res.Verdict, res.Proof, res.Reasons, c.proof, c.says)
			}
			if got := res.Total(series.LiveBytes).Proof; got != c.heap {
				t.Errorf("live bytes: proof %q, want %q", got, c.heap)
			}
			for _, f := range res.Findings {
				if (f.Verdict == Leak) != (f.Proof != "") {
					t.Errorf("finding %s is %s with proof %q", f.Function, f.Verdict, f.Proof)
				}
			}
		})
	}
}

// What stuck goroutines retain is proved as they are, and so is the total that it
// makes.
func TestWhatStuckGoroutinesRetainIsProved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   *snapshot.Stack
		want Proof
	}{
		{"stuck", receiving, ProofProved},
		{"asleep: they may end", sleeping, ProofGrowth},
	} {
		made := allocator{at(7, "example.com/app.Start", "example.com/app.Handle", handler), 1024, 0, 12}
		s := leaky(12*19*perSample(1024), sampledHeaps(seeded("closure", 1), 20, sampling, made))
		s.stacks = crowds(c.in, curve(20, 0, linear(400)))
		res := Analyze(s.run(), DefaultConfig())
		h, b := find(res, "example.com/app.Start"), res.Total(series.LiveBytes)
		if h == nil || h.Verdict != Leak || h.Proof != c.want || b.Proof != c.want || res.Proof != c.want || saysAny(h.Reasons, HeldByStuck) != (c.want == ProofProved) {
			t.Errorf("%s: finding %+v, live bytes %q, run %q; want %q", c.name, h, b.Proof, res.Proof, c.want)
		}
	}
}

// A look that takes the goroutines back takes their proof back, too.
func TestALookThatIsNotConfirmedProvesNothing(t *testing.T) {
	t.Parallel()
	made := allocator{at(7, "example.com/app.Start", "example.com/app.Handle", handler), 1024, 0, 12}
	s := leaky(12*19*perSample(1024), sampledHeaps(seeded("closure", 1), 20, sampling, made))
	s.stacks = crowds(receiving, curve(20, 0, linear(400)))
	j := judge(s.run(), DefaultConfig())
	heap := find(j.res, "example.com/app.Start")
	if heap == nil || heap.Proof != ProofProved {
		t.Fatalf("finding %+v, want one that is proved", heap)
	}
	j.hold(nil, map[string]bool{series.LiveBytes: true, heap.ID: true})
	if j.res.Verdict != RunLeak || j.res.Proof != ProofGrowth || !saysAny(j.res.Reasons, GrowthAlone) {
		t.Errorf("the heap alone: %s, proof %q %+v; want a leak by growth", j.res.Verdict, j.res.Proof, j.res.Reasons)
	}
	if j.hold(nil, nil); j.res.Verdict == RunLeak || j.res.Proof != "" || len(j.res.Reasons) > 0 {
		t.Errorf("nothing: %s, proof %q %+v; want neither", j.res.Verdict, j.res.Proof, j.res.Reasons)
	}
}

// What is allowed is reported and does not decide; nothing else is.
func TestWhatIsAllowedDoesNotDecide(t *testing.T) {
	t.Parallel()
	store := allocator{at(7, "example.com/shop/session.(*Store).New", handler), 128, 0, 12}
	other := allocator{at(9, "example.com/shop.Handle", handler), 128, 0, 12}
	for _, c := range []struct {
		name    string
		of      []allocator
		exact   float64 // growth, of what one site keeps
		allow   []string
		verdict RunVerdict
		allowed string
	}{
		{"nothing is allowed", []allocator{store}, 1, nil, RunLeak, ""},
		{"another function is", []allocator{store}, 1, []string{"cart.*"}, RunLeak, ""},
		{"the site is, without the folders of its package", []allocator{store}, 1, []string{"cart.*", "session.(*Store).*"}, RunClean, "session.(*Store).*"},
		{"a second site leaks", []allocator{store, other}, 2, []string{"session.*"}, RunLeak, "session.*"},
		{"the total grows by much more than what is allowed", []allocator{store}, 5, []string{"session.*"}, RunLeak, "session.*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Allow = c.allow
			one := 12 * 19 * perSample(128)
			s := leaky(c.exact*one, sampledHeaps(seeded("allowed", 1), 20, sampling, c.of...))
			res := Analyze(s.run(), cfg)
			f, b := find(res, "example.com/shop/session.(*Store).New"), res.Total(series.LiveBytes)
			if f == nil || f.Verdict != Leak || f.Allowed != c.allowed || b.Verdict != Leak {
				t.Fatalf("finding %+v, live bytes %s; want leaks, allowed as %q", f, b.Verdict, c.allowed)
			}
			if res.Verdict != c.verdict || (res.Proof == "") != (c.verdict != RunLeak) {
				t.Errorf("run %s, proof %q; want %s", res.Verdict, res.Proof, c.verdict)
			}
			if b.BesideAllowed != nil && b.Proof != "" {
				t.Errorf("live bytes do not decide, and have the proof %q", b.Proof)
			}
			if rest := b.BesideAllowed; (rest != nil) != (c.verdict == RunClean) || rest != nil && math.Abs(*rest-(b.Growth.Hi-f.Bytes.Lo)) > 1e-6 {
				t.Errorf("beside what is allowed %v; growth %+v, allowed %+v", rest, b.Growth, f.Bytes)
			}
		})
	}
}
