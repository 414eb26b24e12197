package leaktest

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// countedProfile is a heap profile of one site with so many samples of so many bytes,
// as runtime/pprof writes it while sampling is off.
func countedProfile(t *testing.T, samples, size int64) []byte {
	t.Helper()
	f := &profile.Function{ID: 1, Name: "app.keep"}
	l := &profile.Location{ID: 1, Line: []profile.Line{{Function: f, Line: 7}}}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{
			{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
			{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
		},
		PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"},
		Sample: []*profile.Sample{{
			Location: []*profile.Location{l}, Value: []int64{2 * samples, 2 * samples * size, samples, samples * size},
			NumLabel: map[string][]int64{"bytes": {size}},
		}},
		Location: []*profile.Location{l}, Function: []*profile.Function{f},
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSamplesAreScaledAsTheRuntimeDoes(t *testing.T) {
	for _, c := range []struct {
		samples, size int64
		rate          int
	}{
		{100, 16, 512}, {3, 4096, 512}, {7, 64, 1}, {5, 16, 0},
	} {
		b, err := scaled(countedProfile(t, c.samples, c.size), c.rate)
		if err != nil {
			t.Fatal(err)
		}
		h, err := snapshot.ParseHeap(b, snapshot.NewInterner())
		if err != nil {
			t.Fatal(err)
		}
		// One object of s bytes is sampled with 1 − e^(−s/rate).
		want := float64(c.samples * c.size)
		if c.rate > 1 {
			want /= -math.Expm1(-float64(c.size) / float64(c.rate))
		}
		got := h.Samples[0]
		if h.Period != int64(c.rate) || math.Abs(float64(got.InuseBytes)-want) > 1 || math.Abs(float64(got.AllocBytes)-2*want) > 2 || got.Size != c.size {
			t.Errorf("%d samples of %d bytes at rate %d: period %d, %d bytes in use, %d allocated, size %d; want %.0f and %.0f", c.samples, c.size, c.rate, h.Period, got.InuseBytes, got.AllocBytes, got.Size, want, 2*want)
		}
	}
	if _, err := scaled([]byte("no profile"), 512); err == nil {
		t.Error("bytes that are no profile were scaled")
	}
}

func TestOneSiteIsOneHoweverItWasCalled(t *testing.T) {
	stack := func(functions ...string) *snapshot.Stack {
		s := &snapshot.Stack{Key: strings.Join(functions, "\n")}
		for i, f := range functions {
			s.Frames = append(s.Frames, snapshot.Frame{Function: f, Line: i})
		}
		return s
	}
	const here = "github.com/heapdrift/heapdrift/harness/leaktest."
	same := map[string]*snapshot.Stack{}
	a := withoutCaller(stack("app.keep", "app.Test.func1", here+"(*operator).work", here+"(*operator).until", here+"(*running).warmUp"), same)
	b := withoutCaller(stack("app.keep", "app.Test.func1", here+"(*operator).work", here+"(*operator).until", here+"(*running).look"), same)
	if a != b || a.Key != "app.keep\napp.Test.func1" || len(a.Frames) != 2 {
		t.Errorf("the same site is %+v and %+v", a, b)
	}
	other := stack("app.background", "app.init")
	if got := withoutCaller(other, same); got != other {
		t.Errorf("a stack of another goroutine became %+v", got)
	}
	if !ours(stack("os.NewFile", here+"(*meter).take", here+"(*running).look")) || ours(other) || ours(stack("app.keep", here+"(*operator).work", here+"(*running).look")) {
		t.Error("what the measuring allocates is not told from what the function does")
	}
}
