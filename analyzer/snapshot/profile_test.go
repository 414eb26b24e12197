package snapshot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// served is what this process would serve for a profile.
func served(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&b, 0); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encode(t testing.TB, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// heap is a hand-made heap profile of two samples.
func heap() *profile.Profile {
	f := &profile.Function{ID: 1, Name: "main.f[go.shape.int]", Filename: "f.go"}
	g := &profile.Function{ID: 2, Name: "main.g", Filename: "g.go"}
	inlined := &profile.Location{ID: 1, Address: 1, Line: []profile.Line{{Function: f, Line: 3}, {Function: g, Line: 9}}}
	stripped := &profile.Location{ID: 2, Address: 0x4f}
	return &profile.Profile{
		SampleType: []*profile.ValueType{
			{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
			{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
		},
		PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"},
		Period:     524288,
		TimeNanos:  1_700_000_000_000_000_001,
		Sample: []*profile.Sample{
			{Location: []*profile.Location{inlined, stripped}, Value: []int64{4, 4096, 2, 2048}, NumLabel: map[string][]int64{"bytes": {1024}}},
			{Location: []*profile.Location{inlined}, Value: []int64{1, 8, -1, -8}},
		},
		Location: []*profile.Location{inlined, stripped},
		Function: []*profile.Function{f, g},
	}
}

func TestParseHeapKeepsStacksSizesAndValues(t *testing.T) {
	t.Parallel()
	in := NewInterner()
	h, err := ParseHeap(encode(t, heap()), in)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(0, 1_700_000_000_000_000_001).UTC(); !h.Time.Equal(want) || h.Period != 524288 || len(h.Samples) != 2 {
		t.Fatalf("time %v, period %d, %d samples", h.Time, h.Period, len(h.Samples))
	}
	s := h.Samples[0]
	want := []Frame{{"main.f[...]", "f.go", 3}, {"main.g", "g.go", 9}, {"0x4f", "", 0}}
	if d := cmp.Diff(want, s.Stack.Frames); d != "" {
		t.Errorf("frames (-want +got):\n%s", d)
	}
	if s.Stack.Key != "main.f[...]\nmain.g\n0x4f" {
		t.Errorf("key %q", s.Stack.Key)
	}
	if s.Size != 1024 || s.AllocObjects != 4 || s.AllocBytes != 4096 || s.InuseObjects != 2 || s.InuseBytes != 2048 {
		t.Errorf("values %+v", s)
	}
	if s := h.Samples[1]; s.InuseBytes != 0 || s.InuseObjects != 0 || s.Size != 0 {
		t.Errorf("negative values or a missing label were kept: %+v", s)
	}
	again, err := ParseHeap(encode(t, heap()), in)
	if err != nil {
		t.Fatal(err)
	}
	if again.Samples[0].Stack != s.Stack {
		t.Error("two profiles of one interner do not share their stacks")
	}
	other, _ := ParseHeap(encode(t, heap()), NewInterner())
	if other.Samples[0].Stack == s.Stack {
		t.Error("two interners share a stack")
	}
}

func TestStacksThatDifferInALineAreTwoWithOneKey(t *testing.T) {
	t.Parallel()
	p := heap()
	other := *p.Location[0]
	other.ID, other.Line = 3, []profile.Line{{Function: p.Function[0], Line: 3}, {Function: p.Function[1], Line: 10}}
	p.Location = append(p.Location, &other)
	p.Sample[0].Location, p.Sample[1].Location = []*profile.Location{p.Location[0]}, []*profile.Location{&other}
	h, err := ParseHeap(encode(t, p), NewInterner())
	if err != nil {
		t.Fatal(err)
	}
	a, b := h.Samples[0].Stack, h.Samples[1].Stack
	if a == b || a.Key != b.Key {
		t.Errorf("same pointer %v, keys %q and %q", a == b, a.Key, b.Key)
	}
}

// A location with two inlined calls and two locations with one each are the
// same stack: rebuilt programs and other tools cut them differently.
func TestStacksAreEqualHoweverTheirLocationsAreCut(t *testing.T) {
	t.Parallel()
	p := heap()
	f, g := p.Location[0].Line[0], p.Location[0].Line[1]
	leaf, root := &profile.Location{ID: 3, Line: []profile.Line{f}}, &profile.Location{ID: 4, Line: []profile.Line{g}}
	p.Location = append(p.Location, leaf, root)
	p.Sample[0].Location, p.Sample[1].Location = []*profile.Location{p.Location[0]}, []*profile.Location{leaf, root}
	h, err := ParseHeap(encode(t, p), NewInterner())
	if err != nil {
		t.Fatal(err)
	}
	if h.Samples[0].Stack != h.Samples[1].Stack {
		t.Errorf("%v and %v are two stacks", h.Samples[0].Stack, h.Samples[1].Stack)
	}
}

func TestASampleWithoutFramesHasAnEmptyStack(t *testing.T) {
	t.Parallel()
	p := heap()
	p.Sample[0].Location = nil
	h, err := ParseHeap(encode(t, p), NewInterner())
	if err != nil || h.Samples[0].Stack == nil || len(h.Samples[0].Stack.Frames) != 0 || h.Samples[0].Stack.Key != "" {
		t.Errorf("stack %+v, error %v", h.Samples[0].Stack, err)
	}
}

func TestRealProfilesOfThisProcessAreRead(t *testing.T) {
	t.Parallel()
	if _, err := ParseHeap(served(t, "heap"), NewInterner()); err != nil {
		t.Error(err)
	}
	g, err := ParseGoroutines(served(t, "goroutine"), NewInterner())
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	seen := false
	for _, s := range g.Samples {
		sum += s.Count
		seen = seen || strings.Contains(s.Stack.Key, "TestRealProfilesOfThisProcessAreRead")
	}
	if g.Total != sum || g.Total < 1 || !seen {
		t.Errorf("total %d, sum %d, this test's goroutine seen: %v", g.Total, sum, seen)
	}
}

func TestKindIsToldFromTheSampleTypes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		profile string
		want    Kind
	}{
		{"heap", KindHeap}, {"allocs", KindHeap}, {"goroutine", KindGoroutine},
		{"mutex", KindOther}, {"block", KindOther}, {"threadcreate", KindOther},
	} {
		if _, kind, err := Decode(served(t, x.profile)); err != nil || kind != x.want {
			t.Errorf("%s: kind %q (error %v), want %q", x.profile, kind, err, x.want)
		}
	}
}

func TestAProfileOfTheWrongKindIsNamed(t *testing.T) {
	t.Parallel()
	if _, err := ParseHeap(served(t, "mutex"), NewInterner()); err == nil || !strings.Contains(err.Error(), "contentions") {
		t.Errorf("a mutex profile as heap: %v", err)
	}
	if _, err := ParseGoroutines(served(t, "heap"), NewInterner()); err == nil || !strings.Contains(err.Error(), "inuse_space") {
		t.Errorf("a heap profile as goroutines: %v", err)
	}
}

func TestDecodeRefusesWhatIsNoProfile(t *testing.T) {
	t.Parallel()
	zip := func(b []byte) []byte {
		var out bytes.Buffer
		zw := gzip.NewWriter(&out)
		zw.Write(b)
		zw.Close()
		return out.Bytes()
	}
	short := heap()
	short.Sample[0].Value = short.Sample[0].Value[:1]
	for _, x := range []struct {
		name, mention string
		data          []byte
	}{
		{"a sample with too few values", "mismatch", encode(t, short)},
		{"nothing", "empty", nil},
		{"HTML", "no protocol buffer", []byte("<!doctype html><html></html>")},
		{"the text of a heap profile", "not a pprof", []byte("heap profile: 1: 2 [3: 4] @ heap/1048576\n1: 2 [3: 4] @ 0x1\n")},
		{"a gzip header alone", "header is broken", []byte{0x1f, 0x8b}},
		{"a gzip file cut short", "cut short", zip(bytes.Repeat([]byte("abc"), 1000))[:20]},
		{"a text, compressed", "not a pprof", zip([]byte("hello world"))},
		{"a protocol buffer cut short", "cut short", []byte{0x0a, 0x7f, 0x01}},
		{"a gzip bomb", "128 MiB after decompression", bytes.Repeat(zip(make([]byte, 1<<20)), MaxProfileBytes>>20+1)},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, _, err := Decode(x.data)
			if !errors.Is(err, ErrNotProfile) || !strings.Contains(fmt.Sprint(err), x.mention) {
				t.Errorf("error %v, want ErrNotProfile that mentions %q", err, x.mention)
			}
		})
	}
}

func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	data := served(t, "heap")
	plain, err := Inflate(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		what string
		data []byte
	}{{"compressed", data}, {"plain", plain}} {
		if _, err := inflate(x.data, len(plain)); err != nil {
			t.Errorf("%s, as long as the limit: %v", x.what, err)
		}
		if _, err := inflate(x.data, len(plain)-1); !errors.Is(err, ErrNotProfile) {
			t.Errorf("%s, a byte above the limit: error %v", x.what, err)
		}
	}
	empties := bytes.Repeat([]byte{0x12, 0}, 10)
	if err := plausible(empties, 10); err != nil {
		t.Errorf("as many messages as the limit: %v", err)
	}
	if err := plausible(empties, 9); err == nil || !strings.Contains(err.Error(), "9 messages") {
		t.Errorf("a message above the limit: error %v", err)
	}
}

func TestAProfileCutAnywhereIsRefusedOrConsistent(t *testing.T) {
	t.Parallel()
	data := served(t, "heap")
	for cut := 0; cut < len(data); cut += 1 + len(data)/500 {
		if _, _, err := Decode(data[:cut]); !errors.Is(err, ErrNotProfile) {
			t.Fatalf("%d of %d bytes: error %v, want ErrNotProfile", cut, len(data), err)
		}
	}
}

func TestTypeParametersCollapse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"main.f":                         "main.f",
		"main.f[...]":                    "main.f[...]",
		"main.f[int]":                    "main.f[...]",
		"main.(*T[go.shape.[]uint8]).m":  "main.(*T[...]).m",
		"main.f[map[string]int].func1":   "main.f[...].func1",
		"main.f[a].g[b]":                 "main.f[...].g[...]",
		"main.f[unbalanced":              "main.f[unbalanced",
		"main.(*T[x/y.Z[int],string]).m": "main.(*T[...]).m",
	} {
		if got := collapse(in); got != want {
			t.Errorf("collapse(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRawParseNamesTheBrokenPiece(t *testing.T) {
	t.Parallel()
	ok := Raw{Meta: Meta{Pass: 2}, Heap: served(t, "heap"), Goroutine: served(t, "goroutine"), GoroutineLeak: served(t, "goroutine")}
	s, err := ok.Parse(NewInterner())
	if err != nil || s.Heap == nil || s.Goroutines == nil || s.Leaked == nil || s.Pass != 2 {
		t.Fatalf("parsed %+v, error %v", s, err)
	}
	for _, x := range []struct {
		raw  Raw
		want string
	}{
		{Raw{Heap: []byte("x")}, "heap profile"},
		{Raw{Goroutine: []byte("x")}, "goroutine profile"},
		{Raw{GoroutineLeak: []byte("x")}, "goroutine profile"},
	} {
		if _, err := x.raw.Parse(NewInterner()); !errors.Is(err, ErrNotProfile) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("error %v, want one that names the %s", err, x.want)
		}
	}
	if s, err := (&Raw{}).Parse(NewInterner()); err != nil || s.Heap != nil || s.Goroutines != nil {
		t.Errorf("an empty snapshot: %+v, %v", s, err)
	}
}

func TestPhasesAreKnownByName(t *testing.T) {
	t.Parallel()
	for p, want := range map[Phase]bool{"": true, "idle": true, "warmup": true, "steady": true, "drain": true, "cooldown": false} {
		if p.Valid() != want {
			t.Errorf("%q: valid %v, want %v", p, p.Valid(), want)
		}
	}
}
