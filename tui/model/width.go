package model

import (
	"strings"

	"github.com/rivo/uniseg"
)

// next takes the first grapheme cluster of s and how many cells it fills: the
// measure is uniseg's, as the terminal library's. What fills none (a combining
// mark on its own, a joiner) has width 0.
func next(s string) (cluster, rest string, width int) {
	if s[0] >= ' ' && s[0] < 0x7f && (len(s) == 1 || s[1] < 0x80) {
		return s[:1], s[1:], 1
	}
	cluster, rest, width, _ = uniseg.FirstGraphemeClusterInString(s, -1)
	return cluster, rest, width
}

// cells is the width of s on the screen.
func cells(s string) int {
	n := 0
	for len(s) > 0 {
		_, rest, w := next(s)
		n += w
		s = rest
	}
	return n
}

// cut returns the longest head of s of at most width cells.
func cut(s string, width int) string {
	n := 0
	for i := 0; i < len(s); {
		c, _, w := next(s[i:])
		if n+w > width {
			return s[:i]
		}
		n += w
		i += len(c)
	}
	return s
}

// cutTail returns the longest tail of s of at most width cells.
func cutTail(s string, width int) string {
	n := cells(s)
	for n > width {
		_, rest, w := next(s)
		n -= w
		s = rest
	}
	return s
}

const ellipsis = "…"

// fit shortens s at its end to at most width cells.
func fit(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	return cut(s, width-1) + ellipsis
}

// fitMiddle shortens s in its middle: the ends of paths and functions tell the
// most.
func fitMiddle(s string, width int) string {
	n := cells(s)
	if n <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	head := (width - 1) / 3
	return cut(s, head) + ellipsis + cutTail(s, width-1-head)
}

// fitCulprit shortens "function file:line [wait]" to width cells: the place
// is kept whole as long as it fits, then the function is shortened in its
// middle, and the folders of the place go first of all.
func fitCulprit(function, place, wait string, width int) string {
	if wait != "" {
		wait = " [" + wait + "]"
	}
	if place == "" {
		return fitMiddle(function+wait, width)
	}
	if cells(function)+1+cells(place)+cells(wait) <= width {
		return function + " " + place + wait
	}
	place = place[strings.LastIndexByte(place, '/')+1:]
	if cells(function)+1+cells(place)+cells(wait) > width && width < cells(place)+cells(wait)+12 {
		wait = ""
	}
	room := width - 1 - cells(place) - cells(wait)
	if room < 4 {
		return fitMiddle(place, width)
	}
	if cells(function) > room { // "(*T).M" is "T.M"
		function = strings.NewReplacer("(*", "", ")", "").Replace(function)
	}
	return fitFunction(function, room) + " " + place + wait
}

// fitFunction is fitMiddle that keeps the last parts of a name whole:
// "stuckrec…Stage.worker".
func fitFunction(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	for i := strings.IndexByte(s, '.'); i >= 0 && i < len(s); {
		if tail := s[i+1:]; cells(tail) <= width-2 {
			return cut(s, width-1-cells(tail)) + ellipsis + tail
		}
		n := strings.IndexByte(s[i+1:], '.')
		if n < 0 {
			break
		}
		i += 1 + n
	}
	return fitMiddle(s, width)
}

// padRight and padLeft fill s with blanks to width cells; a longer s is cut.
func padRight(s string, width int) string {
	s = fit(s, width)
	return s + blanks(width-cells(s))
}

func padLeft(s string, width int) string {
	s = fit(s, width)
	return blanks(width-cells(s)) + s
}

func blanks(n int) string { return strings.Repeat(" ", max(0, n)) }

// wrap breaks s into lines of at most width cells, at blanks where it can.
func wrap(s string, width int) []string {
	if width <= 0 {
		return nil
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
		for cells(line) > width {
			head := cut(line, width)
			if head == "" { // a wide character in a single column
				return append(lines, fit(line, width))
			}
			lines = append(lines, head)
			line = line[len(head):]
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
