package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

const (
	// DefaultGrace is how long a child has between the request to end and
	// being killed.
	DefaultGrace = 5 * time.Second
	// killWait is how long a killed process may take to be gone.
	killWait = 5 * time.Second
)

// CommandConfig is a command to run.
type CommandConfig struct {
	Args   []string      // the program and its arguments; required
	Env    []string      // as in os/exec: nil is this process's own
	Dir    string        // "": this process's own
	Log    io.Writer     // gets what the child writes to stdout and stderr; must not block. nil: only the tail is kept
	Stdout io.Writer     // gets stdout in place of Log; must not block
	Grace  time.Duration // between the request to end and the kill; 0: 5 s
	// HoldStdin gives the child a stdin that delivers nothing and closes when
	// Stop is called or this process ends, however it ends: a child that watches
	// it never becomes an orphan. Otherwise stdin is empty.
	HoldStdin bool
}

// Process is a started command.
//
// On Unix it leads a process group of its own, so that what it starts ends with
// it (unless that leaves the group), and Ctrl-C in a terminal does not reach it
// but through Stop. On Linux the kernel kills it when this process dies; that
// does not reach its own children. Elsewhere only HoldStdin covers this
// process being killed.
type Process struct {
	cmd    *exec.Cmd
	config CommandConfig
	log    *childLog
	stdin  io.Closer // nil without HoldStdin

	done     chan struct{} // closed when the process has ended and its log is read
	err      error         // valid after done
	stop     func()        // asks it to end; any number of times
	stopping chan struct{} // closed by stop
	kill     func()        // ends the grace; any number of times
	killing  chan struct{} // closed by kill
}

// ExitError says how a command ended that nobody had asked to.
type ExitError struct {
	Command string
	PID     int
	Code    int    // -1 if a signal ended it
	Signal  string // "": none
}

// Error implements error.
func (e *ExitError) Error() string {
	who := fmt.Sprintf("the command %s (pid %d)", e.Command, e.PID)
	switch {
	case e.Signal == "killed":
		return who + " was killed: out of memory, or by someone; see its log and the kernel's"
	case e.Signal != "":
		return fmt.Sprintf("%s ended by signal: %s", who, e.Signal)
	case e.Code == 0:
		return who + " ended by itself with status 0; it must run until it is asked to end"
	}
	return fmt.Sprintf("%s ended by itself with status %d; see its log", who, e.Code)
}

// Start runs a command. When ctx is done the command is ended as by Stop. Env's
// last value of a name counts.
func Start(ctx context.Context, c CommandConfig) (*Process, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return nil, errors.New("start a command: none given; name a program and its arguments")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Args[0], err)
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	p := &Process{
		config: c, log: newChildLog(c.Log), cmd: exec.Command(c.Args[0], c.Args[1:]...),
		done: make(chan struct{}), stopping: make(chan struct{}), killing: make(chan struct{}),
	}
	p.stop = sync.OnceFunc(func() { close(p.stopping) })
	p.kill = sync.OnceFunc(func() { close(p.killing) })
	p.cmd.Env, p.cmd.Dir = c.Env, c.Dir
	prepareCommand(p.cmd)

	started := make(chan error)
	go pprof.Do(ctx, pprof.Labels(labelKey, labelCommand), func(ctx context.Context) { p.supervise(ctx, started) })
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("start %s: %w", c.Args[0], err)
	}
	return p, nil
}

// supervise starts the process and sees it to its end.
//
// It keeps its thread for as long: the kernel's parent-death signal (Linux)
// fires when the thread that started the child ends, not the process, and the
// Go runtime ends a thread whose locked goroutine returns.
func (p *Process) supervise(ctx context.Context, started chan<- error) {
	defer close(p.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // the child is gone by then: the thread may live on or not
	err := p.start()
	started <- err
	if err != nil {
		return
	}
	exited := make(chan struct{})
	asked := make(chan bool)
	go func() { asked <- p.enforce(ctx, exited) }()
	waitErr := p.cmd.Wait() // returns at once when it ends: no copying goroutine of os/exec's to wait for
	killGroup(p.cmd)        // what it leaves behind
	close(exited)
	if !<-asked {
		p.err = p.describe(waitErr)
	}
	p.log.finish()
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
}

// start connects and starts the process, and cleans up if that fails.
func (p *Process) start() error {
	output, err := p.log.pipe(nil)
	if err != nil {
		return err
	}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	if p.config.Stdout != nil {
		stdout, err := p.log.pipe(p.config.Stdout)
		if err != nil {
			p.log.finish()
			return err
		}
		p.cmd.Stdout = stdout
	}
	if p.config.HoldStdin {
		if p.stdin, err = p.cmd.StdinPipe(); err != nil {
			p.log.finish()
			return err
		}
	}
	err = p.cmd.Start()
	p.log.started()
	if err != nil {
		p.log.finish()
	}
	return err
}

// enforce waits until the process is to end, asks it to, and kills it when the
// grace is over. It reports whether it asked before the process had exited.
func (p *Process) enforce(ctx context.Context, exited <-chan struct{}) (asked bool) {
	select {
	case <-exited:
		return false
	case <-ctx.Done():
	case <-p.stopping:
	}
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	terminateGroup(p.cmd)
	timer := time.NewTimer(p.config.Grace)
	defer timer.Stop()
	select {
	case <-exited:
		return true
	case <-timer.C:
	case <-p.killing:
	}
	killGroup(p.cmd)
	<-exited
	return true
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed as soon as the process has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns, after Done, how the process ended: nil if it was asked to, else
// an [*ExitError]. Before Done it returns nil.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Stop asks the process and its group to end (SIGTERM on Unix; its stdin
// closes), kills them after the grace or when ctx is done, and waits. It may be
// called again, and after the process has ended.
func (p *Process) Stop(ctx context.Context) error {
	p.stop()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	case <-time.After(p.config.Grace):
		// enforce kills by itself; from here on killWait counts.
	}
	p.kill()
	select {
	case <-p.done:
		return nil
	case <-time.After(killWait):
		return fmt.Errorf("stop %s (pid %d): killed %v ago and still there; it hangs in the kernel, look at its state", p.config.Args[0], p.PID(), killWait)
	}
}

// LogTail returns the last 4 KiB that the process wrote to its log. It is
// complete once Done is closed.
func (p *Process) LogTail() string { return p.log.tail() }

func (p *Process) describe(waitErr error) error {
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return fmt.Errorf("wait for %s (pid %d): %w", p.config.Args[0], p.PID(), waitErr)
	}
	return &ExitError{
		Command: p.config.Args[0], PID: p.PID(),
		Code: p.cmd.ProcessState.ExitCode(), Signal: signalName(p.cmd.ProcessState),
	}
}
