package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/gaterun/canary"
	"github.com/heapdrift/heapdrift/internal/ports"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/labrun"
)

// asProgram makes this test's executable behave as heapdrift itself, asTarget as
// a process that it looks at.
const (
	asProgram = "HEAPDRIFT_TEST_AS_PROGRAM"
	asTarget  = "HEAPDRIFT_TEST_AS_TARGET"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" || len(os.Args) > 1 && (os.Args[1] == labrun.Verb || os.Args[1] == canary.Verb) {
		main() // never returns
	}
	if os.Getenv(asTarget) != "" {
		target() // likewise
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		flag.Set("test.parallel", "8") // they mostly wait for time to pass
	}
	goleak.VerifyTestMain(m)
}

// server serves pprof and takes operations, in a process of its own: what all
// tests together allocate in this one makes profiles of megabytes, which take
// half a minute to write with the race detector.
func server(t *testing.T) string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asTarget+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("the target: %v", err)
		}
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the target gives no address: %v", err)
	}
	return strings.TrimSpace(url)
}

// target is what server starts. It ends when its standard input does.
func target() {
	mux := http.NewServeMux()
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	mux.HandleFunc("POST /op", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	fmt.Println(s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// brief are the flags of a run that takes three seconds.
func brief(more ...string) []string {
	return append([]string{"run", "--rate", "50", "--for", "1s", "--every", "200ms", "--warmup", "50ms", "--drain", "100ms"}, more...)
}

func TestRunEndToEnd(t *testing.T) {
	t.Parallel()
	url, out := server(t), filepath.Join(t.TempDir(), "run")
	got := heapdrift(t, brief("--pprof", url, "--url", url+"/op", "--method", "POST", "-o", out, "--format", "json", "--quiesce")...)
	if !slices.Contains([]exit.Code{exit.Clean, exit.Leak, exit.Inconclusive}, got.code) {
		t.Fatalf("exit %d, stderr:\n%s", got.code, got.stderr)
	}
	var d report.Document
	if err := json.Unmarshal([]byte(got.out), &d); err != nil {
		t.Fatalf("stdout is not the report alone: %v\n%s", err, got.out)
	}
	if d.Run.Load == nil || d.Run.Load.Completed == nil || *d.Run.Load.Completed < 40 || *d.Run.Load.Errors != 0 {
		t.Errorf("load %+v, want some 50 operations without an error", d.Run.Load)
	}
	if d.Run.Snapshots < 8 {
		t.Errorf("%d snapshots, want six before the load and some under it", d.Run.Snapshots)
	}
	if !strings.Contains(got.stderr, "steady") || !strings.Contains(got.stderr, "recorded in "+out) {
		t.Errorf("stderr lacks the progress or the recording's place:\n%s", got.stderr)
	}
	again := heapdrift(t, "analyze", "--format", "json", out)
	var e report.Document
	if err := json.Unmarshal([]byte(again.out), &e); err != nil || e.Run.Snapshots != d.Run.Snapshots || e.Verdict != d.Verdict {
		t.Errorf("the recording is judged %s from %d snapshots, the run was %s from %d (%v)", e.Verdict, e.Run.Snapshots, d.Verdict, d.Run.Snapshots, err)
	}
	if got := heapdrift(t, brief("--pprof", url, "--url", url+"/op", "-o", out)...); got.code != exit.Usage {
		t.Errorf("a second run into the same folder: exit %d, %s", got.code, got.stderr)
	}
}

func TestRunRefusesWhatCannotBeRun(t *testing.T) {
	t.Parallel()
	url := server(t)
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<html><body>log in</body></html>"))
	}))
	defer html.Close()
	refused := ports.Free(t)
	out := filepath.Join(t.TempDir(), "run")
	bad := file(t, "targets", "GET\n")

	for _, c := range []struct {
		name string
		args []string
		want exit.Code
		says string
	}{
		{"nothing to observe", []string{"run"}, exit.Usage, "--pprof"},
		{"a command without --", []string{"run", "--pprof", url, "./server"}, exit.Usage, "after --"},
		{"a body that is not there", brief("--pprof", url, "--url", url, "--body", "/nothing/here"), exit.Usage, "--body"},
		{"targets that are not there", brief("--pprof", url, "--targets", "/nothing/here"), exit.Usage, "--targets"},
		{"targets that cannot be read as such", brief("--pprof", url, "--targets", bad), exit.Infrastructure, "targets"},
		{"targets and a URL", brief("--pprof", url, "--targets", bad, "--url", url), exit.Usage, "--url"},
		{"a rate without a load", []string{"run", "--pprof", url, "--rate", "5"}, exit.Usage, "--rate"},
		{"a rate that is none", []string{"run", "--pprof", url, "--url", url, "--rate", "fast"}, exit.Usage, "--rate"},
		{"a negative time", brief("--pprof", url, "--url", url, "--for", "-1s", "-o", out), exit.Usage, "steady time"},
		{"a queue of less than nothing", brief("--pprof", url, "--url", url, "--queue", "-1"), exit.Usage, "--queue"},
		{"a sampling rate for a program that runs already", []string{"run", "--pprof", url, "--memprofilerate", "1"}, exit.Usage, "GODEBUG=memprofilerate=1"},
		{"a command that is not there", []string{"run", "-o", out, "--", "/nothing/here"}, exit.Usage, "/nothing/here"},
		{"an address that is none", []string{"run", "--pprof", "ftp://x"}, exit.Usage, "ftp"},
		{"a target that refuses", brief("--pprof", refused, "--url", url, "-o", out), exit.Infrastructure, "refused"},
		{"a target that answers HTML", brief("--pprof", html.URL, "--url", url, "-o", out), exit.Infrastructure, "HTML"},
		{"a recording of nothing", []string{"record"}, exit.Usage, "URL is missing"},
		{"lab alone", []string{"lab"}, exit.Usage, "lab list"},
		{"an unknown lab verb", []string{"lab", "compair"}, exit.Usage, "did you mean `heapdrift lab compare`?"},
		{"no scenario", []string{"lab", "run"}, exit.Usage, "NAME is missing"},
		{"an unknown scenario", []string{"lab", "compare", "nope"}, exit.Usage, "closure"},
		{"an unknown variant", []string{"lab", "run", "closure", "--variant", "mended"}, exit.Usage, "leaky or fixed"},
		{"the leaky variant of a control", []string{"lab", "run", "burst", "--variant", "leaky"}, exit.Usage, "is a control"},
		{"no scenario at once", []string{"lab", "compare", "--all", "--at-once", "0"}, exit.Usage, "--at-once 0"},
		{"all scenarios and one", []string{"lab", "compare", "--all", "closure"}, exit.Usage, "--all"},
		{"an argument to demo", []string{"demo", "closure"}, exit.Usage, "unexpected argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := heapdrift(t, c.args...)
			if got.code != c.want || !strings.Contains(got.stderr, c.says) {
				t.Errorf("heapdrift %q: exit %d, want %d and %q\nstdout: %s\nstderr: %s", c.args, got.code, c.want, c.says, got.out, got.stderr)
			}
			if got.out != "" {
				t.Errorf("heapdrift %q: stdout is %q, want nothing", c.args, got.out)
			}
			if _, err := os.Stat(out); err == nil {
				t.Errorf("heapdrift %q left %s behind", c.args, out)
			}
		})
	}
}

func TestALoadOfWhichEverythingFailsIsNoPass(t *testing.T) {
	t.Parallel()
	url, out := server(t), filepath.Join(t.TempDir(), "run")
	got := heapdrift(t, brief("--pprof", url, "--url", url+"/nothing", "-o", out)...)
	if got.code != exit.Infrastructure || !strings.Contains(got.stderr, "404") || got.out != "" {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", got.code, got.out, got.stderr)
	}
	if !strings.Contains(got.stderr, "recorded in "+out) {
		t.Errorf("the recording is not named: %s", got.stderr)
	}
}

func TestTheEnvironmentsLoadDoesNotForbidWatching(t *testing.T) {
	t.Parallel()
	url := server(t)
	got := call(t, map[string]string{"HEAPDRIFT_RATE": "5"}, "run", "--pprof", url, "--for", "400ms", "--every", "200ms", "--warmup", "0s", "-o", filepath.Join(t.TempDir(), "r"))
	if got.code != exit.Inconclusive || !strings.HasPrefix(got.out, "inconclusive") {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", got.code, got.out, got.stderr)
	}
}

func TestLabListIsTheContract(t *testing.T) {
	t.Parallel()
	got := heapdrift(t, "lab", "list", "--format", "json")
	var list []struct {
		Name, Kind, Story string
		Truth             struct {
			Leaky map[string]any
			Fixed map[string]any
		}
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || len(list) < 3 {
		t.Fatalf("%v: %s", err, got.out)
	}
	for _, s := range list {
		fields := []string{"run", "finding", "kind", "allocated_at", "defect_at"}
		switch s.Kind {
		case lab.KindControl:
			fields = nil
			if s.Truth.Leaky != nil {
				t.Errorf("control %s has a leaky truth: %v", s.Name, s.Truth.Leaky)
			}
		case lab.KindPeak, lab.KindPlateau:
			fields = fields[:1] // nothing is found: the two variants differ in what they need
		}
		for _, field := range fields {
			if s.Truth.Leaky[field] == nil {
				t.Errorf("scenario %s: truth.leaky.%s is missing", s.Name, field)
			}
		}
		if s.Truth.Fixed["run"] != "clean" || s.Story == "" {
			t.Errorf("scenario %s: %+v", s.Name, s)
		}
	}
	for _, format := range []string{"text", "markdown"} {
		if got := heapdrift(t, "lab", "list", "--format", format); !strings.Contains(got.out, "closure") || got.code != exit.Clean {
			t.Errorf("%s: exit %d, %s", format, got.code, got.out)
		}
	}
}

func TestLabRunFindsTheLeakInAChildProcess(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	got := heapdrift(t, "lab", "run", "closure", "--for", "3s", "--every", "200ms", "--warmup", "300ms", "--drain", "500ms", "--format", "json", "-q")
	if got.code != exit.Leak {
		t.Fatalf("exit %d\nstdout: %s\nstderr: %s", got.code, got.out, got.stderr)
	}
	var d report.Document
	if err := json.Unmarshal([]byte(got.out), &d); err != nil {
		t.Fatal(err)
	}
	if d.Target.Name != "closure/leaky" || len(d.Findings) == 0 {
		t.Errorf("target %+v, %d findings", d.Target, len(d.Findings))
	}
	if got.stderr != "" {
		t.Errorf("--quiet is not: %s", got.stderr)
	}
}

// stalling serves pprof, closes begun at the fifteenth request, and answers
// nothing any more once stall is closed.
func stalling(t *testing.T) (url string, begun <-chan struct{}, stall func()) {
	t.Helper()
	var requests atomic.Int64
	started, stalled := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 15 {
			close(started)
		}
		select {
		case <-stalled:
			<-r.Context().Done()
		default:
			http.DefaultServeMux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, started, func() { close(stalled) }
}

func TestTheFirstInterruptEndsARecordingAndALaterOneQuits(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no signals to send")
	}
	for _, c := range []struct {
		name  string
		later bool // the target hangs, and another interrupt comes later
		want  int
	}{
		{"an interrupt that is sent twice at once, as timeout(1) does", false, int(exit.Clean)},
		{"another one later", true, hardExit},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, begun, stall := stalling(t)
			cmd := exec.Command(os.Args[0], "record", "--every", "100ms", "-o", filepath.Join(t.TempDir(), "r"), url)
			cmd.Env = append(os.Environ(), asProgram+"=1")
			var out bytes.Buffer
			stderr := &heard{words: "ending with what there is", said: make(chan struct{})}
			cmd.Stdout, cmd.Stderr = &out, stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				cmd.Wait() // its error is the exit code
			}()
			limit := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
			defer limit.Stop()
			await := func(what <-chan struct{}) {
				select {
				case <-what:
				case <-ended: // the exit code is wrong
				}
			}
			await(begun)
			if c.later {
				stall()
			}
			cmd.Process.Signal(syscall.SIGINT)
			cmd.Process.Signal(syscall.SIGTERM) // another SIGINT at the very same time would be one to the kernel
			if c.later {
				await(stderr.said)
				time.Sleep(sameInterrupt + 50*time.Millisecond) // the distance in time is what is tested
				cmd.Process.Signal(syscall.SIGINT)
			}
			<-ended
			if got := cmd.ProcessState.ExitCode(); got != c.want {
				t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", got, c.want, out.String(), stderr.text.String())
			}
			if told := snapshotsIn.MatchString(out.String()); told == c.later {
				t.Errorf("the recording is told: %v; stdout %q", told, out.String())
			}
		})
	}
}

// snapshotsIn is how a recording is told: a busy machine may have taken one.
var snapshotsIn = regexp.MustCompile(`^[0-9,]+ snapshots? in `)

// heard closes said once it was written words.
type heard struct {
	text  bytes.Buffer
	words string
	said  chan struct{}
	once  sync.Once
}

func (h *heard) Write(p []byte) (int, error) {
	h.text.Write(p)
	if bytes.Contains(h.text.Bytes(), []byte(h.words)) {
		h.once.Do(func() { close(h.said) })
	}
	return len(p), nil
}
