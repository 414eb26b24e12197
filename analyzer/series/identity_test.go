package series

import (
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestContinuityCutsWhereBuildDoes(t *testing.T) {
	t.Parallel()
	snap := func(at, pid int, allocated uint64) *snapshot.Snapshot {
		return &snapshot.Snapshot{
			Meta:     snapshot.Meta{Time: time.Unix(int64(at), 0), PID: pid},
			Counters: snapshot.Counters{Values: map[string]uint64{"TotalAlloc": allocated}},
		}
	}
	snaps := []*snapshot.Snapshot{
		snap(0, 1, 10), snap(1, 1, 20), // one process
		snap(2, 2, 30), snap(3, 2, 40), snap(4, 2, 40), // another
		snap(5, 2, 5), // its counter went back
	}
	var c Continuity
	var cuts []int
	for i, s := range snaps {
		if why := c.Next(s); why != "" {
			cuts = append(cuts, i)
		}
	}
	if len(cuts) != 2 || cuts[0] != 2 || cuts[1] != 5 {
		t.Errorf("cuts before snapshots %v, want [2 5]", cuts)
	}
	if got := len(Build(&snapshot.Run{Snapshots: snaps}).Snapshots); got != 3 {
		t.Errorf("Build keeps a piece of %d snapshots, want the 3 between the cuts", got)
	}
}

func TestKeysOfStacksAreThoseOfBuild(t *testing.T) {
	t.Parallel()
	st := &snapshot.Stack{Frames: []snapshot.Frame{
		{Function: "bufio.NewWriterSize", File: "/go/src/bufio/bufio.go", Line: 590},
		{Function: "example.com/a.Open", File: "/a/open.go", Line: 7},
		{Function: "main.main", File: "/a/main.go", Line: 3},
	}}
	st.Key = snapshot.Key(st.Frames)
	run := &snapshot.Run{}
	for i := range 2 {
		run.Snapshots = append(run.Snapshots, &snapshot.Snapshot{
			Meta:       snapshot.Meta{Time: time.Unix(int64(i), 0)},
			Heap:       &snapshot.Heap{Period: 1, Samples: []snapshot.HeapSample{{Stack: st, InuseBytes: 8, InuseObjects: 1, AllocBytes: 8, AllocObjects: 1, Size: 8}}},
			Goroutines: &snapshot.Goroutines{Total: 1, Samples: []snapshot.GoroutineSample{{Stack: st, Count: 1}}},
		})
	}
	r := Build(run)
	if got := SiteKey(st); got != r.Sites[0].Key || got == st.Key {
		t.Errorf("SiteKey is %q, Build has %q", got, r.Sites[0].Key)
	}
	reason, site, root := GroupKey(st)
	if g := r.Groups[0]; reason != g.Reason || site != g.Site || root != g.Root || site != "example.com/a.Open" || root != "main.main" {
		t.Errorf("GroupKey is %q %q %q, Build has %q %q %q", reason, site, root, g.Reason, g.Site, g.Root)
	}
}
