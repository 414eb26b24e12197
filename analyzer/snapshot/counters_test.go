package snapshot

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdrift/heapdrift/internal/apart"
)

// heapText is what /debug/pprof/heap?debug=1 of this very process serves.
func heapText(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestParseTrailerReadsWhatTheRuntimeWrites(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	text := heapText(t)
	runtime.ReadMemStats(&after)
	c, err := ParseTrailer(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name   string
		lo, hi uint64
	}{
		{"Mallocs", before.Mallocs, after.Mallocs},
		{"TotalAlloc", before.TotalAlloc, after.TotalAlloc},
		{"NumGC", uint64(before.NumGC), uint64(after.NumGC)},
		{"Frees", before.Frees, after.Frees},
	} {
		if got, ok := c.Get(x.name); !ok || got < x.lo || got > x.hi {
			t.Errorf("%s: got %d (known %v), want within [%d, %d]", x.name, got, ok, x.lo, x.hi)
		}
	}
	for _, name := range []string{"HeapAlloc", "HeapSys", "HeapIdle", "HeapReleased", "StackInuse", "StackSys", "MSpanInuse", "MCacheSys", "NextGC", "Sys", "NumForcedGC"} {
		if _, ok := c.Get(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
}

// A text cut anywhere must give no number that the whole text does not have.
func TestParseTrailerOfATextCutAnywhere(t *testing.T) {
	text := heapText(t)
	text = text[strings.Index(text, "# runtime.MemStats"):]
	whole, err := ParseTrailer(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(text) {
		c, err := ParseTrailer(strings.NewReader(text[:cut]))
		if err != nil {
			continue
		}
		for name, v := range c.Values {
			if whole.Values[name] != v {
				t.Fatalf("cut after %q: %s = %d, the whole text has %d", text[max(0, cut-20):cut], name, v, whole.Values[name])
			}
		}
	}
}

func TestParseTrailerTable(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, text string
		want       map[string]uint64 // nil: an error
		mention    string
	}{
		{"stack lines in use and sys are two counters", "# HeapAlloc = 7\n# Stack = 3 / 4\n", map[string]uint64{"HeapAlloc": 7, "StackInuse": 3, "StackSys": 4}, ""},
		{"lines of another system's end are read", "# HeapAlloc = 7\r\n", map[string]uint64{"HeapAlloc": 7}, ""},
		{"what is no number is passed over", "# HeapAlloc = 7\n# DebugGC = false\n# PauseNs = [1 2]\n# Frees = -3\n", map[string]uint64{"HeapAlloc": 7}, ""},
		{"stack frames are no counters", "#\t0x1\tmain.f\tHeapAlloc = 9\n# HeapAlloc = 7\n", map[string]uint64{"HeapAlloc": 7}, ""},
		{"an empty text is refused", "", nil, "HeapAlloc"},
		{"a text without the trailer is refused", "heap profile: 1: 2 [3: 4] @ heap/1048576\n", nil, "HeapAlloc"},
		{"HTML is refused", "<html>\n</html>\n", nil, "HeapAlloc"},
		{"a number without its line's end is refused", "# HeapAlloc = 12", nil, "HeapAlloc"},
		{"a line without end is refused", strings.Repeat("x", 3<<20), nil, "token too long"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, err := ParseTrailer(strings.NewReader(x.text))
			if x.want == nil {
				if err == nil || !strings.Contains(err.Error(), x.mention) {
					t.Fatalf("error %v, want one that mentions %q", err, x.mention)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(x.want, c.Values); d != "" {
				t.Errorf("counters (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseTrailerBoundsWhatItKeeps(t *testing.T) {
	var b strings.Builder
	b.WriteString("# HeapAlloc = 1\n")
	for i := range 5000 {
		b.WriteString("# N" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + strings.Repeat("y", i/50) + " = 1\n")
	}
	c, err := ParseTrailer(strings.NewReader(b.String()))
	if err != nil || len(c.Values) > maxTrailerCounters {
		t.Fatalf("kept %d counters (error %v), want at most %d", len(c.Values), err, maxTrailerCounters)
	}
}

// The stacks before the trailer can be hundreds of megabytes: they must not
// cost memory in proportion.
func TestParseTrailerStreamsTheStacks(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		line := "#\t0x4f1234\tmain.f+0x54\t/home/x/main.go:12\n"
		run := func(lines int) float64 {
			return testing.AllocsPerRun(3, func() {
				r := io.MultiReader(&repeat{line, lines * len(line), 0}, strings.NewReader("# HeapAlloc = 1\n"))
				if _, err := ParseTrailer(r); err != nil {
					t.Fatal(err)
				}
			})
		}
		few, many := run(10), run(100_000)
		if many > few+50 {
			t.Errorf("100,000 stack lines cost %v allocations, 10 lines %v", many, few)
		}
	})
}

type repeat struct {
	s         string
	left, off int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.left)], r.s[r.off:])
	r.off = (r.off + n) % len(r.s)
	r.left -= n
	return n, nil
}

func TestCountersReadTheJSONOfMemStats(t *testing.T) {
	t.Parallel()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	data, err := json.Marshal(&ms)
	if err != nil {
		t.Fatal(err)
	}
	var c Counters
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if live, _ := c.LiveBytes(); live != ms.HeapAlloc {
		t.Errorf("live bytes %d, want %d", live, ms.HeapAlloc)
	}
	if objects, _ := c.LiveObjects(); objects != ms.Mallocs-ms.Frees {
		t.Errorf("live objects %d, want %d", objects, ms.Mallocs-ms.Frees)
	}
	if len(c.BySize) != len(ms.BySize) || c.BySize[1].Mallocs != ms.BySize[1].Mallocs || c.BySize[1].Size != ms.BySize[1].Size {
		t.Errorf("size classes differ: %v", c.BySize[:2])
	}
	if c.GCCPUFraction != ms.GCCPUFraction {
		t.Errorf("GCCPUFraction %v, want %v", c.GCCPUFraction, ms.GCCPUFraction)
	}
	again, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Counters
	if err := json.Unmarshal(again, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, back); d != "" {
		t.Errorf("after a round trip (-first +second):\n%s", d)
	}
}

func TestCountersRefuseBrokenJSON(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "[]", "{", `{"BySize":3}`, `{"GCCPUFraction":"x"}`} {
		var c Counters
		if err := json.Unmarshal([]byte(s), &c); err == nil {
			t.Errorf("%q was read as %v", s, c)
		}
	}
}

func TestLiveObjectsFallsBackToHeapObjects(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name   string
		values map[string]uint64
		want   uint64
		known  bool
	}{
		{"mallocs less frees", map[string]uint64{"Mallocs": 9, "Frees": 4, "HeapObjects": 1}, 5, true},
		{"frees are missing", map[string]uint64{"Mallocs": 9, "HeapObjects": 1}, 1, true},
		{"more frees than mallocs cannot be", map[string]uint64{"Mallocs": 1, "Frees": 4, "HeapObjects": 2}, 2, true},
		{"nothing is known", nil, 0, false},
	} {
		got, known := Counters{Values: x.values}.LiveObjects()
		if got != x.want || known != x.known {
			t.Errorf("%s: got %d, %v, want %d, %v", x.name, got, known, x.want, x.known)
		}
	}
}

func TestCountersThatAreEmpty(t *testing.T) {
	t.Parallel()
	var zero Counters
	if values, sizes := (Counters{Values: map[string]uint64{"A": 1}}), (Counters{BySize: []SizeClass{{Size: 8}}}); !zero.Empty() || values.Empty() || sizes.Empty() {
		t.Errorf("Empty: zero %v, with values %v, with sizes %v", zero.Empty(), values.Empty(), sizes.Empty())
	}
}
