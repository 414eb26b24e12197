package detect

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// manyKinds are runs that ask all of the detector: totals, sites, goroutines,
// what lies outside the heap, two passes, a proof, sampled profiles alone, and
// what no process serves.
func manyKinds() map[string]*snapshot.Run {
	crowded := crowdedRun(1)
	crowded.leaked = &snapshot.Goroutines{Total: 5, Samples: []snapshot.GoroutineSample{{Stack: receiving, Count: 5}}}
	outside := simulation{steady: 20, idle: 6, ops: 10_000, bytes: curve(20, 500, linear(0)), objects: curve(20, 5, linear(0))}.run()
	resident(outside, 6, 20, true, func(_ int, u float64) memory { return memory{outside: 40e6 * u} })
	passes := simulation{steady: 20, idle: 6, drain: 3, ops: 10_000, bytes: curve(20, 2e3, fills(5e6, 0.5)), objects: curve(20, 20, fills(5e4, 0.5))}.run()
	for i, s := range passes.Snapshots {
		if s.Phase == snapshot.PhaseSteady {
			s.Pass = 1 + (i-6)/10
		}
	}
	r := seeded("many kinds", 1)
	sites, _ := healthySites(r, 20, sampling)
	data := make([]byte, 8<<10)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	seconds := leakingTwice(20)
	seconds.ops, seconds.stacks = 0, crowds(reading, append(make([]float64, 6), curve(20, 0, linear(200))...))
	return map[string]*snapshot.Run{
		"crowded": crowded.run(), "outside": outside, "two passes": passes, "per second": seconds.run(),
		"sampled alone": sitesAlone(20, sampling, sites).run(), "any bytes": decoded(data), "busy": busySite(r, 20, 60, 1, 50), "none": {},
	}
}

// A run is judged twice alike: nothing that was measured, and nothing of the run,
// is written to by what comes after.
func TestWhatWasMeasuredStays(t *testing.T) {
	t.Parallel()
	for name, run := range manyKinds() {
		evidence := func(j *judgement) string {
			s := ""
			for _, t := range j.run.Totals {
				m := j.totals[t.Name]
				s += fmt.Sprintln(t.Name, printed(&m.Evidence), m.Decision, m.u, m.y)
			}
			for _, x := range j.sites {
				s += fmt.Sprintln(x.series.Key, printed(&x.Evidence), x.Decision)
			}
			for _, g := range j.groups {
				s += fmt.Sprintln(g.series.Root, printed(&g.Evidence), g.Decision)
			}
			for _, c := range j.classes {
				s += fmt.Sprintln(c.series.Size, printed(&c.Evidence))
			}
			return s
		}
		j := judge(run, DefaultConfig())
		measured := evidence(j)
		first := j.complete()
		if got := evidence(j); got != measured {
			t.Errorf("%s: power or forecast wrote to evidence:\n%s\nwas\n%s", name, got, measured)
		}
		k := judge(run, DefaultConfig())
		if got := evidence(k); got != measured {
			t.Errorf("%s: measured anew\n%s\nwas\n%s", name, got, measured)
		}
		if again := k.complete(); !reflect.DeepEqual(first, again) {
			t.Errorf("%s: judged again %+v\nwas %+v", name, again, first)
		}
		k.hold(map[string]bool{}, map[string]bool{})
		if got := evidence(k); got != measured {
			t.Errorf("%s: holding leaks back wrote to evidence:\n%s\nwas\n%s", name, got, measured)
		}
	}
}
