package model

import (
	"math"
	"time"
)

// chart of the live heap: axes, phases, events, the curve with its fit.
type chart struct {
	f    *frame
	plot *plot
	unit float64
	name string // of the unit
}

// chartUnit is the unit that a largest value is shown in.
func chartUnit(v float64) (size float64, name string) {
	size, name = 1, "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024*size {
			break
		}
		size, name = size*1024, u
	}
	return size, name
}

// newChart lays a chart out over area, of which the last row is the axis. It is
// nil where there is nothing to draw or no room.
func newChart(f *frame, area rect) *chart {
	all := f.t.line.moments
	live := make([]float64, len(all))
	for i := range all {
		live[i] = all[i].live
	}
	lo, hi := bounds(live)
	if math.IsNaN(lo) || area.w < 12 || area.h < 2 {
		return nil
	}
	g := &chart{f: f}
	g.unit, g.name = chartUnit(hi)
	last := all[len(all)-1].seconds
	x1 := last
	if fit := f.fit(); fit != nil && f.now {
		x1 += 0.05 * last // where the fit goes on to
		lo, hi = math.Min(lo, fit.at(last, fit.Estimate)), math.Max(hi, math.Min(fit.at(x1, fit.Estimate), 2*hi))
	}
	if margin := math.Max(0.04*(hi-lo), 0.004*hi); hi-lo < 2*margin {
		lo, hi = lo-2*margin, hi+2*margin
	} else {
		lo, hi = lo-margin/2, hi+margin/2
	}
	lo = math.Max(0, lo)
	if !(x1 > 0) {
		x1 = 1
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	labels := 0
	for _, y := range niceTicks(lo/g.unit, hi/g.unit, max(2, (area.h-1)*3/4)) {
		labels = max(labels, len(y.label))
	}
	inner := rect{area.x + labels + 1, area.y, area.w - labels - 1, area.h - 1}
	if inner.w < 6 {
		return nil
	}
	g.plot = newPlot(inner, 0, x1, lo, hi)
	return g
}

// title of the chart, with its unit.
func (g *chart) title() string { return "LIVE HEAP after GC (" + g.name + ")" }

// draw puts the chart on the canvas.
func (g *chart) draw(c *canvas, area rect) {
	g.axes(c, area)
	g.curves()
	g.plot.draw(c)
	g.phases(c)
	g.marks(c, area.bottom()-1)
	g.legend(c)
}

// axes with ticks: y at the left, time below.
func (g *chart) axes(c *canvas, area rect) {
	p := g.plot
	edge := p.area.x - 1
	for y := area.y; y < area.bottom()-1; y++ {
		c.put(edge, y, area.right(), "┤", Axis)
	}
	for _, t := range niceTicks(p.y0/g.unit, p.y1/g.unit, max(2, p.area.h*3/4)) {
		l := int(math.Round(p.line(t.value * g.unit)))
		if l < 0 || l >= 4*p.area.h {
			continue
		}
		y := area.y + l/4
		if c.at(edge-1, y) == " " {
			c.put(edge-len(t.label), y, edge, t.label, Axis)
		}
	}
	bottom := area.bottom() - 1
	c.put(edge, bottom, area.right(), "┴", Axis)
	for x := p.area.x; x < area.right(); x++ {
		c.put(x, bottom, area.right(), "─", Axis)
	}
	unit, size := timeUnit(p.x1)
	word := " " + unit + " ▸"
	end := area.right() - cells(word)
	c.put(end, bottom, area.right(), word, Axis)
	free := p.area.x
	for _, t := range timeTicks(p.x1/size, max(2, p.area.w/9)) {
		x := p.area.x + int(p.column(t.value*size))/2
		if x < free || x+len(t.label) >= end {
			continue
		}
		c.put(x, bottom, end, t.label, Axis)
		free = x + len(t.label) + 1
	}
}

// curves draws the live heap, then what of the fit and its band it leaves free.
func (g *chart) curves() {
	all, p := g.f.t.line.moments, g.plot
	prev := -1
	for i := range all {
		if math.IsNaN(all[i].live) {
			continue
		}
		st := Heap
		if i >= g.f.end {
			st = Dim
		}
		if prev >= 0 && all[prev].piece == all[i].piece {
			p.stroke(all[prev].seconds, all[prev].live, all[i].seconds, all[i].live, 1, st)
		} else {
			p.stroke(all[i].seconds, all[i].live, all[i].seconds, all[i].live, 1, st)
		}
		prev = i
	}
	if fit := g.f.fit(); fit != nil {
		p.stroke(fit.from, fit.at(fit.from, fit.Estimate), p.x1, fit.at(p.x1, fit.Estimate), 2, Fit)
		for _, slope := range []float64{fit.Lo, fit.Hi} {
			p.stroke(fit.from, fit.at(fit.from, slope), p.x1, fit.at(p.x1, slope), 4, Band)
		}
	}
}

// phases draws a dotted line where one begins, and its name where there is
// room.
func (g *chart) phases(c *canvas) {
	all, p := g.f.t.line.moments, g.plot
	type begin struct {
		x    int
		name string
	}
	var starts []begin
	for i := range all {
		if all[i].phase == "" || i > 0 && all[i].phase == all[i-1].phase && all[i].pass == all[i-1].pass {
			continue
		}
		at := all[i].seconds
		if i > 0 {
			at = (at + all[i-1].seconds) / 2
		}
		starts = append(starts, begin{p.area.x + int(p.column(at))/2, phaseName(all[i].phase, all[i].pass, g.f.t.passes())})
	}
	for i, s := range starts {
		if i > 0 && s.x > starts[i-1].x {
			for y := p.area.y; y < p.area.bottom(); y++ {
				if c.at(s.x, y) == " " {
					c.put(s.x, y, p.area.right(), "┊", Axis)
				}
			}
		}
	}
	for i, s := range starts {
		end := p.area.right()
		if i+1 < len(starts) {
			end = starts[i+1].x
		}
		x := s.x + 1
		if i == 0 {
			x = s.x
		}
		g.label(c, rect{x, p.area.y, end - x, p.area.h}, s.name, Axis, false)
	}
}

// label writes a word in the first row of r, or the last, that has room for it
// at the left, or, right, at its right end.
func (g *chart) label(c *canvas, r rect, word string, st Style, right bool) bool {
	w := cells(word)
	if w >= r.w {
		return false
	}
	x := r.x
	if right {
		x = r.right() - w
	}
	for _, y := range []int{r.y, r.bottom() - 1} {
		free := true
		for i := x - 1; i <= x+w && free; i++ {
			s := c.at(i, y)
			free = s == " " || (i == x-1 || i == x+w) && (s == "┊" || s == "┤")
		}
		if free {
			c.put(x, y, r.right(), word, st)
			return true
		}
	}
	return false
}

// marks puts events on the axis, and the cursor and the marked moment over the
// whole height.
func (g *chart) marks(c *canvas, bottom int) {
	p, t := g.plot, g.f.t
	at := func(when time.Time) (int, bool) {
		s := when.Sub(t.first).Seconds()
		x := p.area.x + int(p.column(s))/2
		return x, s >= 0 && x >= p.area.x && x < p.area.right()
	}
	for _, e := range t.events {
		if x, ok := at(e.Time); ok {
			st := EventMark
			if e.Severity == Alarm {
				st = Alarm1
			}
			for _, d := range []int{0, -1, 1, -2, 2, -3, -4, -5, -6, -7, -8} { // beside a label rather than over it
				if s := c.at(x+d, bottom); x+d >= p.area.x && (s == "─" || s == "◆") {
					x += d
					break
				}
			}
			c.put(x, bottom, p.area.right(), "◆", st)
		}
	}
	line := func(when time.Time, glyph string, st Style) {
		x, ok := at(when)
		if !ok {
			return
		}
		for y := p.area.y; y < p.area.bottom(); y++ {
			if s := c.at(x, y); s == " " || s == "┊" {
				c.put(x, y, p.area.right(), "│", st)
			}
		}
		c.put(x, bottom, p.area.right(), glyph, st)
	}
	if m := g.f.mark; m >= 0 && m < g.f.end {
		line(t.line.moments[m].at, "◇", EventMark)
	}
	if !g.f.now {
		line(g.f.at, "▲", Title)
	}
}

// legend says what the lines are, where nothing is drawn.
func (g *chart) legend(c *canvas) {
	p := g.plot
	words := []Span{}
	if g.f.fit() != nil {
		words = append(words, Span{"── fit", Fit}, Span{"  ", Normal}, Span{"·· band", Band}, Span{"  ", Normal})
	}
	if len(g.f.t.events) > 0 {
		words = append(words, Span{"◆ event", EventMark})
	}
	w := 0
	for _, s := range words {
		w += cells(s.Text)
	}
	if w == 0 || w+2 > p.area.w {
		return
	}
	for _, y := range []int{p.area.bottom() - 1, p.area.bottom() - 2, p.area.y, p.area.y + 1} {
		for _, x := range []int{p.area.right() - w - 1, p.area.x + p.area.w/2 - w/2, p.area.x + 1} {
			if y < p.area.y || y >= p.area.bottom() || x < p.area.x {
				continue
			}
			free := true
			for i := x - 1; i <= x+w && free; i++ {
				s := c.at(i, y)
				free = s == " " || s == "┊" || i >= p.area.right()
			}
			if free {
				c.spans(p.area, x, y, words...)
				return
			}
		}
	}
}
