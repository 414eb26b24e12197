//go:build !linux

package session

// listeners is not known here: COMMAND's pprof must be at localhost:6060 or
// named.
func listeners(int) ([]listener, error) { return nil, errNoProc }

// owner is not known here.
func owner(int, string) int { return 0 }

// executable is not known here by PID alone.
func executable(int) string { return "" }

// alive cannot be told here; the session finds out by asking pprof.
func alive(int) bool { return true }
