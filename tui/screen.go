package tui

import (
	"bytes"
	"fmt"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/tui/model"
)

// pause gives the terminal back and takes it again, after the process was
// stopped if stop is set. Also when it goes on without having been stopped by us
// (SIGSTOP): whoever had the terminal meanwhile may have left it in another
// state.
func (a *App) pause(stop bool) {
	if a.suspended {
		return
	}
	a.suspended = true
	if err := a.screen.Suspend(); err != nil {
		a.leave = true
		return
	}
	stopped := !stop || a.signals.stopProcess()
	a.resume()
	if !stopped {
		a.notice(model.Warning, "there is no shell to come back from: the process is not stopped")
	}
}

// newScreen makes the terminal's screen.
func newScreen(mono bool) (tcell.Screen, error) {
	if !mono {
		return tcell.NewScreen()
	}
	tty, err := tcell.NewDevTty()
	if err != nil {
		return nil, err
	}
	return tcell.NewTerminfoScreenFromTty(colourless{tty})
}

// colourless is a terminal that is sent no colour code at all, not even the one
// that takes colours back, which tcell sends at the end.
type colourless struct{ tcell.Tty }

// Write passes on all but the code of the default colours.
func (c colourless) Write(p []byte) (int, error) {
	_, err := c.Tty.Write(bytes.ReplaceAll(p, []byte("\x1b[39;49m"), nil))
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// count is "1 line", "2 lines".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
