package leaktest

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// goroutine is one of a dump of all goroutines.
type goroutine struct {
	id      int64
	state   string           // "chan receive", "running", …; without how long
	stack   []snapshot.Frame // leaf first
	creator snapshot.Frame   // empty where the dump does not say
	parent  int64            // the creator's goroutine, 0 unknown
}

// maxDump bounds the text of a dump: some ten thousand goroutines.
const maxDump = 64 << 20

// goroutines are all of the process but the runtime's own, the calling one
// first.
func goroutines() []goroutine {
	for size := 64 << 10; ; size *= 2 {
		b := make([]byte, size)
		n := runtime.Stack(b, true)
		if n < size || size >= maxDump {
			return parseDump(string(b[:n]))
		}
	}
}

// parseDump reads the text of runtime.Stack. What it does not understand it
// passes over: a dump cut short ends with the goroutine that was cut.
func parseDump(text string) []goroutine {
	var out []goroutine
	var pending string // a function whose file is on the next line
	creator := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if g, ok := parseHeader(line); ok {
			out, pending, creator = append(out, g), "", false
			continue
		}
		if len(out) == 0 {
			continue
		}
		g := &out[len(out)-1]
		if place, ok := strings.CutPrefix(line, "\t"); ok {
			if pending == "" {
				continue
			}
			f := snapshot.Frame{Function: pending}
			f.File, f.Line = parsePlace(place)
			switch {
			case creator:
				g.creator = f
			case f.Function != "runtime.goexit": // below one that has not run yet
				g.stack = append(g.stack, f)
			}
			pending = ""
			continue
		}
		if by, ok := strings.CutPrefix(line, "created by "); ok {
			pending, creator = by, true
			if name, id, ok := strings.Cut(by, " in goroutine "); ok {
				pending = name
				g.parent, _ = strconv.ParseInt(id, 10, 64)
			}
			continue
		}
		pending = ""
		if i := strings.LastIndexByte(line, '('); i > 0 {
			pending = line[:i]
		}
	}
	return out
}

// parseHeader reads "goroutine 18 [chan receive, 2 minutes]:".
func parseHeader(line string) (goroutine, bool) {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok || !strings.HasSuffix(line, ":") {
		return goroutine{}, false
	}
	number, rest, _ := strings.Cut(rest, " ")
	id, err := strconv.ParseInt(number, 10, 64)
	_, state, found := strings.Cut(rest, "[")
	if err != nil || !found {
		return goroutine{}, false
	}
	if i := strings.IndexAny(state, ",]"); i >= 0 {
		state = state[:i]
	}
	return goroutine{id: id, state: state}, true
}

// parsePlace reads "/path/file.go:12 +0x1d".
func parsePlace(s string) (file string, line int) {
	if i := strings.LastIndex(s, " +0x"); i >= 0 {
		s = s[:i]
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0
	}
	n, err := strconv.Atoi(s[i+1:])
	if err != nil || n < 0 {
		return s, 0
	}
	return s[:i], n
}
