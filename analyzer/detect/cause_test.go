package detect

import (
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// merge adds the goroutine profiles of one group to those of another.
func merge(all ...[]*snapshot.Goroutines) []*snapshot.Goroutines {
	out := all[0]
	for _, more := range all[1:] {
		for i, g := range more {
			out[i].Total += g.Total - baseGoroutines
			out[i].Samples = append(out[i].Samples, g.Samples[1:]...)
		}
	}
	return out
}

// A response's body that is never closed holds a connection of net/http's client.
func TestBodiesThatAreNotClosed(t *testing.T) {
	t.Parallel()
	const send = "example.com/app.Send"
	dial := at(599, "bufio.NewWriterSize", clientDial, "net/http.(*Transport).dialConnFor", "net/http.(*Transport).startDialConnForLocked.func1")
	call := at(12, "context.withCancel", clientCall, "net/http.(*Client).Do", send, handler)
	reader := func(wait ...string) *snapshot.Stack { return stackOf(append(wait, clientReader)...) }
	writer := stackOf("runtime.gopark", "runtime.selectgo", clientWriter)
	waits, idle := reader("runtime.gopark", "runtime.selectgo"), reader("runtime.gopark", "runtime.netpollblock", "internal/poll.runtime_pollWait")
	for _, c := range []struct {
		name   string
		reader *snapshot.Stack
		want   string
	}{
		{"waits for the body", waits, "HTTP body not closed (a guess)"},
		{"idle connections", idle, ""},
	} {
		allocs := []allocator{{dial, 4096, 0, 12}, {call, 80, 0, 6}}
		s := leaky(12*19*perSample(4096)+6*19*perSample(80), sampledHeaps(seeded("body", 1), 20, sampling, allocs...))
		s.stacks = merge(crowds(c.reader, curve(20, 0, linear(400))), crowds(writer, curve(20, 0, linear(400))))
		res := Analyze(s.run(), DefaultConfig())
		for _, function := range []string{"bufio.NewWriterSize", send} {
			f := find(res, function)
			if f == nil || (c.want != "") != (len(f.HeldBy) == 1) || c.want != "" && (f.Shape != c.want || f.Docs != "docs/shapes.md#http-body-not-closed" || saysAny(f.Reasons, LargeBuffers)) {
				t.Errorf("%s: %s: %+v, want the shape %q and the goroutines that retain it", c.name, function, f, c.want)
			}
		}
		g := find(res, clientReader)
		if c.want != "" && (g == nil || g.Shape != c.want || !saysAny(g.Reasons, BodyNotClosed)) || c.want == "" && g != nil && saysAny(g.Reasons, BodyNotClosed) {
			t.Errorf("%s: goroutines %+v, want the shape %q", c.name, g, c.want)
		}
	}
}

func TestStacksOfTheRuntimeAlone(t *testing.T) {
	t.Parallel()
	j := &judgement{cfg: DefaultConfig()}
	got := j.clustered([]Finding{
		grew(300, 0.3, Suspect, "runtime.mallocgc", "runtime.newobject", "runtime.allocm"),
		grew(200, 0.2, Suspect, "internal/runtime/maps.newTable", "runtime.schedinit"),
		grew(100, 0.1, Suspect, "runtime.mallocgc", "main.main"),
	})
	if len(got) != 2 || got[0].Function != RuntimeItself || got[0].Line != 0 || len(got[0].Parts) != 2 || got[0].Bytes.Estimate != 500 || got[1].Function != "main.main" {
		t.Errorf("%+v, want one of the runtime with its two stacks, and main.main", got)
	}
	one := j.clustered([]Finding{grew(300, 0.3, Suspect, "runtime.mallocgc", "runtime.allocm")})
	if len(one) != 1 || one[0].Function != RuntimeItself || one[0].ID != identify(KindHeap, "runtime.mallocgc\nruntime.allocm") {
		t.Errorf("%+v, want it told as the runtime's with the id of its stack", one)
	}
}

func TestFindingsOfOneCause(t *testing.T) {
	t.Parallel()
	const handle = "example.com/app.Handle"
	many := func(f Finding, estimate, lo, hi float64) Finding {
		f.Objects = &Rate{f.Bytes.Interval, PerOp}
		f.Objects.Estimate, f.Objects.Lo, f.Objects.Hi = estimate, lo, hi
		return f
	}
	heap := func(objects, lo, hi float64, functions ...string) Finding {
		return many(grew(100, 0.1, Leak, functions...), objects, lo, hi)
	}
	big := heap(1, 0.9, 1.1, "example.com/app.Big", handle, handler)
	for _, c := range []struct {
		name   string
		f      Finding
		linked bool
	}{
		{"as many under one caller", heap(0.9, 0.5, 1.5, "example.com/app.Small", handle, handler), true},
		{"twice as many", heap(2, 1.7, 2.3, "example.com/app.Small", handle, handler), false},
		{"too uncertain to tell", heap(0.9, 0.1, 3, "example.com/app.Small", handle, handler), false},
		{"under another caller", heap(1, 0.9, 1.1, "example.com/app.Small", "example.com/app.Cron", handler), false},
		{"under the standard library alone", heap(1, 0.9, 1.1, "example.com/app.Small", handler), false},
	} {
		j := &judgement{cfg: DefaultConfig(), run: &series.Run{}}
		all := []Finding{big, c.f}
		j.link(all)
		if (all[1].Cause == big.ID) != c.linked || all[0].Cause != "" || saysAny(all[1].Reasons, AsManyAt) != c.linked {
			t.Errorf("%s: cause %q, why %+v; want linked: %v", c.name, all[1].Cause, all[1].Reasons, c.linked)
		}
	}

	// Two groups of one package, of which one has twice as many, with what each retains.
	stuck := func(name string) *snapshot.Stack {
		return stackOf("runtime.gopark", "runtime.chanrecv", "runtime.chanrecv1", name)
	}
	allocs := []allocator{
		{at(1, "example.com/app.NewStream", "example.com/app.open", handler), 1024, 0, 12},
		{at(2, "example.com/app.newBlock", "example.com/app.blocks", handler), 512, 0, 24},
	}
	for _, c := range []struct {
		name    string
		streams float64 // over the run, beside 400 of the others
		causes  int     // distinct
	}{{"half as many", 200, 1}, {"another number", 270, 2}} {
		s := leaky(12*19*(perSample(1024)+2*perSample(512)), sampledHeaps(seeded("cause", 1), 20, sampling, allocs...))
		s.stacks = merge(crowds(stuck("example.com/app.newBlock.func1"), curve(20, 0, linear(400))), crowds(stuck("example.com/app.NewStream.func1"), curve(20, 0, linear(c.streams))))
		res := Analyze(s.run(), DefaultConfig())
		var causes []string
		for _, f := range res.Findings {
			id := f.Cause
			if id == "" {
				id = f.ID
			}
			if !slices.Contains(causes, id) {
				causes = append(causes, id)
			}
		}
		if len(res.Findings) != 4 || len(causes) != c.causes {
			t.Errorf("%s: %d findings of %d causes: %+v; want 4 of %d", c.name, len(res.Findings), len(causes), res.Findings, c.causes)
		}
	}
}
