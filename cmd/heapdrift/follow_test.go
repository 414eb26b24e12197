package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/session"
)

func TestATargetThatDiedIsNeverClean(t *testing.T) {
	t.Parallel()
	died := errors.New("signal: killed")
	for _, c := range []struct {
		verdict, shown detect.RunVerdict
		died           error
		want           exit.Code
	}{
		{detect.RunClean, detect.RunInconclusive, died, exit.Infrastructure},
		{detect.RunLeak, detect.RunLeak, died, exit.Leak},
		{detect.RunInconclusive, detect.RunInconclusive, died, exit.Infrastructure},
		{detect.RunClean, detect.RunClean, nil, exit.Clean},
	} {
		var out, stderr strings.Builder
		a := newApp(streams{out: &out, err: &stderr, env: func(string) (string, bool) { return "", false }})
		o := &session.Outcome{
			Run: &snapshot.Run{}, Result: &detect.Result{Verdict: c.verdict}, Died: c.died,
			Bundle: "runs/x", Warnings: []string{"the target is gone"},
		}
		if err := a.conclude(&outputFlags{format: flags.JSON}, o, nil); err != nil {
			t.Fatal(err)
		}
		if a.code != c.want {
			t.Errorf("%s, died %v: exit %d, want %d", c.verdict, c.died, a.code, c.want)
		}
		if !strings.Contains(out.String(), `"verdict": "`+string(c.shown)+`"`) {
			t.Errorf("%s, died %v: want the verdict %s in\n%s", c.verdict, c.died, c.shown, out.String())
		}
		if !slices.Contains(o.Result.Warnings, "the target is gone") {
			t.Errorf("the session's warning is not in the report")
		}
		if !strings.Contains(stderr.String(), "recorded in runs/x") {
			t.Errorf("the recording is not named: %q", stderr.String())
		}
	}
}
