package model

import "strings"

// cell is one column of a row. A wide character fills a cell and leaves the
// next one to continue it.
type cell struct {
	text      string // a grapheme cluster; "" in a continued cell
	style     Style
	continued bool
}

// canvas is what a screen is drawn on. Whatever is put on it, and wherever,
// every row stays exactly as wide as the canvas.
type canvas struct {
	w, h  int
	cells []cell
}

func newCanvas(w, h int) *canvas {
	c := &canvas{w: w, h: h, cells: make([]cell, w*h)}
	for i := range c.cells {
		c.cells[i].text = " "
	}
	return c
}

// rect is a part of a canvas.
type rect struct{ x, y, w, h int }

func (r rect) right() int  { return r.x + r.w }
func (r rect) bottom() int { return r.y + r.h }
func (r rect) has(x, y int) bool {
	return x >= r.x && x < r.right() && y >= r.y && y < r.bottom()
}

// put writes s at (x, y), not beyond column limit, and returns the column
// after it. A character of which only a half would be seen is left out.
func (c *canvas) put(x, y, limit int, s string, st Style) int {
	limit = min(limit, c.w)
	if y < 0 || y >= c.h {
		return x + cells(s)
	}
	row := c.cells[y*c.w : (y+1)*c.w]
	for len(s) > 0 {
		cluster, rest, w := next(s)
		s = rest
		if w == 0 {
			continue
		}
		if x+w > limit {
			break
		}
		if x >= 0 {
			c.set(row, x, w, cluster, st)
		}
		x += w
	}
	return x
}

// set fills w cells with a cluster and mends wide characters that it halves.
func (c *canvas) set(row []cell, x, w int, cluster string, st Style) {
	if row[x].continued {
		for i := x - 1; i >= 0; i-- {
			was := row[i].continued
			row[i].text, row[i].continued = " ", false
			if !was {
				break
			}
		}
	}
	end := x + w
	for end < c.w && row[end].continued {
		row[end] = cell{text: " ", style: row[end].style}
		end++
	}
	row[x] = cell{text: cluster, style: st}
	for i := x + 1; i < x+w; i++ {
		row[i] = cell{style: st, continued: true}
	}
}

// text writes s at (x, y) inside r, shortened at its end to fit.
func (c *canvas) text(r rect, x, y int, s string, st Style) int {
	if y < r.y || y >= r.bottom() {
		return x
	}
	return c.put(x, y, r.right(), fit(s, r.right()-x), st)
}

// spans writes spans one after another inside r, the last that fits shortened.
func (c *canvas) spans(r rect, x, y int, spans ...Span) int {
	for _, s := range spans {
		if x >= r.right() {
			break
		}
		x = c.text(r, x, y, s.Text, s.Style)
	}
	return x
}

// at is the cell's text, "" outside.
func (c *canvas) at(x, y int) string {
	if x < 0 || x >= c.w || y < 0 || y >= c.h {
		return ""
	}
	return c.cells[y*c.w+x].text
}

// restyle changes the style of n cells.
func (c *canvas) restyle(x, y, n int, change func(Style) Style) {
	if y < 0 || y >= c.h {
		return
	}
	for i := max(0, x); i < min(c.w, x+n); i++ {
		c.cells[y*c.w+i].style = change(c.cells[y*c.w+i].style)
	}
}

// hline draws a border of the frame, from x to the column before limit.
func (c *canvas) hline(x, y, limit int) {
	for ; x < min(limit, c.w); x++ {
		c.put(x, y, limit, "─", Border)
	}
}

// rows gathers cells of one style into spans.
func (c *canvas) rows() []Row {
	rows := make([]Row, c.h)
	var b strings.Builder
	for y := range c.h {
		row := c.cells[y*c.w : (y+1)*c.w]
		for x := 0; x < c.w; {
			from := x
			b.Reset()
			for x < c.w && row[x].style == row[from].style {
				b.WriteString(row[x].text)
				x++
			}
			rows[y] = append(rows[y], Span{b.String(), row[from].style})
		}
	}
	return rows
}
