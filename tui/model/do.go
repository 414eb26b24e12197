package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Do answers an action. The intents, often none, are for the shell.
func (m *Model) Do(a Action) []Intent {
	m.notice = Event{}
	if a == ActionInterrupt {
		return []Intent{{Kind: IntentQuit, Source: m.Current()}}
	}
	if m.typing && m.doTyping(a) {
		return nil
	}
	switch m.show {
	case screenHelp, screenStack, screenLog:
		if intents, done := m.doOverlay(a); done {
			return intents
		}
	case screenOverview:
		if m.doOverview(a) {
			return nil
		}
	}
	f := m.frameNow()
	switch a {
	case ActionQuit:
		return []Intent{{Kind: IntentQuit, Source: m.Current()}}
	case ActionFreeze:
		m.freeze()
	case ActionFollow:
		m.follow = !m.follow
		m.rows.valid = false
		m.say(map[bool]string{true: "the selection follows the worst row", false: "the selection stays"}[m.follow])
	case ActionFilter:
		m.show, m.typing, m.input = screenMain, true, m.filterText
	case ActionSortNext:
		m.sortBy(f, 1)
	case ActionSortPrev:
		m.sortBy(f, -1)
	case ActionReverse:
		m.tables[m.tab].rev = !m.tables[m.tab].rev
	case ActionTab:
		m.tab = 1 - m.tab
		m.rows.valid = false
	case ActionUp:
		m.move(f, -1)
	case ActionDown:
		m.move(f, 1)
	case ActionPageUp:
		m.move(f, -max(1, m.page))
	case ActionPageDown:
		m.move(f, max(1, m.page))
	case ActionHome:
		m.move(f, -1<<30)
	case ActionEnd:
		m.move(f, 1<<30)
	case ActionEnter:
		if m.selectedRow(f) != nil {
			m.show, m.scroll, m.frame = screenStack, 0, m.culpritFrame(f)
		}
	case ActionEscape:
		m.escape()
	case ActionDiff:
		m.diff(f)
	case ActionHelp:
		m.show, m.scroll = screenHelp, 0
	case ActionLog:
		m.show, m.scroll = screenLog, 0
	case ActionOverview:
		m.show, m.chosen = screenOverview, m.current
	case ActionNextTarget:
		m.goTo(m.current + 1)
	case ActionPrevTarget:
		m.goTo(m.current - 1)
	case ActionScrubBack:
		m.scrub(f, -1)
	case ActionScrubForward:
		m.scrub(f, 1)
	case ActionEventBack:
		m.toEvent(f, -1)
	case ActionEventForward:
		m.toEvent(f, 1)
	case ActionSnap, ActionCopy, ActionEdit, ActionExport, ActionReport:
		return m.wish(a, f)
	}
	return nil
}

func (m *Model) say(text string) { m.notice = Event{Text: text} }

func (m *Model) warn(text string) { m.notice = Event{Severity: Warning, Text: text} }

// wish makes the intents.
func (m *Model) wish(a Action, f *frame) []Intent {
	source := m.Current()
	switch a {
	case ActionSnap:
		switch {
		case len(m.targets) == 0:
			m.warn("there is no target yet")
		case m.cfg.Recording || f.t.state == StateReplay || f.t.state == StateEnded:
			m.warn("the run is over: there is nothing to take a snapshot of")
		default:
			m.say("a snapshot is asked for")
			return []Intent{{Kind: IntentSnapshot, Source: source}}
		}
	case ActionCopy:
		if r := m.selectedRow(f); r != nil {
			return []Intent{{Kind: IntentCopy, Source: source, Text: m.copyText(f, r)}}
		}
		m.warn("nothing is selected")
	case ActionEdit:
		r := m.selectedRow(f)
		if r == nil {
			m.warn("nothing is selected")
			return nil
		}
		_, file, line := r.culprit()
		if st := r.stack(); m.show == screenStack && m.frame >= 0 && m.frame < len(st) {
			file, line = st[m.frame].File, st[m.frame].Line
		}
		if file == "" {
			m.warn("no source line is known of it")
			return nil
		}
		return []Intent{{Kind: IntentEdit, Source: source, File: file, Line: line}}
	case ActionExport:
		w, h := m.w, m.h
		if w < 20 || h < 5 {
			w, h = 110, 32
		}
		return []Intent{{Kind: IntentExport, Source: source, Text: m.View(w, h).Text()}}
	case ActionReport:
		return []Intent{{Kind: IntentReport, Source: source}}
	}
	return nil
}

// freeze stops or resumes the picture.
func (m *Model) freeze() {
	if m.still != nil {
		m.still = nil
	} else if len(m.targets) > 0 {
		for _, t := range m.targets {
			m.still = append(m.still, t.clone())
		}
	}
	m.rows.valid = false
}

// sortBy goes to the next column that rows can be ordered by.
func (m *Model) sortBy(f *frame, step int) {
	cols := slices.DeleteFunc(columns(m.tab, f.mark >= 0), func(c column) bool { return !c.sortable() })
	tb := &m.tables[m.tab]
	i := slices.Index(cols, tb.sort)
	tb.sort = cols[(max(i, 0)+step+len(cols))%len(cols)]
	tb.rev = false
}

// move the selection; it stops following.
func (m *Model) move(f *frame, by int) {
	rows, _ := m.rowsNow(f)
	if len(rows) == 0 {
		return
	}
	tb := &m.tables[m.tab]
	m.follow = false
	tb.at = max(0, min(tb.at+by, len(rows)-1))
	tb.selected = rows[tb.at].id
}

// escape closes the innermost thing that is open.
func (m *Model) escape() {
	switch {
	case !m.mark.IsZero():
		m.mark = time.Time{}
	case !m.cursor.IsZero():
		m.cursor = time.Time{}
	case m.filter != nil:
		m.setFilter("")
	}
}

// diff marks the moment that is shown, or forgets the mark.
func (m *Model) diff(f *frame) {
	tb := &m.tables[m.tab]
	if !m.mark.IsZero() {
		m.mark = time.Time{}
		if !slices.Contains(columns(m.tab, false), tb.sort) {
			tb.sort, tb.rev = colVerdict, false
		}
		return
	}
	last, ok := f.last()
	if !ok {
		m.warn("there is no snapshot yet to compare with")
		return
	}
	m.mark = last.at
	for i, c := range []column{colSince, colSinceCount} {
		m.tables[i].sort, m.tables[i].rev = c, false
	}
	m.say("growth since " + clockTime(last.at.Sub(f.t.first)) + "; d ends it")
}

// goTo shows another target.
func (m *Model) goTo(i int) {
	n := len(m.shownTargets())
	if n == 0 {
		return
	}
	i = ((i % n) + n) % n
	if i != m.current {
		m.current = i
		m.cursor, m.mark = time.Time{}, time.Time{}
		for k := range m.tables {
			if !slices.Contains(columns(tab(k), false), m.tables[k].sort) {
				m.tables[k].sort = colVerdict
			}
		}
		m.rows.valid = false
	}
}

// scrub goes a moment back or on; past the last it is now again.
func (m *Model) scrub(f *frame, step int) {
	i := f.end - 1 + step
	switch n := len(f.t.line.moments); {
	case n == 0:
	case i >= n-1:
		m.cursor = time.Time{}
	default:
		m.cursor = f.t.line.moments[max(0, i)].at
	}
}

// toEvent goes to the event before or after the moment that is shown.
func (m *Model) toEvent(f *frame, step int) {
	at := m.cursor
	if at.IsZero() {
		if step > 0 {
			m.say("this is now: there are no later events")
			return
		}
		at = f.at.Add(time.Nanosecond)
	}
	events := f.t.events
	if step < 0 {
		for i := len(events) - 1; i >= 0; i-- {
			if events[i].Time.Before(at) {
				m.cursor = events[i].Time
				return
			}
		}
		m.say("there is no event before")
		return
	}
	for _, e := range events {
		if e.Time.After(at) && e.Time.Before(f.t.last().at) {
			m.cursor = e.Time
			return
		}
	}
	m.cursor = time.Time{}
}

// copyText is what is worth pasting of a row: what it is, where, how much, and
// the stack.
func (m *Model) copyText(f *frame, r *row) string {
	var b strings.Builder
	function, file, line := r.culprit()
	fmt.Fprintf(&b, "%s  %s", upper(report.Word(r.verdict)), report.Printable(function))
	if file != "" {
		fmt.Fprintf(&b, "  %s:%d", report.Printable(file), line)
	}
	b.WriteByte('\n')
	for _, s := range m.facts(f, r) {
		b.WriteString(s.label + "  " + s.text + "\n")
	}
	for _, s := range r.stack() {
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", report.Printable(s.Function), report.Printable(s.File), s.Line)
	}
	return b.String()
}
