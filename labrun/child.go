package labrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/lab"
)

// Verb is the hidden verb by which heapdrift serves a scenario:
// `lab-serve NAME --variant V --data DIR`. Its standard input is held open; a
// child that watches it never outlives this process.
const Verb = "lab-serve"

// childConfig says which child to start.
type childConfig struct {
	executable []string // nil: this program
	scenario   string
	variant    lab.Variant
	data       string // folder
	keep       float64
	rate       int // memprofilerate
	log        io.Writer
}

const (
	readyTimeout = 20 * time.Second
	maxReadyLine = 64 << 10
)

// start runs the child of a scenario.
func start(ctx context.Context, cfg childConfig) (*harness.Process, lab.Ready, error) {
	args := []string{Verb, cfg.scenario, "--variant", string(cfg.variant), "--data", cfg.data}
	if cfg.keep > 0 {
		args = append(args, "--keep", strconv.FormatFloat(cfg.keep, 'g', -1, 64))
	}
	return StartChild(ctx, Child{Executable: cfg.executable, Rate: cfg.rate, Log: cfg.log, Args: args})
}

// Child is a hidden verb of heapdrift that serves something in a process of
// its own and says where in one line, a lab.Ready.
type Child struct {
	Executable []string // nil: this program. Arguments in it come before Args
	Args       []string // the verb and its arguments
	Rate       int      // memprofilerate, bytes per sample
	Log        io.Writer
}

// StartChild runs a child and waits for the line that says where it listens.
// The caller stops it. On an error nothing is left running.
func StartChild(ctx context.Context, c Child) (*harness.Process, lab.Ready, error) {
	args := c.Executable
	if len(args) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, lab.Ready{}, fmt.Errorf("find this program to run it again: %w", err)
		}
		args = []string{self}
	}
	args = append(args[:len(args):len(args)], c.Args...)
	first := &firstLine{to: make(chan []byte, 1)}
	// The child outlives a cancelled ctx: the last snapshot is taken then.
	p, err := harness.Start(context.WithoutCancel(ctx), harness.CommandConfig{
		Args: args, Env: harness.AppendGODEBUG(os.Environ(), "memprofilerate="+strconv.Itoa(c.Rate)),
		Log: c.Log, Stdout: first, HoldStdin: true,
	})
	if err != nil {
		return nil, lab.Ready{}, err
	}
	ready, err := awaitReady(ctx, p, first.to)
	if err != nil {
		stop(p)
		return nil, lab.Ready{}, err
	}
	return p, ready, nil
}

// stop ends a child. That it did not end well is no news: it is made to leak.
func stop(p *harness.Process) { _ = p.Stop(context.Background()) }

func awaitReady(ctx context.Context, p *harness.Process, lines <-chan []byte) (lab.Ready, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("the child did not say within %s where it listens", readyTimeout))
	defer cancel()
	said := func() string {
		if s := strings.TrimSpace(p.LogTail()); s != "" {
			return "; it printed:\n" + s
		}
		return ""
	}
	var line []byte
	select {
	case line = <-lines:
	case <-p.Done():
		return lab.Ready{}, fmt.Errorf("the child ended before it listened: %w%s", p.Err(), said())
	case <-ctx.Done():
		return lab.Ready{}, fmt.Errorf("%w%s", context.Cause(ctx), said())
	}
	var r lab.Ready
	if err := json.Unmarshal(line, &r); err != nil || r.URL == "" || r.Pprof == "" {
		return lab.Ready{}, fmt.Errorf("the child's first line does not say where it listens: %q%s", line, said())
	}
	return r, nil
}

// firstLine sends the first line written to it, or its first maxReadyLine
// bytes, and drops the rest. One goroutine writes.
type firstLine struct {
	to   chan []byte // with room for one
	line []byte
	sent bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.sent {
		return len(p), nil
	}
	part, _, whole := bytes.Cut(p, []byte("\n"))
	f.line = append(f.line, part...)
	if whole || len(f.line) > maxReadyLine {
		f.sent = true
		f.to <- f.line[:min(len(f.line), maxReadyLine)]
		f.line = nil
	}
	return len(p), nil
}
