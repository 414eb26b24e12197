package model

import (
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/report"
)

// drawLog lists the warnings of the verdict, then the events up to the moment
// that is shown, the newest first.
func (m *Model) drawLog(c *canvas, f *frame) {
	r := overlayFrame(c, "events and warnings")
	type entry struct {
		when, text string
		style      Style
	}
	var list []entry
	const width = 9
	add := func(when, text string, st Style) {
		for i, s := range wrap(report.Printable(text), r.w-width) {
			if i > 0 {
				when = ""
			}
			list = append(list, entry{when, s, st})
		}
	}
	if f.res != nil {
		for _, w := range report.Warnings(f.res.Warnings, m.reader(f)) {
			add("warning", w, Warning1)
		}
	}
	for i := len(f.t.events) - 1; i >= 0; i-- {
		e := f.t.events[i]
		if !f.now && e.Time.After(f.at) {
			continue
		}
		when := ""
		if !f.t.first.IsZero() {
			when = clockTime(e.Time.Sub(f.t.first))
		}
		add(when, e.Text, severityStyle(e.Severity))
	}
	m.scroll = max(0, min(m.scroll, len(list)-r.h))
	for i, e := range list[min(m.scroll, len(list)):] {
		if i >= r.h {
			break
		}
		c.text(rect{r.x, r.y, width, r.h}, r.x, r.y+i, e.when, Dim)
		c.text(r, r.x+width, r.y+i, strings.TrimSpace(e.text), e.style)
	}
	if len(list) == 0 {
		c.text(r, r.x, r.y, "nothing happened yet", Dim)
	}
	m.closeHint(c, len(list) > r.h)
}
