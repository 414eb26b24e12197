//go:build unix

package tui

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalWatch hears the signals that concern the screen: that the process is to
// stop (Ctrl-Z), and that it goes on.
type signalWatch struct{ c chan os.Signal }

func watchSignals() *signalWatch {
	w := &signalWatch{make(chan os.Signal, 4)}
	signal.Notify(w.c, syscall.SIGTSTP, syscall.SIGCONT)
	return w
}

func (w *signalWatch) close() { signal.Stop(w.c) }

// stops reports that a signal asks the process to stop.
func (w *signalWatch) stops(s os.Signal) bool { return s == syscall.SIGTSTP }

// stopProcess stops this process and its group, as the terminal's Ctrl-Z would,
// and returns when it goes on. It reports that nothing was stopped where nobody
// could let it go on.
//
// The default of SIGTSTP would do both by itself, but the runtime does not give
// a signal back to the system that it was once notified of.
func (w *signalWatch) stopProcess() bool {
	if orphaned() {
		return false
	}
	for len(w.c) > 0 {
		<-w.c
	}
	if err := syscall.Kill(0, syscall.SIGSTOP); err != nil {
		return false
	}
	<-w.c // SIGCONT
	return true
}

// orphaned reports that no shell watches over this process's group: none of
// its members has a parent in another group of the session.
func orphaned() bool {
	group, session := syscall.Getpgrp(), sessionOf(0)
	parent := syscall.Getppid()
	for range 10 {
		g, err := syscall.Getpgid(parent)
		if err != nil || parent <= 1 || sessionOf(parent) != session {
			return true
		}
		if g != group {
			return false
		}
		parent = parentOf(parent)
	}
	return true
}

func sessionOf(pid int) int {
	s, err := unix.Getsid(pid)
	if err != nil {
		return -1
	}
	return s
}

// parentOf is the parent of a process; 0 where there is no /proc to tell.
func parentOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	var state string
	var parent int
	if _, err := fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &parent); err != nil {
		return 0
	}
	return parent
}

func openTTY() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
