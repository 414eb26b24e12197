package model

import (
	"time"
)

// hitKind is what lies under a cell of the screen.
type hitKind int

const (
	hitRow hitKind = iota
	hitColumn
	hitChart
	hitAction
	hitTarget
	hitFrame
)

// hit is a part of the last picture that answers the mouse. n is the row, the
// column, the action, the target or the frame.
type hit struct {
	area rect
	kind hitKind
	n    int
}

// Click answers the left button at a cell of the last View; twice is a double
// click.
func (m *Model) Click(x, y int, twice bool) []Intent {
	for _, h := range m.hits {
		if !h.area.has(x, y) {
			continue
		}
		f := m.frameNow()
		switch h.kind {
		case hitAction:
			return m.Do(Action(h.n))
		case hitColumn:
			tb := &m.tables[m.tab]
			if col := column(h.n); tb.sort == col {
				tb.rev = !tb.rev
			} else {
				tb.sort, tb.rev = col, false
			}
		case hitRow:
			rows, _ := m.rowsNow(f)
			if h.n < len(rows) {
				m.move(f, h.n-m.tables[m.tab].at)
				if twice {
					return m.Do(ActionEnter)
				}
			}
		case hitChart:
			m.cursorAt(f, float64(x-h.area.x)/float64(max(1, h.area.w-1)))
		case hitTarget:
			m.chosen = h.n
			if twice {
				return m.Do(ActionEnter)
			}
		case hitFrame:
			m.frame = h.n
		}
		return nil
	}
	return nil
}

// cursorAt shows the moment at a part, 0..1, of the chart's width; its right
// end is now.
func (m *Model) cursorAt(f *frame, part float64) {
	n := len(f.t.line.moments)
	if n < 2 {
		return
	}
	if part >= 0.97 {
		m.cursor = time.Time{}
		return
	}
	at := f.t.first.Add(time.Duration(part * m.chartSpan * float64(time.Second)))
	i := max(0, f.t.line.index(at))
	if i >= n-1 {
		m.cursor = time.Time{}
		return
	}
	m.cursor = f.t.line.moments[i].at
}

// Wheel answers the mouse wheel at a cell of the last View, in rows, down being
// positive.
func (m *Model) Wheel(x, y, rows int) {
	switch m.show {
	case screenHelp, screenLog:
		m.scroll += rows
	case screenStack:
		m.frame += rows
	case screenOverview:
		m.chosen += rows
	default:
		f := m.frameNow()
		for _, h := range m.hits {
			if h.kind == hitChart && h.area.has(x, y) {
				m.scrub(f, rows)
				return
			}
		}
		m.move(f, rows)
	}
}
