package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// target is the process under test as the session knows it.
type target struct {
	client *capture.Client
	also   *capture.Client             // a second connection, for the counter of operations; mostly nil
	proc   Process                     // nil: only pprof tells of it
	stop   func(context.Context) error // ends what the session started
	port   int                         // of pprof, where it is TCP on this machine
	name   string

	pidNow int
	lost   bool // no process of the command listens where pprof was

	goVersion, module string // of the binary, once known
	limits            limits // of the process, once seen
}

// defaultPprof is where a started command is expected to serve pprof.
const defaultPprof = "localhost:6060"

// open starts the command, if there is one, and waits until pprof answers. On
// an error nothing is left running.
func open(ctx context.Context, cfg *Config, report *reporter) (_ *target, err error) {
	t := &target{proc: cfg.Process, name: cfg.Name, stop: func(context.Context) error { return nil }}
	defer func() {
		if err != nil {
			t.close(ctx)
		}
	}()
	if cfg.Pprof.URL != "" {
		if t.client, err = capture.New(cfg.Pprof); err != nil {
			return nil, &ConfigError{err.Error()}
		}
	}
	wasFree := true
	if len(cfg.Command) > 0 {
		where := defaultPprof
		if t.client != nil {
			where = t.client.Target().Pprof
		}
		wasFree = !answers(ctx, where)
		if t.client != nil && !wasFree {
			return nil, &capture.TargetError{
				URL:     where,
				Problem: "something answers there before the command was started, so it is not the command",
				Remedy:  "stop it, or let the command listen elsewhere",
			}
		}
		if err := t.start(ctx, cfg); err != nil {
			return nil, err
		}
		report.message(fmt.Sprintf("started %s (pid %d)", strings.Join(cfg.Command, " "), t.proc.PID()))
	}
	ctx, end := t.watch(ctx)
	defer end()
	if t.client == nil {
		if err := t.find(ctx, cfg, wasFree, report); err != nil {
			return nil, t.explain(ctx, err)
		}
	} else {
		wait, cancel := context.WithTimeout(ctx, cfg.ReadyTimeout)
		defer cancel()
		if err := t.ready(wait, cfg); err != nil {
			return nil, t.explain(ctx, err)
		}
	}
	return t, nil
}

// ready waits until pprof answers: for a process of ours as long as it takes,
// for somebody else's only moments, as it is said to run already.
func (t *target) ready(ctx context.Context, cfg *Config) error {
	if t.proc == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, min(cfg.ReadyTimeout, 5*time.Second))
		defer cancel()
	}
	return capture.WaitReady(ctx, t.client)
}

// start starts the command.
func (t *target) start(ctx context.Context, cfg *Config) error {
	env := cfg.CommandEnv
	if env == nil {
		env = os.Environ()
	}
	if cfg.MemProfileRate > 0 {
		env = harness.AppendGODEBUG(env, "memprofilerate="+strconv.Itoa(cfg.MemProfileRate))
	}
	// The command outlives a cancelled ctx: the last snapshot is taken then.
	p, err := harness.Start(context.WithoutCancel(ctx), harness.CommandConfig{
		Args: cfg.Command, Env: env, Dir: cfg.CommandDir, Log: cfg.CommandLog, Grace: cfg.CommandGrace,
	})
	if err != nil {
		return &ConfigError{err.Error()}
	}
	t.proc, t.stop = p, p.Stop
	if t.name == "" {
		t.name = filepath.Base(cfg.Command[0])
	}
	return nil
}

// watch returns a ctx that is cancelled with a *diedError when the process
// ends. end must be called.
func (t *target) watch(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if t.proc == nil {
		return ctx, func() { cancel(nil) }
	}
	quit, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-t.proc.Done():
			cancel(&diedError{pid: t.proc.PID(), how: t.proc.Err(), log: t.proc.LogTail()})
		case <-quit:
		}
	}()
	return ctx, func() {
		close(quit)
		<-over
		cancel(nil)
	}
}

// explain prefers the process's end, as the reason why it does not answer, to
// the refused connection.
func (t *target) explain(ctx context.Context, err error) error {
	var died *diedError
	if errors.As(context.Cause(ctx), &died) {
		where := defaultPprof
		if t.client != nil {
			where = t.client.Target().Pprof
		}
		return &capture.TargetError{URL: where, Problem: died.Error(), Remedy: "see why it ends; it must serve net/http/pprof", Err: died}
	}
	return err
}

// locate finds out which process serves pprof: of a command that is a wrapper
// (go run, a shell), one of its children; of a target that runs already, the
// one that listens, if it is on this machine. Offer must have been asked before.
func (t *target) locate() {
	t.port, t.lost = loopbackPort(t.client.Target().Pprof), false
	if t.proc == nil {
		if t.port != 0 {
			t.pidNow = owner(t.port, t.client.Target().Name)
		}
		return
	}
	t.pidNow = t.proc.PID()
	ls, err := listeners(t.pidNow)
	if err != nil || t.port == 0 {
		return
	}
	for _, l := range ls {
		if int(l.addr.Port()) == t.port {
			t.pidNow = l.pid
			return
		}
	}
	t.lost = true // a wrapper may be about to start it anew
}

// pid is the process that serves pprof now; 0: unknown. Where it has ended, it
// is looked for again.
func (t *target) pid() int {
	if t.lost || t.pidNow != 0 && !alive(t.pidNow) {
		t.locate()
	}
	return t.pidNow
}

// describe says what is known about the target, from pprof and the binary.
func (t *target) describe(cfg *Config) snapshot.Target {
	info := t.client.Target()
	if t.pidNow != 0 {
		info.PID = t.pidNow
	}
	if t.goVersion == "" { // to be read while the process is there
		for _, path := range t.binaries(cfg) {
			version, module, err := describeBinary(path)
			if err == nil {
				t.goVersion, t.module = version, module
				break
			}
		}
	}
	if l := limitsOf(t.pidNow); l != (limits{}) {
		t.limits = l
	}
	// What the process itself says of its collector goes before its environment,
	// which it may have overruled.
	info.GoMemLimit, info.GOGC = cmp.Or(info.GoMemLimit, t.limits.GoMemLimit), cmp.Or(info.GOGC, t.limits.GOGC)
	info.CgroupLimit = t.limits.Cgroup
	info.GoVersion, info.Module = cmp.Or(info.GoVersion, t.goVersion), cmp.Or(info.Module, t.module)
	switch {
	case t.name != "":
		info.Name = t.name
	case info.Name == "":
		info.Name = info.Pprof
		if u, err := url.Parse(info.Pprof); err == nil && u.Host != "" {
			info.Name = u.Host
		}
	}
	return info
}

func (t *target) binaries(cfg *Config) []string {
	var out []string
	if t.pidNow != 0 && (t.proc != nil || t.port != 0) {
		if exe := executable(t.pidNow); exe != "" {
			out = append(out, exe)
		}
	}
	if len(cfg.Command) > 0 {
		if path, err := exec.LookPath(cfg.Command[0]); err == nil {
			out = append(out, path)
		}
	}
	return out
}

// close stops what the session started and drops the connection.
func (t *target) close(ctx context.Context) error {
	if t.client != nil {
		t.client.Close()
	}
	if t.also != nil {
		t.also.Close()
	}
	return t.stop(context.WithoutCancel(ctx))
}
