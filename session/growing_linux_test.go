package session

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/internal/ports"
)

// forecastEnv makes TestForecast run; the recordings are kept in the folder that
// it names.
const forecastEnv = "HEAPDRIFT_FORECAST"

// mostResident is the most that a program of TestForecast may take, bytes.
const mostResident = 700 << 20

// dying is a program, and the limit at which it dies.
type dying struct {
	name  string
	mode  string // of growing
	env   []string
	limit int64 // MiB
}

var dyings = []dying{
	{"little garbage", "small objects", nil, 300},
	{"three times as much garbage", "garbage, 3 times", nil, 320},
	{"a hundred times as much garbage", "garbage, 100 times", nil, 250},
	{"large buffers", "large buffers", nil, 320},
	{"large buffers as garbage", "large buffers as garbage", nil, 320},
	{"one map", "map", nil, 300},
	{"one slice", "one slice", nil, 300},
	{"one object of eight retained", "one of eight retained", nil, 300},
	{"stacks of goroutines", "stacks", nil, 320},
	{"memory that it maps", "mapped", nil, 250},
	{"100 MiB that stand", "standing heap", nil, 500},
	{"GOGC=50", "garbage, 20 times", []string{"GOGC=50"}, 260},
	{"GOGC=100", "garbage, 20 times", nil, 320},
	{"GOGC=200", "garbage, 20 times", []string{"GOGC=200"}, 450},
	{"GOGC=200, little garbage", "small objects", []string{"GOGC=200"}, 350},
	{"GOMEMLIMIT below the limit", "garbage, 3 times", []string{"GOMEMLIMIT=180MiB"}, 250},
	{"GOMEMLIMIT and GOGC=off", "garbage, 3 times", []string{"GOMEMLIMIT=180MiB", "GOGC=off"}, 250},
}

// rate of operations a second, of each program.
const rateOfDying = 100

// Programs that grow are recorded for some ten seconds; then each is run again
// under the same load with nobody asking for snapshots until its resident memory,
// that of files left out, is at the limit that the forecast was for. Both clocks
// count from the operation that was the last when the last steady snapshot was
// taken, at the rate of operations: a slow machine is no later death.
func TestForecast(t *testing.T) {
	dir := os.Getenv(forecastEnv)
	if dir == "" {
		t.Skip("takes ten minutes: set " + forecastEnv + " to a folder for its recordings, or make forecast")
	}
	var table strings.Builder
	var ratios []float64
	held := 0
	for _, d := range dyings {
		t.Run(d.name, func(t *testing.T) {
			foretold, truth := d.follow(t, dir)
			if foretold == nil {
				t.Fatalf("no forecast; it lived %.1f s", truth)
			}
			iv := *foretold
			in := "no"
			if iv.Lo <= truth && truth <= iv.Hi {
				in = "yes"
				held++
			}
			ratios = append(ratios, math.Log(truth/iv.Estimate))
			row := fmt.Sprintf("| %s | %d | %.1f | %.1f to %.1f | %.1f | %s |\n", d.name, d.limit, iv.Estimate, iv.Lo, iv.Hi, truth, in)
			t.Log(row)
			table.WriteString(row)
		})
	}
	if len(ratios) == 0 {
		return
	}
	sizes := make([]float64, len(ratios))
	for i, r := range ratios {
		sizes[i] = math.Abs(r)
	}
	slices.Sort(ratios)
	slices.Sort(sizes)
	bias, size := ratios[len(ratios)/2], sizes[len(sizes)/2]
	t.Logf("\n| program | limit, MiB | estimate, s | interval, s | died after, s | held |\n|---|--:|--:|--:|--:|---|\n%s\n%d of %d held; median of log(truth/estimate) %+.2f, of its size %.2f\n",
		&table, held, len(ratios), bias, size)
	if 10*held < 9*len(ratios) || math.Abs(bias) > 0.1 {
		t.Errorf("%d of %d held, bias %+.2f; want 90 %%, and 0.1 at most", held, len(ratios), bias)
	}
}

// follow returns the forecast for a program, nil for none, and how long it lived, both
// in seconds. What
// the folder holds of an earlier time is judged anew and not run again.
func (d dying) follow(t *testing.T, dir string) (*stats.Interval, float64) {
	bundle := filepath.Join(dir, strings.ReplaceAll(d.name, " ", "-"))
	run, err := capture.Open(t.Context(), bundle)
	for try := 0; err != nil && try < 3; try++ { // a recording that proves no leak has no forecast
		if err := os.RemoveAll(bundle); err != nil {
			t.Fatal(err)
		}
		if d.record(t, bundle) == detect.RunLeak || try == 2 {
			run, err = capture.Open(t.Context(), bundle)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	lived, err := os.ReadFile(bundle + ".seconds")
	if err != nil {
		seconds := d.die(t, run)
		lived = strconv.AppendFloat(nil, seconds, 'g', 6, 64)
		if err := os.WriteFile(bundle+".seconds", lived, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seconds, err := strconv.ParseFloat(string(lived), 64)
	if err != nil {
		t.Fatal(err)
	}
	cfg := detect.DefaultConfig()
	cfg.Limit = d.limit << 20
	res := detect.Analyze(run, cfg)
	if res.Forecast == nil {
		return nil, seconds
	}
	return &res.Forecast.SecondsToLimit, seconds
}

// record records the program as `heapdrift run` does.
func (d dying) record(t *testing.T, bundle string) detect.RunVerdict {
	addr := ports.Free(t)
	cfg := DefaultConfig()
	cfg.Command, cfg.CommandEnv, cfg.CommandGrace = []string{os.Args[0]}, append(environment(d.mode, addr), d.env...), time.Second
	cfg.Pprof = capture.Config{URL: addr}
	cfg.Load = &harness.HTTPConfig{URL: "http://" + addr + "/op", Timeout: 10 * time.Second}
	cfg.Plan.Rate = harness.Rate{From: rateOfDying, To: rateOfDying}
	cfg.Plan.IdleEvery, cfg.Plan.RestMarks = 100*time.Millisecond, 0
	cfg.Plan.Warmup, cfg.Plan.Steady, cfg.Plan.Drain = 500*time.Millisecond, 8*time.Second, 100*time.Millisecond
	cfg.Plan.Every = 700 * time.Millisecond
	cfg.Out = bundle
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Progress = func(e Event) {
		if e.RSS > mostResident {
			cancel()
		}
	}
	out, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, addr)
	return out.Result.Verdict
}

// die runs the program to its limit and returns how long that takes at the rate of
// its recording, from the last operation of that on, seconds.
func (d dying) die(t *testing.T, run *snapshot.Run) float64 {
	var ops int64
	for _, s := range run.Snapshots {
		if s.Phase == snapshot.PhaseSteady && s.Ops != nil {
			ops = *s.Ops
		}
	}
	addr := ports.Free(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(environment(d.mode, addr), d.env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	c, err := capture.New(capture.Config{URL: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := capture.WaitReady(ctx, c); err != nil {
		t.Fatal(err)
	}
	h, err := harness.NewHTTP(harness.HTTPConfig{URL: "http://" + addr + "/op", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	load, err := harness.New(h, harness.Plan{Rate: harness.Rate{From: rateOfDying, To: rateOfDying}, Steady: 2 * time.Minute, MaxInFlight: 256})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = load.Run(ctx)
	}()
	defer func() {
		cancel()
		<-over
	}()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if anonymousOf(t, cmd.Process.Pid) >= d.limit<<20 {
				return float64(load.Counts().Completed-ops) / rateOfDying
			}
		case <-over:
			t.Fatal("the limit was not reached within two minutes")
		}
	}
}

// anonymousOf is the resident memory of a process that no file backs, bytes.
func anonymousOf(t *testing.T, pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := bytes.Fields(text)
	if len(f) < 3 {
		t.Fatalf("statm: %q", text)
	}
	pages := func(b []byte) int64 {
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return (pages(f[1]) - pages(f[2])) * int64(os.Getpagesize())
}
