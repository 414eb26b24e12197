package model

import (
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// check holds what is true of every picture.
func check(t testing.TB, s Screen, w, h int) {
	t.Helper()
	if s.Width != w || s.Height != h || len(s.Rows) != h {
		t.Fatalf("View(%d, %d) is %d × %d with %d rows", w, h, s.Width, s.Height, len(s.Rows))
	}
	for y, r := range s.Rows {
		n := 0
		for _, sp := range r {
			if sp.Text == "" || sp.Style.Role() >= roles {
				t.Fatalf("%d × %d, row %d: span %q of style %d", w, h, y, sp.Text, sp.Style)
			}
			n += uniseg.StringWidth(sp.Text)
		}
		text := r.String()
		if n != w || uniseg.StringWidth(text) != w {
			t.Fatalf("%d × %d: row %d is %d cells wide, %d as one text: %q", w, h, y, n, uniseg.StringWidth(text), text)
		}
		if !utf8.ValidString(text) {
			t.Fatalf("%d × %d: row %d splits a character: %q", w, h, y, text)
		}
		for _, c := range text {
			if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
				t.Fatalf("%d × %d: row %d holds %U: %q", w, h, y, c, text)
			}
		}
	}
	if s.CursorX >= w || s.CursorY >= h || (s.CursorX < 0) != (s.CursorY < 0) {
		t.Fatalf("%d × %d: the cursor is at (%d, %d)", w, h, s.CursorX, s.CursorY)
	}
}

func TestEveryRowIsAsWideAsTheScreen(t *testing.T) {
	t.Parallel()
	states := map[string]func(*Model){
		"main":       func(*Model) {},
		"wide names": func(m *Model) { m.Do(ActionFilter); m.Type("追加"); m.Do(ActionEnter) },
		"goroutines": func(m *Model) { m.Do(ActionTab) },
		"stack":      func(m *Model) { m.Do(ActionEnter) },
		"help":       func(m *Model) { m.Do(ActionHelp) },
		"targets":    func(m *Model) { m.Apply(Update{Source: "例え\u202e\x1b[31m.test"}); m.Do(ActionOverview) },
		"log":        func(m *Model) { m.Do(ActionLog) },
		"typing":     func(m *Model) { m.Do(ActionFilter); m.Type("関数(") },
		"since":      func(m *Model) { m.Do(ActionScrubBack); m.Do(ActionDiff); m.Do(ActionScrubForward) },
		"notice":     func(m *Model) { m.Notice(Alarm, "取れません: \x1b]0;x\a the report") },
	}
	for name, then := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := feed(t, 12*time.Minute)
			then(m)
			step := 3 // the main picture in every size, the others in a ninth of them
			if name == "main" && !testing.Short() {
				step = 1
			}
			for w := 1; w <= 130; w += step {
				for h := 1; h <= 45; h += step {
					check(t, m.View(w, h), w, h)
				}
			}
		})
	}
	m := feed(t, time.Minute)
	for _, size := range [][2]int{{0, 0}, {-1, 5}, {5, 0}, {-7, -7}} {
		if s := m.View(size[0], size[1]); len(s.Rows) != 0 {
			t.Errorf("View(%d, %d) has %d rows", size[0], size[1], len(s.Rows))
		}
	}
}
