//go:build !unix

package main

// foreground reports that this process may draw on its terminal.
func foreground() bool { return true }
