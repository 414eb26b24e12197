package detect

import (
	"testing"
)

func TestOutsideTheGoHeap(t *testing.T) {
	t.Parallel()
	const n = 20
	calm := simulation{steady: n, idle: 6, ops: 10_000, bytes: curve(n, 500, linear(0)), objects: curve(n, 5, linear(0))}
	for _, c := range []struct {
		name   string
		rss    float64 // growth of the resident set
		anon   float64 // of what no file backs; below 0: not known
		stacks float64
		idle   float64
		want   Verdict
		run    RunVerdict
		says   string // of the finding, else of the warnings
	}{
		{"C code keeps memory", 40e6, 40e6, 0, 0, Suspect, RunInconclusive, "none of the runtime's own memory grew"},
		{"some of it is stacks", 40e6, 40e6, 8e6, 0, Suspect, RunInconclusive, "of it stacks 7.6 MiB (20 % in all)"},
		{"a mapped file is read", 40e6, 0, 0, 0, Unknown, RunClean, ""},
		{"not known what it is", 40e6, -1, 0, 0, Unknown, RunClean, "or only pages of mapped files"},
		{"idle heap that is used again", 40e6, 40e6, 0, 38e6, Unknown, RunClean, ""},
		{"too little to speak of", 2e6, 2e6, 0, 0, Unknown, RunClean, ""},
	} {
		run := calm.run()
		for i, s := range run.Snapshots {
			u := max(0, float64(i-calm.idle)) / (n - 1)
			rss := uint64(100e6 + c.rss*u)
			s.RSS = &rss
			v := s.Counters.Values
			if c.anon >= 0 {
				v["RssAnon"] = uint64(80e6 + c.anon*u)
			}
			v["StackInuse"], v["HeapIdle"], v["HeapReleased"] = uint64(2e6+c.stacks*u), uint64(20e6+c.idle*u), 10e6
		}
		res := Analyze(run, DefaultConfig())
		f := find(res, OutsideGoHeap)
		if f == nil {
			if c.want != Unknown || !said(res.Warnings, c.says) || c.says == "" && said(res.Warnings, "mapped") {
				t.Errorf("%s: no finding, warnings %q; want %q saying %q", c.name, res.Warnings, c.want, c.says)
			}
		} else if f.Verdict != c.want || !said(f.Why, c.says) || f.BytesPerOp == nil {
			t.Errorf("%s: %+v, want %q saying %q", c.name, *f, c.want, c.says)
		}
		if res.Verdict != c.run {
			t.Errorf("%s: %s, want %s", c.name, res.Verdict, c.run)
		}
	}
}
