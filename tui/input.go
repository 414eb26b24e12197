package tui

import (
	"fmt"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/tui/model"
)

// names of the keys that are no characters, as model.Bindings has them.
var keyNames = map[tcell.Key]string{
	tcell.KeyTab: "tab", tcell.KeyBacktab: "shift-tab", tcell.KeyEnter: "enter", tcell.KeyEscape: "esc",
	tcell.KeyUp: "up", tcell.KeyDown: "down", tcell.KeyLeft: "left", tcell.KeyRight: "right",
	tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdn", tcell.KeyHome: "home", tcell.KeyEnd: "end",
	tcell.KeyBackspace: "backspace", tcell.KeyBackspace2: "backspace",
	tcell.KeyCtrlC: "ctrl-c", tcell.KeyCtrlU: "ctrl-u",
}

// keyName is the binding's name of a key; "" for one that has none.
func keyName(ev *tcell.EventKey) string {
	if ev.Key() != tcell.KeyRune {
		return keyNames[ev.Key()]
	}
	if ev.Modifiers()&(tcell.ModAlt|tcell.ModMeta|tcell.ModCtrl) != 0 {
		return ""
	}
	if ev.Rune() == ' ' {
		return "space"
	}
	return string(ev.Rune())
}

// actions are the bindings by name.
func actions() map[string]model.Action {
	out := map[string]model.Action{}
	for _, b := range model.Bindings() {
		out[b.Key] = b.Action
	}
	return out
}

// event answers the terminal.
func (a *App) event(ev tcell.Event) {
	switch ev := ev.(type) {
	case *tcell.EventResize:
		a.forget()
		if !a.suspended {
			a.screen.Sync()
		}
	case *tcell.EventPaste:
		a.pasting = ev.Start()
	case *tcell.EventKey:
		a.touched = true
		a.key(ev)
	case *tcell.EventMouse:
		a.mouseEvent(ev)
	}
}

func (a *App) key(ev *tcell.EventKey) {
	switch ev.Key() {
	case tcell.KeyCtrlZ:
		a.pause(true)
		return
	case tcell.KeyCtrlL:
		a.forget()
		a.screen.Sync()
		return
	}
	name := keyName(ev)
	text := ev.Key() == tcell.KeyRune
	switch {
	case a.model.Typing() && text:
		if name != "" { // no chords
			a.model.Type(string(ev.Rune()))
		}
	case a.pasting: // pasted text is no keys
	default:
		if action, ok := a.keys[name]; ok {
			a.do(a.model.Do(action))
		}
	}
}

// mouse is what must be remembered between its events.
type mouse struct {
	down    tcell.ButtonMask // pressed at the last event
	x, y    int              // of the last click
	clicked time.Time
}

// doubleClick is the longest time between its halves.
const doubleClick = 400 * time.Millisecond

// wheelRows is how far a notch of the wheel goes.
const wheelRows = 3

func (a *App) mouseEvent(ev *tcell.EventMouse) {
	x, y := ev.Position()
	buttons := ev.Buttons()
	switch {
	case buttons&tcell.WheelUp != 0:
		a.model.Wheel(x, y, -wheelRows)
	case buttons&tcell.WheelDown != 0:
		a.model.Wheel(x, y, wheelRows)
	}
	pressed := buttons &^ a.mouse.down
	a.mouse.down = buttons
	if pressed&tcell.Button1 == 0 {
		return
	}
	a.touched = true
	now := time.Now()
	twice := x == a.mouse.x && y == a.mouse.y && now.Sub(a.mouse.clicked) < doubleClick
	a.mouse.x, a.mouse.y, a.mouse.clicked = x, y, now
	if twice {
		a.mouse.clicked = time.Time{} // a third click begins anew
	}
	a.do(a.model.Click(x, y, twice))
}

// do fulfils what the model wishes for.
func (a *App) do(intents []model.Intent) {
	for _, in := range intents {
		switch in.Kind {
		case model.IntentQuit:
			a.quit()
		case model.IntentSnapshot:
			a.snapshot(in)
		case model.IntentCopy:
			a.copy(in.Text)
		case model.IntentEdit:
			a.edit(in.File, in.Line)
		case model.IntentExport:
			a.save("picture", in.Text)
		case model.IntentReport:
			a.report(in)
		}
	}
}

// quit closes the dashboard: at once where nothing is under way, and else when
// that has ended or q comes again.
func (a *App) quit() {
	if a.over || a.quitting || a.cfg.Quit == nil {
		a.leave = true
		return
	}
	a.quitting = true
	a.notice(model.Info, "ending with what there is; q again leaves the dashboard at once")
	a.cfg.Quit()
}

func (a *App) snapshot(in model.Intent) {
	switch {
	case a.cfg.Snapshot == nil || a.over:
		a.notice(model.Warning, "there is nothing running to take a snapshot of")
		return
	}
	if err := a.cfg.Snapshot(in.Source); err != nil {
		a.notice(model.Warning, fmt.Sprintf("no snapshot: %v", err))
		return
	}
	a.notice(model.Info, "a snapshot is asked for")
}

func (a *App) report(in model.Intent) {
	if a.cfg.Report == nil {
		a.notice(model.Warning, "no report can be written here")
		return
	}
	a.notice(model.Info, "writing the report")
	a.later(func() func() {
		text, err := a.cfg.Report(in.Source)
		return func() {
			if err != nil {
				a.notice(model.Warning, fmt.Sprintf("no report: %v", err))
				return
			}
			a.save("report", text)
		}
	})
}
