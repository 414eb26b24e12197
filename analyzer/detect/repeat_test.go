package detect

import (
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestASecondPassTellsACacheFromALeak(t *testing.T) {
	t.Parallel()
	const n = 20
	fillsIn := func(total float64) []float64 { return curve(n, total/2000, fills(total, 0.5)) }
	for _, c := range []struct {
		name           string
		bytes, objects []float64
		passes         bool
		want           Verdict
		run            RunVerdict
		says           Reason
	}{
		{"content is cached in the first pass", fillsIn(5e6), fillsIn(5e4), true, Plateau, RunClean, Reason{Code: SecondPassFlat}},
		{"values are kept in both", curve(n, 2e3, linear(5e6)), curve(n, 20, linear(5e4)), true, Leak, RunLeak, Reason{SecondPassGrew, Values{Share: 1}}},
		{"containers enlarge in both", curve(n, 2e3, linear(5e6)), curve(n, 20, linear(0)), true, Leak, RunLeak, Reason{Code: SecondPassGrew}},
		{"containers enlarge in the only pass", curve(n, 2e3, linear(5e6)), curve(n, 20, linear(0)), false, Growing, RunInconclusive, Reason{}},
	} {
		s := simulation{steady: n, idle: 6, drain: 3, ops: 10_000, bytes: c.bytes, objects: c.objects}
		run := s.run()
		for i, x := range run.Snapshots {
			if x.Phase == snapshot.PhaseSteady {
				x.Pass = 1
				if c.passes && i-s.idle >= n/2 {
					x.Pass = 2
				}
			}
		}
		res := Analyze(run, DefaultConfig())
		if b := res.Total(series.LiveBytes); b.Verdict != c.want || res.Verdict != c.run || !says(b.Reasons, c.says) || !c.passes && saysAny(b.Reasons, SecondPassFlat, SecondPassGrew) {
			t.Errorf("%s: %s %+v, run %s; want %s, %s saying %+v", c.name, b.Verdict, b.Reasons, res.Verdict, c.want, c.run, c.says)
		}
	}
}
