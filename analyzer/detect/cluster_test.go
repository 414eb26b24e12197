package detect

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// grew is a finding at a stack, leaf first, that keeps so much per operation.
func grew(perOp float64, share Share, v Verdict, functions ...string) Finding {
	st := at(3, functions...)
	iv := stats.Interval{Estimate: perOp, Lo: 0.9 * perOp, Hi: 1.2 * perOp, Confidence: confidence, N: 14}
	f := Finding{Kind: KindHeap, Verdict: v, ID: identify(KindHeap, st.Key), Bytes: &Rate{iv, PerOp}, Share: share, LiveBytes: Bytes(1000 * perOp), Count: Count(perOp), Reasons: []Reason{{Code: PassesAllTests}}}
	f.blame(st, "")
	for i := range f.Stack { // the library is a dependency
		if slices.Contains([]string{"lib.New", "lib.buffer", "lib.table", "lib.note"}, f.Stack[i].Function) {
			f.Stack[i].File = "/go/pkg/mod/example.com/lib@v1.2.3/lib.go"
		}
	}
	f.blame(&snapshot.Stack{Frames: f.Stack}, "")
	return f
}

func TestClusters(t *testing.T) {
	t.Parallel()
	const handle = "example.com/app.Handle"
	j := &judgement{cfg: DefaultConfig()}
	functions := func(all []Finding) (out []string) {
		for _, f := range all {
			out = append(out, f.Stack[0].Function)
		}
		return out
	}
	t.Run("what one call keeps in pieces is one finding", func(t *testing.T) {
		got := j.clustered([]Finding{
			grew(300, 0.3, Leak, "lib.note", handle, handler),
			grew(240, 0.25, Suspect, "lib.buffer", "lib.New", handle, handler),
			grew(200, 0.2, Leak, "lib.table", "lib.New", handle, handler),
		})
		if len(got) != 1 || got[0].Function != handle || got[0].Verdict != Leak || got[0].Stack[0].Function != "lib.buffer" {
			t.Fatalf("%+v, want one leak at %s, shown by the largest below lib.New, which keeps most", got, handle)
		}
		f := got[0]
		if iv := f.Bytes; iv.Estimate != 740 || math.Abs(iv.Lo-(740-math.Sqrt(30*30+24*24+20*20))) > 1e-9 || math.Abs(iv.Hi-(740+2*math.Sqrt(30*30+24*24+20*20))) > 1e-9 {
			t.Errorf("%+v, want the sum 740 and its interval", *iv)
		}
		if f.LiveBytes != 740_000 || f.Count != 740 || math.Abs(float64(f.Share)-0.75) > 1e-9 || len(f.Parts) != 3 || !slices.Contains(f.Parts, f.ID) {
			t.Errorf("%+v, want the sums and the three parts", f)
		}
		lib := func(name string, rate float64) Part {
			return Part{Function: name, File: "/go/pkg/mod/example.com/lib@v1.2.3/lib.go", Line: 3, Rate: rate, Per: PerOp}
		}
		want := []Reason{{Code: PassesAllTests}, {GrowTogether, Values{N: 3, Parts: []Part{lib("lib.note", 300), lib("lib.buffer", 240), lib("lib.table", 200)}}}}
		if !reflect.DeepEqual(f.Reasons, want) {
			t.Errorf("why %+v, want %+v", f.Reasons, want)
		}
	})
	t.Run("a function's own allocations are shown where they are by far the most", func(t *testing.T) {
		got := j.clustered([]Finding{
			grew(500, 0.5, Leak, handle, handler),
			grew(200, 0.2, Leak, "lib.buffer", "lib.New", handle, handler),
		})
		if want := []string{handle}; !slices.Equal(functions(got), want) {
			t.Errorf("shown %q, want %q", functions(got), want)
		}
	})
	t.Run("two callers are two stories, and so are two ways to one", func(t *testing.T) {
		all := []Finding{
			grew(300, 0.3, Leak, "lib.New", handle, handler),
			grew(200, 0.2, Leak, "lib.New", "example.com/app.Other", handler),
			grew(100, 0.1, Leak, "lib.New", handle, "example.com/app.Cron"),
		}
		if got := j.clustered(slices.Clone(all)); len(got) != 3 || got[0].Parts != nil || got[0].ID != all[0].ID {
			t.Errorf("%+v, want the three as they are", got)
		}
	})
	t.Run("little beside much is told with it", func(t *testing.T) {
		got := j.clustered([]Finding{
			grew(900, 0.9, Leak, handle, handler),
			grew(20, 0.02, Leak, "example.com/app.Other", handler),
		})
		if len(got) != 1 || !says(got[0].Reasons, Reason{LittleBeside, Values{N: 1, Parts: []Part{{Function: "example.com/app.Other", File: "/home/u/app/app.go", Line: 3, Rate: 20, Per: PerOp}}}}) {
			t.Errorf("%+v, want one with the other in its reasons", got)
		}
	})
	t.Run("little beside little stands alone", func(t *testing.T) {
		if got := j.clustered([]Finding{grew(20, 0.02, Leak, handle, handler), grew(15, 0.015, Leak, "example.com/app.Other", handler)}); len(got) != 2 {
			t.Errorf("%+v, want both", got)
		}
	})
	t.Run("growth without a site stays last", func(t *testing.T) {
		rest := Finding{Kind: KindHeap, Verdict: Growing, Function: Unattributed}
		got := j.clustered([]Finding{rest, grew(20, 0.5, Suspect, handle, handler)})
		if len(got) != 2 || got[1].Function != Unattributed {
			t.Errorf("%+v, want (unattributed) last", got)
		}
	})
}
