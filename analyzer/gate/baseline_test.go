package gate

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func entry(t testing.TB, scenario, goVersion string, change func(*detect.Result)) Entry {
	t.Helper()
	r := run()
	r.Target.GoVersion = goVersion
	e, err := NewEntry(KeyOf(scenario, goVersion, "amd64"), r, result(change), "first measurement", "2026-11-22")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestABaselineIsTheSameWhateverTheOrder(t *testing.T) {
	t.Parallel()
	es := []Entry{entry(t, "shop", "go1.26.8", leaky), entry(t, "shop", "go1.25.1", nil), entry(t, "api", "go1.26.8", nil)}
	var files [][]byte
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0, 1}} {
		var b Baseline
		for _, i := range order {
			b.Put(es[i])
		}
		data, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	if !bytes.Equal(files[0], files[1]) || !bytes.Equal(files[0], files[2]) {
		t.Errorf("the file depends on the order:\n%s\n%s\n%s", files[0], files[1], files[2])
	}
	back, err := ParseBaseline(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(es[0], *back.Find(KeyOf("shop", "go1.26.2", "amd64"))); diff != "" {
		t.Errorf("the entry came back changed:\n%s", diff)
	}
	if back.Find(KeyOf("shop", "go1.27.0", "amd64")) != nil {
		t.Error("an entry is found for a release that has none")
	}
}

func TestKeysLeaveThePatchOut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"go1.26.8": "go1.26", "go1.26": "go1.26", "go1.27rc1": "go1.27", "go1.26.8 X:nodwarf5": "go1.26",
		"devel go1.28-4dcb81ed Wed": "devel", "": "",
	} {
		if got := KeyOf("s", in, "arm64").Go; got != want {
			t.Errorf("of %q: %q; want %q", in, got, want)
		}
	}
}

func TestNumbersOfABaselineHaveFourDigits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want [3]float64 }{
		{[3]float64{80.41236, 79.12345, 81.75432}, [3]float64{80.41, 79.12, 81.76}},
		{[3]float64{-0.00012345678, -12345.678, 12345.678}, [3]float64{-0.0001235, -12350, 12350}},
		{[3]float64{0, 0, 0}, [3]float64{0, 0, 0}},
		{[3]float64{0.12345, 0.12345, 0.12345}, [3]float64{0.1235, 0.1234, 0.1235}},
	} {
		got := coarse(iv(c.in[0], c.in[1], c.in[2]))
		if math.Abs(got.Estimate-c.want[0]) > 1e-12 || got.Lo != c.want[1] || got.Hi != c.want[2] {
			t.Errorf("%v is %v [%v, %v]; want %v", c.in, got.Estimate, got.Lo, got.Hi, c.want)
		}
	}
	if got := coarse(iv(1, math.Inf(-1), math.NaN())); !math.IsInf(got.Lo, -1) || !math.IsInf(got.Hi, 1) {
		t.Errorf("bounds that are none are kept: %+v", got)
	}
}

func TestARunThatBoundsNothingIsNoBaseline(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*snapshot.Run, *detect.Result){
		"no live bytes":      func(_ *snapshot.Run, r *detect.Result) { r.Total("live_bytes").Growth = nil },
		"no goroutines":      func(_ *snapshot.Run, r *detect.Result) { r.Totals = r.Totals[:2] },
		"the target died":    func(s *snapshot.Run, _ *detect.Result) { s.Failed = "the target is gone" },
		"it was ended early": func(s *snapshot.Run, _ *detect.Result) { s.Ended = "errors" },
	} {
		rn, res := run(), result(nil)
		change(rn, res)
		if _, err := NewEntry(Key{Scenario: "s", Arch: "amd64"}, rn, res, "r", "2026-11-22"); !errors.Is(err, ErrUnbounded) {
			t.Errorf("%s: %v; want ErrUnbounded", name, err)
		}
	}
}

func TestABaselineWithoutOperationsIsPerSecond(t *testing.T) {
	t.Parallel()
	e := entry(t, "shop", "go1.26.8", func(r *detect.Result) { r.Per = detect.PerSecond })
	if e.LiveBytes != nil || e.BytesSecond == nil || e.BytesSecond.Estimate != 50 || e.GoroutinesSecond == nil {
		t.Errorf("entry %+v; want growth per second alone", e)
	}
}

func TestAWrongBaselineSaysWhere(t *testing.T) {
	t.Parallel()
	const head = `{"schema": "heapdrift/baseline/v1", "entries": [` + "\n"
	const good = `{"scenario": "a", "go": "go1.26", "arch": "amd64", "reason": "r", "recorded": "2026-11-22", "verdict": "clean", "sites": []`
	for _, c := range []struct{ name, file, want string }{
		{"no JSON", "baseline", "line 1: "},
		{"a merge that was not finished", head + "<<<<<<< HEAD\n]}", "line 2: "},
		{"cut short", head + good, "line 2: unexpected EOF"},
		{"a number that is text", head + good + `, "ops": "many"}]}`, "line 2: "},
		{"a key that it does not know", head + good + `, "live_byte_per_op": {"estimate": 1}}]}`, `unknown field "live_byte_per_op"`},
		{"a bound that it does not know", head + good + `, "live_bytes_per_op": {"estimate": 1, "high": 2}}]}`, `unknown field "high"`},
		{"another schema", `{"schema": "heapdrift/run/v1", "entries": []}`, `its schema is "heapdrift/run/v1"`},
		{"two for one key", head + good + "},\n" + good + "}]}", "entry 2 (\"a\"): there are two"},
		{"no reason", head + strings.Replace(good, `"r"`, `" "`, 1) + "}]}", "lacks a reason"},
		{"no scenario", head + strings.Replace(good, `"a"`, `""`, 1) + "}]}", "lacks its scenario"},
		{"bounds that do not hold the estimate", head + good + `, "live_bytes_per_op": {"estimate": 1, "lo": 2}}]}`, "does not hold its estimate"},
		{"a site without an id", head + strings.Replace(good, "[]", `[{"kind": "heap", "function": "f"}]`, 1) + "}]}", "lacks its id"},
		{"two objects", head + good + "}]}\n{}", "there is more"},
	} {
		if _, err := ParseBaseline([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want …%s…", c.name, err, c.want)
		}
	}
}

func FuzzBaseline(f *testing.F) {
	var b Baseline
	b.Put(entry(f, "shop", "go1.26.8", leaky))
	b.Put(entry(f, "api", "go1.26.8", nil))
	data, err := b.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema":"heapdrift/baseline/v1","entries":null}`))
	f.Add([]byte(`{"schema":"heapdrift/baseline/v1","entries":[{"scenario":"a","go":"","arch":"x","reason":"r","sites":null,"live_bytes_per_op":{"estimate":-1e308,"lo":-1.7e308}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBaseline(data)
		if err != nil {
			return
		}
		once, err := b.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseBaseline(once)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not the same the second time: %v\n%s\n%s", err, once, twice)
		}
		// Whatever a file holds, a run can be held against it.
		for i := range b.Entries {
			Judge(Input{Run: run(), Result: result(leaky), Tolerance: 1, Baseline: &b.Entries[i]})
		}
	})
}
