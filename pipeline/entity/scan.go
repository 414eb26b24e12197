package entity

import (
	"unicode"
	"unicode/utf8"
)

// class is what a token looks like.
type class uint8

const (
	other class = iota // punctuation and signs, one rune each
	upper              // a word that begins with a capital
	lower              // any other word
	number
	claimed // part of an address
)

// token is a word, a number, or one sign. Between a token and the next stands
// nothing or one space where gap is said; anything else is a token itself.
type token struct {
	start, end int
	class      class
	gap        bool // exactly one space stands before it
	line       bool // it is the first of a line
}

// scanner finds the spans of one text after the other; its tokens are used
// again for each.
type scanner struct {
	names  gazetteer
	s      string
	tokens []token
}

// scan appends the spans of s to spans, in order, none overlapping another.
func (c *scanner) scan(s string, spans []span) []span {
	c.s = s
	c.tokenize()
	for i := 0; i < len(c.tokens); {
		kind, n := c.match(i)
		if n == 0 {
			i++
			continue
		}
		spans = append(spans, span{kind: kind, start: c.tokens[i].start, end: c.tokens[i+n-1].end})
		i += n
	}
	return spans
}

// match returns what begins with token i, and of how many tokens it is; 0
// where nothing begins.
func (c *scanner) match(i int) (Kind, int) {
	switch t := c.tokens[i]; t.class {
	case claimed:
		if isEmail(c.s[t.start:t.end]) {
			return Email, 1
		}
		return URL, 1
	case number:
		if n := c.dateAt(i); n > 0 {
			return Date, n
		}
		if n := c.moneyAt(i); n > 0 {
			return Money, n
		}
	case upper:
		if n := c.dateAt(i); n > 0 {
			return Date, n
		}
		if n := c.moneyAt(i); n > 0 {
			return Money, n
		}
		return c.nameAt(i)
	case other:
		if n := c.moneyAt(i); n > 0 {
			return Money, n
		}
	}
	return "", 0
}

// tokenize cuts c.s into tokens.
func (c *scanner) tokenize() {
	c.tokens = c.tokens[:0]
	s := c.s
	gap, line := false, true
	for i := 0; i < len(s); {
		b := s[i]
		switch {
		case b == ' ':
			gap = true
			i++
			continue
		case b == '\n':
			gap, line = false, true
			i++
			continue
		}
		t := token{start: i, gap: gap, line: line}
		gap, line = false, false
		switch {
		case isDigit(b):
			t.class, t.end = number, numberEnd(s, i)
		case isLetterByte(b):
			t.class, t.end = c.word(i)
		case b < utf8.RuneSelf:
			t.class, t.end = other, i+1
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if unicode.IsLetter(r) {
				t.class, t.end = c.word(i)
			} else {
				t.class, t.end = other, i+size
			}
		}
		if end := addressEnd(s, t.start, t.class); end > 0 {
			t.class, t.end = claimed, end
		}
		c.tokens = append(c.tokens, t)
		i = t.end
	}
}

// word returns the class and the end of the word at i: letters, and digits,
// apostrophes and hyphens between them.
func (c *scanner) word(i int) (class, int) {
	s := c.s
	first, size := utf8.DecodeRuneInString(s[i:])
	kind := lower
	if unicode.IsUpper(first) {
		kind = upper
	}
	end := i + size
	for j := end; j < len(s); {
		b := s[j]
		switch {
		case isLetterByte(b) || isDigit(b):
			j++
			end = j
		case b == '\'' || b == '-':
			// A possessive is no part of the name.
			if b == '\'' && possessive(s[j+1:]) {
				return kind, end
			}
			if j+1 >= len(s) || !isLetterByte(s[j+1]) && s[j+1] < utf8.RuneSelf {
				return kind, end
			}
			j++
		case b < utf8.RuneSelf:
			return kind, end
		default:
			r, size := utf8.DecodeRuneInString(s[j:])
			if r == '’' && !possessive(s[j+size:]) && j+size < len(s) && isLetterByte(s[j+size]) {
				j += size
				continue
			}
			if !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) {
				return kind, end
			}
			j += size
			end = j
		}
	}
	return kind, end
}

// possessive reports whether s, what follows an apostrophe, is an s and no
// more of the word.
func possessive(s string) bool {
	return len(s) > 0 && s[0] == 's' && (len(s) == 1 || !isLetterByte(s[1]))
}

// numberEnd returns the end of the number at i: digits, with points and commas
// between them.
func numberEnd(s string, i int) int {
	for i < len(s) {
		if !isDigit(s[i]) && (s[i] != '.' && s[i] != ',' || i+1 >= len(s) || !isDigit(s[i+1])) {
			break
		}
		i++
	}
	return i
}

func (c *scanner) text(i int) string { return c.s[c.tokens[i].start:c.tokens[i].end] }

// is reports whether token i is there and reads so.
func (c *scanner) is(i int, s string) bool {
	return i >= 0 && i < len(c.tokens) && c.text(i) == s
}

// follows reports whether token i stands one space after the one before.
func (c *scanner) follows(i int) bool { return i < len(c.tokens) && c.tokens[i].gap }

// touches reports whether token i stands right after the one before it.
func (c *scanner) touches(i int) bool {
	return i > 0 && i < len(c.tokens) && c.tokens[i-1].end == c.tokens[i].start
}

func (c *scanner) classAt(i int) class {
	if i < 0 || i >= len(c.tokens) {
		return other
	}
	return c.tokens[i].class
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isLetterByte(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }
