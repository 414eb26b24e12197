package model

import (
	"regexp"
	"slices"
	"time"
)

// Config is what the shell decides. The zero value works: no source lines, and
// the culprit is told by the module of each target.
type Config struct {
	// Source returns some lines of a source file around a line, and the number
	// of the first of them; nothing where it is not at hand. It is asked once
	// for each selection and must be quick. nil: no source is shown.
	Source func(file string, line int) (lines []string, first int)
	// Module is the import path prefix of the user's own code, as --module;
	// empty: the target's main module.
	Module string
	// Recording says that nothing can be asked of the targets: a replay.
	Recording bool
}

// DefaultConfig shows no source.
func DefaultConfig() Config { return Config{} }

// screen is which picture is shown.
type screen int

const (
	screenMain screen = iota
	screenStack
	screenHelp
	screenOverview
	screenLog
)

// table is what the user did to one of the tables.
type table struct {
	sort     column
	rev      bool
	selected string // id of the row; "" for none yet
	at       int    // its index at the last look
	top      int    // first row that is shown
}

// Model is the state of the dashboard.
type Model struct {
	cfg     Config
	targets []*target
	still   []*target // copies that a frozen picture is drawn from; nil while live
	current int

	show   screen
	tab    tab
	tables [2]table
	follow bool

	typing     bool
	input      string
	filterText string
	filter     *regexp.Regexp
	filterErr  string

	cursor time.Time // the moment that is shown; zero: the latest
	mark   time.Time // the moment that growth is told since; zero: none

	scroll    int // of the stack and the help
	frame     int // selected frame of the stack
	chosen    int // selected target of the overview
	notice    Event
	rows      rowCache
	source    sourceCache
	hits      []hit
	page      int     // rows of the table at the last View
	w, h      int     // of the last View
	chartSpan float64 // seconds that the chart of the last View spans
}

// New makes an empty dashboard.
func New(cfg Config) *Model {
	return &Model{cfg: cfg, follow: true, page: 10}
}

// Apply takes in what is new. O(samples of the new snapshots + sites). A frozen
// picture does not show it, but nothing is lost.
func (m *Model) Apply(u Update) {
	i := slices.IndexFunc(m.targets, func(t *target) bool { return t.name == u.Source })
	if i < 0 {
		m.targets = append(m.targets, newTarget(u.Source))
		i = len(m.targets) - 1
	}
	m.targets[i].apply(u, m.cfg.Module)
}

// Notice shows a sentence in the footer until the next action: what came of an
// intent ("copied", "no $EDITOR").
func (m *Model) Notice(s Severity, text string) { m.notice = Event{Severity: s, Text: text} }

// Frozen reports that the picture stands still.
func (m *Model) Frozen() bool { return m.still != nil }

// Typing reports that characters are text (the filter), not keys.
func (m *Model) Typing() bool { return m.typing }

// Sources lists the targets in the order of their first update.
func (m *Model) Sources() []string {
	var out []string
	for _, t := range m.targets {
		out = append(out, t.name)
	}
	return out
}

// Current is the source that is shown; "" before there is one.
func (m *Model) Current() string {
	if t := m.target(); t != nil {
		return t.name
	}
	return ""
}

// shownTargets are those that the picture is drawn from.
func (m *Model) shownTargets() []*target {
	if m.still != nil {
		return m.still
	}
	return m.targets
}

// target is the one that is shown; nil before there is one.
func (m *Model) target() *target {
	list := m.shownTargets()
	if len(list) == 0 {
		return nil
	}
	m.current = max(0, min(m.current, len(list)-1))
	return list[m.current]
}

// frameNow is the frame that is shown.
func (m *Model) frameNow() *frame {
	t := m.target()
	if t == nil {
		t = newTarget("")
	}
	f := t.frameAt(m.cursor, m.mark)
	return &f
}

// rowCache holds the rows of the last picture.
type rowCache struct {
	t       *target
	version int
	end     int
	mark    int
	q       query
	valid   bool
	rows    []*row
	total   int
}

// rowsNow are the rows of the table that is shown, made anew only where
// something changed.
func (m *Model) rowsNow(f *frame) (rows []*row, total int) {
	tb := &m.tables[m.tab]
	q := query{tab: m.tab, sort: tb.sort, rev: tb.rev, filter: m.filter}
	c := &m.rows
	if !c.valid || c.t != f.t || c.version != f.t.version || c.end != f.end || c.mark != f.mark || c.q != q {
		rows, total := rowsOf(f, q)
		*c = rowCache{f.t, f.t.version, f.end, f.mark, q, true, rows, total}
		m.keepSelection()
	}
	return c.rows, c.total
}

// keepSelection finds the selection again among new rows: by its id; one that is gone
// leaves its place to the row that stands there now.
func (m *Model) keepSelection() {
	tb, rows := &m.tables[m.tab], m.rows.rows
	if len(rows) == 0 {
		tb.at = 0
		return
	}
	if m.follow {
		worst := 0
		for i := range rows {
			if worse(rows[i], rows[worst]) < 0 {
				worst = i
			}
		}
		tb.at, tb.selected = worst, rows[worst].id
		return
	}
	if i := slices.IndexFunc(rows, func(r *row) bool { return r.id == tb.selected }); i >= 0 {
		tb.at = i
		return
	}
	tb.at = max(0, min(tb.at, len(rows)-1))
	if m.filter == nil || tb.selected == "" {
		tb.selected = rows[tb.at].id
	}
}

// selectedRow is the row that is selected; nil where there is none.
func (m *Model) selectedRow(f *frame) *row {
	rows, _ := m.rowsNow(f)
	if at := m.tables[m.tab].at; at >= 0 && at < len(rows) {
		return rows[at]
	}
	return nil
}

// sourceCache is the last source that was asked for.
type sourceCache struct {
	file  string
	line  int
	asked bool
	lines []string
	first int
}

// sourceAt asks the shell for source, once for each place.
func (m *Model) sourceAt(file string, line int) (lines []string, first int) {
	if m.cfg.Source == nil || file == "" || line <= 0 {
		return nil, 0
	}
	if s := &m.source; !s.asked || s.file != file || s.line != line {
		*s = sourceCache{file: file, line: line, asked: true}
		s.lines, s.first = m.cfg.Source(file, line)
	}
	return m.source.lines, m.source.first
}
