package tui

import (
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/tui/model"
)

// Theme is a set of colours. A verdict is told by glyph and word as well: no
// theme is needed to read it. No theme paints a background, so that the
// terminal's own is kept.
type Theme int

// The themes.
const (
	Dark Theme = iota // for a dark background
	Light
	ColourBlind // told apart without red and green (Okabe and Ito's palette), for a dark background
	Mono        // no colour at all, for NO_COLOR: bold, dim, underlined and reverse alone
)

var themeNames = []string{Dark: "dark", Light: "light", ColourBlind: "colour-blind", Mono: "mono"}

// String is the theme's name.
func (t Theme) String() string {
	if t < 0 || int(t) >= len(themeNames) {
		return fmt.Sprintf("Theme(%d)", int(t))
	}
	return themeNames[t]
}

// ParseTheme reads the name of a theme.
func ParseTheme(s string) (Theme, error) {
	name := strings.ReplaceAll(strings.ToLower(s), "color", "colour")
	if name == "colourblind" {
		name = "colour-blind"
	}
	for t, n := range themeNames {
		if n == name {
			return Theme(t), nil
		}
	}
	return 0, fmt.Errorf("unknown theme %q: use %s", s, strings.Join(themeNames, ", "))
}

// hues are the colours of a theme.
type hues struct {
	dim, frame, title, key             tcell.Color
	bad, doubt, grow, wait, note, good tcell.Color // leak, suspect, growing, backlog, churn and plateau, stable
	heap, fit, band                    tcell.Color
}

func (t Theme) hues() hues {
	c := func(rgb int32) tcell.Color { return tcell.NewHexColor(rgb) }
	switch t {
	case Light:
		return hues{
			dim: c(0x6c6c6c), frame: c(0x8a8a8a), title: c(0x005f87), key: c(0x005faf),
			bad: c(0xc00000), doubt: c(0xaf5f00), grow: c(0x875f00), wait: c(0x8700af), note: c(0x005f87), good: c(0x00701a),
			heap: c(0x005faf), fit: c(0xc00000), band: c(0x9e9e9e),
		}
	case ColourBlind:
		return hues{
			dim: c(0x8a8a8a), frame: c(0x6c6c6c), title: c(0x56b4e9), key: c(0x56b4e9),
			bad: c(0xe8743b), doubt: c(0xe69f00), grow: c(0xf0e442), wait: c(0xcc79a7), note: c(0x9ec9e2), good: c(0x56b4e9),
			heap: c(0x56b4e9), fit: c(0xe69f00), band: c(0x7a7a7a),
		}
	}
	return hues{
		dim: c(0x8a8a8a), frame: c(0x5f6b75), title: c(0x87d7ff), key: c(0x87d7ff),
		bad: c(0xff5f5f), doubt: c(0xffaf5f), grow: c(0xffd75f), wait: c(0xd787ff), note: c(0x87afd7), good: c(0x87d787),
		heap: c(0x5fd7ff), fit: c(0xff8787), band: c(0x767676),
	}
}

// fewColours is how many a terminal must have for greys to be told from black
// and white.
const fewColours = 256

// style is the look of a role on a terminal of so many colours.
func (t Theme) style(s model.Style, colours int) tcell.Style {
	plain := tcell.StyleDefault
	if s.IsSelected() {
		// The same for all of the row: a reverse of its colours would be patches.
		out := plain.Reverse(true)
		if bold(s.Role()) {
			out = out.Bold(true)
		}
		return out
	}
	out := plain
	grey := faint(s.Role()) || s.Role() == model.Open || s.Role() == model.EndedBadge
	switch c, ok := t.hues().of(s.Role()); {
	case faint(s.Role()) && (t == Mono || colours < fewColours):
		out = out.Dim(true)
	case ok && t != Mono && !(grey && colours < fewColours):
		out = out.Foreground(c)
	}
	if bold(s.Role()) {
		out = out.Bold(true)
	}
	switch s.Role() {
	case model.Sorted, model.Input:
		out = out.Underline(true)
	case model.LiveBadge, model.FrozenBadge, model.EndedBadge, model.BadBadge, model.SourceHit:
		out = out.Reverse(true)
	}
	return out
}

// of is the colour of a role; none for those of the terminal's own.
func (h hues) of(role model.Style) (tcell.Color, bool) {
	switch role {
	case model.Dim, model.Axis, model.Open, model.EndedBadge, model.Source:
		return h.dim, true
	case model.Border:
		return h.frame, true
	case model.Title, model.Header, model.Sorted:
		return h.title, true
	case model.Key, model.Input:
		return h.key, true
	case model.Leak, model.BadBadge, model.Alarm1, model.Rising, model.InputBad:
		return h.bad, true
	case model.Suspect, model.Warning1, model.EventMark:
		return h.doubt, true
	case model.Growing, model.Inconclusive, model.FrozenBadge, model.SourceHit:
		return h.grow, true
	case model.Backlog:
		return h.wait, true
	case model.Churn, model.Plateau, model.Spark:
		return h.note, true
	case model.Stable, model.Clean, model.LiveBadge:
		return h.good, true
	case model.Heap:
		return h.heap, true
	case model.Fit:
		return h.fit, true
	case model.Band:
		return h.band, true
	}
	return tcell.ColorDefault, false // Normal, Number, Info1
}

func bold(role model.Style) bool {
	switch role {
	case model.Title, model.Header, model.Sorted, model.Key, model.Number, model.Leak, model.Clean, model.Inconclusive,
		model.LiveBadge, model.FrozenBadge, model.EndedBadge, model.BadBadge, model.Alarm1, model.EventMark, model.Rising:
		return true
	}
	return false
}

func faint(role model.Style) bool {
	switch role {
	case model.Dim, model.Border, model.Axis, model.Band, model.Source:
		return true
	}
	return false
}
