package model

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxInput bounds a filter, in bytes.
const maxInput = 200

// Type adds text to what is being typed; pasted text may be long. It does
// nothing unless Typing.
func (m *Model) Type(text string) {
	if !m.typing {
		return
	}
	for _, r := range text {
		if unicode.IsPrint(r) && r != utf8.RuneError && len(m.input)+utf8.RuneLen(r) <= maxInput {
			m.input += string(r)
		}
	}
	m.tryFilter(m.input)
}

// doTyping answers the actions that edit; it reports whether a was one.
func (m *Model) doTyping(a Action) bool {
	switch a {
	case ActionBackspace:
		if m.input == "" {
			m.typing = false
			break
		}
		_, n := utf8.DecodeLastRuneInString(m.input)
		m.input = m.input[:len(m.input)-n]
		m.tryFilter(m.input)
	case ActionClearLine:
		m.input = ""
		m.tryFilter("")
	case ActionEnter:
		if m.filterErr == "" {
			m.typing = false
			m.setFilter(m.input)
		}
	case ActionEscape:
		m.typing = false
		m.setFilter(m.filterText)
	case ActionUp, ActionDown, ActionPageUp, ActionPageDown, ActionHome, ActionEnd:
		return false // the selection moves while one types
	}
	return true
}

// setFilter takes a filter over.
func (m *Model) setFilter(text string) {
	m.tryFilter(text)
	m.filterText = text
}

// tryFilter filters by text where it is a regular expression, and says why where
// it is none. Without a capital letter it matches either case.
func (m *Model) tryFilter(text string) {
	m.filterErr = ""
	if text == "" {
		m.filter = nil
		return
	}
	re, err := regexp.Compile(text)
	if err != nil {
		m.filterErr = strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return
	}
	if m.filter = re; !strings.ContainsFunc(text, unicode.IsUpper) {
		if either, err := regexp.Compile("(?i)" + text); err == nil {
			m.filter = either
		}
	}
}
