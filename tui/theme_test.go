package tui

import (
	"testing"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/tui/model"
)

func TestEveryRoleHasALookInEveryTheme(t *testing.T) {
	t.Parallel()
	plain := map[model.Style]bool{model.Normal: true, model.Info1: true}
	for theme := Dark; theme <= Mono; theme++ {
		for _, colours := range []int{0, 8, 256, 1 << 24} {
			for _, role := range model.Roles() {
				fg, bg, attr := theme.style(role, colours).Decompose()
				if theme == Mono && fg != tcell.ColorDefault || bg != tcell.ColorDefault {
					t.Errorf("%s: role %d has the colours %v on %v", theme, role, fg, bg)
				}
				if theme != Mono && colours > 8 && !plain[role] && fg == tcell.ColorDefault && attr == 0 {
					t.Errorf("%s: role %d looks like plain text", theme, role)
				}
				if r, g, b := fg.RGB(); colours == 8 && fg != tcell.ColorDefault && r == g && g == b {
					t.Errorf("%s: role %d is a grey, which eight colours show as black or white", theme, role)
				}
				sfg, sbg, sattr := theme.style(role|model.Selected, colours).Decompose()
				if sfg != tcell.ColorDefault || sbg != tcell.ColorDefault || sattr&tcell.AttrReverse == 0 {
					t.Errorf("%s: role %d is not simply reverse in the selected row", theme, role)
				}
			}
		}
	}
}

func TestVerdictsAreToldApartByColour(t *testing.T) {
	t.Parallel()
	for _, theme := range []Theme{Dark, Light, ColourBlind} {
		seen := map[tcell.Color]model.Style{}
		for _, role := range []model.Style{model.Leak, model.Suspect, model.Growing, model.Backlog, model.Plateau, model.Stable} {
			fg, _, _ := theme.style(role, 1<<24).Decompose()
			if was, ok := seen[fg]; ok {
				t.Errorf("%s: roles %d and %d are both %v", theme, was, role, fg)
			}
			seen[fg] = role
		}
	}
}

func TestThemesAreReadByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Theme{"dark": Dark, "Light": Light, "colour-blind": ColourBlind, "color-blind": ColourBlind, "colorblind": ColourBlind, "mono": Mono} {
		if got, err := ParseTheme(name); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", name, got, err, want)
		}
	}
	if _, err := ParseTheme("pink"); err == nil {
		t.Error("pink is a theme")
	}
}
