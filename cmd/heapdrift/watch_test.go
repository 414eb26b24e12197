package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/internal/ports"
	"github.com/heapdrift/heapdrift/session"
	"github.com/heapdrift/heapdrift/tui/model"
)

func TestWatchWithoutATerminalTellsProgressAndAVerdict(t *testing.T) {
	t.Parallel()
	url, out, doc := server(t), filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "report.json")
	got := heapdrift(t, "watch", "--for", "1s", "--every", "100ms", "-o", out, "--output-file", "json="+doc, url)
	if got.code == exit.Usage || got.code == exit.Infrastructure || !strings.Contains("\n"+got.stderr, "\nwatch\n") {
		t.Errorf("exit %d\n%s%s", got.code, got.out, got.stderr)
	}
	if !strings.Contains(got.out, "Bundle: "+out) {
		t.Errorf("stdout:\n%s", got.out)
	}
	var d report.Document
	if err := json.Unmarshal([]byte(read(t, doc)), &d); err != nil || slices.Contains(d.Codes, session.WarnInterrupted) {
		t.Errorf("warnings %q (%v); --for was over, nobody interrupted it", d.Codes, err)
	}
	if again := heapdrift(t, "analyze", out); again.code != got.code {
		t.Errorf("the recording is judged with exit %d, live it was %d", again.code, got.code)
	}
}

func TestWatchTellsWhenTheVerdictChanges(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	l := &watchLines{a: newApp(streams{err: &b, env: func(string) (string, bool) { return "", false }}), named: true}
	var cfg session.Config
	l.attach(&cfg, ":6060")
	for i, v := range []detect.RunVerdict{detect.RunInconclusive, detect.RunLeak, detect.RunLeak, detect.RunClean} {
		cfg.Observe(session.Observation{Result: &detect.Result{Verdict: v, Snapshots: 9 + i}})
	}
	cfg.Progress(session.Event{Message: "gone", Warning: true})
	want := ":6060: so far leak, after 10 snapshots\n:6060: so far clean, after 12 snapshots\nwarning: :6060: gone\n"
	if !strings.HasPrefix(b.String(), want) {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestWatchOfSeveralTargets(t *testing.T) {
	t.Parallel()
	a, b, out := server(t), server(t), filepath.Join(t.TempDir(), "runs")
	silent := ports.Free(t)
	got := heapdrift(t, "watch", "--for", "500ms", "--every", "100ms", "--format", "json", "-o", out, a, b)
	var docs []report.Document
	if err := json.Unmarshal([]byte(got.out), &docs); err != nil || len(docs) != 2 || docs[0].Schema != "heapdrift/report/v1" {
		t.Errorf("exit %d, %v, %d documents: %s", got.code, err, len(docs), got.out)
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 2 {
		t.Errorf("recordings %v, %v; want two", entries, err)
	}
	got = heapdrift(t, "watch", "--for", "300ms", "--every", "100ms", "--format", "markdown", a, b)
	if strings.Count(got.out, "\n## ")+strings.Count(got.out[:3], "## ") != 2 {
		t.Errorf("Markdown:\n%s", got.out)
	}
	got = heapdrift(t, "watch", "--for", "300ms", "--every", "100ms", silent)
	if got.code != exit.Infrastructure || !strings.Contains(got.stderr, silent) || got.out != "" {
		t.Errorf("a target that never answers: exit %d, %s", got.code, got.stderr)
	}
}

func TestWatchAndReplayRefuseWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	url := server(t)
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"no target", []string{"watch"}, "URL is missing"},
		{"no time between snapshots", []string{"watch", "--every", "0s", url}, "above 0"},
		{"a negative time", []string{"watch", "--for", "-1s", url}, "--for"},
		{"an address that is none", []string{"watch", "http://[::1"}, "http://[::1"},
		{"a theme that is none", []string{"watch", "--theme", "pink", url}, "unknown theme"},
		{"no recording", []string{"replay"}, "RUN is missing"},
		{"a negative speed", []string{"replay", "--speed", "-1", "x"}, "--speed"},
		{"all scenarios at once", []string{"lab", "compare", "--all", "--tui"}, "leave --tui out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := heapdrift(t, c.args...); got.code != exit.Usage || !strings.Contains(got.stderr, c.says) {
				t.Errorf("exit %d, want %d saying %q: %s", got.code, exit.Usage, c.says, got.stderr)
			}
		})
	}
}

func TestNamesOfTargetsAreDistinct(t *testing.T) {
	t.Parallel()
	got := distinct([]string{"http://10.0.0.7:6060/debug/pprof", ":6060", "10.0.0.7:6060", "http://10.0.0.7:6060"})
	if want := "10.0.0.7:6060|:6060|10.0.0.7:6060 (2)|10.0.0.7:6060 (3)"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := fileName("10.0.0.7:6060 (2)"); got != "10.0.0.7-6060-(2)" {
		t.Errorf("folder %q", got)
	}
}

func TestObservationsBecomeUpdates(t *testing.T) {
	t.Parallel()
	cfg := session.DefaultConfig()
	cfg.Load = &harness.HTTPConfig{}
	cfg.Plan.Passes = 2
	f := &feed{source: "a", title: "run", cfg: &cfg}
	if u := f.begin(); u.State != model.StateConnecting || len(u.Plan) != 5 || u.Plan[3] != (model.Step{Phase: snapshot.PhaseSteady, Pass: 2}) {
		t.Errorf("first update %+v; want idle, warm-up, two passes, drain", u)
	}
	run, res := &snapshot.Run{Snapshots: []*snapshot.Snapshot{{}}}, &detect.Result{}
	steady := session.Event{Phase: "steady", Pass: 2, Counts: harness.Counts{Completed: 7, InFlight: 2}}
	failing, judging := steady, steady
	failing.Failing, judging.Phase, judging.Pass = "connection refused", session.PhaseJudge, 0
	for _, c := range []struct {
		name  string
		o     session.Observation
		state model.State
		phase snapshot.Phase
		note  string
		fresh bool // a run and a result are news
	}{
		{"before it answers", session.Observation{Event: session.Event{Phase: session.PhaseStart, Failing: "no"}}, model.StateConnecting, "", "starting", false},
		{"the first snapshot", session.Observation{Event: steady, Run: run, Result: res}, model.StateLive, snapshot.PhaseSteady, "", true},
		{"nothing new", session.Observation{Event: steady, Run: run, Result: res}, model.StateLive, snapshot.PhaseSteady, "", false},
		{"it does not answer", session.Observation{Event: failing, Run: run, Result: res}, model.StateUnreachable, snapshot.PhaseSteady, "", false},
		{"it is judged", session.Observation{Event: judging, Run: run, Result: res}, model.StateLive, "", "judging", false},
		{"the verdict", session.Observation{Event: judging, Run: run, Result: &detect.Result{}, Final: true}, model.StateEnded, snapshot.PhaseSteady, "", false},
	} {
		u := f.update(c.o)
		if u.State != c.state || u.Progress.Phase != c.phase || u.Progress.Note != c.note || (u.Run != nil) != c.fresh {
			t.Errorf("%s: state %v, progress %+v, run %v", c.name, u.State, u.Progress, u.Run != nil)
		}
		if c.name == "the first snapshot" && (u.Load.Completed != 7 || u.Load.InFlight != 2 || u.Load.Source != "heapdrift") {
			t.Errorf("load %+v", u.Load)
		}
	}
	// Somebody else's load.
	cfg.Load, cfg.OpsMetric = nil, "ops_total"
	ops := int64(42)
	f = &feed{cfg: &cfg}
	u := f.update(session.Observation{Run: &snapshot.Run{Snapshots: []*snapshot.Snapshot{{Meta: snapshot.Meta{Ops: &ops}}}}})
	if u.Load == nil || u.Load.Source != "metrics" || u.Load.Completed != 42 || len(f.begin().Plan) != 0 {
		t.Errorf("load %+v, plan %v", u.Load, f.begin().Plan)
	}
}

func TestWhatIsWrittenBehindADashboardComesOutAfterIt(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := &stage{w: &b}
	s.Write([]byte("before "))
	freed := 0
	s.hold(func() { freed++ })
	s.Write([]byte("meanwhile "))
	if b.String() != "before " {
		t.Errorf("%q while a dashboard is in front", b.String())
	}
	s.release()
	s.release()
	s.Write([]byte("after"))
	if b.String() != "before meanwhile after" || freed != 1 {
		t.Errorf("%q, freed %d times", b.String(), freed)
	}
	(*stage)(nil).hold(nil)
	(*stage)(nil).release()
}
