package session

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/internal/ports"
)

// short is a run of two to three seconds against a target in a mode, started
// as the session's command.
func short(t *testing.T, mode string) (Config, string) {
	t.Helper()
	addr := ports.Free(t)
	cfg := DefaultConfig()
	cfg.Command = []string{os.Args[0]}
	cfg.CommandEnv = environment(mode, addr)
	cfg.CommandGrace = time.Second
	cfg.Pprof = capture.Config{URL: addr}
	cfg.Load = &harness.HTTPConfig{URL: "http://" + addr + "/op", Timeout: 2 * time.Second}
	cfg.Plan = harness.Plan{
		Rate:      harness.Rate{From: 200, To: 200},
		IdleMarks: 4, IdleEvery: 20 * time.Millisecond,
		Warmup: 100 * time.Millisecond, Steady: 1200 * time.Millisecond, Drain: 100 * time.Millisecond,
		Every: 120 * time.Millisecond, MaxInFlight: 8, Quiesce: true, QuiesceTimeout: time.Second,
	}
	cfg.Out = filepath.Join(t.TempDir(), "run")
	cfg.ReadyTimeout = time.Minute
	cfg.ProbeEvery = 100 * time.Millisecond
	cfg.RestartPatience = 500 * time.Millisecond
	cfg.Detect.Clean.Bytes = keptPerOp / 4
	return cfg, addr
}

// warned reports that a result holds a warning of a code.
func warned(r *detect.Result, code detect.Code) bool {
	return slices.ContainsFunc(r.Warnings, func(w detect.Warning) bool { return w.Code == code })
}

func TestALeakyCommandIsFoundAndItsBundleSaysTheSame(t *testing.T) {
	t.Parallel()
	cfg, addr := short(t, "leaky")
	cfg.CommandEnv = append(cfg.CommandEnv, "GOMEMLIMIT=3GiB")
	var events []Event
	unfinished := func() bool {
		var h capture.Header
		data, err := os.ReadFile(filepath.Join(cfg.Out, "run.json"))
		if err != nil || json.Unmarshal(data, &h) != nil {
			t.Errorf("run.json: %q, %v", data, err)
		}
		return h.Unfinished
	}
	cfg.Progress = func(e Event) {
		if events = append(events, e); e.Phase == string(snapshot.PhaseSteady) && e.Snapshots > 0 && !unfinished() {
			t.Error("run.json calls the run finished in the steady phase: killed now, it would pass for whole")
		}
	}
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, addr)
	if unfinished() {
		t.Error("run.json does not call the run finished at its end")
	}
	if out.Result.Verdict != detect.RunLeak || out.Died != nil || out.Interrupted {
		t.Fatalf("verdict %s, died %v, interrupted %v, warnings %+v, live bytes %+v; want a leak",
			out.Result.Verdict, out.Died, out.Interrupted, out.Result.Warnings, out.Result.Total("live_bytes"))
	}
	live := out.Result.Total("live_bytes")
	if kept := live.In(detect.PerOp); kept == nil || kept.Estimate < 0.9*keptPerOp || kept.Estimate > 1.1*keptPerOp {
		t.Errorf("live bytes %+v; want about %d B/op", live, keptPerOp)
	}
	target := out.Run.Target
	if target.PID == 0 || target.PID == os.Getpid() || target.GoVersion == "" || target.MemProfileRate != 16384 ||
		target.Module != "github.com/heapdrift/heapdrift" || target.Name != filepath.Base(os.Args[0]) {
		t.Errorf("target %+v; want its PID, Go version, module, name and the rate 16384", target)
	}
	if runtime.GOOS == "linux" {
		f, room := out.Result.Forecast, 3<<30-live.Last
		if target.GoMemLimit != 3<<30 || f == nil || f.Limit == detect.LimitGo && math.Abs(f.SecondsToLimit.Estimate*live.In(detect.PerSecond).Estimate-room) > 0.1*room {
			t.Errorf("limit %d, forecast %+v; want GOMEMLIMIT's 3 GiB once the room of %.0f bytes is used up, or an earlier limit of the control group", target.GoMemLimit, f, room)
		}
	}
	load := out.Run.Load
	if load.Source != "heapdrift" || load.Completed < 200 || load.Errors != 0 || load.Valid == nil || !load.Quiesced || load.Latency == nil {
		t.Errorf("load %+v; want that of the steady phase", load)
	}
	if out.Run.Peak.LiveBytes == 0 || out.Run.Peak.RSS == 0 {
		t.Errorf("peak %+v; want both known", out.Run.Peak)
	}

	again, err := capture.Open(t.Context(), out.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if n, m := len(again.Snapshots), len(out.Run.Snapshots); n != m || again.Target != target {
		t.Errorf("the bundle holds %d snapshots of %+v; want %d of %+v", n, again.Target, m, target)
	}
	if r := detect.Analyze(again, cfg.Detect); r.Verdict != detect.RunLeak || r.Ops != out.Result.Ops {
		t.Errorf("the bundle is judged %s over %d operations; live it was a leak over %d", r.Verdict, r.Ops, out.Result.Ops)
	}
	phases := map[snapshot.Phase]int{}
	for _, s := range out.Run.Snapshots {
		phases[s.Phase]++
		if s.Ops == nil || s.PID != target.PID {
			t.Errorf("snapshot at %s has operations %v and PID %d", s.Time, s.Ops, s.PID)
		}
	}
	if phases[snapshot.PhaseIdle] != 4 || phases[snapshot.PhaseSteady] < 8 || phases[snapshot.PhaseDrain] == 0 {
		t.Errorf("snapshots by phase %v; want 4 idle, 8 or more steady, some drain", phases)
	}
	if len(events) == 0 || events[len(events)-1].Snapshots != len(out.Run.Snapshots) {
		t.Errorf("%d events; want some, the last with %d snapshots", len(events), len(out.Run.Snapshots))
	}
}

func TestAHealthyTargetIsNoLeak(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "healthy")
	cfg.OpsMetric = "ops_total"
	cfg.Plan.Steady = 600 * time.Millisecond
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result.Verdict == detect.RunLeak {
		t.Errorf("verdict leak, findings %+v; want none", out.Result.Findings)
	}
	last := out.Run.Snapshots[len(out.Run.Snapshots)-1]
	if last.Ops == nil || *last.Ops != last.Load.Completed || out.Run.Load.Source != "metrics" {
		t.Errorf("operations %v of %+v, source %q; want the counter of /metrics", last.Ops, last.Load, out.Run.Load.Source)
	}
}

func TestPprofIsFoundBehindAWrapperThatListensNowhere(t *testing.T) {
	t.Parallel()
	if _, err := listeners(os.Getpid()); errors.Is(err, errNoProc) {
		t.Skip("this system does not tell ports by process")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	cfg, addr := short(t, "leaky")
	cfg.Pprof.URL = ""
	cfg.Command = []string{sh, "-c", `"$0"; exit $?`, os.Args[0]}
	cfg.Plan.IdleMarks, cfg.Plan.Steady = 1, 300*time.Millisecond
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.Run.Target.Pprof, addr) || out.Run.Target.Module != "github.com/heapdrift/heapdrift" {
		t.Errorf("target %+v; want pprof at %s and the module of the child, not of the shell", out.Run.Target, addr)
	}
	waitGone(t, addr)
}

func TestATargetThatDiesInTheMiddleLeavesABundleAndAReason(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "dies")
	cfg.Plan.Steady = time.Hour // that it died must end the run, not its time
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if out.Died == nil || !strings.Contains(out.Died.Error(), "the roof fell in") {
		t.Errorf("died = %v; want the end of its log", out.Died)
	}
	if out.Interrupted {
		t.Error("it was not noticed within a minute")
	}
	if again, err := capture.Open(t.Context(), out.Bundle); err != nil || len(again.Snapshots) != len(out.Run.Snapshots) {
		t.Errorf("the bundle reads as %v, %v; want %d snapshots", again, err, len(out.Run.Snapshots))
	}
	if out.Result.Verdict == detect.RunClean {
		t.Error("a target that died reads as clean")
	}
}

func TestARestartIsSeenAndTheRunGoesOn(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil || !alive(os.Getpid()) || alive(1<<30) {
		t.Skip("no shell, or this system does not tell processes")
	}
	cfg, addr := short(t, "dies")
	// Between two of them nobody listens, so that it takes a second look to
	// find the new one.
	cfg.Command = []string{sh, "-c", `while :; do "$0"; sleep 0.2; done`, os.Args[0]}
	cfg.RestartPatience = time.Minute
	cfg.Plan.Steady = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wrapper, seen := 0, 0
	cfg.Progress = func(e Event) {
		if e.Restarts > 0 && seen == 0 {
			seen = e.Snapshots
		}
		if seen > 0 && e.Snapshots >= seen+3 {
			cancel()
		}
		if _, after, ok := strings.Cut(e.Message, "(pid "); ok && wrapper == 0 {
			wrapper, _ = strconv.Atoi(strings.TrimSuffix(after, ")"))
		}
	}
	out, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	pids := map[int]int{}
	for _, s := range out.Run.Snapshots {
		if s.PID != wrapper {
			pids[s.PID]++
		}
	}
	if len(pids) < 2 || out.Died != nil {
		t.Errorf("snapshots by process %v, died %v; want two processes or more, and a run that went on", pids, out.Died)
	}
	if !warned(out.Result, series.Cut) {
		t.Errorf("warnings %+v; want that the series was cut", out.Result.Warnings)
	}
	waitGone(t, addr)
}

func TestATargetThatHangsInTheMiddleIsGivenUp(t *testing.T) {
	t.Parallel()
	cfg, addr := short(t, "hangs")
	cfg.SnapshotTimeout = 400 * time.Millisecond
	cfg.Plan.Drain = 0
	out, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var gone *goneError
	if !errors.As(out.Died, &gone) || out.Result.Verdict == detect.RunClean {
		t.Errorf("died = %v, verdict %s; want three failed snapshots and not clean", out.Died, out.Result.Verdict)
	}
	waitGone(t, addr)
}

func TestALoadOfWhichEverythingFailsIsNeverClean(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "refuses")
	cfg.Plan.IdleMarks, cfg.Plan.Steady = 1, 300*time.Millisecond
	out, err := Run(t.Context(), cfg)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Operations == 0 || !strings.Contains(err.Error(), "status 404") {
		t.Fatalf("err = %v; want that all operations failed with status 404", err)
	}
	if out == nil || out.Bundle == "" {
		t.Errorf("outcome %+v; want the bundle kept", out)
	}
}

func TestStartThatCannotWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Config, string)
		want   string
	}{
		{"pprof answers HTML", func(c *Config, addr string) { c.CommandEnv = environment("html", addr) }, "HTML"},
		{"the command ends at once", func(c *Config, _ string) { c.CommandEnv = environment("leaky", "no address") }, "no address"},
		{"nothing listens and nothing is started", func(c *Config, _ string) { c.Command = nil; c.ReadyTimeout = 2 * time.Second }, "refused"},
		{"pprof is somewhere else", func(c *Config, addr string) { c.Pprof.URL = ports.Free(t); c.ReadyTimeout = 2 * time.Second }, "refused"},
		{"the counter of operations has another name", func(c *Config, _ string) { c.OpsMetric = "op_total" }, "ops_total"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg, addr := short(t, "healthy")
			c.change(&cfg, addr)
			out, err := Run(t.Context(), cfg)
			var te *capture.TargetError
			if !errors.As(err, &te) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v; want a TargetError that says %q", err, c.want)
			}
			if out != nil {
				t.Errorf("outcome %+v; want none", out)
			}
			if _, err := os.Stat(cfg.Out); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a bundle without snapshots is left behind: %v", err)
			}
			waitGone(t, addr)
		})
	}
}

func TestACommandIsNotMixedUpWithWhatRunsAlready(t *testing.T) {
	t.Parallel()
	cfg, _ := short(t, "healthy")
	other := startTarget(t, "healthy")
	cfg.Pprof.URL = other
	_, err := Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "before the command was started") {
		t.Errorf("err = %v; want that something answers there already", err)
	}
}

func TestARunningTargetIsWatchedUnderSomeoneElsesLoad(t *testing.T) {
	t.Parallel()
	addr := startTarget(t, "blind")
	cfg, _ := short(t, "")
	cfg.Command, cfg.Load = nil, nil
	cfg.Pprof.URL, cfg.OpsMetric = addr, "ops_total"
	// Nobody holds somebody else's load for a snapshot: how many there are in a
	// time is the machine's to say, and so there are so many.
	cfg.Plan.Warmup, cfg.Plan.Steady = 0, time.Hour
	watching, enough := context.WithCancel(t.Context())
	defer enough()
	cfg.Progress = func(e Event) {
		if e.Snapshots >= 18 {
			enough()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	load := make(chan struct{})
	go func() {
		defer close(load)
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for ctx.Err() == nil {
			if resp, err := client.Get("http://" + addr + "/op"); err == nil {
				resp.Body.Close()
			}
			_ = sleep(ctx, 4*time.Millisecond)
		}
	}()
	out, err := Run(watching, cfg)
	cancel()
	<-load
	if err != nil {
		t.Fatal(err)
	}
	live := out.Result.Total("live_bytes")
	if out.Load != nil || out.Run.Load.Source != "metrics" || !out.Result.HasOps() || out.Result.Verdict == detect.RunClean {
		t.Errorf("load %v from %q, verdict %s, on operations: %v; want someone else's load, counted, and not clean",
			out.Load, out.Run.Load.Source, out.Result.Verdict, out.Result.HasOps())
	}
	if kept := live.In(detect.PerOp); kept == nil || kept.Estimate < 0.8*keptPerOp || kept.Estimate > 1.2*keptPerOp {
		t.Errorf("live bytes %+v; want about %d B/op", live, keptPerOp)
	}
	if !warned(out.Result, detect.ProfilingOff) && !warned(out.Result, WarnPieceMissing) {
		t.Errorf("warnings %+v; want that memory profiling is off", out.Result.Warnings)
	}
}

func TestInterruptEndsTheLoadAndStillJudges(t *testing.T) {
	t.Parallel()
	cfg, addr := short(t, "leaky")
	cfg.Plan.Steady = time.Hour
	cfg.Plan.Every = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Progress = func(e Event) {
		if e.Snapshots >= 16 {
			cancel()
		}
	}
	out, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, addr)
	if !out.Interrupted || out.Died != nil || out.Result.Verdict != detect.RunLeak {
		t.Errorf("interrupted %v, died %v, verdict %s; want an interrupted leak", out.Interrupted, out.Died, out.Result.Verdict)
	}
	last := out.Run.Snapshots[len(out.Run.Snapshots)-1]
	if last.Phase != snapshot.PhaseSteady || len(out.Run.Snapshots) < 17 {
		t.Errorf("%d snapshots, the last of phase %s; want one more after the interrupt, of the phase that it met", len(out.Run.Snapshots), last.Phase)
	}
}

func TestRecordKeepsSnapshotsUntilItIsTold(t *testing.T) {
	t.Parallel()
	addr := startTarget(t, "healthy")
	cfg := DefaultConfig()
	cfg.Pprof.URL = addr
	cfg.Out = filepath.Join(t.TempDir(), "run")
	cfg.Plan.Steady, cfg.Plan.Every = 0, 100*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Progress = func(e Event) {
		if e.Snapshots >= 3 {
			cancel()
		}
	}
	rec, err := Record(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	run, err := capture.Open(t.Context(), rec.Bundle)
	if err != nil || len(run.Snapshots) != rec.Snapshots || rec.Snapshots < 4 {
		t.Errorf("the bundle reads as %d snapshots, %v; the recording says %d; want the same, 4 or more", len(run.Snapshots), err, rec.Snapshots)
	}
}

// startTarget runs a target that no session started.
func startTarget(t *testing.T, mode string) (addr string) {
	t.Helper()
	addr = ports.Free(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = environment(mode, addr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c, err := capture.New(capture.Config{URL: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := capture.WaitReady(ctx, c); err != nil {
		t.Fatal(err)
	}
	return addr
}
