package model

import (
	"math"
	"strconv"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// plot is a rectangle of braille cells over a part of the plane: two dots wide
// and four high in each cell.
type plot struct {
	area           rect
	x0, x1, y0, y1 float64
	dots           []byte
	style          []Style
}

func newPlot(area rect, x0, x1, y0, y1 float64) *plot {
	n := area.w * area.h
	return &plot{area: area, x0: x0, x1: x1, y0: y0, y1: y1, dots: make([]byte, n), style: make([]Style, n)}
}

// column and line are the dot of a point; they may lie outside.
func (p *plot) column(x float64) float64 {
	return (x - p.x0) / (p.x1 - p.x0) * float64(2*p.area.w-1)
}

func (p *plot) line(y float64) float64 {
	return (p.y1 - y) / (p.y1 - p.y0) * float64(4*p.area.h-1)
}

// set puts a dot. A cell has one style: the first that came.
func (p *plot) set(col, line int, st Style) {
	if col < 0 || line < 0 || col >= 2*p.area.w || line >= 4*p.area.h {
		return
	}
	i := line/4*p.area.w + col/2
	if p.dots[i] != 0 && p.style[i] != st {
		return
	}
	p.dots[i] |= dot(col%2, line%4)
	p.style[i] = st
}

// stroke draws from one point to another; every says how many columns to leave
// out between dots: 1 is a solid line.
func (p *plot) stroke(xa, ya, xb, yb float64, every int, st Style) {
	ca, la, cb, lb := p.column(xa), p.line(ya), p.column(xb), p.line(yb)
	if math.IsNaN(ca+la+cb+lb) || math.IsInf(ca+la+cb+lb, 0) {
		return
	}
	if cb < ca {
		ca, la, cb, lb = cb, lb, ca, la
	}
	from, to := math.Max(math.Round(ca), -1), math.Min(math.Round(cb), float64(2*p.area.w))
	height := float64(4 * p.area.h)
	at := func(c float64) float64 {
		if cb == ca {
			return la
		}
		return math.Max(-2, math.Min(height+1, la+(lb-la)*(c-ca)/(cb-ca)))
	}
	for c := from; c <= to; c++ {
		if int(c)%every != 0 {
			continue
		}
		l := math.Round(at(math.Max(ca, math.Min(cb, c))))
		p.set(int(c), int(l), st)
		if every > 1 {
			continue
		}
		end := math.Round(at(math.Max(ca, math.Min(cb, c+1)))) // a steep line has no gaps
		if c == to {
			end = math.Max(-2, math.Min(height+1, math.Round(lb)))
			p.set(int(c), int(end), st)
		}
		for ; l < end-1; l++ {
			p.set(int(c), int(l+1), st)
		}
		for ; l > end+1; l-- {
			p.set(int(c), int(l-1), st)
		}
	}
}

// draw writes the dots on a canvas.
func (p *plot) draw(c *canvas) {
	for i, d := range p.dots {
		if d != 0 {
			c.put(p.area.x+i%p.area.w, p.area.y+i/p.area.w, p.area.right(), braille(d), p.style[i])
		}
	}
}

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

// fitLine is the judged line through the live heap over time.
type fitLine struct {
	stats.Interval         // bytes per unit of work
	from           float64 // seconds of the first judged moment
	meanWork       float64
	meanLive       float64
	x              func(seconds float64) float64 // seconds to work
}

// at is the height of a line of the given slope through the centre.
func (z *fitLine) at(seconds, slope float64) float64 {
	return z.meanLive + slope*(z.x(seconds)-z.meanWork)
}

// fit of the live heap as judged; nil where it is not known.
func (f *frame) fit() *fitLine {
	if f.res == nil {
		return nil
	}
	total := f.res.Total("live_bytes")
	if total == nil || total.Verdict == detect.Unknown && f.res.Verdict != detect.RunLeak && f.res.Judged < 3 {
		return nil
	}
	i := along(f.res, total.PerOp, total.PerSecond)
	if i == nil || !i.Finite() {
		return nil
	}
	hasOps := f.res.HasOps
	at := f.tail(func(m *moment) bool { return !math.IsNaN(m.live) && !math.IsNaN(work(m, hasOps)) })
	if len(at) < 3 {
		return nil
	}
	ms := f.moments()
	z := &fitLine{Interval: *i, from: ms[at[0]].seconds}
	for _, k := range at {
		z.meanWork += work(&ms[k], hasOps) / float64(len(at))
		z.meanLive += ms[k].live / float64(len(at))
	}
	z.x = func(seconds float64) float64 { return interpolate(ms, at, seconds, hasOps) }
	return z
}

// interpolate gives the work at a time, from the moments at at; beyond their
// ends at the mean rate.
func interpolate(ms []moment, at []int, seconds float64, hasOps bool) float64 {
	first, last := &ms[at[0]], &ms[at[len(at)-1]]
	if d := last.seconds - first.seconds; seconds <= first.seconds || seconds >= last.seconds {
		near := first
		if seconds >= last.seconds {
			near = last
		}
		if !(d > 0) {
			return work(near, hasOps)
		}
		return work(near, hasOps) + (seconds-near.seconds)*(work(last, hasOps)-work(first, hasOps))/d
	}
	lo, hi := 0, len(at)-1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; ms[at[mid]].seconds <= seconds {
			lo = mid
		} else {
			hi = mid
		}
	}
	a, b := &ms[at[lo]], &ms[at[hi]]
	if !(b.seconds > a.seconds) {
		return work(a, hasOps)
	}
	return work(a, hasOps) + (seconds-a.seconds)/(b.seconds-a.seconds)*(work(b, hasOps)-work(a, hasOps))
}

// tick of an axis.
type tick struct {
	value float64
	label string
}

// niceTicks are at most n round values in [lo, hi]: multiples
// of 1, 2, 2.5 or 5 times a power of ten.
func niceTicks(lo, hi float64, n int) []tick {
	span := hi - lo
	if !(span > 0) || math.IsInf(span, 0) || n < 1 {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for {
		for _, k := range []float64{1, 2, 2.5, 5} {
			step := k * power
			first := math.Ceil(lo/step - 1e-9)
			count := int(math.Floor(hi/step+1e-9)-first) + 1
			if count > n {
				continue
			}
			if count < 1 {
				return nil
			}
			decimals := 0
			for s := step; decimals < 9 && math.Abs(s-math.Round(s)) > 1e-6*s; s *= 10 {
				decimals++
			}
			out := make([]tick, 0, count)
			for i := range count {
				v := (first + float64(i)) * step
				out = append(out, tick{v, group(strconv.FormatFloat(v, 'f', decimals, 64), v)})
			}
			return out
		}
		power *= 10
	}
}

// group separates thousands where there are some.
func group(s string, v float64) string {
	if math.Abs(v) >= 1000 && v == math.Trunc(v) {
		return report.Count(v)
	}
	return s
}

// timeUnit is what a span of seconds is counted in.
func timeUnit(span float64) (name string, seconds float64) {
	switch {
	case span < 150:
		return "s", 1
	case span < 2.5*3600:
		return "min", 60
	case span < 60*3600:
		return "h", 3600
	}
	return "d", 24 * 3600
}

// timeTicks are at most n round values in [0, hi].
func timeTicks(hi float64, n int) []tick {
	for _, step := range []float64{1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 500, 1000, 5000, 10000} {
		if hi/step <= float64(n) {
			var out []tick
			for v := 0.0; v <= hi; v += step {
				out = append(out, tick{v, strconv.Itoa(int(v))})
			}
			return out
		}
	}
	return []tick{{0, "0"}}
}
