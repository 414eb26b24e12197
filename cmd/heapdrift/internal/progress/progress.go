// Package progress shows long work: on a terminal one line that is rewritten,
// elsewhere a plain line now and then and whenever the phase changes. It
// starts no goroutine and reads no clock: the time of a Status is its own.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Status is the work at one moment.
type Status struct {
	Time      time.Time
	Name      string // what is worked on, where there are several: "closure/leaky"
	Phase     string
	Pass      int           // 0: the phase has none
	Done      time.Duration // of the phase
	Total     time.Duration // of the phase; 0: not known
	Ops       int64         // completed so far
	Errors    int64
	Shed      int64
	Snapshots int
	Detail    string // what else there is to see, at the end of the line

	Message string // a sentence that is news
	Warning bool   // the message is bad news
}

// Mode says how to show.
type Mode int

// The modes.
const (
	Plain    Mode = iota // lines: a log, a pipe, a dumb terminal
	Terminal             // one line, rewritten
	Quiet                // nothing
)

// every is the time between plain lines of one phase.
const every = 10 * time.Second

// width is what a rewritten line may take: a longer one would wrap, and the
// next would not cover it.
const width = 79

// Writer shows Status after Status on one stream. Errors of writing are
// passed over: progress is no result. It is not safe for concurrent use.
type Writer struct {
	w    io.Writer
	mode Mode

	last    time.Time // of the last plain line
	phase   string    // of it
	pending bool      // a rewritten line stands there without a newline
}

// New returns a Writer to w.
func New(w io.Writer, mode Mode) *Writer { return &Writer{w: w, mode: mode} }

// Show shows a status: its message, if any, on a line of its own, and the
// state of the work.
func (p *Writer) Show(s Status) {
	if s.Message != "" {
		p.message(s)
	}
	switch p.mode {
	case Terminal:
		fmt.Fprintf(p.w, "\r\x1b[K%s", cut(s.line(), width))
		p.pending = true
	case Plain:
		phase := fmt.Sprintf("%s %s %d", s.Name, s.Phase, s.Pass)
		if phase == p.phase && s.Time.Sub(p.last) < every {
			return
		}
		p.phase, p.last = phase, s.Time
		fmt.Fprintln(p.w, s.line())
	}
}

func (p *Writer) message(s Status) {
	switch {
	case p.mode == Quiet:
	case s.Warning:
		p.Line("warning: " + s.Message)
	default:
		p.Line(s.Message)
	}
}

// Line prints a line of its own, whatever the mode; on a terminal it goes above
// the rewritten line.
func (p *Writer) Line(s string) {
	p.Done()
	fmt.Fprintln(p.w, printable(s))
}

// Done clears the rewritten line, so that what follows begins at the margin.
func (p *Writer) Done() {
	if p.pending {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.pending = false
	}
}

func (s *Status) line() string {
	var b strings.Builder
	if s.Name != "" {
		b.WriteString(s.Name + "  ")
	}
	b.WriteString(s.Phase)
	if s.Pass > 0 {
		fmt.Fprintf(&b, " %d", s.Pass)
	}
	switch {
	case s.Total > 0:
		fmt.Fprintf(&b, " %s/%s", clock(min(s.Done, s.Total)), clock(s.Total))
	case s.Done > 0:
		fmt.Fprintf(&b, " %s", clock(s.Done))
	}
	if s.Ops > 0 || s.Errors > 0 {
		fmt.Fprintf(&b, "  %s ops", thousands(s.Ops))
	}
	if s.Errors > 0 {
		fmt.Fprintf(&b, "  %s errors", thousands(s.Errors))
	}
	if s.Shed > 0 {
		fmt.Fprintf(&b, "  %s shed", thousands(s.Shed))
	}
	if s.Snapshots > 0 {
		fmt.Fprintf(&b, "  %s", Snapshots(s.Snapshots))
	}
	if s.Detail != "" {
		b.WriteString("  " + s.Detail)
	}
	return printable(b.String())
}

// Snapshots is "1 snapshot", "1,234 snapshots".
func Snapshots(n int) string {
	if n == 1 {
		return "1 snapshot"
	}
	return thousands(int64(n)) + " snapshots"
}

// clock prints minutes and seconds: "0:07", "12:40", "1:02:05".
func clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// printable drops what could steer the terminal: messages quote the program
// under test.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, s)
}

func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
