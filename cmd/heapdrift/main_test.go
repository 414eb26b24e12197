package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

// ran is what a call of the program left.
type ran struct {
	code        exit.Code
	out, stderr string
}

// heapdrift runs the program in this process.
func heapdrift(t *testing.T, args ...string) ran {
	t.Helper()
	return call(t, nil, args...)
}

func call(t *testing.T, env map[string]string, args ...string) ran {
	t.Helper()
	var out, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	code := run(ctx, args, streams{in: strings.NewReader(""), out: &out, err: &stderr, env: func(k string) (string, bool) {
		v, ok := env[k]
		return v, ok
	}})
	return ran{code, out.String(), stderr.String()}
}

// bundle writes a recording of 24 snapshots under load in which the live heap
// grows by perOp bytes an operation at main.keep, and returns its folder.
func bundle(t *testing.T, perOp int64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	b, err := capture.Create(dir, capture.Header{Target: snapshot.Target{Name: "fixture", GoVersion: "go1.26.0"}})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i := range int64(24) {
		ops, at := 200*i, start.Add(time.Duration(i)*2*time.Second)
		kept := perOp * ops
		raw := &snapshot.Raw{
			Meta: snapshot.Meta{Time: at, Ops: &ops, Phase: snapshot.PhaseSteady, Pass: 1},
			Counters: snapshot.Counters{Values: map[string]uint64{
				"HeapAlloc": uint64(4<<20 + kept + 64*(i%2)), "Mallocs": uint64(50_000 + 30*ops), "Frees": uint64(40_000 + 30*ops - kept/512),
				"TotalAlloc": uint64(8<<20 + 4096*ops), "StackInuse": 1 << 20, "NumGC": uint64(2 * i),
			}},
			Heap:      heapProfile(t, at, 1<<20+kept),
			Goroutine: goroutineProfile(t, at),
		}
		if _, err := b.Add(raw); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func heapProfile(t *testing.T, at time.Time, inuse int64) []byte {
	t.Helper()
	p := emptyProfile(at, "alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
	p.Period, p.PeriodType = 512, &profile.ValueType{Type: "space", Unit: "bytes"}
	p.Sample[0].Value = []int64{inuse / 512, inuse, inuse / 512, inuse}
	p.Sample[0].NumLabel = map[string][]int64{"bytes": {512}}
	return encoded(t, p)
}

func goroutineProfile(t *testing.T, at time.Time) []byte {
	t.Helper()
	p := emptyProfile(at, "goroutine")
	p.Sample[0].Value = []int64{7}
	return encoded(t, p)
}

func emptyProfile(at time.Time, types ...string) *profile.Profile {
	f := &profile.Function{ID: 1, Name: "main.keep", Filename: "/src/fixture/main.go"}
	l := &profile.Location{ID: 1, Line: []profile.Line{{Function: f, Line: 42}}}
	p := &profile.Profile{
		TimeNanos: at.UnixNano(), Function: []*profile.Function{f}, Location: []*profile.Location{l},
		Sample: []*profile.Sample{{Location: []*profile.Location{l}}},
	}
	for _, name := range types {
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: name, Unit: "count"})
	}
	return p
}

func encoded(t *testing.T, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// change rewrites a file.
func change(t *testing.T, path string, by func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, by(b), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What cannot be read may hold what makes the difference: it is infrastructure,
// and what can be read is judged all the same.
func TestADamagedRecordingIsNeverClean(t *testing.T) {
	t.Parallel()
	for file, by := range map[string]func([]byte) []byte{
		"run.json": func(b []byte) []byte { return b[:len(b)-3] },
		"snapshots/000007/goroutine.pb.gz": func(b []byte) []byte {
			b[len(b)-8] ^= 1 // of the checksum
			return b
		},
		"snapshots/000007/heap.pb.gz": func([]byte) []byte { return goroutineProfile(t, time.Now()) },
	} {
		dir := bundle(t, 0)
		if got := call(t, nil, "analyze", dir); got.code != exit.Clean {
			t.Fatalf("the whole recording: exit %d, want %d:\n%s", got.code, exit.Clean, got.out)
		}
		change(t, filepath.Join(dir, file), by)
		if got := call(t, nil, "analyze", dir); got.code != exit.Infrastructure || !strings.HasPrefix(got.out, "inconclusive") {
			t.Errorf("%s damaged: exit %d, want %d and an inconclusive report:\n%s%s", file, got.code, exit.Infrastructure, got.out, got.stderr)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<html><body>log in</body></html>"))
	}))
	defer html.Close()
	missing := httptest.NewServer(http.NotFoundHandler())
	defer missing.Close()
	pprof := httptest.NewServer(http.DefaultServeMux)
	defer pprof.Close()
	leaky, clean, empty := bundle(t, 4096), bundle(t, 0), t.TempDir()
	cutLeaky, headless := bundle(t, 4096), bundle(t, 0)
	change(t, filepath.Join(cutLeaky, "run.json"), func(b []byte) []byte { return b[:len(b)-3] })
	if err := os.Remove(filepath.Join(headless, "run.json")); err != nil {
		t.Fatal(err)
	}
	text := file(t, "notes.pb.gz", "these are notes, no profile")
	folder := t.TempDir()

	for _, c := range []struct {
		name string
		args []string
		want exit.Code
		says string // on stderr, or where the code is of a verdict on stdout
	}{
		{"a leaky recording", []string{"analyze", leaky}, exit.Leak, "LEAK"},
		{"a clean recording", []string{"analyze", clean}, exit.Clean, "clean  "},
		{"a leaky recording whose run.json was cut", []string{"analyze", cutLeaky}, exit.Leak, "LEAK"},
		{"a clean recording without run.json", []string{"analyze", headless}, exit.Inconclusive, "inconclusive"},
		{"a clean recording held against less than it can prove", []string{"analyze", "--clean-below", "0.0001", clean}, exit.Inconclusive, "inconclusive"},
		{"one profile", []string{"analyze", filepath.Join(clean, "snapshots", "000003", "heap.pb.gz")}, exit.Inconclusive, "inconclusive"},

		{"no verb", nil, exit.Usage, "needs a verb"},
		{"an unknown verb", []string{"analyse", clean}, exit.Usage, "did you mean `heapdrift analyze`?"},
		{"an unknown verb that resembles none", []string{"wobble"}, exit.Usage, "there are"},
		{"help on an unknown verb", []string{"help", "wobble"}, exit.Usage, `unknown verb "wobble"`},
		{"an unknown flag", []string{"analyze", "--formt=json", clean}, exit.Usage, "did you mean --format?"},
		{"a missing argument", []string{"analyze"}, exit.Usage, "PATH is missing"},
		{"an unexpected argument", []string{"version", "now"}, exit.Usage, `unexpected argument "now"`},
		{"an unknown format", []string{"analyze", "--format", "yaml", clean}, exit.Usage, "use text, json or markdown"},
		{"an unknown format of a file", []string{"analyze", "--output-file", "yaml=x", clean}, exit.Usage, "use text, json or markdown"},
		{"a report file in a folder that is not there", []string{"analyze", "--output-file", "json=" + filepath.Join(empty, "no", "x.json"), clean}, exit.Usage, "--output-file"},
		{"a report file that is a folder", []string{"analyze", "--output-file", "json=" + folder, clean}, exit.Usage, "it is a folder"},
		{"a size without a known unit", []string{"analyze", "--limit", "512M", clean}, exit.Usage, "unknown unit"},
		{"a path at which nothing is", []string{"analyze", filepath.Join(empty, "nothing")}, exit.Usage, "nothing"},
		{"a wrong flag beats a leak", []string{"analyze", leaky, "--tolerance", "much"}, exit.Usage, "--tolerance"},
		{"a password without a user", []string{"doctor", "--pprof-user", "secret", pprof.URL}, exit.Usage, "write USER:PASSWORD"},
		{"a key without its certificate", []string{"doctor", "--pprof-key", "x", pprof.URL}, exit.Usage, "certificate"},
		{"an address that is none", []string{"doctor", "http://[::1"}, exit.Usage, "[::1"},

		{"an empty folder", []string{"analyze", empty}, exit.Infrastructure, ""},
		{"a file that is no profile", []string{"analyze", text}, exit.Infrastructure, "notes.pb.gz"},
		{"a target that answers HTML", []string{"doctor", html.URL}, exit.Infrastructure, "HTML"},
		{"a target without pprof", []string{"doctor", missing.URL}, exit.Infrastructure, "404"},
		{"a target that refuses", []string{"doctor", "127.0.0.1:1"}, exit.Infrastructure, "refused"},

		{"a target that offers all", []string{"doctor", pprof.URL}, exit.Clean, "All that a verdict needs is there"},
		{"the version", []string{"version"}, exit.Clean, "go1."},
		{"the version as a flag", []string{"--version"}, exit.Clean, "go1."},
		{"the help", []string{"help", "analyze"}, exit.Clean, "--clean-below"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := heapdrift(t, c.args...)
			if got.code != c.want {
				t.Fatalf("heapdrift %q: exit %d, want %d\nstdout: %s\nstderr: %s", c.args, got.code, c.want, got.out, got.stderr)
			}
			said, silent := got.out, got.stderr
			if c.want == exit.Usage || c.want == exit.Infrastructure {
				said, silent = got.stderr, got.out
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("heapdrift %q does not say %q:\nstdout: %s\nstderr: %s", c.args, c.says, got.out, got.stderr)
			}
			if silent != "" {
				t.Errorf("heapdrift %q: output on the other stream too: %q", c.args, silent)
			}
			if c.want == exit.Usage && strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("heapdrift %q: a mistake is told in one line, not %q", c.args, got.stderr)
			}
		})
	}
}

func TestTheVerdictOfARecordingInEveryFormat(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 4096)
	md, js := filepath.Join(t.TempDir(), "r.md"), filepath.Join(t.TempDir(), "r.json")
	got := heapdrift(t, "analyze", "--format", "json", "--output-file", "markdown="+md, "--output-file", "json="+js, dir)
	if got.code != exit.Leak || got.stderr != "" {
		t.Fatalf("exit %d, stderr %q", got.code, got.stderr)
	}
	var d struct {
		report.Document
		Totals map[string]struct { // a detect.Total is written, not read
			PerOp *stats.Interval `json:"per_op"`
		} `json:"totals"`
	}
	if err := json.Unmarshal([]byte(got.out), &d); err != nil {
		t.Fatalf("stdout is not the report alone: %v\n%s", err, got.out)
	}
	live := d.Totals[series.LiveBytes].PerOp
	if d.Verdict != detect.RunLeak || live == nil {
		t.Fatalf("report: %s", got.out)
	}
	if e := live.Estimate; e < 4000 || e > 4200 {
		t.Errorf("live bytes grow by %v B/op, want 4096", e)
	}
	if len(d.Findings) == 0 || d.Findings[0].Function != "main.keep" || d.Findings[0].Line != 42 {
		t.Errorf("findings %+v, want main.keep at line 42 first", d.Findings)
	}
	if b, err := os.ReadFile(js); err != nil || string(b) != got.out {
		t.Errorf("the file holds another report than stdout (%v)", err)
	}
	if b, err := os.ReadFile(md); err != nil || !strings.HasPrefix(string(b), "### ❌ heapdrift: heap growth: fixture\n") {
		t.Errorf("the Markdown file begins with %.60q (%v)", b, err)
	}
}

func TestWhatIsAllowedDoesNotDecideTheExitCode(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 4096)
	for _, c := range []struct {
		args []string
		want exit.Code
		says []string
	}{
		{nil, exit.Leak, []string{"LEAK  proof: growth   ", "--allow 'main.keep'"}},
		{[]string{"--allow", "cart.*"}, exit.Leak, []string{"LEAK  proof: growth   "}},
		{[]string{"--allow", "cart.*", "--allow", "main.k*"}, exit.Clean, []string{"clean  ", "nothing grows but what is allowed", "▲ leak, allowed  ", "allowed as main.k*"}},
		{[]string{"-v"}, exit.Leak, []string{"LEAK  proof: growth   ", "What is kept: "}},
	} {
		got := heapdrift(t, append(append([]string{"analyze"}, c.args...), dir)...)
		if got.code != c.want {
			t.Errorf("%q: exit %d, want %d", c.args, got.code, c.want)
		}
		for _, s := range c.says {
			if !strings.Contains(got.out, s) {
				t.Errorf("%q does not say %q:\n%s", c.args, s, got.out)
			}
		}
	}
}

// Nobody can give a flag to a run that is over. The warning that operations are
// not known has one for those who can.
func TestOfARecordingNoFlagOfARunIsNamed(t *testing.T) {
	t.Parallel()
	one := filepath.Join(bundle(t, 0), "snapshots", "000003", "heap.pb.gz")
	if got := heapdrift(t, "analyze", one); strings.Contains(got.out, "--ops-metric") || !strings.Contains(got.out, "warning: ") {
		t.Errorf("stdout:\n%s", got.out)
	}
}

func TestTheEnvironmentSetsFlagsAndTheCommandLineWins(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 0)
	env := map[string]string{"HEAPDRIFT_FORMAT": "json"}
	if got := call(t, env, "analyze", dir); !strings.HasPrefix(got.out, "{") {
		t.Errorf("HEAPDRIFT_FORMAT=json gives %q", got.out)
	}
	if got := call(t, env, "analyze", "--format", "text", dir); !strings.HasPrefix(got.out, "clean") {
		t.Errorf("--format text gives %q", got.out)
	}
	env["HEAPDRIFT_FORMAT"] = "yaml"
	got := call(t, env, "analyze", dir)
	if got.code != exit.Usage || !strings.Contains(got.stderr, "HEAPDRIFT_FORMAT") {
		t.Errorf("HEAPDRIFT_FORMAT=yaml: exit %d, %q", got.code, got.stderr)
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAResultThatCouldNotBeWrittenIsNoPass(t *testing.T) {
	t.Parallel()
	leaky, clean := bundle(t, 4096), bundle(t, 0)
	pprof := httptest.NewServer(http.DefaultServeMux)
	defer pprof.Close()
	for _, c := range []struct {
		args []string
		want exit.Code
	}{
		{[]string{"analyze", clean}, exit.Infrastructure},
		{[]string{"analyze", "--format", "json", clean}, exit.Infrastructure},
		{[]string{"analyze", leaky}, exit.Leak},
		{[]string{"version"}, exit.Infrastructure},
		{[]string{"--help"}, exit.Infrastructure},
		{[]string{"doctor", pprof.URL}, exit.Infrastructure},
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), c.args, streams{in: strings.NewReader(""), out: &fullDisk{}, err: &stderr, env: func(string) (string, bool) { return "", false }})
		if code != c.want {
			t.Errorf("heapdrift %q to a full disk: exit %d, want %d", c.args, code, c.want)
		}
		if n := strings.Count(stderr.String(), errFull.Error()); n != 1 {
			t.Errorf("heapdrift %q to a full disk tells it %d times, want once: %q", c.args, n, stderr.String())
		}
	}
}

func TestAReportFileThatCannotBeWrittenIsNoPass(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	got := heapdrift(t, "analyze", "--output-file", "json=/dev/full", bundle(t, 0))
	if got.code != exit.Infrastructure || !strings.Contains(got.stderr, "/dev/full") {
		t.Errorf("exit %d, %q", got.code, got.stderr)
	}
	if !strings.HasPrefix(got.out, "clean") {
		t.Errorf("the result itself is missing on stdout: %q", got.out)
	}
}

func TestColourOnATerminalOnly(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 0)
	for _, c := range []struct {
		terminal bool
		env      map[string]string
		want     bool
	}{
		{true, nil, true},
		{false, nil, false},
		{true, map[string]string{"NO_COLOR": "1"}, false},
		{true, map[string]string{"NO_COLOR": ""}, true},
		{true, map[string]string{"TERM": "dumb"}, false},
	} {
		var out bytes.Buffer
		run(t.Context(), []string{"analyze", dir}, streams{in: strings.NewReader(""), out: &out, err: &bytes.Buffer{}, outTerminal: c.terminal, env: func(k string) (string, bool) {
			v, ok := c.env[k]
			return v, ok
		}})
		if got := strings.Contains(out.String(), "\x1b["); got != c.want {
			t.Errorf("terminal %v, %v: colour %v, want %v", c.terminal, c.env, got, c.want)
		}
	}
}

func TestEveryFlagHasHelp(t *testing.T) {
	t.Parallel()
	a := newApp(streams{env: func(string) (string, bool) { return "", false }})
	for _, cmd := range a.root().Commands() {
		if cmd.Short == "" && !cmd.Hidden {
			t.Errorf("%s has no help", cmd.CommandPath())
		}
		if strings.Contains(cmd.Flags().FlagUsages(), "   \n") {
			t.Errorf("%s has a flag without help:\n%s", cmd.CommandPath(), cmd.Flags().FlagUsages())
		}
	}
}
