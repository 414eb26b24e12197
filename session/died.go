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
	s := fmt.Sprintf("the target (pid %d) is gone", e.pid)
	if e.how != nil {
		s = "the target is gone: " + e.how.Error()
	}
	if tail := lastLines(e.log, 3); tail != "" {
		s += "; it last printed: " + tail
	}
	return s
}
func (e *diedError) Unwrap() error { return e.how }

// longestLine is how much of a line of a log goes into a sentence, in bytes.
const longestLine = 200

// lastLines returns the last n lines that are not empty, in one.
func lastLines(s string, n int) string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			if len(line) > longestLine {
				line = strings.ToValidUTF8(line[:longestLine], "") + "…"
			}
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-n):], " / ")
}
