package series

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestClasses(t *testing.T) {
	t.Parallel()
	class := func(size uint32, live uint64) snapshot.SizeClass {
		return snapshot.SizeClass{Size: size, Mallocs: 100 + live, Frees: 100}
	}
	r := Build(recording(4, func(i int, s *snapshot.Snapshot) {
		if i == 1 {
			return
		}
		s.Counters.BySize = []snapshot.SizeClass{{}, class(8, 5), class(24, uint64(10*i))}
		if i == 2 {
			s.Counters.BySize[1].Frees = 1000 // torn: more freed than made
		}
	}))
	if len(r.Classes) != 2 {
		t.Fatalf("classes %+v, want two: that of size 0 is empty", r.Classes)
	}
	c := &r.Classes[1]
	if c.Over != 8 || c.Size != 24 || c.Holds(8) || !c.Holds(9) || !c.Holds(24) || c.Holds(25) {
		t.Errorf("class of %d to %d bytes, want 9 to 24", c.Over+1, c.Size)
	}
	if c.Objects[0] != 0 || !math.IsNaN(c.Objects[1]) || c.Objects[3] != 30 || !math.IsNaN(r.Classes[0].Objects[2]) {
		t.Errorf("objects %v and %v, want 0 … 30 with gaps", c.Objects, r.Classes[0].Objects)
	}
	if r := Build(recording(4, nil)); r.Classes != nil {
		t.Errorf("classes %+v of counters without any", r.Classes)
	}
}
