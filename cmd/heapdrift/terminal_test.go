//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

// onPTY is the program on a terminal of its own.
type onPTY struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File // kept open, to look at the terminal after the program
	before *term.State

	mu     sync.Mutex
	out    bytes.Buffer
	read   chan struct{} // closed when there is nothing more to read
	killed bool
}

// startPTY starts heapdrift on a terminal of 110 × 32.
func startPTY(t *testing.T, env []string, args ...string) *onPTY {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminal here: %v", err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 32, Cols: 110}); err != nil {
		t.Fatal(err)
	}
	p := &onPTY{t: t, master: master, slave: slave, read: make(chan struct{})}
	if p.before, err = term.GetState(int(slave.Fd())); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(append(os.Environ(), asProgram+"=1", "TERM=xterm-256color", "NO_COLOR="), env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.read)
		b := make([]byte, 32<<10)
		for {
			n, err := master.Read(b)
			p.mu.Lock()
			p.out.Write(b[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		p.hangUp()
		<-p.read
	})
	return p
}

// hangUp takes the terminal away.
func (p *onPTY) hangUp() {
	if !p.killed {
		p.killed = true
		p.slave.Close()
		p.master.Close()
	}
}

func (p *onPTY) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// whole is all that was written, once the program has ended: the terminal
// passes it on a little later.
func (p *onPTY) whole() string {
	p.slave.Close()
	<-p.read
	return p.text()
}

// await waits for text on the terminal.
func (p *onPTY) await(want string) {
	p.t.Helper()
	for range 6000 { // a minute, on a machine that has nothing else to do
		if strings.Contains(p.text(), want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("the terminal never shows %q:\n%q", want, tail(p.text(), 4000))
}

// ends waits for the program and returns its exit code.
func (p *onPTY) ends() exit.Code {
	p.t.Helper()
	timer := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		p.t.Fatal(err)
	}
	return exit.Code(p.cmd.ProcessState.ExitCode())
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

const (
	entersScreen = "\x1b[?1049h"
	leavesScreen = "\x1b[?1049l"
)

func TestTheTerminalIsGivenBackHoweverItEnds(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 4096)
	for _, c := range []struct {
		name string
		end  func(*onPTY)
		want exit.Code
	}{
		{"q", func(p *onPTY) { fmt.Fprint(p.master, "q") }, exit.Clean},
		{"Ctrl-C", func(p *onPTY) { fmt.Fprint(p.master, "\x03") }, exit.Clean},
		{"SIGTERM", func(p *onPTY) { _ = p.cmd.Process.Signal(syscall.SIGTERM) }, exit.Clean},
		{"SIGINT", func(p *onPTY) { _ = p.cmd.Process.Signal(syscall.SIGINT) }, exit.Clean},
		{"SIGHUP", func(p *onPTY) { _ = p.cmd.Process.Signal(syscall.SIGHUP) }, exit.Clean},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "SIGHUP" && signal.Ignored(syscall.SIGHUP) {
				t.Skip("SIGHUP is ignored here, as nohup has it: heapdrift leaves it so")
			}
			p := startPTY(t, nil, "replay", dir)
			p.await("main.keep")
			raw, err := term.GetState(int(p.slave.Fd()))
			if err != nil || fmt.Sprint(raw) == fmt.Sprint(p.before) {
				t.Fatalf("the terminal is as before while the dashboard is on it: the test sees nothing (%v)", err)
			}
			c.end(p)
			if code := p.ends(); code != c.want {
				t.Errorf("exit %d, want %d: %q", code, c.want, tail(p.text(), 400))
			}
			after, err := term.GetState(int(p.slave.Fd()))
			if err != nil || fmt.Sprint(after) != fmt.Sprint(p.before) {
				t.Errorf("the terminal is left as %v, it was %v (%v)", after, p.before, err)
			}
			out := p.whole()
			if !strings.Contains(out, entersScreen) || strings.LastIndex(out, leavesScreen) < strings.LastIndex(out, entersScreen) {
				t.Errorf("the other screen is not left: %q", tail(out, 400))
			}
			if !strings.Contains(tail(out, 400), "\x1b[?25h") {
				t.Errorf("the cursor is not shown again: %q", tail(out, 400))
			}
		})
	}
}

// colour is any code that sets a colour.
var colour = regexp.MustCompile(`\x1b\[(?:[0-9:]*;)*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:[;:][0-9:;]*)?m`)

func TestNoColorMeansNone(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 4096)
	for _, env := range []string{"NO_COLOR=1", "NO_COLOR="} {
		p := startPTY(t, []string{env}, "replay", dir)
		p.await("main.keep")
		fmt.Fprint(p.master, "?")
		p.await("shift-tab")
		fmt.Fprint(p.master, "?")
		fmt.Fprint(p.master, "q")
		p.ends()
		p.hangUp()
		<-p.read
		codes := colour.FindAllString(p.text(), -1)
		if env == "NO_COLOR=1" && len(codes) > 0 {
			t.Errorf("NO_COLOR, and yet there are %d codes, as %q", len(codes), codes[0])
		}
		if env == "NO_COLOR=" && len(codes) < 10 {
			t.Errorf("%d codes of colour without NO_COLOR: the test sees nothing", len(codes))
		}
	}
}

// A run whose terminal is closed ends in good order: its recording is whole.
func TestTheRecordingIsWholeWhenTheTerminalGoesAway(t *testing.T) {
	t.Parallel()
	url, out := server(t), filepath.Join(t.TempDir(), "run")
	p := startPTY(t, nil, "watch", "--every", "50ms", "-o", out, url)
	p.await("LIVE HEAP")
	for range 6000 {
		if entries, _ := os.ReadDir(filepath.Join(out, "snapshots")); len(entries) >= 4 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.hangUp()
	p.ends()
	got := heapdrift(t, "analyze", out)
	if got.code == exit.Usage || got.code == exit.Infrastructure || strings.Contains(got.out, "run.json") {
		t.Errorf("analyze: exit %d\n%s%s", got.code, got.out, got.stderr)
	}
}

func TestADashboardNeedsATerminal(t *testing.T) {
	t.Parallel()
	dir := bundle(t, 4096)
	for _, args := range [][]string{
		{"replay", dir}, {"run", "--tui", "--pprof", ":1"}, {"watch", "--tui", ":1"}, {"lab", "run", "closure", "--tui"}, {"demo", "--tui"},
	} {
		got := heapdrift(t, args...)
		if got.code != exit.Usage || !strings.Contains(got.stderr, "needs a terminal") || got.out != "" {
			t.Errorf("%q: exit %d, %s", args, got.code, got.stderr)
		}
	}
	p := startPTY(t, []string{"TERM=dumb"}, "replay", dir)
	if code := p.ends(); code != exit.Usage {
		t.Errorf("on a dumb terminal: exit %d", code)
	}
	p.await("TERM says")
	p = startPTY(t, []string{"TERM=nothing-like-it"}, "replay", dir)
	if code := p.ends(); code != exit.Usage {
		t.Errorf("on an unknown terminal: exit %d", code)
	}
	p.await("cannot be drawn")
}

// pane is a program in tmux, which shows what a terminal would.
type pane struct {
	t      *testing.T
	server string
}

// startPane starts a shell in a pane.
func startPane(t *testing.T, width, height int, env ...string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("needs tmux, which is not installed")
	}
	p := &pane{t: t, server: fmt.Sprintf("heapdrift-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))}
	args := []string{"-f", "/dev/null", "new-session", "-d", "-s", "s", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "-c", t.TempDir()}
	for _, e := range append(env, asProgram+"=1", "NO_COLOR=1", "H="+os.Args[0]) {
		args = append(args, "-e", e)
	}
	p.tmux(append(args, "sh -i")...)
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", p.server, "kill-server").Run() })
	p.keys("PS1=ready'> '", "Enter")
	p.shows("ready>")
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-L", p.server}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

func (p *pane) keys(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys", "-t", "s"}, keys...)...)
}

func (p *pane) screen() string { return p.tmux("capture-pane", "-p", "-t", "s") }

// shows waits for all of some texts on the screen, and returns it.
func (p *pane) shows(want ...string) string {
	p.t.Helper()
	screen := ""
	for range 1200 {
		screen = p.screen()
		missing := ""
		for _, w := range want {
			if !strings.Contains(screen, w) {
				missing = w
			}
		}
		if missing == "" {
			return screen
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("the screen never shows %q:\n%s", want, screen)
	return ""
}

func TestTheDashboardOnARealScreen(t *testing.T) {
	t.Parallel()
	dir, work := bundle(t, 4096), t.TempDir()
	editor := filepath.Join(work, "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\necho \"editing $*\"\nread answer\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(work, "fixture", "main.go") // the profile has it as /src/fixture/main.go
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, []byte(strings.Repeat("// nothing\n", 41)+"kept = append(kept, doc)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := startPane(t, 110, 32, "EDITOR="+editor)
	p.keys("cd "+work+"; clear; $H replay "+dir, "Enter")
	p.shows("▲ LEAK", "+4.00 KiB/op", "main.keep", "▸ REPLAY", "kept = append(kept, doc)")
	p.keys("?")
	p.shows("freeze the picture")
	p.keys("?")
	p.shows("LIVE HEAP")
	p.keys("Tab")
	p.shows("GOROUTINES")
	p.keys("Tab")
	p.keys("/", "nothing such")
	p.shows("/nothing such")
	p.keys("Enter", "Escape")
	p.shows("filter: none")
	p.keys("Enter")
	p.shows("src/fixture/main.go:42", "esc close")
	p.keys("Escape")
	for _, size := range [][2]string{{"40", "10"}, {"20", "5"}, {"160", "45"}} {
		p.tmux("resize-window", "-t", "s", "-x", size[0], "-y", size[1])
		p.shows("LEAK", "main.go:42")
	}
	p.tmux("resize-window", "-t", "s", "-x", "80", "-y", "24")
	for _, line := range strings.Split(strings.TrimRight(p.shows("┌─ heapdrift ── fixture ───────────────────────────────────────────── ▸ REPLAY ┐"), "\n"), "\n") {
		if len([]rune(line)) != 80 {
			t.Errorf("a line of %d cells: %q", len([]rune(line)), line)
		}
	}
	p.keys("[")
	p.shows("◂ AT")
	p.keys("]")
	p.shows("▸ REPLAY")
	p.keys("e")
	p.shows("editing +42 " + source)
	p.keys("Enter")
	p.shows("▲ LEAK", "▸ REPLAY")
	p.keys("C-z")
	p.shows("ready>")
	p.keys("echo mode=$(stty -a | grep -o '.icanon')", "Enter")
	p.shows("mode= icanon")
	p.keys("fg", "Enter")
	p.shows("▲ LEAK", "▸ REPLAY")
	p.keys("w")
	p.shows("the picture is in")
	p.keys("q")
	p.shows("ready> fg")
	p.keys("echo left=$?", "Enter")
	p.shows("left=0")
	pictures, _ := filepath.Glob(filepath.Join(work, "heapdrift-picture-*.txt"))
	if len(pictures) != 1 || !strings.Contains(read(t, pictures[0]), "main.keep") {
		t.Errorf("pictures %q", pictures)
	}
}

func TestALiveRunOnARealScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a scenario for some seconds")
	}
	t.Parallel()
	p := startPane(t, 110, 32)
	out := filepath.Join(t.TempDir(), "run")
	p.keys("$H lab run closure --tui --theme light --rate 60 --for 1m --every 300ms --warmup 300ms -o "+out+"; echo left=$?", "Enter")
	p.shows("CONNECTING")
	p.shows("● LIVE", "closure/leaky")
	p.shows("▲ LEAK", "embed.Hasher.Vector")
	p.keys("s")
	p.shows("a snapshot is asked for")
	p.keys("Space")
	p.shows("FROZEN")
	p.keys("Space")
	p.keys("q")
	p.shows("left=1") // at the size of the pane the report's head has scrolled away
	all := p.tmux("capture-pane", "-p", "-t", "s", "-S", "-200")
	for _, want := range []string{"LEAK  ", "embed.Hasher.Vector", "Bundle: " + out[:40]} {
		if !strings.Contains(strings.ReplaceAll(all, "\n", ""), want) {
			t.Errorf("the report after the dashboard lacks %q:\n%s", want, all)
		}
	}
	if got := heapdrift(t, "analyze", out); got.code != exit.Leak {
		t.Errorf("the recording: exit %d\n%s%s", got.code, got.out, got.stderr)
	}
}

// A person who looks away pays nothing: no picture is drawn without news.
func TestAnIdleDashboardCostsNothing(t *testing.T) {
	if runtime.GOOS != "linux" || testing.Short() {
		t.Skip("needs /proc, and some seconds")
	}
	t.Parallel()
	p := startPTY(t, nil, "replay", bundle(t, 4096))
	p.await("main.keep")
	// It comes to rest: what it takes to start, and its first collections, are
	// done soon, on a slow machine later.
	const long = 4 * time.Second
	share := 1.0
	for begin := time.Now(); share > 0.01 && time.Since(begin) < 30*time.Second; {
		before := cpuTime(t, p.cmd.Process.Pid)
		time.Sleep(long)
		share = float64(cpuTime(t, p.cmd.Process.Pid)-before) / float64(long)
	}
	if share > 0.01 {
		t.Errorf("%.1f %% of a core, want less than 1 %%", 100*share)
	}
	fmt.Fprint(p.master, "q")
	p.ends()
}

// cpuTime is what a process has used.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var user, system int64
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}
