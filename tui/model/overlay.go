package model

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// doOverlay answers actions while the help or the stack is open; done says that
// the action is not for the picture below.
func (m *Model) doOverlay(a Action) (intents []Intent, done bool) {
	step := map[Action]int{
		ActionUp: -1, ActionDown: 1, ActionPageUp: -10, ActionPageDown: 10, ActionHome: -1 << 30, ActionEnd: 1 << 30,
	}[a]
	switch a {
	case ActionQuit, ActionEscape, ActionEnter:
		m.show = screenMain
	case ActionLog:
		if m.show == screenLog {
			m.show = screenMain
		} else {
			m.show, m.scroll = screenLog, 0
		}
	case ActionHelp:
		if m.show == screenHelp {
			m.show = screenMain
		} else {
			m.show, m.scroll = screenHelp, 0
		}
	case ActionUp, ActionDown, ActionPageUp, ActionPageDown, ActionHome, ActionEnd:
		if m.show != screenStack {
			m.scroll = max(0, min(m.scroll+step, 1<<20))
		} else {
			m.frame = max(0, min(m.frame+step, 1<<20))
		}
	case ActionCopy, ActionEdit, ActionExport, ActionReport, ActionSnap:
		return m.wish(a, m.frameNow()), true
	case ActionFreeze, ActionScrubBack, ActionScrubForward, ActionEventBack, ActionEventForward:
		return nil, false
	case ActionNone:
	default:
		m.show = screenMain
		return nil, false
	}
	return nil, true
}

// doOverview answers actions while all targets are shown.
func (m *Model) doOverview(a Action) bool {
	n := len(m.shownTargets())
	switch a {
	case ActionQuit, ActionEscape, ActionOverview:
		m.show = screenMain
	case ActionEnter:
		m.show = screenMain
		m.goTo(m.chosen)
	case ActionUp, ActionPrevTarget:
		m.chosen--
	case ActionDown, ActionNextTarget:
		m.chosen++
	case ActionPageUp, ActionHome:
		m.chosen = 0
	case ActionPageDown, ActionEnd:
		m.chosen = n - 1
	default:
		return false
	}
	m.chosen = max(0, min(m.chosen, n-1))
	return true
}

// culpritFrame is the index of the culprit in the selected row's stack.
func (m *Model) culpritFrame(f *frame) int {
	r := m.selectedRow(f)
	if r == nil {
		return 0
	}
	function, file, line := r.culprit()
	i := slices.IndexFunc(r.stack(), func(s snapshot.Frame) bool {
		return s.Function == function && s.File == file && s.Line == line
	})
	return max(0, i)
}

// overlayFrame draws the border of a screen over all and returns its inside.
func overlayFrame(c *canvas, title string) rect {
	if c.w < 4 || c.h < 3 {
		return rect{0, 0, c.w, c.h}
	}
	for _, y := range []int{0, c.h - 1} {
		c.hline(0, y, c.w)
	}
	for y := range c.h {
		c.put(0, y, c.w, "│", Border)
		c.put(c.w-1, y, c.w, "│", Border)
	}
	for _, k := range []struct {
		x, y int
		s    string
	}{{0, 0, "┌"}, {c.w - 1, 0, "┐"}, {0, c.h - 1, "└"}, {c.w - 1, c.h - 1, "┘"}} {
		c.put(k.x, k.y, c.w, k.s, Border)
	}
	c.put(2, 0, c.w-2, " "+fit(title, c.w-6)+" ", Title)
	return rect{2, 1, c.w - 4, c.h - 2}
}

// drawHelp lists every key, and what the glyphs mean.
func (m *Model) drawHelp(c *canvas) {
	r := overlayFrame(c, "keys")
	type entry struct{ key, text string }
	var list []entry
	for _, b := range Bindings() {
		if b.Help == "" {
			list[len(list)-1].key += " " + b.Key
			continue
		}
		list = append(list, entry{b.Key, b.Help})
	}
	list = append(list, entry{"mouse", "click what is shown; wheel"}, entry{},
		entry{"▲ △ ?", "leak, suspect, growing"},
		entry{"~", "backlog: it goes away in the drain"},
		entry{"o", "churn: much made, nothing kept"},
		entry{"= ·", "plateau; stable or open"},
		entry{"── ··", "judged growth, its 95 % interval"},
		entry{"±95%", "half of it; blank: a plain fit"})
	const keyWidth = 17
	columns := max(1, min(2, r.w/48))
	perColumn := (len(list) + columns - 1) / columns
	m.scroll = max(0, min(m.scroll, perColumn-r.h))
	width := r.w / columns
	for i, e := range list {
		x, y := r.x+i/perColumn*width, r.y+i%perColumn-m.scroll
		if y < r.y || y >= r.bottom() {
			continue
		}
		area := rect{x, y, width - 1, 1}
		c.text(area, x, y, fit(e.key, keyWidth-1), Key)
		c.text(area, x+keyWidth, y, e.text, Normal)
	}
	m.closeHint(c, perColumn > r.h)
}

// closeHint says in the bottom border how to leave.
func (m *Model) closeHint(c *canvas, scrolls bool) {
	s := " esc close "
	if scrolls {
		s = " ↑↓ more · esc close "
	}
	if c.h > 2 && c.w > cells(s)+4 {
		c.put(c.w-2-cells(s), c.h-1, c.w-1, s, Key)
	}
	if m.notice.Text != "" && c.h > 2 {
		c.put(2, c.h-1, max(2, c.w-2-cells(s)), " "+fit(report.Printable(m.notice.Text), c.w-cells(s)-8)+" ", severityStyle(m.notice.Severity))
	}
}

// drawStack shows all that is known of the selected row: the facts, every frame
// with its place, and the source of the selected one.
func (m *Model) drawStack(c *canvas, f *frame) {
	row := m.selectedRow(f)
	if row == nil {
		m.show = screenMain
		m.drawMain(c, f)
		return
	}
	r := overlayFrame(c, report.Glyph(row.verdict)+" "+upper(report.Word(row.verdict))+"  "+row.name+" "+row.place)
	y := r.y
	for _, x := range m.facts(f, row) {
		lines := wrap(x.text, r.w-labelWidth)
		if len(lines) > 3 {
			lines = append(lines[:2], fit(lines[2], r.w-labelWidth-2)+" …")
		}
		for i, s := range lines {
			if y >= r.bottom()-2 {
				break
			}
			if i == 0 {
				c.text(r, r.x, y, x.label, Dim)
			}
			c.text(r, r.x+labelWidth, y, s, Normal)
			y++
		}
	}
	if row.root != "" && y < r.bottom()-2 {
		c.text(r, r.x, y, "root", Dim)
		c.text(r, r.x+labelWidth, y, row.root, Normal)
		y++
	}
	frames := row.stack()
	m.frame = max(0, min(m.frame, len(frames)-1))
	list := rect{r.x, y + 1, r.w, r.bottom() - y - 1}
	if y == r.y {
		list = rect{r.x, y, r.w, r.h}
	}
	if len(frames) > 0 {
		if lines, first := m.sourceAt(frames[m.frame].File, frames[m.frame].Line); len(lines) > 0 && list.h >= 10 {
			n := min(list.h/2, 9, len(lines))
			m.sourceLines(c, rect{r.x, list.bottom() - n, r.w, n}, lines, first, frames[m.frame].Line)
			list.h -= n + 1
		}
	}
	top := max(0, min(m.frame-list.h/2, len(frames)-list.h))
	for i := top; i < len(frames) && i < top+list.h; i++ {
		m.drawFrame(c, rect{list.x, list.y + i - top, list.w, 1}, f, frames[i], i == m.frame)
		m.hits = append(m.hits, hit{area: rect{list.x, list.y + i - top, list.w, 1}, kind: hitFrame, n: i})
	}
	m.closeHint(c, len(frames) > 1)
}

// drawFrame draws a frame of a stack: the user's own bright, others dim.
func (m *Model) drawFrame(c *canvas, r rect, f *frame, fr snapshot.Frame, selected bool) {
	st := Normal
	if series.Standard(fr) || series.Dependency(fr) {
		st = Dim
	}
	if selected {
		c.put(r.x, r.y, r.right(), ">", Title)
	}
	place := report.Place(fr.Function, fr.File, fr.Line, f.t.info.Module)
	name := report.Printable(fr.Function)
	room := r.w - 2 - 1 - cells(place)
	if room < cells(name) {
		name = report.ShortFunction(fr.Function)
	}
	if room < 8 {
		place, room = "", r.w-2
	}
	c.put(r.x+2, r.y, r.right(), fitMiddle(name, room), st)
	c.put(r.right()-cells(place), r.y, r.right(), place, Dim)
	if selected {
		c.restyle(r.x, r.y, r.w, func(s Style) Style { return s | Selected })
	}
}

// drawOverview lists all targets with their verdicts.
func (m *Model) drawOverview(c *canvas) {
	list := m.shownTargets()
	r := overlayFrame(c, report.Plural(float64(len(list)), "target"))
	m.chosen = max(0, min(m.chosen, len(list)-1))
	top := max(0, min(m.chosen-r.h/2, len(list)-r.h))
	for i := top; i < len(list) && i < top+r.h; i++ {
		y := r.y + i - top
		line := rect{r.x, y, r.w, 1}
		f := list[i].frameAt(m.cursor, m.mark)
		f.now = true
		name := list[i].name
		if n := list[i].info.Name; n != "" && n != name {
			name += " " + n
		}
		width := max(8, min(32, r.w/3))
		x := c.put(line.x, y, line.right(), map[bool]string{true: "> ", false: "  "}[i == m.chosen], Title)
		x = c.put(x, y, line.right(), padRight(report.Printable(name), width)+" ", Normal)
		trend := f.t.line.column(f.end, func(m *moment) float64 { return m.live })
		lo, hi := bounds(trend)
		curve := spark(trend, 12, 0.002*math.Max(math.Abs(lo), math.Abs(hi)))
		badge := m.badge(&f)
		if m.Frozen() {
			badge = (&Model{}).badge(&f)
		}
		verdict := verdictSpan(&f)
		if r.w >= 90 { // in columns
			verdict.Text, badge.Text, curve = padRight(verdict.Text, 22), padRight(badge.Text, 13), padRight(curve, 12)
		}
		pieces := []piece{
			{9, []Span{verdict}},
			{6, []Span{badge}},
			{4, []Span{{curve, Spark}}},
		}
		if last, ok := f.last(); ok && !math.IsNaN(last.live) {
			pieces = append(pieces, textPiece(3, report.Bytes(last.live), Number))
		}
		for k, s := range growthTexts(&f) {
			pieces = append(pieces, piece{7 - 6*k, []Span{s}})
		}
		pieces = append(pieces, textPiece(2, tally(&f), Normal), textPiece(1, forecast(&f), Number))
		c.flow(rect{x, y, line.right() - x, 1}, y, 2, pieces...)
		if i == m.chosen {
			c.restyle(line.x, y, line.w, func(s Style) Style { return s | Selected })
		}
		m.hits = append(m.hits, hit{area: line, kind: hitTarget, n: i})
	}
	if len(list) == 0 {
		c.text(r, r.x, r.y, "no target yet", Dim)
	}
	m.closeHint(c, len(list) > 1)
}
