// Package text is the pipeline's reading of language: it normalises a
// document's text, walks its words and sentences (UAX #29), and cuts it into
// chunks of bounded size. Everything here is pure; a word, a sentence and a
// chunk are views of the text they were taken from.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Normalize returns s as valid UTF-8 with Unix line ends, without control
// characters, with one space where there was a run of blanks, and with at most
// one empty line between paragraphs. It is idempotent, and returns s itself,
// without allocating, when there is nothing to change.
func Normalize(s string) string {
	if IsNormal(s) {
		return s
	}
	var n Normalizer
	b, _ := n.Append(make([]byte, 0, len(s)), nil, s)
	return string(b)
}

// Mark says where a byte of a normalised text stood before: from Normal on,
// up to the next mark, byte Normal+i is byte Source+i of the text as it came.
// Before the first mark the two are the same.
type Mark struct{ Normal, Source int }

// Origin returns where byte at of a normalised text stood in the text as it
// came. The marks are in order. O(log n).
func Origin(marks []Mark, at int) int {
	lo, hi := 0, len(marks) // the last mark not after at is marks[lo-1]
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); marks[mid].Normal <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return at
	}
	return at + marks[lo-1].Source - marks[lo-1].Normal
}

// Normalizer is Normalize for a text that comes in pieces. The zero value is
// ready for the first piece.
type Normalizer struct {
	blank    bool // a blank was read and not yet written
	lines    int  // line ends that were read and not yet written
	in, out  int  // bytes read and written so far
	distance int  // of source and normal, as of the last mark
}

// Append appends the next piece, normalised, to dst, and a mark to marks
// wherever the distance between the two texts changes. The piece must not end
// within a rune. What Append leaves out at the end of a text — blanks — it has
// not yet written.
func (n *Normalizer) Append(dst []byte, marks []Mark, piece string) ([]byte, []Mark) {
	before := len(dst) - n.out
	for i, r := range piece {
		switch {
		case r == '\n':
			n.lines++
			continue
		case isBlank(r):
			n.blank = true
			continue
		case unicode.IsControl(r):
			continue
		}
		// Blanks beside a line end, and line ends or blanks at the start of the
		// text, stand for nothing.
		switch {
		case len(dst) == before:
		case n.lines > 1:
			dst = append(dst, '\n', '\n')
		case n.lines == 1:
			dst = append(dst, '\n')
		case n.blank:
			dst = append(dst, ' ')
		}
		n.blank, n.lines = false, 0
		if normal, source := len(dst)-before, n.in+i; source-normal != n.distance {
			n.distance = source - normal
			marks = append(marks, Mark{Normal: normal, Source: source})
		}
		dst = utf8.AppendRune(dst, r) // an invalid byte comes out of range as U+FFFD
	}
	n.in += len(piece)
	n.out = len(dst) - before
	return dst, marks
}

// IsNormal reports whether Normalize would change nothing.
func IsNormal(s string) bool {
	lines := 0
	previous := '\n' // so that a leading blank or line end is found
	for i, r := range s {
		switch {
		case r == '\n':
			lines++
			if lines > 2 || previous == ' ' || i == 0 {
				return false
			}
		case r == ' ':
			if previous == ' ' || previous == '\n' {
				return false
			}
			lines = 0
		case r < utf8.RuneSelf:
			if r < ' ' || r == 0x7f {
				return false
			}
			lines = 0
		case isBlank(r) || unicode.IsControl(r):
			return false
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
			lines = 0
		default:
			lines = 0
		}
		previous = r
	}
	return s == "" || previous != ' ' && previous != '\n'
}

// isBlank reports whether r separates words on one line. A carriage return
// counts, so that "\r\n" becomes a line end with a blank beside it.
func isBlank(r rune) bool {
	return r != '\n' && unicode.IsSpace(r)
}

// Headline returns the first line of s that holds anything, cut at 200 bytes
// on a rune border: the title of a document that came without one. It is a
// view: it keeps the whole of s alive for as long as it is held.
func Headline(s string) string {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	s = s[:runeBorder(s, 200)]
	return strings.TrimRightFunc(s, unicode.IsSpace)
}

// runeBorder returns the largest rune border of s that is at most at. In
// bytes that are not UTF-8 it gives up after a rune's length and returns at.
func runeBorder(s string, at int) int {
	if at >= len(s) {
		return len(s)
	}
	for i := at; i > 0 && i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return at
}
