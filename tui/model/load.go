package model

import (
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

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
	case l != nil && l.Source == "metrics" || l == nil && f.per() == detect.PerOp && f.end > 0:
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
	if x := f.workPerMinute(); f.per() == detect.PerOp && x > 0 {
		return x / 60
	}
	return 0
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
