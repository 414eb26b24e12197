package tui

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/tui/model"
)

// divertLogs makes log and slog events of the dashboard instead of text across
// it, until the returned function is called.
func divertLogs(a *App) (restore func()) {
	out, flags, prefix, before := log.Writer(), log.Flags(), log.Prefix(), slog.Default()
	w := a.Lines("", model.Warning)
	log.SetFlags(0)
	log.SetPrefix("")
	// slog's own default handler writes through log; another one may hold
	// standard error itself.
	slog.SetDefault(slog.New(slog.NewTextHandler(w, nil)))
	log.SetOutput(w) // after SetDefault, which redirects log to slog
	return func() {
		slog.SetDefault(before)
		log.SetOutput(out)
		log.SetFlags(flags)
		log.SetPrefix(prefix)
	}
}

// Lines makes an event of each line that is written to it, for the target
// source; an empty source shows them as notices. It never blocks: of more lines
// than a few a second it only tells how many there were. It may be written to by
// anyone at any time.
func (a *App) Lines(source string, s model.Severity) *Lines {
	return &Lines{app: a, source: source, severity: s}
}

// linesPerSecond is how many lines become events.
const linesPerSecond = 2

// longestLine is how much of a line is shown, in bytes.
const longestLine = 400

// Lines is a writer whose lines become events.
type Lines struct {
	app      *App
	source   string
	severity model.Severity

	mu     sync.Mutex
	part   []byte // of a line that is not ended
	second int64
	told   int // lines in this second
	left   int // lines left out since the last that was told
}

// Write takes text; it never fails.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := p
	for {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if room := longestLine - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(room, len(line))]...)
		}
		if !ended {
			return len(p), nil
		}
		l.tell(strings.ToValidUTF8(strings.TrimSpace(string(l.part)), "?"))
		l.part, rest = l.part[:0], after
	}
}

func (l *Lines) tell(line string) {
	if line == "" {
		return
	}
	now := time.Now()
	if s := now.Unix(); s != l.second {
		l.second, l.told = s, 0
	}
	if l.told >= linesPerSecond {
		l.left++
		return
	}
	l.told++
	if l.left > 0 {
		line += " (" + count(l.left, "line") + " before left out)"
		l.left = 0
	}
	say := func() {
		if l.source == "" {
			l.app.notice(l.severity, line)
			return
		}
		l.app.model.Apply(model.Update{Source: l.source, Time: now, Events: []model.Event{{Time: now, Severity: l.severity, Text: line}}})
		l.app.dirty = true
	}
	select {
	case l.app.tasks <- say:
	default:
		l.left++
	}
}
