//go:build !unix

package tui

import (
	"errors"
	"os"
)

// signalWatch hears nothing here: processes are not stopped by a key.
type signalWatch struct{ c chan os.Signal }

func watchSignals() *signalWatch { return &signalWatch{} }

func (w *signalWatch) close() {}

func (w *signalWatch) stops(os.Signal) bool { return false }

func (w *signalWatch) stopProcess() bool { return false }

func openTTY() (*os.File, error) {
	return nil, errors.New("an editor in the terminal is not supported here")
}
