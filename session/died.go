package session

import (
	"fmt"
	"strings"
)

// diedError says that a process that the session watches has ended.
type diedError struct {
	pid int
	how error
	log string
}

func (e *diedError) Error() string {
	how := "it ended"
	if e.how != nil {
		how = e.how.Error()
	}
	s := fmt.Sprintf("the target (pid %d) is gone: %s", e.pid, how)
	if tail := lastLines(e.log, 5); tail != "" {
		s += "; it last printed:\n" + tail
	}
	return s
}
func (e *diedError) Unwrap() error { return e.how }

// lastLines returns the last n lines that are not empty.
func lastLines(s string, n int) string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\r\n "); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-n):], "\n")
}
