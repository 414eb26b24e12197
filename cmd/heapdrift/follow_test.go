package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/session"
)

func TestATargetThatDiedNeverExitsAsClean(t *testing.T) {
	t.Parallel()
	died := errors.New("signal: killed")
	for _, c := range []struct {
		verdict, shown detect.RunVerdict
		died           error
		want           exit.Code
	}{
		{detect.RunLeak, detect.RunLeak, died, exit.Leak},
		{detect.RunInconclusive, detect.RunInconclusive, died, exit.Infrastructure},
		{detect.RunClean, detect.RunClean, nil, exit.Clean},
	} {
		var out, stderr strings.Builder
		a := newApp(streams{out: &out, err: &stderr, env: func(string) (string, bool) { return "", false }})
		o := &session.Outcome{
			Run: &snapshot.Run{}, Result: &detect.Result{Verdict: c.verdict}, Died: c.died, Bundle: "runs/x",
		}
		o.Result.Warn(detect.Warning{Code: session.WarnTargetDied, Text: "the target is gone"})
		if err := a.conclude(&outputFlags{format: flags.JSON}, o, nil); err != nil {
			t.Fatal(err)
		}
		if a.code != c.want {
			t.Errorf("%s, died %v: exit %d, want %d", c.verdict, c.died, a.code, c.want)
		}
		var d report.Document
		if err := json.Unmarshal([]byte(out.String()), &d); err != nil || d.Verdict != c.shown {
			t.Errorf("%s, died %v: want the verdict %s (%v) in\n%s", c.verdict, c.died, c.shown, err, out.String())
		}
		if !slices.Contains(d.Codes, session.WarnTargetDied) {
			t.Errorf("the session's warning is not in the report: %q", d.Codes)
		}
		if !strings.Contains(stderr.String(), "recorded in runs/x") {
			t.Errorf("the recording is not named: %q", stderr.String())
		}
	}
}

func TestARecordingOfATargetThatDiedIsNoPassEither(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		perOp int64
		want  exit.Code
		shown string
	}{{0, exit.Infrastructure, "inconclusive"}, {512, exit.Leak, "leak"}} {
		dir := bundle(t, c.perOp)
		at := filepath.Join(dir, "run.json")
		var header map[string]any
		data, err := os.ReadFile(at)
		if err == nil {
			err = json.Unmarshal(data, &header)
		}
		if err != nil {
			t.Fatal(err)
		}
		header["failed"] = "the target is gone: it was killed"
		if data, err = json.Marshal(header); err == nil {
			err = os.WriteFile(at, data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		got := heapdrift(t, "analyze", "--format", "json", dir)
		if got.code != c.want || !strings.Contains(got.out, `"verdict": "`+c.shown+`"`) {
			t.Errorf("%d B/op: exit %d, want %d and %s in\n%s", c.perOp, got.code, c.want, c.shown, got.out)
		}
	}
}
