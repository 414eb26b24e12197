package model

// Action is what a key or the mouse asks for. The shell maps keys to actions by
// Bindings; while Typing, plain characters go to Type instead.
type Action int

// The actions.
const (
	ActionNone   Action = iota
	ActionQuit          // close what is open; on the main picture IntentQuit
	ActionFreeze        // stop or resume the picture; the ingestion goes on
	ActionFollow        // keep the selection on the worst row, whatever it is
	ActionFilter        // begin to type a regular expression
	ActionSortNext
	ActionSortPrev
	ActionReverse
	ActionTab // heap or goroutines
	ActionUp
	ActionDown
	ActionPageUp
	ActionPageDown
	ActionHome
	ActionEnd
	ActionEnter  // the full stack of the selection; accepts a filter; opens a target
	ActionEscape // closes what is open, gives up typing, clears the filter
	ActionDiff   // mark the moment that is shown and tell growth since it; again: back
	ActionSnap   // IntentSnapshot
	ActionCopy   // IntentCopy
	ActionEdit   // IntentEdit
	ActionExport // IntentExport
	ActionReport // IntentReport
	ActionHelp
	ActionNextTarget
	ActionPrevTarget
	ActionOverview     // of all targets
	ActionScrubBack    // one moment back
	ActionScrubForward // one moment on; past the last: back to now
	ActionEventBack    // to the event before
	ActionEventForward // to the next event
	ActionBackspace    // while typing: the last character
	ActionClearLine    // while typing: all of it
	ActionLog          // events and warnings
	ActionInterrupt    // quit, whatever is open
)

// Binding is a key and what it does. Key is one character, or one of "space",
// "tab", "enter", "esc", "up", "down", "left", "right", "pgup", "pgdn", "home",
// "end", "backspace", "ctrl-c", "ctrl-u", "shift-tab".
type Binding struct {
	Key    string
	Action Action
	Help   string // a phrase for the help; empty: it stands in the line before
}

// Bindings lists every key, in the order of the help. "x" is free. While
// Typing, only the keys of more than one character but "space" are actions.
func Bindings() []Binding {
	return []Binding{
		{"q", ActionQuit, "quit; close what is open"},
		{"ctrl-c", ActionInterrupt, ""},
		{"?", ActionHelp, "this help"},
		{"space", ActionFreeze, "freeze the picture only"},
		{"f", ActionFollow, "follow the worst row"},
		{"/", ActionFilter, "filter by a regular expression"},
		{"<", ActionSortPrev, "sort by the column before or after"},
		{">", ActionSortNext, ""},
		{"left", ActionSortPrev, ""},
		{"right", ActionSortNext, ""},
		{"r", ActionReverse, "reverse the order"},
		{"tab", ActionTab, "heap sites or goroutines"},
		{"shift-tab", ActionTab, ""},
		{"up", ActionUp, "select a row"},
		{"down", ActionDown, ""},
		{"k", ActionUp, ""},
		{"j", ActionDown, ""},
		{"pgup", ActionPageUp, "a page up or down"},
		{"pgdn", ActionPageDown, ""},
		{"home", ActionHome, "the first or the last row"},
		{"end", ActionEnd, ""},
		{"g", ActionHome, ""},
		{"G", ActionEnd, ""},
		{"enter", ActionEnter, "the full stack, with its source"},
		{"esc", ActionEscape, "close; back to now; clear the filter"},
		{"d", ActionDiff, "growth since this moment"},
		{"l", ActionLog, "events and warnings"},
		{"s", ActionSnap, "take a snapshot now"},
		{"y", ActionCopy, "copy the selection"},
		{"e", ActionEdit, "open the line in $EDITOR"},
		{"o", ActionReport, "write the report"},
		{"w", ActionExport, "write the picture as text"},
		{"[", ActionScrubBack, "a moment back or on"},
		{"]", ActionScrubForward, ""},
		{"{", ActionEventBack, "to the event before or after"},
		{"}", ActionEventForward, ""},
		{"n", ActionNextTarget, "the next target or the one before"},
		{"p", ActionPrevTarget, ""},
		{"v", ActionOverview, "all targets"},
		{"backspace", ActionBackspace, "while typing: a character, or all"},
		{"ctrl-u", ActionClearLine, ""},
	}
}

// IntentKind is what the outer world is asked for.
type IntentKind int

// The intents.
const (
	IntentQuit     IntentKind = iota + 1
	IntentSnapshot            // of Source, now
	IntentCopy                // Text, to the clipboard
	IntentEdit                // File at Line
	IntentExport              // Text is the picture: write it to a file
	IntentReport              // of Source: write the report of the run so far
)

// Intent is a wish that only the shell can fulfil. It answers with an Event or
// a Notice.
type Intent struct {
	Kind   IntentKind
	Source string // the target it is about
	Text   string
	File   string
	Line   int
}
