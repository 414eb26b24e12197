package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestGoldens(t *testing.T) {
	t.Parallel()
	cases := map[string]func() (*snapshot.Run, *detect.Result){
		"leak": leaking, "clean": calm, "inconclusive": open, "per-second": timed,
		"nothing": func() (*snapshot.Run, *detect.Result) {
			return &snapshot.Run{}, &detect.Result{Verdict: detect.RunInconclusive, Per: detect.PerSecond}
		},
		"unattributed": func() (*snapshot.Run, *detect.Result) {
			run, res := leaking()
			res.Proof, res.Reasons = detect.ProofGrowth, []detect.Reason{{Code: detect.GrowthAlone, Values: detect.Values{Bytes: 1.93e6, Count: 24000, Per: detect.PerOp}}}
			res.Findings = []detect.Finding{{
				ID: "u", Kind: detect.KindHeap, Verdict: detect.Leak, Proof: detect.ProofGrowth, Function: detect.Unattributed,
				Bytes: perOp(80.4, 79.1, 81.7), Reasons: []detect.Reason{{Code: detect.NoSiteExplains}, {Code: detect.SampleMore}},
			}}
			return run, res
		},
		"short": func() (*snapshot.Run, *detect.Result) {
			run, res := open()
			run.Snapshots = []*snapshot.Snapshot{{
				Counters: snapshot.Counters{Values: map[string]uint64{"HeapAlloc": 1}}, Goroutines: &snapshot.Goroutines{Total: 1},
			}}
			res.Snapshots, res.Window.Snapshots, res.Totals, res.Findings, res.Power = 10, 4, nil, nil, nil
			return run, res
		},
		"growth": func() (*snapshot.Run, *detect.Result) { // which one run cannot tell from a cache
			run, res := leaking()
			res.Proof, res.Reasons = detect.ProofGrowth, []detect.Reason{{Code: detect.GrowthAlone, Values: detect.Values{Bytes: 1.93e6, Count: 24000, Per: detect.PerOp, Function: res.Findings[0].Function}}}
			res.Totals, res.Findings, res.Warnings = res.Totals[:1], res.Findings[:1], nil
			return run, res
		},
		"allowed": func() (*snapshot.Run, *detect.Result) {
			run, res := leaking()
			res.Verdict, res.Proof, res.Reasons, res.Forecast, res.Warnings = detect.RunClean, "", nil, nil, nil
			res.Totals, res.Findings = res.Totals[:1], res.Findings[:1]
			res.Totals[0].BesideAllowed = ptr(29.9)
			res.Findings[0].Proof, res.Findings[0].Allowed = "", "embed.(*Batcher).*"
			return run, res
		},
		"one-cause": func() (*snapshot.Run, *detect.Result) { // goroutines, what they retain, and as many others twice
			run, res := leaking()
			g, h := res.Findings[1], res.Findings[0]
			h.HeldBy = []detect.Holder{{Goroutines: 381, WaitReason: g.WaitReason, Function: g.Function, Root: g.Function, Stuck: true}}
			twice := g
			twice.ID, twice.Function, twice.Line, twice.Count, twice.Goroutines = "g-88bb", "example.com/feed/worker.watch", 55, 762, perOp(0.018, 0.017, 0.019)
			res.Findings, res.Warnings = []detect.Finding{h, g, twice}, nil
			return run, res
		},
		"churn": func() (*snapshot.Run, *detect.Result) {
			run, res := calm()
			for i, bytes := range []float64{312 << 10, 200 << 10, 120 << 10, 90 << 10} {
				res.Findings = append(res.Findings, detect.Finding{
					ID: "h-000" + string(rune('3'+i)), Kind: detect.KindHeap, Verdict: detect.Churn,
					Function: "example.com/feed/pipeline/text.(*Splitter).Split", File: "/src/feed/pipeline/text/split.go", Line: 40 + i,
					Allocated: perOp(bytes, 0.95*bytes, 1.05*bytes), Share: detect.Share(bytes / (1 << 20)),
					Reasons: []detect.Reason{{Code: detect.KeepsNothing, Values: detect.Values{Share: bytes / (1 << 20)}}},
				})
			}
			return run, res
		},
		"outside": func() (*snapshot.Run, *detect.Result) {
			run, res := calm()
			res.Verdict = detect.RunInconclusive
			res.Findings = []detect.Finding{{
				ID: "h-0007", Kind: detect.KindHeap, Verdict: detect.Suspect, Function: detect.OutsideGoHeap,
				Bytes: perOp(1680, 1650, 1710), LiveBytes: 38 << 20, Trend: &detect.Trend{Tau: 1, P: 1e-9, N: 14},
				Reasons: []detect.Reason{
					{Code: detect.GrowsOutside, Values: detect.Values{Grew: 38.1 * (1 << 20), Bytes: 38.1 * (1 << 20)}},
					{Code: detect.OutsideAtEnd, Values: detect.Values{Bytes: 38 << 20}}, {Code: detect.LookOutside},
				},
			}}
			return run, res
		},
		"bare": func() (*snapshot.Run, *detect.Result) {
			run, res := open()
			res.Per, res.Totals, res.Findings, res.Power = detect.PerSecond, nil, nil, nil
			return run, res
		},
	}
	for name, fixture := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, res := fixture()
			var text, md, js bytes.Buffer
			if err := Text(&text, run, res, TextOptions{Bundle: "runs/2026-11-22T10-15-00"}); err != nil {
				t.Fatal(err)
			}
			if err := Markdown(&md, run, res); err != nil {
				t.Fatal(err)
			}
			if err := JSON(&js, run, res); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", text.Bytes())
			golden(t, name+".md", md.Bytes())
			golden(t, name+".json", js.Bytes())
			if strings.Contains(text.String(), "\x1b") {
				t.Error("colour codes in text that did not ask for colour")
			}
		})
	}
}

func TestColourOnlyWhereAskedAndNeverAlone(t *testing.T) {
	t.Parallel()
	for _, fixture := range []func() (*snapshot.Run, *detect.Result){leaking, calm, open} {
		run, res := fixture()
		var plain, colour bytes.Buffer
		if err := Text(&plain, run, res, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := Text(&colour, run, res, TextOptions{Color: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(colour.String(), "\x1b[") {
			t.Errorf("%s: no colour although asked", res.Verdict)
		}
		stripped := colour.String()
		for _, code := range []string{"\x1b[1;31m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
			stripped = strings.ReplaceAll(stripped, code, "")
		}
		if stripped != plain.String() {
			t.Errorf("%s: colour changes the words:\n%q\n%q", res.Verdict, stripped, plain.String())
		}
	}
}

func TestNamesFromTheProgramCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	evil := "example.com/x.f\x1b[2J\nLEAK gone\u202e"
	f := &res.Findings[0]
	f.Function, f.File, f.WaitReason = evil, evil, evil
	f.HeldBy = []detect.Holder{{Goroutines: 1, WaitReason: evil, Function: evil, Root: "x" + evil, CreatedBy: evil}}
	f.Reasons = []detect.Reason{
		{Code: detect.SoDo, Values: detect.Values{Wait: evil, Function: evil}},
		{Code: detect.GrowTogether, Values: detect.Values{Parts: []detect.Part{{Function: evil, File: evil}}}},
	}
	run.Target.Name, res.Warnings = evil, []detect.Warning{told(evil)}
	var b bytes.Buffer
	if err := Text(&b, run, res, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := Markdown(&b, run, res); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") || strings.Contains(b.String(), "\nLEAK gone") {
		t.Errorf("a name of the program reached the terminal raw:\n%q", b.String())
	}
}

func TestMarkdownCellsHoldTheirContent(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	res.Findings[0].Function = "example.com/x.f|g`h"
	var b bytes.Buffer
	if err := Markdown(&b, run, res); err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(b.String(), "\n") {
		if strings.HasPrefix(l, "|") && strings.Count(l, "|")-strings.Count(l, `\|`) != 4 {
			t.Errorf("a row with another number of cells: %s", l)
		}
	}
}

func TestTextBoundsTheFindingsAndSaysSo(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	f := res.Findings[0]
	res.Findings = nil
	for range 25 {
		res.Findings = append(res.Findings, f)
	}
	text := func(o TextOptions) string {
		var b bytes.Buffer
		if err := Text(&b, run, res, o); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, c := range []struct {
		name  string
		o     TextOptions
		shown int
		more  string
	}{
		{"what has room", TextOptions{}, 6, "… and 19 more with -v"},
		{"as many as are asked for", TextOptions{MaxFindings: 2}, 2, "… and 23 more with -v"},
		{"all", TextOptions{Verbose: true}, 25, ""},
	} {
		said := text(c.o)
		if n := strings.Count(said, "▲ leak"); n != c.shown || strings.Contains(said, "more with -v") != (c.more != "") || !strings.Contains(said, c.more) {
			t.Errorf("%s: %d findings printed, want %d and %q:\n%s", c.name, n, c.shown, c.more, said)
		}
	}
}

func TestComparisons(t *testing.T) {
	t.Parallel()
	lr, lres := leaking()
	fr, fres := calm()
	pass := &Comparison{Scenario: "closure", Leaky: &Judged{lr, lres}, Fixed: &Judged{fr, fres}, Pass: true}
	fail := &Comparison{Scenario: "subslice", Leaky: &Judged{fr, fres}, Fixed: &Judged{fr, fres}, Mismatch: []string{"leaky is clean; its truth is leak"}}
	control := &Comparison{Scenario: "cache", Fixed: &Judged{fr, fres}, Pass: true}
	all := []*Comparison{pass, fail, control}

	var text, md, js, one bytes.Buffer
	if err := ComparisonsText(&text, all, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := ComparisonsMarkdown(&md, all); err != nil {
		t.Fatal(err)
	}
	if err := ComparisonsJSON(&js, all); err != nil {
		t.Fatal(err)
	}
	if err := ComparisonJSON(&one, pass); err != nil {
		t.Fatal(err)
	}
	golden(t, "comparisons.txt", text.Bytes())
	golden(t, "comparisons.md", md.Bytes())

	var docs []map[string]any
	if err := json.Unmarshal(js.Bytes(), &docs); err != nil {
		t.Fatal(err)
	}
	if len(docs) != 3 {
		t.Fatalf("%d documents, want 3", len(docs))
	}
	for i, want := range []struct{ leaky, pass bool }{{true, true}, {true, false}, {false, true}} {
		d := docs[i]
		if _, ok := d["leaky"]; ok != want.leaky {
			t.Errorf("document %d: leaky there: %v, want %v", i, ok, want.leaky)
		}
		if d["pass"] != want.pass {
			t.Errorf("document %d: pass %v, want %v", i, d["pass"], want.pass)
		}
		if _, ok := d["mismatch"].([]any); !ok {
			t.Errorf("document %d: mismatch is %v, want a list", i, d["mismatch"])
		}
		fixed, _ := d["fixed"].(map[string]any)
		if fixed["schema"] != Schema || fixed["verdict"] != "clean" {
			t.Errorf("document %d: fixed is not a report: %v", i, fixed)
		}
	}
	if !bytes.HasPrefix(one.Bytes(), []byte("{\n  \"scenario\": \"closure\"")) {
		t.Errorf("one comparison is not an object: %.60s", one.Bytes())
	}
}
