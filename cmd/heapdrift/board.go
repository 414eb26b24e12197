package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/progress"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

// board shows how far several scenarios are that run side by side: one line
// for all of them, and a line for each that has ended. Any goroutine may use
// it.
type board struct {
	mu    sync.Mutex
	to    *progress.Writer
	total int
	done  int
	began time.Time         // of the first event
	last  time.Time         // of the latest
	now   map[string]string // what runs, and in which phase
}

func newBoard(to *progress.Writer, total int) *board {
	return &board{to: to, total: total, now: make(map[string]string)}
}

// follow takes an event of one scenario.
func (b *board) follow(name string, v lab.Variant, e session.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.began.IsZero() {
		b.began = e.Time
	}
	b.last = e.Time
	b.now[name] = name + "/" + string(v) + " " + e.Phase
	s := b.status()
	if e.Warning {
		s.Message, s.Warning = name+"/"+string(v)+": "+e.Message, true
	}
	b.to.Show(s)
}

// ended takes a scenario's end; c may be nil where err is not.
func (b *board) ended(name string, c *report.Comparison, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.now, name)
	b.done++
	s := b.status()
	if err != nil {
		s.Message, s.Warning = name+": "+err.Error(), true
	} else {
		s.Message = c.Line()
	}
	b.to.Show(s)
}

func (b *board) status() progress.Status {
	running := make([]string, 0, len(b.now))
	for _, s := range b.now {
		running = append(running, s)
	}
	slices.Sort(running)
	return progress.Status{
		Time: b.last, Name: "lab", Phase: fmt.Sprintf("%d of %d", b.done, b.total), Done: b.last.Sub(b.began),
		Detail: strings.Join(running, " · "),
	}
}
