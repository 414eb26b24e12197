package tui

import (
	"slices"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"

	"github.com/heapdrift/heapdrift/tui/model"
)

// draw brings the screen up to date.
func (a *App) draw() {
	if a.suspended {
		return
	}
	width, height := a.screen.Size()
	picture := a.model.View(width, height)
	for y, row := range picture.Rows {
		if y < len(a.painted) && slices.Equal(a.painted[y], row) {
			continue
		}
		a.paint(y, width, row)
	}
	a.painted = picture.Rows
	if picture.CursorX >= 0 && picture.CursorY >= 0 {
		a.screen.ShowCursor(picture.CursorX, picture.CursorY)
	} else {
		a.screen.HideCursor()
	}
	a.screen.Show()
	a.drawn, a.dirty = time.Now(), false
	a.draws++
}

// paint writes one row. A wide character at the edge, and what a row lacks,
// become blanks.
func (a *App) paint(y, width int, row model.Row) {
	x, colours := 0, a.screen.Colors()
	for _, span := range row {
		style := a.cfg.Theme.style(span.Style, colours)
		rest, state := span.Text, -1
		for rest != "" && x < width {
			var cluster string
			var w int
			cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
			if w == 0 {
				continue
			}
			if x+w > width {
				cluster, w = " ", 1
			}
			a.screen.Put(x, y, cluster, style)
			x += w
		}
	}
	for ; x < width; x++ {
		a.screen.Put(x, y, " ", tcell.StyleDefault)
	}
}

// forget makes the next draw paint everything.
func (a *App) forget() {
	a.painted, a.dirty = nil, true
}
