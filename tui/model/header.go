package model

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// badge is the state in the corner.
func (m *Model) badge(f *frame) Span {
	switch {
	case !f.now:
		return Span{"◂ AT " + clockTime(f.at.Sub(f.t.first)), FrozenBadge}
	case m.Frozen():
		return Span{"‖ FROZEN", FrozenBadge}
	}
	switch f.t.state {
	case StateLive:
		return Span{"● LIVE", LiveBadge}
	case StateUnreachable:
		return Span{"✗ UNREACHABLE", BadBadge}
	case StateEnded:
		return Span{"■ ENDED", EndedBadge}
	case StateReplay:
		return Span{"▸ REPLAY", EndedBadge}
	}
	return Span{"○ CONNECTING", EndedBadge}
}

// clockTime is a length of time as a clock shows it: "12:40", "1:02:03".
func clockTime(d time.Duration) string {
	s := int64(d.Round(time.Second).Seconds())
	sign := ""
	if s < 0 {
		sign, s = "-", -s
	}
	if s >= 3600 {
		return fmt.Sprintf("%s%d:%02d:%02d", sign, s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%s%02d:%02d", sign, s/60, s%60)
}

// top draws the border with the target's name and the state.
func (m *Model) top(c *canvas, f *frame, y int) {
	t := f.t
	c.hline(0, y, c.w)
	c.put(0, y, c.w, "┌", Border)
	c.put(c.w-1, y, c.w, "┐", Border)
	badge := m.badge(f)
	x := c.w - 2 - cells(badge.Text)
	c.put(x-1, y, c.w-1, " "+badge.Text+" ", badge.Style)
	name := t.info.Name
	if name == "" {
		name = t.name
	}
	pieces := []piece{textPiece(5, report.Printable(name), Title)}
	if len(m.shownTargets()) > 1 {
		pieces = append(pieces, textPiece(6, fmt.Sprintf("%d/%d", m.current+1, len(m.shownTargets())), Title))
	}
	add := func(keep int, s string) {
		if s != "" {
			pieces = append(pieces, textPiece(keep, "· "+report.Printable(s), Dim))
		}
	}
	if t.info.PID > 0 {
		add(2, fmt.Sprintf("pid %d", t.info.PID))
	}
	add(1, t.info.GoVersion)
	add(4, t.title)
	if t.tick > 0 {
		add(0, "tick "+tickText(t.tick))
	}
	left := c.put(1, y, x-1, "─ ", Border)
	if x-left > 24 {
		left = c.put(left, y, x-1, "heapdrift ", Title)
		if name != "" {
			left = c.put(left, y, x-1, "── ", Border)
		}
	}
	if room := x - 3 - left; room > 3 {
		r := rect{left, y, room, 1}
		fitted := fitPieces(pieces, room, 1)
		for i, p := range fitted {
			if i > 0 {
				left = c.put(left, y, r.right(), " ", Border)
			}
			left = c.spans(r, left, y, p.spans...)
		}
		if len(fitted) > 0 {
			c.put(left, y, x-1, " ", Border)
		}
	}
}

func tickText(d time.Duration) string {
	s := d.Round(100 * time.Millisecond).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}

// verdictSpan is the run's verdict as glyph and word, of a leak with how it is
// known.
func verdictSpan(f *frame) Span {
	if f.res == nil {
		return Span{"· NO VERDICT YET", Open}
	}
	open := ""
	if f.now && f.t.state != StateEnded && f.t.state != StateReplay || !f.now {
		open = " so far"
	}
	switch f.res.Verdict {
	case detect.RunLeak:
		if f.res.Proof == "" {
			return Span{"▲ LEAK", Leak}
		}
		return Span{"▲ LEAK (" + string(f.res.Proof) + ")", Leak}
	case detect.RunClean:
		return Span{"✓ CLEAN" + open, Clean}
	}
	return Span{"? INCONCLUSIVE" + open, Inconclusive}
}

// growthTexts are the rates of the totals that count: of the live heap always,
// of goroutines and stacks where they ask for attention.
func growthTexts(f *frame) []Span {
	if f.res == nil {
		return nil
	}
	var out []Span
	add := func(name string, always bool, what, label string) {
		t := f.res.Total(name)
		if t == nil || !always && !t.Verdict.AsksAttention() {
			return
		}
		if i := t.In(f.res.Per); i != nil && stats.Finite(i.Estimate) {
			out = append(out, Span{bracket(report.Growth(i, what+"/"+string(f.res.Per))) + label, styleOfTotal(t.Verdict)})
		}
	}
	add(series.LiveBytes, true, "B", "")
	add(series.Goroutines, false, "goroutines", "")
	add(series.StackBytes, false, "B", " stacks")
	return out
}

func styleOfTotal(v detect.Verdict) Style {
	if v.AsksAttention() {
		return styleOf(v)
	}
	return Number
}

// perMinute is the growth of the live heap in bytes a minute; "" unknown.
func perMinute(f *frame) string {
	if f.res == nil {
		return ""
	}
	i := f.res.Total(series.LiveBytes).In(detect.PerSecond)
	if i == nil || !stats.Finite(i.Estimate) {
		return ""
	}
	return report.Bytes(60*i.Estimate) + "/min"
}

// tally counts what was found: "3 sites, 1 suspect".
func tally(f *frame) string {
	if f.res == nil {
		return ""
	}
	n := map[detect.Verdict]int{}
	for i := range f.res.Findings {
		n[f.res.Findings[i].Verdict]++
	}
	var parts []string
	add := func(v detect.Verdict, one, many string) {
		switch k := n[v]; {
		case k == 1:
			parts = append(parts, "1 "+one)
		case k > 1:
			parts = append(parts, report.Count(float64(k))+" "+many)
		}
	}
	add(detect.Leak, "site", "sites")
	add(detect.Suspect, "suspect", "suspects")
	if len(parts) == 0 {
		add(detect.Growing, "growing", "growing")
		add(detect.Backlog, "backlog", "backlogs")
	}
	return strings.Join(parts, ", ")
}

// forecast is when memory runs out; "" unknown.
func forecast(f *frame) string {
	if f.res == nil || f.res.Forecast == nil {
		return ""
	}
	x := f.res.Forecast
	i := x.SecondsToLimit
	if !stats.Finite(i.Estimate) || i.Estimate < 0 {
		return ""
	}
	s := "limit " + report.Bytes(float64(x.LimitBytes)) + " in ≈ " + report.Duration(i.Estimate)
	if i.Finite() && i.Lo >= 0 {
		s += " [" + report.Duration(i.Lo) + " … " + report.Duration(i.Hi) + "]"
	}
	return s
}

// shorten gives text whole or, where that is longer than room, its head before an interval.
func shorten(text string, room int) string {
	if cells(text) > room {
		text, _, _ = strings.Cut(text, " [")
	}
	return text
}

// verdictLine is the first line of the header.
func (m *Model) verdictLine(c *canvas, r rect, f *frame) {
	pieces := []piece{{9, []Span{verdictSpan(f)}}}
	used := pieces[0].cells() // by what stays where there is little room
	for i, s := range growthTexts(f) {
		if i > 0 {
			s.Text = shorten(s.Text, 0) // one interval in a line is enough
		}
		if s.Text = shorten(s.Text, r.w-3-pieces[0].cells()); i == 0 {
			used += cells(s.Text)
		}
		pieces = append(pieces, piece{8 - 3*i, []Span{s}})
	}
	if f.res == nil {
		pieces = append(pieces, textPiece(7, m.waiting(f), Dim))
	}
	pieces = append(pieces,
		textPiece(4, perMinute(f), Number),
		textPiece(6, tally(f), Normal),
		textPiece(7, shorten(forecast(f), r.w-6-used), Number))
	c.flow(r, r.y, 3, pieces...)
}

// waiting says what a picture without a verdict waits for.
func (m *Model) waiting(f *frame) string {
	switch n := f.end; {
	case f.t.state == StateConnecting:
		return "waiting for the target"
	case n == 0:
		return "waiting for the first snapshot"
	case n == 1:
		return "1 snapshot so far"
	default:
		return report.Count(float64(f.t.line.seen)) + " snapshots so far"
	}
}

// powerLine is the third line: what the run could not have seen, and what the
// measurement costs.
func (m *Model) powerLine(c *canvas, r rect, f *frame) {
	var pieces []piece
	if f.res != nil {
		if s := report.Seen(f.res); s != "" {
			pieces = append(pieces, piece{5, []Span{{"would have seen ", Dim}, {s, Normal}}})
		} else {
			s := report.Count(float64(f.res.Snapshots)) + " snapshots"
			if f.res.Snapshots == 1 {
				s = "1 snapshot"
			}
			pieces = append(pieces, piece{5, []Span{{"judged ", Dim}, {fmt.Sprintf("%s of %s", report.Count(float64(f.res.Window.Snapshots)), s), Normal}}})
		}
	}
	if f.res != nil && len(f.res.Warnings) > 0 {
		n := len(report.Warnings(f.res.Warnings, m.reader(f)))
		pieces = append(pieces, piece{4, []Span{{"l", Key}, {" " + report.Plural(float64(n), "warning"), Warning1}}})
	}
	if r := f.t.info.MemProfileRate; r > 0 {
		pieces = append(pieces, piece{3, []Span{{"sampling ", Dim}, {report.Bytes(float64(r)), Normal}}})
	}
	if x := f.t.costShare(); !math.IsNaN(x) {
		pieces = append(pieces, piece{2, []Span{{"cost on target ", Dim}, {"≤ " + report.Number(100*x) + " %", Normal}}})
	}
	if f.t.info.Limit > 0 && (f.res == nil || f.res.Forecast == nil) {
		pieces = append(pieces, piece{1, []Span{{"limit ", Dim}, {report.Bytes(float64(f.t.info.Limit)), Normal}}})
	}
	c.flow(r, r.y, 6, pieces...)
}
