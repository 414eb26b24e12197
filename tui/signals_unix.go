//go:build unix

package tui

import (
	"os"
	"os/signal"
	"syscall"
	"time"
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

// awake is how long a process that is told to stop has to do so. One that
// nobody could wake again (of an orphaned group) is not stopped at all.
const awake = 200 * time.Millisecond

// stopProcess stops this process, as the terminal's Ctrl-Z would, and returns
// when it goes on.
func (w *signalWatch) stopProcess() {
	for len(w.c) > 0 {
		<-w.c
	}
	signal.Reset(syscall.SIGTSTP) // the default
	defer signal.Notify(w.c, syscall.SIGTSTP)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTSTP); err != nil {
		return
	}
	timer := time.NewTimer(awake)
	defer timer.Stop()
	select {
	case <-w.c: // SIGCONT
	case <-timer.C:
	}
}

func openTTY() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
