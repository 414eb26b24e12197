package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// mended is a leak that a change halved, with a new one beside it.
func mended() *Changed {
	before, was := leaking()
	after, is := leaking()
	return &Changed{Before: before, After: after, Comparison: &detect.Comparison{
		Change: detect.Worse, Before: was, After: is, Per: detect.PerOp, Unchanged: 1,
		Totals: []detect.Compared{
			{ID: "live_bytes", Kind: detect.KindTotal, Before: iv(80.4, 79.1, 81.7), After: iv(40, 39, 41), Difference: iv(-40.4, -42.04, -38.76), P: ptr(1e-9), DF: ptr(21.5), Margin: 64, Was: detect.Leak, Is: detect.Leak, Change: detect.Better, Reasons: because(detect.GrowsMoreSlowly)},
			{ID: "goroutines", Kind: detect.KindTotal, Before: iv(0.009, 0.0085, 0.0095), After: iv(0.02, 0.019, 0.021), Difference: iv(0.011, 0.0099, 0.0121), P: ptr(1e-7), DF: ptr(20.0), Margin: 0.01, Was: detect.Leak, Is: detect.Leak, Change: detect.Worse, Reasons: because(detect.GrowsFaster)},
			{ID: "rss_bytes", Kind: detect.KindTotal, Before: iv(120, 60, 180), After: iv(90, -30, 210), Difference: iv(-30, -160, 100), P: ptr(0.4), DF: ptr(14.0), Margin: 64, Change: detect.Undecided, Reasons: because(detect.TooUncertain)},
		},
		Sites: []detect.Compared{
			{ID: "g-77aa", Kind: detect.KindGoroutine, Function: "example.com/feed/worker.retry", File: "/src/feed/worker/retry.go", Line: 19, WaitReason: "chan send", After: iv(0.02, 0.019, 0.021), Difference: iv(0.02, 0.019, 0.021), P: ptr(0.0), DF: ptr(20.0), Is: detect.Leak, Change: detect.Appeared, Reasons: because(detect.NotInFirstRun)},
			{ID: "h-5f2c", Kind: detect.KindHeap, Function: "example.com/feed/pipeline/embed.(*Batcher).Flush", File: "/src/feed/pipeline/embed/batch.go", Line: 88, Before: iv(52.9, 51.8, 54), Difference: iv(-52.9, -54, -51.8), P: ptr(0.0), DF: ptr(20.0), Was: detect.Leak, Change: detect.Gone, Reasons: because(detect.NotInSecondRun)},
		},
		Reasons: because(detect.WorseCounts), Warnings: []detect.Warning{{Code: detect.LoadsDiffer, Values: detect.Values{From: 400, To: 200}}},
	}}
}

func because(codes ...detect.Code) []detect.Reason {
	var out []detect.Reason
	for _, c := range codes {
		out = append(out, detect.Reason{Code: c})
	}
	return out
}

func TestChangeGoldens(t *testing.T) {
	t.Parallel()
	var text, md, js bytes.Buffer
	for _, err := range []error{ChangeText(&text, mended(), TextOptions{}), ChangeMarkdown(&md, mended()), ChangeJSON(&js, mended())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "change.txt", text.Bytes())
	golden(t, "change.md", md.Bytes())
	golden(t, "change.json", js.Bytes())
	if strings.Contains(text.String(), "\x1b") {
		t.Error("colour without being asked")
	}
	var coloured bytes.Buffer
	if err := ChangeText(&coloured, mended(), TextOptions{Color: true}); err != nil || !strings.HasPrefix(coloured.String(), "\x1b[1;31mworse\x1b[0m") {
		t.Errorf("%.30q (%v), want a red word", coloured.String(), err)
	}
}

// No number that is none reaches a reader, and no name steers a terminal.
func TestHostileChanges(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	c := mended()
	c.Before, c.After = &snapshot.Run{}, &snapshot.Run{}
	c.Totals[0].Difference, c.Totals[0].P, c.Totals[0].DF = iv(-40, -inf, inf), &nan, &inf
	c.Totals[1].Before, c.Totals[1].Margin = iv(nan, nan, nan), nan
	c.Totals[2].Difference = iv(inf, 1, inf)
	c.Sites[0].Function = "evil.\x1b[2J\u202eF|x`"
	c.Sites[0].Change, c.Sites[0].Reasons = detect.Undecided, []detect.Reason{{Code: detect.MemoryGrowsWith, Values: detect.Values{Function: "a\nb\x1b|x"}}}
	var text, md, js bytes.Buffer
	for _, err := range []error{ChangeText(&text, c, TextOptions{}), ChangeMarkdown(&md, c), ChangeJSON(&js, c)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !json.Valid(js.Bytes()) {
		t.Errorf("JSON: %s", js.String())
	}
	for _, s := range []string{text.String(), md.String()} {
		if strings.ContainsAny(s, "\x1b\u202e") || strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("hostile output:\n%s", s)
		}
	}
	if strings.Contains(md.String(), "F|x") {
		t.Errorf("a name breaks the table:\n%s", md.String())
	}
}

func TestAChangeShowsTheWorstSites(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := ChangeText(&b, mended(), TextOptions{MaxFindings: 1}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "worker.retry") || strings.Contains(s, "Flush") || !strings.Contains(s, "… and 1 more") {
		t.Errorf("one site of two:\n%s", s)
	}
}
