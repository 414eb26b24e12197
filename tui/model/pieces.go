package model

import "slices"

// piece is a part of a line; where there is no room, the piece with the lowest
// keep goes first.
type piece struct {
	keep  int
	spans []Span
}

func (p piece) cells() int {
	n := 0
	for _, s := range p.spans {
		n += cells(s.Text)
	}
	return n
}

// text makes a piece of one span.
func textPiece(keep int, s string, st Style) piece { return piece{keep, []Span{{s, st}}} }

// fitPieces leaves out pieces until the rest, with gap cells between, fits.
func fitPieces(pieces []piece, width, gap int) []piece {
	out := slices.DeleteFunc(slices.Clone(pieces), func(p piece) bool { return p.cells() == 0 })
	for len(out) > 1 {
		n := gap * (len(out) - 1)
		least := 0
		for i, p := range out {
			n += p.cells()
			if p.keep < out[least].keep {
				least = i
			}
		}
		if n <= width {
			break
		}
		out = slices.Delete(out, least, least+1)
	}
	return out
}

// flow writes the pieces that fit into one line of r.
func (c *canvas) flow(r rect, y, gap int, pieces ...piece) int {
	x := r.x
	for i, p := range fitPieces(pieces, r.w, gap) {
		if i > 0 {
			x += gap
		}
		x = c.spans(r, x, y, p.spans...)
	}
	return x
}
