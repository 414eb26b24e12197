package tui

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"

	"github.com/heapdrift/heapdrift/tui/model"
)

// The keys that are no characters, for FuzzKeys.
var fuzzKeys = []tcell.Key{
	tcell.KeyTab, tcell.KeyBacktab, tcell.KeyEnter, tcell.KeyEscape, tcell.KeyUp, tcell.KeyDown, tcell.KeyLeft, tcell.KeyRight,
	tcell.KeyPgUp, tcell.KeyPgDn, tcell.KeyHome, tcell.KeyEnd, tcell.KeyBackspace2, tcell.KeyCtrlC, tcell.KeyCtrlU, tcell.KeyCtrlL, tcell.KeyF1, tcell.KeyDelete,
}

// FuzzKeys types anything, at any size, while news come in: no panic, no
// deadlock, no goroutine is left (synctest), and each row is as wide as the
// screen.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("??/店\x00\x02[[]]{}\xf0\x10\x05nnpvvq"))
	f.Add([]byte("\xf0\x6e\x20dsd\xf8\x00\tjjG\xf1\x20\x30kk\x01\x02"))
	f.Add([]byte("\xf7\xf7\xf7\xf7 \xf7\xf7<<<>>rr\xf3\x05\x05\xf4\x09\x14yow"))
	f.Add([]byte("/(((\x02\x02/[\x0c\x03sqq"))
	f.Add([]byte("\xf0\x00\x20j\xf0\x00\x00\xf3\x05\x05"))
	f.Add([]byte("\xf0\x20\x00j\xf3\x05\x05"))
	f.Add([]byte("\xf7j\xf0\x00\x20"))
	f.Add([]byte("\xf7\xf7\xf0\x00\x20\xf3\x05\x05\xf0\x50\x18j"))
	f.Fuzz(func(t *testing.T, keys []byte) {
		if len(keys) > 200 {
			keys = keys[:200]
		}
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			asked := 0
			r := start(t, 110, 32, Config{
				Dir: dir, Theme: Theme(len(keys) % 4), Newest: len(keys)%2 == 0, Ended: "over", Quit: func() { asked++ },
				Snapshot: func(string) error { return nil },
				Report:   func(string) (string, error) { return "", errors.New("no") },
			})
			p := newProgram(30)
			next := func(i int) byte {
				if i < len(keys) {
					return keys[i]
				}
				return 0
			}
			for i := 0; i < len(keys) && r.running(); i++ {
				switch b := keys[i]; {
				case b == 0xf0 || b == 0xf1: // resize
					w, h := int(next(i+1)), int(next(i+2))
					i += 2
					r.screen.SetSize(w, h)
					_ = r.screen.PostEvent(tcell.NewEventResize(w, h))
				case b == 0xf2: // a second target
					r.app.Send(model.Update{Source: "b", State: model.StateConnecting, Time: p.at})
				case b == 0xf3, b == 0xf4: // the mouse
					buttons := tcell.Button1
					if b == 0xf4 {
						buttons = tcell.WheelDown
					}
					x, y := int(next(i+1)), int(next(i+2))
					i += 2
					r.screen.InjectMouse(x, y, buttons, tcell.ModNone)
					r.screen.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
				case b == 0xf5:
					time.Sleep(time.Second)
				case b == 0xf6:
					_ = r.screen.PostEvent(tcell.NewEventPaste(next(i+1)%2 == 0))
				case b == 0xf7 || b == 0xf8:
					r.app.Send(p.update("a", b == 0xf8))
				case b == 0xf9:
					r.app.End()
				case b == 0xfa:
					r.screen.InjectKey(tcell.KeyRune, '店', tcell.ModMask(next(i+1)%8))
				case int(b) < len(fuzzKeys):
					r.screen.InjectKey(fuzzKeys[b], 0, tcell.ModNone)
				default:
					r.screen.InjectKey(tcell.KeyRune, rune(b), tcell.ModNone)
				}
				synctest.Wait()
			}
			if r.running() {
				time.Sleep(redrawEvery)
				synctest.Wait()
				width, height := r.app.screen.Size()
				want := height
				if width == 0 {
					want = 0 // a row without a cell is none
				}
				if n := len(r.app.painted); n != want {
					t.Errorf("%d rows on a screen of %d × %d, want %d", n, width, height, want)
				}
				for y, row := range r.app.painted {
					if n := uniseg.StringWidth(row.String()); n != width {
						t.Errorf("row %d is %d cells wide on a screen of %d: %q", y, n, width, row.String())
					}
				}
				r.app.End()
				r.cancel()
			}
			if err := r.ended(); err != nil {
				t.Error(err)
			}
		})
	})
}
