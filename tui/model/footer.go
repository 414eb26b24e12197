package model

import (
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// footerKeys are the keys that the footer shows, in order, with what goes first
// when there is little room.
func (m *Model) footerKeys(f *frame) []footKey {
	diff := "diff"
	if f.mark >= 0 {
		diff = "end diff"
	}
	freeze := "freeze"
	if m.Frozen() {
		freeze = "go on"
	}
	tab := "goroutines"
	if m.tab == tabGoroutines {
		tab = "heap"
	}
	keys := []footKey{
		{"q", "quit", ActionQuit, 9}, {"space", freeze, ActionFreeze, 8}, {"f", "follow", ActionFollow, 3},
		{"/", "filter", ActionFilter, 7}, {"<>", "sort", ActionSortNext, 5}, {"r", "reverse", ActionReverse, 2},
		{"tab", tab, ActionTab, 6}, {"d", diff, ActionDiff, 4},
	}
	if len(m.shownTargets()) > 1 {
		keys = append(keys, footKey{"n", "next", ActionNextTarget, 6}, footKey{"v", "targets", ActionOverview, 6})
	}
	if m.cfg.Recording || !f.now {
		keys = append(keys, footKey{"[]", "scrub", ActionScrubBack, 8}, footKey{"{}", "events", ActionEventBack, 4})
	} else {
		keys = append(keys, footKey{"s", "snap", ActionSnap, 4})
	}
	return append(keys, footKey{"y", "copy", ActionCopy, 1}, footKey{"o", "report", ActionReport, 1}, footKey{"?", "help", ActionHelp, 10})
}

type footKey struct {
	key, word string
	action    Action
	keep      int
}

// footer draws the last row: the keys, or a notice.
func (m *Model) footer(c *canvas, f *frame, y int) {
	left, right := 0, c.w
	if c.w >= 30 {
		c.hline(0, y, c.w)
		c.put(0, y, c.w, "└", Border)
		c.put(c.w-1, y, c.w, "┘", Border)
		left, right = 1, c.w-1
	}
	if m.notice.Text != "" {
		c.put(left, y, right, " "+fit(report.Printable(m.notice.Text), right-left-2)+" ", severityStyle(m.notice.Severity))
		return
	}
	var pieces []piece
	keys := m.footerKeys(f)
	for _, k := range keys {
		pieces = append(pieces, piece{k.keep, []Span{{k.key, Key}, {" " + k.word, Dim}}})
	}
	x := c.put(left, y, right, " ", Border)
	for i, p := range fitPieces(pieces, right-left-2, 2) {
		if i > 0 {
			x = c.put(x, y, right, "  ", Border)
		}
		from := x
		x = c.spans(rect{x, y, right - 1 - x, 1}, x, y, p.spans...)
		for _, k := range keys {
			if p.spans[0].Text == k.key {
				m.hits = append(m.hits, hit{area: rect{from, y, x - from, 1}, kind: hitAction, n: int(k.action)})
			}
		}
	}
	c.put(x, y, right, " ", Border)
}

// drawInput draws the filter that is being typed over the footer, and returns
// where the cursor stands.
func (m *Model) drawInput(c *canvas) (x, y int) {
	y = c.h - 1
	left, right := 0, c.w
	if c.w >= 30 {
		left, right = 1, c.w-1
	}
	for x := left; x < right; x++ {
		c.put(x, y, right, " ", Input)
	}
	st := Input
	tail := " enter keep · esc back "
	if m.filterErr != "" {
		st, tail = InputBad, " "+m.filterErr+" "
	}
	room := right - left - 2
	text := cutTail(m.input, max(0, room-1))
	x = c.put(left, y, right, "/", Key)
	x = c.put(x, y, right, text, st)
	if free := right - x - 2; free > 8 {
		tail = fit(tail, free)
		c.put(right-cells(tail), y, right, tail, map[bool]Style{true: InputBad, false: Dim}[m.filterErr != ""])
	}
	return min(x, c.w-1), y
}
