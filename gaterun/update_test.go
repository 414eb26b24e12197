package gaterun

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/session"
)

// The way of a baseline: recorded, compared with, found worse, and accepted
// with a reason.
func TestABaselineIsRecordedAndHeld(t *testing.T) {
	t.Parallel()
	url := target(t)
	o := read(t, append(served(url, "    budgets: {live_bytes_per_op: 1000}"), "baseline: .heapdrift/baseline.json")...)
	path := filepath.Join(filepath.Dir(o.Path), ".heapdrift", "baseline.json")
	judged := func(perOp float64, v detect.Verdict) *gate.Report {
		t.Helper()
		o.Analyze = says(v, perOp)
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	record := func(perOp float64, v detect.Verdict, reason string) []Updated {
		t.Helper()
		o.Analyze = says(v, perOp)
		done, err := Update(t.Context(), o, reason, nil)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if r := judged(0, detect.Stable); r.State != gate.Passed || !strings.Contains(strings.Join(r.Warnings, ""), "baseline update --reason TEXT") {
		t.Errorf("without a baseline: %s, warnings %q; want a pass that says how to record one", r.State, r.Warnings)
	}
	if u := record(0, detect.Stable, "first measurement"); len(u) != 1 || u[0].Old != nil || u[0].New.Reason != "first measurement" || u[0].New.Recorded != "2026-11-22" {
		t.Errorf("recorded %+v; want one new entry", u)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if r := judged(0, detect.Stable); r.State != gate.Passed || !r.Scenarios[0].Baseline.Found || r.Scenarios[0].Budgets[0].Status != gate.StatusSame {
		t.Errorf("the same again: %s, %+v", r.State, r.Scenarios[0].Baseline)
	}
	r := judged(2, detect.Leak)
	if r.ExitCode != 1 || !strings.Contains(r.Scenarios[0].Summary, "live_bytes_per_op: 2.00 B/op [1.50, 2.50] is more than the baseline's 0.00 B/op [-0.50, 0.50]") {
		t.Errorf("2 B/op more: code %d: %s", r.ExitCode, r.Scenarios[0].Summary)
	}
	os.RemoveAll(filepath.Dir(r.Scenarios[0].Bundle))
	u := record(2, detect.Leak, "wanted")
	if u[0].Old == nil || u[0].Old.LiveBytes.Estimate != 0 || u[0].New.LiveBytes.Estimate != 2 || len(u[0].Warnings) != 1 {
		t.Errorf("recorded %+v in place of %+v, warnings %q; want the old entry and one warning", u[0].New, u[0].Old, u[0].Warnings)
	}
	if r := judged(2, detect.Leak); r.State != gate.Passed {
		t.Errorf("what was accepted is %s: %s", r.State, r.Scenarios[0].Summary)
	}
	record(0, detect.Stable, "first measurement")
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the same measurement makes another file (%v):\n%s\n%s", err, first, again)
	}
}

func TestARecordingBecomesABaseline(t *testing.T) {
	t.Parallel()
	o := read(t, append(served(target(t)), "baseline: base.json")...)
	o.Analyze = says(detect.Stable, 3)
	o.Out = filepath.Join(t.TempDir(), "made", "recordings")
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(o.Out, "shop")
	o.Out = ""
	for _, arg := range []string{"shop=" + kept, kept} {
		u, err := Update(t.Context(), o, "from a recording", []string{arg})
		if err != nil || len(u) != 1 || u[0].New.LiveBytes.Estimate != 3 {
			t.Errorf("%s: %+v, %v; want 3 B/op", arg, u, err)
		}
	}
	if _, err := Update(t.Context(), o, "r", []string{kept, "shop=" + kept}); err == nil {
		t.Error("two recordings of one scenario are taken")
	}
}

func TestWhatTellsNothingIsNotRecorded(t *testing.T) {
	t.Parallel()
	o := read(t, append(served(target(t)), "baseline: base.json")...)
	path := filepath.Join(filepath.Dir(o.Path), "base.json")
	o.Analyze = func(run *snapshot.Run, cfg detect.Config) *detect.Result {
		r := says(detect.Unknown, 0)(run, cfg)
		r.Totals = nil
		return r
	}
	if _, err := Update(t.Context(), o, "r", nil); !errors.Is(err, gate.ErrUnbounded) {
		t.Errorf("%v; want ErrUnbounded", err)
	}
	var bad *session.ConfigError
	if _, err := Update(t.Context(), o, " ", nil); !errors.As(err, &bad) {
		t.Errorf("without a reason: %v; want a ConfigError", err)
	}
	o.Config.Baseline = ""
	if _, err := Update(t.Context(), o, "r", nil); !errors.As(err, &bad) {
		t.Errorf("without a baseline: %v; want a ConfigError", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
}
