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
	if isNormal(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	blank, lines := false, 0
	for _, r := range s {
		switch {
		case r == '\n':
			lines++
			continue
		case isBlank(r):
			blank = true
			continue
		case unicode.IsControl(r):
			continue
		}
		// Blanks beside a line end, and line ends or blanks at the start of the
		// text, stand for nothing.
		switch {
		case b.Len() == 0:
		case lines > 1:
			b.WriteString("\n\n")
		case lines == 1:
			b.WriteByte('\n')
		case blank:
			b.WriteByte(' ')
		}
		blank, lines = false, 0
		b.WriteRune(r) // an invalid byte comes out of range as U+FFFD
	}
	return b.String()
}

// isNormal reports whether Normalize would change nothing.
func isNormal(s string) bool {
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
