package entity

import "strings"

// dateAt returns of how many tokens the date at token i is: 2026-03-14,
// 14.3.2026, 14/03/2026, 14 March 2026, 14th of March, March 14, 2026,
// March 2026; and a month or a year alone after a word such as "in".
func (c *scanner) dateAt(i int) int {
	t := c.text(i)
	if month(t) {
		return c.dateFromMonth(i)
	}
	if c.classAt(i) != number || i > 0 && c.touches(i) && c.classAt(i-1) == other && !c.opens(i-1) {
		return 0
	}
	if n := c.numericDate(i); n > 0 {
		return n
	}
	if len(t) <= 2 && inRange(t, 1, 31) {
		j := i + 1
		if j < len(c.tokens) && c.touches(j) && ordinal(c.text(j)) {
			j++
		} else if c.is(j, ".") && c.touches(j) {
			j++
		}
		if c.is(j, "of") && c.follows(j) {
			j++
		}
		if c.follows(j) && month(c.text(j)) {
			return c.withYear(i, j+1)
		}
	}
	if year(t) && c.timeWord(i-1) && c.tokens[i].gap && !c.unitFollows(i+1) {
		return 1
	}
	return 0
}

// opens reports whether token i is a sign that a date may stand right after.
func (c *scanner) opens(i int) bool {
	return strings.Contains("([{\"'“‘«,;:—–", c.text(i))
}

// dateFromMonth is dateAt for a month's name.
func (c *scanner) dateFromMonth(i int) int {
	j := i + 1
	if c.follows(j) && c.classAt(j) == number {
		t := c.text(j)
		if len(t) <= 2 && inRange(t, 1, 31) {
			j++
			if j < len(c.tokens) && c.touches(j) && ordinal(c.text(j)) {
				j++
			}
			return c.withYear(i, j)
		}
		if year(t) {
			return 2
		}
	}
	if c.timeWord(i-1) && c.tokens[i].gap {
		return 1
	}
	return 0
}

// withYear returns the tokens from i to j, and a year after them.
func (c *scanner) withYear(i, j int) int {
	k := j
	if c.is(k, ",") && c.touches(k) {
		k++
	}
	if c.follows(k) && c.classAt(k) == number && year(c.text(k)) {
		return k + 1 - i
	}
	return j - i
}

// numericDate is dateAt for dates of digits only.
func (c *scanner) numericDate(i int) int {
	t := c.text(i)
	if strings.Count(t, ".") == 2 { // the points are part of the number
		p := strings.Split(t, ".")
		if inRange(p[0], 1, 31) && inRange(p[1], 1, 12) && (year(p[2]) || len(p[2]) == 2) {
			return 1
		}
		return 0
	}
	for k := i + 1; k <= i+4; k++ {
		if !c.touches(k) {
			return 0
		}
	}
	if c.touches(i+5) && (c.is(i+5, "-") || c.is(i+5, "/")) {
		return 0 // goes on: not a date
	}
	separator, a, b := c.text(i+1), c.text(i+2), c.text(i+4)
	if !c.is(i+3, separator) {
		return 0
	}
	switch separator {
	case "-":
		if year(t) && len(a) == 2 && len(b) == 2 && inRange(a, 1, 12) && inRange(b, 1, 31) {
			return 5
		}
	case "/":
		if year(t) && inRange(a, 1, 12) && inRange(b, 1, 31) {
			return 5
		}
		if inRange(t, 1, 31) && inRange(a, 1, 31) && (inRange(t, 1, 12) || inRange(a, 1, 12)) && year(b) {
			return 5
		}
	}
	return 0
}

// unitFollows reports whether token i counts something: "in 2000 homes" is no
// date.
func (c *scanner) unitFollows(i int) bool {
	if !c.follows(i) {
		return i < len(c.tokens) && c.touches(i) && strings.Contains("%-/°", c.text(i))
	}
	switch c.text(i) {
	case "and", "or", "the", "a", "to", "by", "was", "were", "is", "when", "after", "before", "with", "for", "as",
		"at", "on", "in", "it", "he", "she", "they", "we", "but", "until", "had", "has", "that", "which", "who":
		return false
	}
	return c.classAt(i) == lower || c.text(i) == "%"
}

// timeWord reports whether token i is a word that a month or a year stands after.
func (c *scanner) timeWord(i int) bool {
	if i < 0 {
		return false
	}
	switch c.text(i) {
	case "in", "In", "since", "Since", "until", "Until", "by", "By", "before", "Before", "after", "After", "during",
		"During", "from", "From", "of", "last", "Last", "next", "Next", "early", "late", "mid", "this":
		return true
	}
	return false
}

func month(s string) bool {
	switch s {
	case "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
		"December", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

func ordinal(s string) bool { return s == "st" || s == "nd" || s == "rd" || s == "th" }

func year(s string) bool { return len(s) == 4 && inRange(s, 1000, 2999) }

// inRange reads a number of at most four digits.
func inRange(s string, lo, hi int) bool {
	if s == "" || len(s) > 4 {
		return false
	}
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	return lo <= n && n <= hi
}
