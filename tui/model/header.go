package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// piece is a part of a line; where there is no room, the piece with the lowest
// keep goes first.
type piece struct {
	keep  int
	spans []Span
}

func (p piece) cells() int {
	n := 0
	for _, s := range p.spans {
		n += cells(s.Text)
	}
	return n
}

// text makes a piece of one span.
func textPiece(keep int, s string, st Style) piece { return piece{keep, []Span{{s, st}}} }

// fitPieces leaves out pieces until the rest, with gap cells between, fits.
func fitPieces(pieces []piece, width, gap int) []piece {
	out := slices.DeleteFunc(slices.Clone(pieces), func(p piece) bool { return p.cells() == 0 })
	for len(out) > 1 {
		n := gap * (len(out) - 1)
		least := 0
		for i, p := range out {
			n += p.cells()
			if p.keep < out[least].keep {
				least = i
			}
		}
		if n <= width {
			break
		}
		out = slices.Delete(out, least, least+1)
	}
	return out
}

// flow writes the pieces that fit into one line of r.
func (c *canvas) flow(r rect, y, gap int, pieces ...piece) int {
	x := r.x
	for i, p := range fitPieces(pieces, r.w, gap) {
		if i > 0 {
			x += gap
		}
		x = c.spans(r, x, y, p.spans...)
	}
	return x
}

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

// verdictSpan is the run's verdict as glyph and word.
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
		return Span{"▲ LEAK", Leak}
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
	per := axis(f.res.HasOps)
	add := func(name string, always bool, print func(*stats.Interval, string) string, label string) {
		t := f.res.Total(name)
		if t == nil || !always && !report.AsksAttention(t.Verdict) {
			return
		}
		if i := along(f.res, t.PerOp, t.PerSecond); i != nil && !math.IsNaN(i.Estimate) && !math.IsInf(i.Estimate, 0) {
			out = append(out, Span{bracket(print(i, per)) + label, styleOfTotal(t.Verdict)})
		}
	}
	add("live_bytes", true, report.BytesRate, "")
	add("goroutines", false, report.GoroutinesRate, "")
	add("stack_bytes", false, report.BytesRate, " stacks")
	return out
}

func styleOfTotal(v detect.Verdict) Style {
	if report.AsksAttention(v) {
		return styleOf(v)
	}
	return Number
}

// perMinute is the growth of the live heap in bytes a minute; "" unknown.
func perMinute(f *frame) string {
	if f.res == nil {
		return ""
	}
	t := f.res.Total("live_bytes")
	if t == nil {
		return ""
	}
	i := along(f.res, t.PerOp, t.PerSecond)
	if i == nil {
		return ""
	}
	z := f.fitterOf(func(m *moment) bool { return !math.IsNaN(m.live) })
	v := i.Estimate * z.perMinute
	if math.IsNaN(v) || math.IsInf(v, 0) || z.perMinute == 0 {
		return ""
	}
	return report.Bytes(v) + "/min"
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
	if math.IsNaN(i.Estimate) || math.IsInf(i.Estimate, 0) || i.Estimate < 0 {
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
	for i, s := range growthTexts(f) {
		if i > 0 {
			s.Text = shorten(s.Text, 0) // one interval in a line is enough
		}
		s.Text = shorten(s.Text, r.w-3-pieces[0].cells())
		pieces = append(pieces, piece{8 - 3*i, []Span{s}})
	}
	if f.res == nil {
		pieces = append(pieces, textPiece(7, m.waiting(f), Dim))
	}
	pieces = append(pieces,
		textPiece(4, perMinute(f), Number),
		textPiece(6, tally(f), Normal),
		textPiece(7, forecast(f), Number))
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

// loadLine is the second line: the load and its phases.
func (m *Model) loadLine(c *canvas, r rect, f *frame) {
	if e, ok := m.latestEvent(f); ok && f.now && f.t.state == StateUnreachable {
		c.text(r, r.x, r.y, e.Text, severityStyle(e.Severity))
		return
	}
	load := piece{9, loadSpans(f)}
	room := r.w - 3 - load.cells()
	phase := piece{}
	for _, p := range phasePieces(f) { // the first that there is room for
		if phase = p; p.cells() <= room {
			break
		}
	}
	c.flow(r, r.y, 3, load, phase)
}

func loadSpans(f *frame) []Span {
	l := f.t.load
	ops := math.NaN()
	if last, ok := f.last(); ok {
		ops = last.ops
	}
	if l != nil && f.now {
		ops = float64(l.Completed)
	}
	var parts []string
	switch {
	case l != nil && l.Rate > 0:
		parts = append(parts, report.Number(l.Rate)+"/s open loop")
	case l != nil && l.Source == "metrics" || l == nil && f.hasOps() && f.end > 0:
		s := "someone else's"
		if rate := f.opsPerSecond(); rate > 0 {
			s += " " + report.Number(rate) + "/s"
		}
		parts = append(parts, s)
	case f.end > 0 && (l == nil || l.Completed == 0):
		return []Span{{"load ", Dim}, {"not known: growth is per second", Normal}}
	}
	if !math.IsNaN(ops) {
		parts = append(parts, report.Count(ops)+" ops")
	}
	if l != nil && f.now && (l.Source != "metrics" || l.Errors > 0) {
		parts = append(parts, report.Count(float64(l.Errors))+" err", report.Count(float64(l.Shed))+" shed")
		if l.InFlight > 0 {
			parts = append(parts, report.Count(float64(l.InFlight))+" in flight")
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []Span{{"load ", Dim}, {strings.Join(parts, " · "), Normal}}
}

// opsPerSecond over the judged moments; 0 unknown.
func (f *frame) opsPerSecond() float64 {
	if !f.hasOps() {
		return 0
	}
	z := f.fitterOf(func(*moment) bool { return true })
	return z.perMinute / 60
}

// phasePieces are "phase ✓warm-up ▶STEADY 2 12:40/20:00 ·drain" and ever shorter
// ways to say it, the last the present phase alone.
func phasePieces(f *frame) []piece {
	const keep = 8
	p := f.t.progress
	passes := f.t.passes()
	if !f.now {
		if last, ok := f.last(); ok && last.phase != "" {
			return []piece{{keep, []Span{{"phase ", Dim}, {"▶" + upper(phaseName(last.phase, last.pass, passes)), Title}}}}
		}
		return nil
	}
	if last, ok := f.last(); ok && (f.t.state == StateEnded || f.t.state == StateReplay) {
		return []piece{textPiece(keep, "ran "+clockTime(last.at.Sub(f.t.first)), Normal)}
	}
	if p == nil {
		return nil
	}
	if p.Note != "" {
		return []piece{textPiece(keep, "▶"+report.Printable(p.Note), Title)}
	}
	present := "▶" + upper(phaseName(p.Phase, p.Pass, passes))
	if p.Phase == snapshot.PhaseUnknown {
		present = "▶watching"
	}
	switch {
	case p.Total > 0:
		present += " " + clockTime(p.Done) + "/" + clockTime(p.Total)
	case p.Done > 0:
		present += " " + clockTime(p.Done)
	}
	if f.t.state == StateEnded && p.Phase != snapshot.PhaseUnknown {
		present = "✓" + phaseName(p.Phase, p.Pass, passes)
	} else if f.t.state == StateEnded {
		present = "watched " + clockTime(p.Done)
	}
	at := slices.Index(f.t.plan, Step{p.Phase, p.Pass})
	if at < 0 {
		return []piece{textPiece(keep, present, Title)}
	}
	list := func(label string, from, to int) piece {
		spans := []Span{{label, Dim}}
		for i := from; i < to; i++ {
			switch name := phaseName(f.t.plan[i].Phase, f.t.plan[i].Pass, passes); {
			case i < at:
				spans = append(spans, Span{"✓" + name + " ", Dim})
			case i == at:
				spans = append(spans, Span{present, Title})
			default:
				spans = append(spans, Span{" ·" + name, Dim})
			}
		}
		return piece{keep, spans}
	}
	var out []piece
	n := len(f.t.plan)
	for from := 0; from <= at; from++ { // what is long past goes first
		out = append(out, list("phase ", from, n), list("", from, n))
	}
	return append(out, list("", at, min(n, at+2)), list("", at, at+1))
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
			pieces = append(pieces, piece{5, []Span{{"judged ", Dim}, {fmt.Sprintf("%s of %s", report.Count(float64(f.res.Judged)), s), Normal}}})
		}
	}
	if f.res != nil && len(f.res.Warnings) > 0 {
		pieces = append(pieces, piece{4, []Span{{"l", Key}, {" " + plural(float64(len(f.res.Warnings)), "warning"), Warning1}}})
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
