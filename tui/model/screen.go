package model

import "strings"

// Style says what a piece of text stands for; the shell gives it a colour. It is
// a role, with the flag Selected where it is in the selected row (to be shown in
// reverse, whatever the role).
type Style uint8

// The roles. The zero value is plain text.
const (
	Normal Style = iota
	Dim          // of less importance: labels, absent numbers
	Title        // words in the borders, the names of things
	Border       // lines of the frame
	Header       // column headers
	Sorted       // the header of the column that is sorted by
	Key          // a key in the footer or the help
	Number       // a figure that matters
	Leak         // verdicts, by their names in detect
	Suspect
	Growing
	Backlog
	Churn
	Plateau
	Stable
	Open // no verdict
	Clean
	Inconclusive
	LiveBadge // the state in the corner
	FrozenBadge
	EndedBadge
	BadBadge // unreachable
	Heap     // the curve of the live heap
	Fit
	Band
	EventMark
	Axis
	Spark
	Rising // ▲ of a runtime value
	Source // a line of source
	SourceHit
	Info1 // events and notices by severity
	Warning1
	Alarm1
	Input // what is being typed
	InputBad

	roles // how many there are
)

// Selected is a flag beside the role.
const Selected Style = 0x80

// Role is the style without flags.
func (s Style) Role() Style { return s &^ Selected }

// IsSelected reports the flag.
func (s Style) IsSelected() bool { return s&Selected != 0 }

// Roles lists every role, for a theme to cover.
func Roles() []Style {
	out := make([]Style, roles)
	for i := range out {
		out[i] = Style(i)
	}
	return out
}

// Span is text in one style. It holds no control characters.
type Span struct {
	Text  string
	Style Style
}

// Row is a line of the screen: its spans are exactly as wide as the screen, in
// display cells (go-runewidth, East Asian ambiguous characters as narrow).
type Row []Span

// String is the row's text.
func (r Row) String() string {
	var b strings.Builder
	for _, s := range r {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Screen is a picture. It is never changed after View returned it.
type Screen struct {
	Width, Height int
	Rows          []Row // Height of them
	// CursorX and CursorY are where the typing cursor stands; −1 for none.
	CursorX, CursorY int
}

// Text is the picture without styles, a line a row, trailing blanks removed.
func (s Screen) Text() string {
	var b strings.Builder
	for _, r := range s.Rows {
		b.WriteString(strings.TrimRight(r.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}
