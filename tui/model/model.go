package model

// Config is what the shell decides. The zero value works: no source lines.
type Config struct {
	// Source returns some lines of a source file around a line, and the number
	// of the first of them; nothing where it is not at hand. It is asked once
	// for each selection and must be quick. nil: no source is shown.
	Source func(file string, line int) (lines []string, first int)
}

// DefaultConfig shows no source.
func DefaultConfig() Config { return Config{} }

// Model is the state of the dashboard.
type Model struct {
	cfg    Config
	notice Event
}

// New makes an empty dashboard.
func New(cfg Config) *Model { return &Model{cfg: cfg} }

// Apply takes in what is new. O(samples of the new snapshots).
func (m *Model) Apply(u Update) {}

// Notice shows a sentence in the footer until the next action: what came of an
// intent ("copied", "no $EDITOR").
func (m *Model) Notice(s Severity, text string) { m.notice = Event{Severity: s, Text: text} }

// Do answers an action. The intents, often none, are for the shell.
func (m *Model) Do(a Action) []Intent {
	if a == ActionQuit {
		return []Intent{{Kind: IntentQuit}}
	}
	return nil
}

// Typing reports that characters are text (the filter), not keys.
func (m *Model) Typing() bool { return false }

// Type adds text to what is being typed; pasted text may be long. It does
// nothing unless Typing.
func (m *Model) Type(text string) {}

// Click answers the left button at a cell of the last View; twice is a double
// click.
func (m *Model) Click(x, y int, twice bool) []Intent { return nil }

// Wheel answers the mouse wheel at a cell of the last View, in rows, down being
// positive.
func (m *Model) Wheel(x, y, rows int) {}

// Frozen reports that the picture stands still.
func (m *Model) Frozen() bool { return false }

// Sources lists the targets in the order of their first update.
func (m *Model) Sources() []string { return nil }

// View draws the picture. Every row is exactly width cells wide, for any size
// from 1 × 1; sizes below that give an empty screen.
func (m *Model) View(width, height int) Screen {
	s := Screen{Width: max(0, width), Height: max(0, height), CursorX: -1, CursorY: -1}
	for range s.Height {
		s.Rows = append(s.Rows, Row{{Text: pad("", s.Width)}})
	}
	return s
}
