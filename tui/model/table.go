package model

import (
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/report"
)

// tableTitle is what stands in the border over the table.
func (m *Model) tableTitle(f *frame, visible int) []piece {
	rows, total := m.rowsNow(f)
	tb := &m.tables[m.tab]
	name := map[tab]string{tabHeap: "SITES", tabGoroutines: "GOROUTINES"}[m.tab]
	arrow := "▼"
	if tb.rev {
		arrow = "▲"
	}
	pieces := []piece{{9, []Span{{name, Title}, {" by " + sortName(tb.sort, f, m.tab) + " " + arrow, Title}}}}
	if f.mark >= 0 {
		ms := f.t.line.moments
		pieces = append(pieces, textPiece(8, "since "+clockTime(ms[f.mark].at.Sub(f.t.first)), EventMark))
	}
	from, to := tb.top+1, min(len(rows), tb.top+visible)
	count := "none"
	if to >= from && len(rows) > 0 {
		count = fmt.Sprintf("%d–%d of %s", from, to, report.Count(float64(len(rows))))
	}
	if len(rows) != total {
		count += " (" + report.Count(float64(total)) + ")"
	}
	pieces = append(pieces, textPiece(5, "· "+count, Dim))
	filter := "none"
	text := m.filterText
	if m.typing {
		text = m.input
	}
	if text != "" {
		filter = text
	}
	switch {
	case m.typing && m.filterErr != "":
		pieces = append(pieces, textPiece(7, "· filter: "+m.filterErr, InputBad))
	case text != "":
		pieces = append(pieces, textPiece(7, "· filter: "+filter, Input))
	default:
		pieces = append(pieces, textPiece(1, "· filter: none", Dim))
	}
	if m.follow {
		pieces = append(pieces, textPiece(2, "· following", Dim))
	}
	return pieces
}

func sortName(c column, f *frame, t tab) string {
	switch c {
	case colVerdict:
		return "verdict"
	case colCulprit:
		return "culprit"
	case colWaits:
		return "wait"
	case colLive:
		return "live"
	case colCount:
		return "count"
	}
	return c.header(f, t)
}

// drawTable draws the header and the rows into r and notes where they are for
// the mouse.
func (m *Model) drawTable(c *canvas, r rect, f *frame, header bool) {
	rows, _ := m.rowsNow(f)
	tb := &m.tables[m.tab]
	cols, widths := shown(columns(m.tab, f.mark >= 0), r.w-2)
	y := r.y
	if header {
		x := r.x + 1
		for i, col := range cols {
			text, st := col.header(f, m.tab), Header
			if col == tb.sort {
				arrow := "▼"
				if tb.rev {
					arrow = "▲"
				}
				if st = Sorted; col.left() {
					text += " " + arrow
				} else {
					text = arrow + " " + text
				}
			}
			m.cell(c, x, y, widths[i], text, st, col.left())
			if col.sortable() {
				m.hits = append(m.hits, hit{area: rect{x, y, widths[i], 1}, kind: hitColumn, n: int(col)})
			}
			x += widths[i]
		}
		y++
	}
	visible := r.bottom() - y
	m.keepInView(visible)
	for i := tb.top; i < len(rows) && y < r.bottom(); i++ {
		m.drawRow(c, rect{r.x, y, r.w, 1}, f, rows[i], cols, widths, i == tb.at)
		m.hits = append(m.hits, hit{area: rect{r.x, y, r.w, 1}, kind: hitRow, n: i})
		y++
	}
	if len(rows) == 0 && visible > 0 {
		text := "nothing yet"
		switch {
		case m.filter != nil:
			text = "no row matches the filter"
		case f.end > 0 && m.tab == tabHeap:
			text = "no site: the heap profile has no samples"
		case f.end > 0:
			text = "no goroutine profile"
		}
		c.text(r, r.x+1, y, text, Dim)
	}
}

// keepInView moves the table so that the selection is seen.
func (m *Model) keepInView(visible int) {
	tb, n := &m.tables[m.tab], len(m.rows.rows)
	m.page = max(1, visible)
	if tb.at < tb.top {
		tb.top = tb.at
	}
	if visible > 0 && tb.at >= tb.top+visible {
		tb.top = tb.at - visible + 1
	}
	tb.top = max(0, min(tb.top, n-visible))
}

// cell writes text into a column; what is not left-aligned keeps a blank before
// it.
func (m *Model) cell(c *canvas, x, y, width int, text string, st Style, left bool) {
	if width <= 0 {
		return
	}
	if left {
		c.put(x, y, x+width, fit(text, width-1), st)
		return
	}
	c.put(x, y, x+width, " "+padLeft(text, width-1), st)
}

func (m *Model) drawRow(c *canvas, r rect, f *frame, row *row, cols []column, widths []int, selected bool) {
	x := r.x
	if selected {
		c.put(x, r.y, r.right(), ">", Title)
	}
	x++
	for i, col := range cols {
		switch w := widths[i]; col {
		case colVerdict:
			text := col.text(row, f, m.tab)
			if w <= 2 {
				text = report.Glyph(row.verdict)
			}
			c.put(x, r.y, x+w, fit(text, w), styleOf(row.verdict))
		case colCulprit:
			wait := ""
			if m.tab == tabHeap {
				wait = row.wait
			}
			st := Normal
			if row.verdict == "" {
				st = Dim
			}
			c.put(x, r.y, x+w, fitCulprit(row.name, row.place, wait, w-1), st)
		case colTrend:
			v := row.trend(f)
			lo, hi := bounds(v)
			c.put(x, r.y, x+w, spark(v, w-2, 0.002*math.Max(math.Abs(lo), math.Abs(hi))), Spark)
		default:
			st := Number
			if col == colBand || row.verdict == "" {
				st = Dim
			}
			m.cell(c, x, r.y, w, col.text(row, f, m.tab), st, col.left())
		}
		x += widths[i]
	}
	if selected {
		c.restyle(r.x, r.y, r.w, func(s Style) Style { return s | Selected })
	}
}
