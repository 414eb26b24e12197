//go:build unix

package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childRole names what this test binary, started again, plays.
const childRole = "HEAPDRIFT_HARNESS_CHILD"

// playChild is the child's main.
func playChild(role string) {
	terminated := make(chan os.Signal, 1)
	switch role {
	case "polite":
		signal.Notify(terminated, syscall.SIGTERM)
	case "deaf", "watches stdin":
		signal.Ignore(syscall.SIGTERM)
	}
	fmt.Println("ready")
	switch role {
	case "polite":
		<-terminated
		fmt.Println("bye")
	case "deaf":
		time.Sleep(time.Minute)
	case "dies":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(3)
	case "ends":
	case "kills itself":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "watches stdin":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "chatters":
		for i := range 1000 {
			fmt.Printf("line %d\n", i)
		}
	case "parent", "daemon's parent":
		// Leaves a child of its own, in the group or not, and the log open in it.
		cmd := exec.Command(os.Args[0])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: role != "parent"}
		cmd.Env = append(os.Environ(), childRole+"=deaf")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println("grandchild", cmd.Process.Pid)
	case "harness":
		// Starts a child as the harness does, names it, and dies without a word.
		p, err := Start(context.Background(), child("deaf"))
		if err != nil {
			panic(err)
		}
		for p.LogTail() == "" {
			time.Sleep(time.Millisecond) // until it is ready: a broken pipe shall not be what ends it
		}
		fmt.Println("child", p.PID())
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	}
}

func child(role string) CommandConfig {
	return CommandConfig{Args: []string{os.Args[0]}, Env: append(os.Environ(), childRole+"="+role), Grace: 5 * time.Second}
}

// startChild starts one and waits for its first line.
func startChild(t *testing.T, c CommandConfig) *Process {
	t.Helper()
	return startChildUnder(t.Context(), t, c)
}

func startChildUnder(ctx context.Context, t *testing.T, c CommandConfig) *Process {
	t.Helper()
	r, w := io.Pipe()
	if c.Log == nil {
		c.Log = w
	}
	p, err := Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Stop(context.Background())
		w.Close()
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("first line %q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // ends when w closes
	return p
}

func waitDone(t *testing.T, p *Process, within time.Duration) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(within):
		t.Fatalf("not done within %v; log: %s", within, p.LogTail())
	}
}

func TestAPoliteChildIsStopped(t *testing.T) {
	t.Parallel()
	p := startChild(t, child("polite"))
	if p.Err() != nil {
		t.Errorf("Err before the end: %v", p.Err())
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Err() != nil || p.LogTail() != "ready\nbye\n" {
		t.Errorf("err %v, log %q; want none, and its last word", p.Err(), p.LogTail())
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
}

func TestADeafChildIsKilled(t *testing.T) {
	t.Parallel()
	c := child("deaf")
	c.Grace = 100 * time.Millisecond
	p := startChild(t, c)
	if err := p.Stop(t.Context()); err != nil || p.Err() != nil {
		t.Errorf("stop: %v, err: %v; want neither", err, p.Err())
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	c.Grace = time.Minute
	p = startChild(t, c)
	begin := time.Now()
	if err := p.Stop(impatient); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took >= c.Grace {
		t.Errorf("took %v though the context was done", took)
	}
}

func TestTheContextStopsTheChild(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	deaf := child("deaf")
	deaf.Grace = 50 * time.Millisecond
	children := []*Process{startChildUnder(ctx, t, child("polite")), startChildUnder(ctx, t, deaf)}
	cancel()
	for _, p := range children {
		waitDone(t, p, time.Minute)
		if p.Err() != nil {
			t.Errorf("err %v after it was asked to end", p.Err())
		}
	}
	if _, err := Start(ctx, child("polite")); !errors.Is(err, context.Canceled) {
		t.Errorf("started under a done context: %v", err)
	}
}

func TestAChildsDeathIsNoticedAndDescribed(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		"dies":         "ended by itself with status 3",
		"ends":         "ended by itself with status 0",
		"kills itself": "was killed: out of memory",
	} {
		p, err := Start(t.Context(), child(role))
		if err != nil {
			t.Fatal(err)
		}
		waitDone(t, p, time.Minute)
		var exit *ExitError
		if err := p.Err(); !errors.As(err, &exit) || !strings.Contains(err.Error(), want) || exit.PID != p.PID() {
			t.Errorf("%s: got %v, want %q", role, err, want)
		}
		if role == "dies" && p.LogTail() != "ready\nout of luck\n" {
			t.Errorf("log %q, want its last words", p.LogTail())
		}
	}
}

func TestTheLogsTailIsKept(t *testing.T) {
	t.Parallel()
	var log, stdout bytes.Buffer
	c := child("chatters")
	c.Log = &log
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	waitDone(t, p, time.Minute)
	if tail := p.LogTail(); len(tail) != logTail || !strings.HasSuffix(tail, "line 998\nline 999\n") {
		t.Errorf("tail of %d bytes ends %q", len(tail), tail[max(0, len(tail)-30):])
	}
	if n := strings.Count(log.String(), "\n"); n != 1001 {
		t.Errorf("the log got %d lines, want 1001", n)
	}
	c.Stdout = &stdout
	if p, err = Start(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	waitDone(t, p, time.Minute)
	if p.LogTail() != "" || strings.Count(stdout.String(), "\n") != 1001 {
		t.Errorf("with Stdout set: log %q, stdout of %d bytes", p.LogTail(), stdout.Len())
	}
}

func TestAHeldStdinEndsTheChild(t *testing.T) {
	t.Parallel()
	c := child("watches stdin")
	c.HoldStdin, c.Grace = true, time.Minute
	p := startChild(t, c)
	begin := time.Now()
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took >= c.Grace {
		t.Errorf("took %v: it was killed rather than asked", took)
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return runtime.GOOS != "linux"
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for range 6000 {
		if !alive(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond) // another process's end has no channel
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d outlives", pid)
}

// startParent starts a child that has a child and ends; it returns the
// grandchild.
func startParent(t *testing.T, role string) (*Process, int) {
	t.Helper()
	p, err := Start(t.Context(), child(role))
	if err != nil {
		t.Fatal(err)
	}
	waitDone(t, p, time.Minute)
	_, after, ok := strings.Cut(p.LogTail(), "grandchild ")
	number, _, _ := strings.Cut(after, "\n")
	pid, err := strconv.Atoi(number)
	if !ok || err != nil {
		t.Fatalf("log %q names no grandchild", p.LogTail())
	}
	return p, pid
}

func TestGrandchildrenEndWithTheChild(t *testing.T) {
	t.Parallel()
	_, pid := startParent(t, "parent")
	awaitGone(t, pid)
}

func TestADaemonThatHoldsTheLogDoesNotHideTheChildsEnd(t *testing.T) {
	t.Parallel()
	p, pid := startParent(t, "daemon's parent") // done within bounds
	if !alive(pid) {
		t.Errorf("the daemon has ended, so that nothing was tested; log: %s", p.LogTail())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	awaitGone(t, pid)
}

func TestAKilledHarnessLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	// Not through Start: its group kill would hide what is tested.
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"=harness")
	out, err := cmd.Output()
	if err == nil {
		t.Fatal("it was to be killed")
	}
	_, after, ok := strings.Cut(string(out), "child ")
	pid, err := strconv.Atoi(strings.TrimSpace(after))
	if !ok || err != nil {
		t.Fatalf("output %q names no child", out)
	}
	awaitGone(t, pid)
}

func TestCommandsThatCannotStart(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {""}, {"/no/such/program"}, {"no-such-program-anywhere"}, {t.TempDir()}} {
		p, err := Start(t.Context(), CommandConfig{Args: args})
		if err == nil {
			_ = p.Stop(t.Context())
			t.Errorf("%q started", args)
		} else if !strings.HasPrefix(err.Error(), "start ") {
			t.Errorf("%q: %v does not say what failed", args, err)
		}
	}
}

func TestAppendGODEBUG(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", "GODEBUG=a=1"},
		{"X=y", "X=y GODEBUG=a=1"},
		{"GODEBUG=", "GODEBUG=a=1"},
		{"GODEBUG=b=2,a=0 X=y", "GODEBUG=b=2,a=0,a=1 X=y"},
		{"GODEBUG=b=2 GODEBUG=c=3", "GODEBUG=b=2 GODEBUG=c=3,a=1"},
		{"NOGODEBUG=b", "NOGODEBUG=b GODEBUG=a=1"},
	} {
		in := strings.Fields(c.in)
		if got := strings.Join(AppendGODEBUG(in, "a=1"), " "); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		if strings.Join(in, " ") != c.in {
			t.Errorf("%q was changed", c.in)
		}
	}
}
