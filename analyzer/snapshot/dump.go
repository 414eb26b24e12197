package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Waiting is one goroutine of a text dump (/debug/pprof/goroutine?debug=2): what
// the goroutine profile does not tell of it.
type Waiting struct {
	Reason string        // in the runtime's words: "chan receive", "select", "running"
	For    time.Duration // it has waited so long, in whole minutes; 0: less than one, or not known
	Stack  []Frame       // leaf first; no frames of the runtime's own
	// CreatedBy is the go statement that began it; its Function is empty for
	// the main goroutine and where the dump does not tell.
	CreatedBy Frame
}

// MaxDumped bounds the goroutines that are read of one dump.
const MaxDumped = 10_000

// maxDumpLine bounds one line of a dump: symbols of generic code are long.
const maxDumpLine = 1 << 20

// goroutine 18 gp=0x1 m=nil [chan receive, 5 minutes, locked to thread] {label: x}:
var dumpHeader = regexp.MustCompile(`^goroutine \d+ [^\[]*\[([^\]]+)\].*:$`)

// ErrNoDump says that a text is no dump of goroutines.
var ErrNoDump = errors.New("it begins with no goroutine")

// ParseDump reads a text dump of goroutines, MaxDumped of them at most. Lines
// that it does not know are passed over; the error is ErrNoDump, or of reading.
func ParseDump(r io.Reader) ([]Waiting, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxDumpLine)
	var out []Waiting
	var frame *Frame // of the function line before
	for sc.Scan() {
		line := sc.Text()
		if m := dumpHeader.FindStringSubmatch(line); m != nil {
			if len(out) == MaxDumped {
				break
			}
			reason, waited := waitState(m[1])
			out, frame = append(out, Waiting{Reason: reason, For: waited}), nil
			continue
		}
		if len(out) == 0 {
			continue
		}
		w := &out[len(out)-1]
		switch at, isPlace := strings.CutPrefix(line, "\t"); {
		case line == "":
			frame = nil
		case isPlace:
			if frame != nil {
				frame.File, frame.Line = place(at)
				frame = nil
			}
		case strings.HasPrefix(line, "created by "):
			w.CreatedBy.Function, _, _ = strings.Cut(strings.TrimPrefix(line, "created by "), " in goroutine ")
			frame = &w.CreatedBy
		case strings.HasPrefix(line, "..."): // frames left out
			frame = nil
		default:
			w.Stack = append(w.Stack, Frame{Function: withoutArguments(line)})
			frame = &w.Stack[len(w.Stack)-1]
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read a dump of goroutines: %w", err)
	}
	if len(out) == 0 {
		return nil, ErrNoDump
	}
	return out, nil
}

// ReadDump reads a gzipped text dump.
func ReadDump(data []byte) ([]Waiting, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read a dump of goroutines: %w", err)
	}
	return ParseDump(io.LimitReader(z, MaxProfileBytes))
}

// waitState splits "chan receive (leaked), 5 minutes, locked to thread".
func waitState(s string) (reason string, waited time.Duration) {
	parts := strings.Split(s, ", ")
	reason = strings.TrimSuffix(strings.TrimSuffix(parts[0], " (leaked)"), " (scan)")
	for _, p := range parts[1:] {
		n, ok := strings.CutSuffix(p, " minutes")
		if m, err := strconv.ParseInt(n, 10, 32); ok && err == nil && m > 0 {
			waited = time.Duration(m) * time.Minute
		}
	}
	return reason, waited
}

// place splits "/src/app/worker.go:31 +0x1d".
func place(s string) (file string, line int) {
	s, _, _ = strings.Cut(s, " +0x")
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

// withoutArguments takes the last pair of brackets off
// "example.com/app.(*Pool).work(0xc000012345, {...})".
func withoutArguments(s string) string {
	if !strings.HasSuffix(s, ")") {
		return s
	}
	depth := 0
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 && i > 0 {
				return s[:i]
			}
		}
	}
	return s
}
