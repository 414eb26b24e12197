package model

import (
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// maxSide bounds a screen: a size beyond it is a mistake of the terminal.
const maxSide = 1000

// View draws the picture. Every row is exactly width cells wide, for any size
// from 1 × 1; sizes below that give an empty screen. It changes nothing but
// where the mouse hits and how the table is scrolled.
func (m *Model) View(width, height int) Screen {
	width, height = max(0, min(width, maxSide)), max(0, min(height, maxSide))
	s := Screen{Width: width, Height: height, CursorX: -1, CursorY: -1}
	if width == 0 || height == 0 {
		return s
	}
	m.w, m.h = width, height
	m.hits = m.hits[:0]
	c := newCanvas(width, height)
	f := m.frameNow()
	switch m.show {
	case screenHelp:
		m.drawHelp(c)
	case screenLog:
		m.drawLog(c, f)
	case screenOverview:
		m.drawOverview(c)
	case screenStack:
		m.drawStack(c, f)
	default:
		m.drawMain(c, f)
	}
	if m.typing && m.show == screenMain {
		s.CursorX, s.CursorY = m.drawInput(c)
	}
	s.Rows = c.rows()
	return s
}

// plan of the main picture: how many rows each part has. 0 leaves it out.
type layout struct {
	framed  bool
	header  int  // lines
	spark   bool // the live heap in one line instead of a chart
	chart   int  // lines with the axis
	columns bool // header of the table
	rows    int
	detail  int
	footer  bool
}

// layoutOf shares the height out. At 110 × 32 and up it is the whole picture;
// what is lost first, as it gets lower, is the detail, then the chart, then the
// frame.
func layoutOf(w, h int) layout {
	if w < 30 || h < 6 {
		l := layout{header: min(h, 2), rows: max(0, h-3), spark: h >= 3}
		if h >= 9 {
			l.footer, l.rows = true, l.rows-1
		}
		return l
	}
	l := layout{framed: true, footer: true, header: 1}
	if h < 12 {
		if h >= 9 {
			l.header = 2
		}
		l.spark = true
		l.rows = h - 1 - l.header - 1 - 1 - 1
		if l.rows >= 5 {
			l.columns, l.rows = true, l.rows-1
		}
		return l
	}
	if l.header = 2; h >= 18 {
		l.header = 3
	}
	l.columns = true
	rest := h - 1 - l.header - 1 - 1 - 1 - 1 // borders, columns, footer
	if h < 20 {
		l.chart = max(3, rest/2)
		l.rows = rest - l.chart
		return l
	}
	rest-- // border of the detail
	l.detail, l.chart = 4, 6
	if extra := rest - 15; extra > 0 {
		l.chart += extra * 2 / 5
		l.detail += min(6, extra/5)
	} else {
		l.detail = max(2, l.detail+extra)
	}
	l.rows = rest - l.detail - l.chart
	return l
}

// drawMain draws the dashboard.
func (m *Model) drawMain(c *canvas, f *frame) {
	l := layoutOf(c.w, c.h)
	if !l.framed {
		m.drawSmall(c, f, l)
		return
	}
	inner := rect{2, 0, c.w - 4, c.h}
	line := func(y int) rect { return rect{inner.x, y, inner.w, 1} }
	for y := range c.h {
		c.put(0, y, c.w, "│", Border)
		c.put(c.w-1, y, c.w, "│", Border)
	}
	y := 0
	m.top(c, f, y)
	y++
	for i := range l.header {
		switch i {
		case 0:
			m.verdictLine(c, line(y), f)
		case 1:
			if l.spark && f.res != nil && f.res.Forecast != nil {
				c.flow(line(y), y, 2, textPiece(9, shorten(forecast(f), inner.w), Number), textPiece(8, tally(f), Normal))
				break
			}
			m.loadLine(c, line(y), f)
		default:
			m.powerLine(c, line(y), f)
		}
		y++
	}
	split := 0
	if l.chart > 0 {
		split = m.drawUpper(c, f, y, l.chart)
		y += 1 + l.chart
	} else if l.spark {
		m.sparkLine(c, line(y), f)
		y++
	}
	tableBorder := y
	m.border(c, y)
	if split > 0 {
		c.put(split, y, c.w, "┴", Border)
	}
	y++
	rows := rect{1, y, c.w - 2, l.rows}
	if l.columns {
		rows.h++
	}
	m.drawTable(c, rows, f, l.columns)
	title := m.tableTitle(f, l.rows)
	x := c.flowInBorder(tableBorder, 2, c.w-2, title...)
	m.otherTab(c, tableBorder, x)
	y += rows.h
	if l.detail > 0 {
		m.border(c, y)
		name := "DETAIL"
		if r := m.selectedRow(f); r != nil {
			name += " " + r.name
		}
		c.flowInBorder(y, 2, c.w-2, textPiece(9, fit(name, c.w-8), Title))
		y++
		m.detail(c, rect{inner.x, y, inner.w, l.detail}, f)
	}
	m.footer(c, f, c.h-1)
}

// border draws a line across with its ends.
func (m *Model) border(c *canvas, y int) {
	c.hline(0, y, c.w)
	c.put(0, y, c.w, "├", Border)
	c.put(c.w-1, y, c.w, "┤", Border)
}

// flowInBorder writes pieces into a border, a blank around them, and returns the
// column after.
func (c *canvas) flowInBorder(y, x, limit int, pieces ...piece) int {
	if limit-x < 4 {
		return x
	}
	fitted := fitPieces(pieces, limit-x-2, 1)
	if len(fitted) == 0 {
		return x
	}
	x = c.put(x, y, limit, " ", Border)
	for _, p := range fitted {
		x = c.spans(rect{x, y, limit - x - 1, 1}, x, y, p.spans...)
		x = c.put(x, y, limit, " ", Border)
	}
	return x
}

// otherTab names the table that is not shown, for the mouse.
func (m *Model) otherTab(c *canvas, y, from int) {
	word := " tab goroutines "
	if m.tab == tabGoroutines {
		word = " tab heap "
	}
	x := c.w - 2 - cells(word)
	if x < from+2 {
		return
	}
	c.put(x, y, c.w-1, word, Dim)
	m.hits = append(m.hits, hit{area: rect{x, y, cells(word), 1}, kind: hitAction, n: int(ActionTab)})
}

// panelWidth of the runtime gauges, with their border; 0 where there is no room
// for them.
func panelWidth(w int) int {
	switch {
	case w >= 180:
		return 44
	case w >= 100:
		return 34
	case w >= 72:
		return 29
	case w >= 56:
		return 22
	}
	return 0
}

// drawUpper draws the chart and the gauges below a border at y, and returns the
// column of the line between them, 0 for none.
func (m *Model) drawUpper(c *canvas, f *frame, y, height int) (split int) {
	m.border(c, y)
	width := c.w - 2
	if p := panelWidth(c.w); p > 0 {
		split = c.w - 1 - p
		width = split - 1
		c.put(split, y, c.w, "┬", Border)
		for i := range height {
			c.put(split, y+1+i, c.w, "│", Border)
		}
		c.flowInBorder(y, split+2, c.w-2, textPiece(1, "RUNTIME", Title))
		runtimePanel(c, rect{split + 2, y + 1, p - 3, height}, f)
	}
	area := rect{2, y + 1, width - 1, height}
	title := "LIVE HEAP after GC"
	if g := newChart(f, area); g != nil {
		title = g.title()
		g.draw(c, area)
		m.chartSpan = g.plot.x1
		m.hits = append(m.hits, hit{area: rect{g.plot.area.x, area.y, g.plot.area.w, area.h}, kind: hitChart})
	} else {
		c.text(area, area.x, area.y+height/2, m.waiting(f), Dim)
	}
	limit := c.w - 2
	if split > 0 {
		limit = split
	}
	pieces := []piece{textPiece(9, title, Title)}
	if e, ok := m.latestEvent(f); ok {
		text := "◆ " + clockTime(e.Time.Sub(f.t.first)) + " " + e.Text
		if f.t.first.IsZero() {
			text = "◆ " + e.Text
		}
		room := limit - 2 - cells(title) - 6
		if room > 12 {
			pieces = append(pieces, textPiece(1, "─", Border), textPiece(5, fit(text, room), severityStyle(e.Severity)))
		}
	}
	c.flowInBorder(y, 2, limit, pieces...)
	return split
}

// latestEvent up to the moment that is shown.
func (m *Model) latestEvent(f *frame) (Event, bool) {
	for i := len(f.t.events) - 1; i >= 0; i-- {
		if e := f.t.events[i]; f.now || !e.Time.After(f.at) || e.Time.Equal(m.cursor) {
			return e, true
		}
	}
	return Event{}, false
}

func severityStyle(s Severity) Style {
	switch s {
	case Warning:
		return Warning1
	case Alarm:
		return Alarm1
	}
	return Info1
}

// sparkLine is the chart in one line.
func (m *Model) sparkLine(c *canvas, r rect, f *frame) {
	last, ok := f.last()
	if !ok {
		c.text(r, r.x, r.y, m.waiting(f), Dim)
		return
	}
	x := c.put(r.x, r.y, r.right(), "heap ", Dim)
	x = c.put(x, r.y, r.right(), report.Bytes(last.live)+" ", Number)
	gs := gauges(f)
	right := ""
	if len(gs) > 0 && gs[0].name == "RSS" && r.w > 50 {
		right = " RSS " + gs[0].value
	}
	live := f.t.line.column(f.end, func(m *moment) float64 { return m.live })
	lo, hi := bounds(live)
	x = c.put(x, r.y, r.right(), spark(live, r.right()-x-cells(right), 0.002*max(lo, hi)), Heap)
	c.put(x, r.y, r.right(), right, Normal)
}

// drawSmall is the picture without a frame, for a corner of a screen.
func (m *Model) drawSmall(c *canvas, f *frame, l layout) {
	badge := m.badge(f)
	line := rect{0, 0, c.w, 1}
	c.flow(line, 0, 1, piece{9, []Span{verdictSpan(f)}}, piece{5, []Span{badge}})
	y := 1
	if l.header > 1 {
		var pieces []piece
		for i, s := range growthTexts(f) {
			s.Text = shorten(s.Text, c.w)
			pieces = append(pieces, piece{9 - i, []Span{s}})
		}
		if len(pieces) == 0 {
			pieces = append(pieces, textPiece(9, m.waiting(f), Dim))
		}
		c.flow(rect{0, y, c.w, 1}, y, 2, pieces...)
		y++
	}
	if l.spark {
		m.sparkLine(c, rect{0, y, c.w, 1}, f)
		y++
	}
	if l.rows > 0 {
		m.drawTable(c, rect{0, y, c.w, l.rows}, f, false)
	}
	if l.footer {
		m.footer(c, f, c.h-1)
	}
}
