//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// foreground reports that this process may draw on its terminal and read from
// it: one that was started in the background would be stopped by trying.
func foreground() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
