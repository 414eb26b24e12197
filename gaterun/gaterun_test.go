package gaterun

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/gaterun/canary"
	"github.com/heapdrift/heapdrift/gaterun/config"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/labrun"
	"github.com/heapdrift/heapdrift/session"
)

// TestMain makes this test's executable serve the hidden verbs.
func TestMain(m *testing.M) {
	var err error
	switch args := append(os.Args[1:], "", "", "", "", "", ""); args[0] {
	case labrun.Verb:
		err = lab.Serve(context.Background(), lab.ServeConfig{Scenario: args[1], Variant: args[3], DataDir: args[5], Ready: os.Stdout, Stdin: os.Stdin})
	case canary.Verb:
		keep, _ := strconv.ParseFloat(args[2], 64)
		err = canary.Serve(context.Background(), canary.Config{PerOp: keep, Ready: os.Stdout, Stdin: os.Stdin})
	default:
		// The targets serve this process's own profiles, of which many runs at
		// once make large ones; nothing here reads what is in them.
		runtime.MemProfileRate = 0
		flag.Parse()
		if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
			flag.Set("test.parallel", "6") // they mostly wait for time to pass
		}
		goleak.VerifyTestMain(m)
		return
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// brief is a load of a few seconds.
const brief = "load: {rate: 150, for: 2500ms, warmup: 500ms, drain: 300ms, every: 200ms}"

// read makes the options of a configuration in a folder of its own.
func read(t *testing.T, lines ...string) Options {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "heapdrift.yaml")
	f, err := config.Read(path, []byte(strings.Join(lines, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Config: f, Path: path, Seed: 0x8f2c, Today: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), idleEvery: 50 * time.Millisecond}
}

// says is a detector that says what is to be tested. The runs of test targets
// are too short for a real one.
func says(verdict detect.Verdict, perOp float64) func(*snapshot.Run, detect.Config) *detect.Result {
	return func(run *snapshot.Run, cfg detect.Config) *detect.Result {
		rate := func(v, lo, hi float64) *detect.Rate {
			return &detect.Rate{Interval: stats.Interval{Estimate: v, Lo: lo, Hi: hi, Confidence: 0.95}, Per: detect.PerOp}
		}
		r := &detect.Result{Verdict: detect.RunClean, Per: detect.PerOp, Ops: 100, Seconds: 1, Snapshots: len(run.Snapshots), Clean: cfg.Clean, Totals: []detect.Total{
			{Name: "live_bytes", Verdict: verdict, Growth: rate(perOp, perOp-0.5, perOp+0.5)},
			{Name: "goroutines", Verdict: detect.Stable, Growth: rate(0, 0, 0.001)},
		}}
		switch verdict {
		case detect.Leak:
			r.Verdict = detect.RunLeak
		case detect.Growing:
			r.Verdict = detect.RunInconclusive
		}
		return r
	}
}

// target serves pprof of this very process and counts operations.
func target(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	mux.HandleFunc("/op", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// served are the lines of a scenario of a target.
func served(url string, more ...string) []string {
	return append([]string{
		"scenarios:", "  - name: shop", "    pprof: " + url, "    retries: 0",
		"    load: {url: " + url + "/op, rate: 50, for: 300ms, warmup: 0, drain: 0, every: 100ms}",
	}, more...)
}

func TestALeakFailsAndIsFoundAgain(t *testing.T) {
	t.Parallel()
	o := read(t, "scenarios:", "  - {name: one, lab: closure, "+brief+"}", "  - {name: other, lab: closure, variant: fixed, "+brief+"}")
	o.Only = []string{"one"}
	var mu sync.Mutex
	names := map[string]bool{}
	o.Progress = func(name string, _ session.Event) {
		mu.Lock()
		names[name] = true
		mu.Unlock()
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != gate.Failed || r.ExitCode != 1 || len(r.Scenarios) != 1 {
		t.Fatalf("%s, code %d, %d scenarios; want failed, 1, 1", r.State, r.ExitCode, len(r.Scenarios))
	}
	s := r.Scenarios[0]
	defer os.RemoveAll(filepath.Dir(s.Bundle))
	if want := "heapdrift gate -c " + o.Path + " --scenario one --seed 8f2c"; s.Repro != want {
		t.Errorf("repro %q; want %q", s.Repro, want)
	}
	if b := s.Budgets[0]; b.Name != gate.NameLiveBytes || !b.Implied || b.State != gate.BudgetBroken {
		t.Errorf("the first budget is %+v; want live bytes, implied and broken", b)
	}
	if !slices.ContainsFunc(s.Findings, func(f gate.Finding) bool { return f.Fails && strings.HasSuffix(f.File, "hasher.go") && f.Line > 0 }) {
		t.Errorf("no finding fails with its line: %+v", s.Findings)
	}
	if _, err := os.Stat(filepath.Join(s.Bundle, "run.json")); err != nil {
		t.Errorf("the recording of what failed is gone: %v", err)
	}
	if !names["one"] || names["other"] {
		t.Errorf("progress of %v; want of one alone", names)
	}
}

// The canary is seen where the plan has the power, and by the very detector
// that judges the scenario.
func TestACanaryIsSeen(t *testing.T) {
	t.Parallel()
	o := read(t, "scenarios:", "  - {name: a, lab: closure, variant: fixed, budgets: {live_bytes_per_op: 2000}, "+brief+"}", "canary: true")
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Scenarios[0].Canary
	if c == nil || !c.Found || c.Injected != 2500 || c.Limit != 2000 || r.State != gate.Passed {
		t.Errorf("%s, %s; canary %+v; want passed with the canary of 2,500 B/op seen", r.State, r.Scenarios[0].Summary, c)
	}
	if b := r.Scenarios[0].Bundle; b != "" {
		t.Errorf("the recording of a pass is kept in %s", b)
	}
}

func TestABlindDetectorIsNoGate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		analyze func(*snapshot.Run, detect.Config) *detect.Result
		want    string
	}{
		"one that sees nothing":   {says(detect.Stable, 0), "was planted and not seen"},
		"one that cannot measure": {says(detect.Leak, 9000), "measured as 8.79 KiB/op"},
		"one that cannot decide":  {says(detect.Growing, 250), "was planted and not seen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := read(t, append(served(target(t)), "    budgets: {live_bytes_per_op: 200}", "canary: true")...)
			o.Analyze = c.analyze
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			s := r.Scenarios[0]
			if r.ExitCode != 4 || s.State != gate.Errored || !strings.Contains(s.Problem, c.want) || s.Attempts != 0 {
				t.Errorf("code %d, %d attempts: %s; want 4 before any attempt, and …%s…", r.ExitCode, s.Attempts, s.Problem, c.want)
			}
		})
	}
}

func TestOnlyWhatIsUndecidedIsRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		verdicts []detect.Verdict // of the attempts
		attempts int
		want     gate.State
	}{
		{"a failure is final", []detect.Verdict{detect.Leak, detect.Stable}, 1, gate.Failed},
		{"a pass is final", []detect.Verdict{detect.Stable, detect.Leak}, 1, gate.Passed},
		{"undecided, then a pass", []detect.Verdict{detect.Growing, detect.Stable}, 2, gate.Passed},
		{"undecided, then a failure", []detect.Verdict{detect.Growing, detect.Leak}, 2, gate.Failed},
		{"undecided to the last", []detect.Verdict{detect.Growing, detect.Growing, detect.Growing}, 3, gate.Undecided},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := read(t, served(target(t))...)
			two := 2
			o.Config.Scenarios[0].Retries = &two
			n := 0
			var long []float64
			o.Analyze = func(run *snapshot.Run, cfg detect.Config) *detect.Result {
				v := c.verdicts[n]
				n++
				long = append(long, run.Load.Seconds)
				return says(v, 300)(run, cfg)
			}
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			s := r.Scenarios[0]
			defer os.RemoveAll(filepath.Dir(s.Bundle + "x"))
			if s.State != c.want || s.Attempts != c.attempts {
				t.Errorf("%s after %d attempts; want %s after %d", s.State, s.Attempts, c.want, c.attempts)
			}
			for i := 1; i < len(long); i++ {
				if long[i] < 1.5*long[i-1] {
					t.Errorf("attempts took %v s; want each twice as long as the one before", long)
				}
			}
		})
	}
}

func TestAReproCanBePastedIntoAShell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"ci/heapdrift.yaml": "ci/heapdrift.yaml", "my files/$x.yaml": "'my files/$x.yaml'", "it's": `'it'\''s'`} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s; want %s", in, got, want)
		}
	}
}

func TestADeadTargetIsAnErrorAndNoVerdict(t *testing.T) {
	t.Parallel()
	o := read(t, "scenarios:", "  - {name: gone, command: [\"false\"], load: {url: http://127.0.0.1:1/x, for: 1s}}")
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Scenarios[0]; r.ExitCode != 4 || s.State != gate.Errored || s.Problem == "" || s.Run != nil {
		t.Errorf("code %d: %+v; want 4 with a problem", r.ExitCode, s)
	}
}

func TestTheTimeCapLeavesTheRestUndecided(t *testing.T) {
	t.Parallel()
	url := target(t)
	o := read(t, append(served(url), "  - {name: later, pprof: "+url+", load: {for: 1s}}", "time_cap: 1s")...)
	o.Config.Scenarios[0].Load.For = new(time.Minute)
	o.Analyze = says(detect.Stable, 0)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(filepath.Dir(r.Scenarios[0].Bundle + "x"))
	if r.ExitCode != 3 || r.Scenarios[0].State != gate.Undecided || !strings.Contains(r.Scenarios[1].Summary, "not run: the time cap") || r.Seconds > 20 {
		t.Errorf("code %d after %.0f s: %s / %s", r.ExitCode, r.Seconds, r.Scenarios[0].Summary, r.Scenarios[1].Summary)
	}
}

func TestSuppressionsReachTheReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expires string
		code    int
		says    string
	}{
		{"2026-11-21", 1, "the suppression of never.Seen (known) expired on 2026-11-21"},
		{"2027-11-21", 0, "silenced nothing"},
	} {
		o := read(t, append(served(target(t)), `suppress: [{site: never.Seen, reason: known, expires: `+c.expires+`}]`)...)
		o.Analyze = says(detect.Stable, 0)
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(r.Warnings, "\n")
		for _, p := range r.Problems {
			said += p.Text
		}
		if r.ExitCode != c.code || !strings.Contains(said, c.says) || !strings.Contains(said, ":6:12: ") {
			t.Errorf("%s: code %d, %q; want %d, …%s… with its place", c.expires, r.ExitCode, said, c.code, c.says)
		}
	}
}

func TestWhatIsNotThereIsToldWithItsPlaceBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	o := read(t,
		"scenarios:",
		"  - name: a",
		"    command: [./server]",
		"    dir: nowhere",
		"    pprof: ftp://x",
		"    pprof_header: {Authorization: \"Bearer ${NOT_SET_ANYWHERE}\"}",
		"    load: {url: http://h/x, body: none.json}",
		"  - {name: b, lab: closures}",
		"  - {name: c, pprof: :1, load: {targets: none.txt}}",
		"  - {name: d, pprof: :1, memprofilerate: 512, load: {url: \"http://[bad\"}}",
	)
	ran := false
	o.Analyze = func(*snapshot.Run, detect.Config) *detect.Result { ran = true; return nil }
	_, err := Run(t.Context(), o)
	var errs config.Errors
	if !errors.As(err, &errs) || ran {
		t.Fatalf("%v; want config.Errors before anything runs", err)
	}
	said := err.Error()
	last := -1
	for _, want := range []string{":4:5: ", ":5:5: ", ":6:5: header Authorization: the environment has no NOT_SET_ANYWHERE", ":7:29: ", ":8:15: there is no scenario \"closures\"", ":9:33: ", ":10:26: memprofilerate only", ":10:47: "} {
		at := strings.Index(said, want)
		if at <= last {
			t.Errorf("nothing is said of %q, or not in its order, in\n%s", want, said)
		}
		last = at
	}
}

func TestMistakesOfTheCall(t *testing.T) {
	t.Parallel()
	o := read(t, append(served(target(t)), "baseline: base.json")...)
	o.Only = []string{"shp"}
	var bad *session.ConfigError
	if _, err := Run(t.Context(), o); !errors.As(err, &bad) || !strings.Contains(err.Error(), "did you mean shop?") {
		t.Errorf("%v; want a ConfigError that guesses", err)
	}
	o.Only = nil
	o.Out = t.TempDir()
	if err := os.MkdirAll(filepath.Join(o.Out, "shop", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), o); !errors.As(err, &bad) || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("%v; want a ConfigError for a folder that is taken", err)
	}
	o.Out = ""
	if err := os.WriteFile(filepath.Join(filepath.Dir(o.Path), "base.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), o); !errors.As(err, &bad) || !strings.Contains(err.Error(), "base.json: line 1: ") {
		t.Errorf("%v; want a ConfigError for a baseline that is none", err)
	}
}

func TestHeadersTakeWhatIsSecretFromTheEnvironment(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]string{}
	mux := http.NewServeMux()
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	mux.HandleFunc("/op", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got["op"] = r.Header.Get("X-Token")
		mu.Unlock()
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug") {
			mu.Lock()
			got["pprof"] = r.Header.Get("X-Token")
			mu.Unlock()
		}
		mux.ServeHTTP(w, r)
	}))
	defer s.Close()
	o := read(t, "scenarios:", "  - name: a", "    pprof: "+s.URL, "    pprof_header: {X-Token: \"p-${SECRET}\"}",
		"    load: {url: "+s.URL+"/op, header: {X-Token: \"l-${SECRET}-$SECRET\"}, rate: 50, for: 300ms, warmup: 0, drain: 0, every: 100ms}")
	o.Env = func(name string) (string, bool) { return "swordfish", name == "SECRET" }
	o.Analyze = says(detect.Stable, 0)
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got["op"] != "l-swordfish-$SECRET" || got["pprof"] != "p-swordfish" {
		t.Errorf("headers %q; want what is in braces from the environment", got)
	}
}
