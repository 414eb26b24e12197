package report

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// columns is what a line of prose may take. Tables and addresses are left as wide
// as they are: a terminal wraps them, and what is cut in two cannot be copied.
const columns = 80

// prose writes a lead and sentences behind it, in lines of at most columns; those
// after the first stand below the beginning of the sentences. A word that is
// longer than a line has one of its own.
func (t *text) prose(lead, sentences string) {
	hang := strings.Repeat(" ", utf8.RuneCountInString(lead))
	line := lead
	room, empty := columns-len(hang), true
	for _, word := range strings.Fields(united.ReplaceAllString(sentences, "$1"+bond+"$2")) {
		word = strings.ReplaceAll(word, bond, " ")
		n := utf8.RuneCountInString(word)
		if !empty && room < 1+n {
			t.line(line)
			line, room, empty = hang, columns-len(hang), true
		}
		if !empty {
			line, room = line+" ", room-1
		}
		line, room, empty = line+word, room-n, false
	}
	t.line(line)
}

// A number and its unit stay on one line.
var united = regexp.MustCompile(`([0-9]) (%|[KMGT]i?B|B\b|s\b)`)

const bond = "\x00"

var parenthesis = regexp.MustCompile(` ?\([^()]*--[^()]*\)`)

// withoutFlags takes the flags of `heapdrift run` out of an advice: a recording
// that was made long ago, or by another tool, is not helped by them. They stand in
// parentheses, alone or as a clause after a semicolon.
func withoutFlags(s string) string {
	return parenthesis.ReplaceAllStringFunc(s, func(all string) string {
		open := strings.IndexByte(all, '(')
		clauses := strings.Split(all[open+1:len(all)-1], "; ")
		clauses = slices.DeleteFunc(clauses, func(c string) bool { return strings.HasPrefix(c, "--") })
		if len(clauses) == 0 {
			return ""
		}
		return all[:open] + "(" + strings.Join(clauses, "; ") + ")"
	})
}

// advice is a sentence that may name flags, as the text shows it.
func (t *text) advice(s string) string {
	if t.o.Recorded {
		s = withoutFlags(s)
	}
	return printable(s)
}
