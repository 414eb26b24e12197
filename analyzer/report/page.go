package report

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The room of a report that was not asked for everything: a screen with a line to
// type in.
const (
	// columns is what a line of prose may take. Names and addresses are left as
	// wide as they are: what is cut in two cannot be copied.
	columns   = 80
	mostLines = 25
)

// slot is a place on a page with the forms of what may stand there, the shortest
// first. A form is lines; the shortest may be none.
type slot struct {
	forms [][]string
	at    int
}

// page is a text whose parts become longer for as long as there is room.
type page struct{ slots []*slot }

// add puts a slot at the end. Forms that say the same as the one before are one.
func (p *page) add(forms ...[]string) *slot {
	s := &slot{}
	for _, f := range forms {
		if n := len(s.forms); n == 0 || !slices.Equal(s.forms[n-1], f) {
			s.forms = append(s.forms, f)
		}
	}
	if len(s.forms) == 0 {
		s.forms = [][]string{nil}
	}
	p.slots = append(p.slots, s)
	return s
}

// grow gives s its form number to, counted from 0, or its longest, where that
// leaves spare lines of the page free. It reports whether it did.
func (p *page) grow(s *slot, to, spare int) bool {
	to = min(to, len(s.forms)-1)
	if to <= s.at {
		return true
	}
	if p.height()-height(s.forms[s.at])+height(s.forms[to]) > mostLines-spare {
		return false
	}
	s.at = to
	return true
}

// whole gives every slot its longest form.
func (p *page) whole() {
	for _, s := range p.slots {
		s.at = len(s.forms) - 1
	}
}

func (p *page) height() int {
	n := 0
	for _, s := range p.slots {
		n += height(s.forms[s.at])
	}
	return n
}

// height is how many lines of a terminal are taken.
func height(lines []string) int {
	n := 0
	for _, l := range lines {
		n += max(1, (utf8.RuneCountInString(l)+columns-1)/columns)
	}
	return n
}

func (p *page) lines() []string {
	var out []string
	for _, s := range p.slots {
		out = append(out, s.forms[s.at]...)
	}
	return out
}

// wrapped are a lead and words behind it, in lines of at most columns; those after
// the first stand below the beginning of the words. A word that is longer than a
// line has one of its own.
func wrapped(lead, words string) []string {
	return flow(lead, strings.Repeat(" ", utf8.RuneCountInString(lead)), " ", strings.Fields(united.ReplaceAllString(words, "$1"+bond+"$2")))
}

// flow sets pieces one behind the other with a gap between them. Lines after the
// first begin with hang.
func flow(lead, hang, gap string, pieces []string) []string {
	line, used, empty := lead, utf8.RuneCountInString(lead), true
	var out []string
	for _, piece := range pieces {
		piece = strings.ReplaceAll(piece, bond, " ")
		n := utf8.RuneCountInString(piece)
		if !empty && used+utf8.RuneCountInString(gap)+n > columns {
			out = append(out, strings.TrimRight(line, " "))
			line, used, empty = hang, utf8.RuneCountInString(hang), true
		}
		if !empty {
			line, used = line+gap, used+utf8.RuneCountInString(gap)
		}
		line, used, empty = line+piece, used+n, false
	}
	return append(out, strings.TrimRight(line, " "))
}

// brief is a sentence up to its first semicolon, on two lines at most.
func brief(lead, sentence string) []string {
	said, _, _ := strings.Cut(sentence, "; ")
	return first(wrapped(lead, said), 2)
}

// first are the first lines; an ellipsis says that there are more.
func first(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	lines = slices.Clone(lines[:most])
	last := []rune(lines[most-1])
	lines[most-1] = strings.TrimRight(string(last[:min(len(last), columns-2)]), " ,:") + " …"
	return lines
}
