package detect

import (
	"math"
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// grew is a finding at a stack, leaf first, that keeps so much per operation.
func grew(perOp, share float64, v Verdict, functions ...string) Finding {
	st := at(3, functions...)
	iv := stats.Interval{Estimate: perOp, Lo: 0.9 * perOp, Hi: 1.2 * perOp, Confidence: confidence, N: 14}
	f := Finding{Kind: KindHeap, Verdict: v, ID: identify(KindHeap, st.Key), BytesPerOp: &iv, Share: share, LiveBytes: 1000 * perOp, Count: perOp, Why: []string{"grows"}}
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
	a := &analysis{cfg: DefaultConfig()}
	functions := func(all []Finding) (out []string) {
		for _, f := range all {
			out = append(out, f.Stack[0].Function)
		}
		return out
	}
	t.Run("what one call keeps in pieces is one finding", func(t *testing.T) {
		got := a.cluster([]Finding{
			grew(300, 0.3, Leak, "lib.note", handle, handler),
			grew(240, 0.25, Suspect, "lib.buffer", "lib.New", handle, handler),
			grew(200, 0.2, Leak, "lib.table", "lib.New", handle, handler),
		})
		if len(got) != 1 || got[0].Function != handle || got[0].Verdict != Leak || got[0].Stack[0].Function != "lib.buffer" {
			t.Fatalf("%+v, want one leak at %s, shown by the largest below lib.New, which keeps most", got, handle)
		}
		f := got[0]
		if iv := f.BytesPerOp; iv.Estimate != 740 || math.Abs(iv.Lo-(740-math.Sqrt(30*30+24*24+20*20))) > 1e-9 || math.Abs(iv.Hi-(740+2*math.Sqrt(30*30+24*24+20*20))) > 1e-9 {
			t.Errorf("%+v, want the sum 740 and its interval", *iv)
		}
		if f.LiveBytes != 740_000 || f.Count != 740 || math.Abs(f.Share-0.75) > 1e-9 || len(f.Parts) != 3 || !slices.Contains(f.Parts, f.ID) {
			t.Errorf("%+v, want the sums and the three parts", f)
		}
		if !said(f.Why, "3 sites below it grow together: lib.note (lib.go:3) 300 B/op; lib.buffer (lib.go:3) 240 B/op; lib.table (lib.go:3) 200 B/op") {
			t.Errorf("why %q does not list them", f.Why)
		}
	})
	t.Run("a function's own allocations are shown where they are by far the most", func(t *testing.T) {
		got := a.cluster([]Finding{
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
		if got := a.cluster(slices.Clone(all)); len(got) != 3 || got[0].Parts != nil || got[0].ID != all[0].ID {
			t.Errorf("%+v, want the three as they are", got)
		}
	})
	t.Run("little beside much is told with it", func(t *testing.T) {
		got := a.cluster([]Finding{
			grew(900, 0.9, Leak, handle, handler),
			grew(20, 0.02, Leak, "example.com/app.Other", handler),
		})
		if len(got) != 1 || !said(got[0].Why, "little beside it, to be looked at again once it is mended: app.Other (app.go:3) 20 B/op") {
			t.Errorf("%+v, want one with the other in its why", got)
		}
	})
	t.Run("little beside little stands alone", func(t *testing.T) {
		if got := a.cluster([]Finding{grew(20, 0.02, Leak, handle, handler), grew(15, 0.015, Leak, "example.com/app.Other", handler)}); len(got) != 2 {
			t.Errorf("%+v, want both", got)
		}
	})
	t.Run("growth without a site stays last", func(t *testing.T) {
		rest := Finding{Kind: KindHeap, Verdict: Growing, Function: Unattributed}
		got := a.cluster([]Finding{rest, grew(20, 0.5, Suspect, handle, handler)})
		if len(got) != 2 || got[1].Function != Unattributed {
			t.Errorf("%+v, want (unattributed) last", got)
		}
	})
}
