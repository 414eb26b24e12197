package model

import (
	"math"

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
	if !stats.Finite(ca + la + cb + lb) {
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
