package model

import (
	"fmt"
	"math"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// fact is one thing to say about a row.
type fact struct {
	label string
	text  string
}

// reader is who the sentences about a target are for: of a recording they name no
// flags of a run.
func (m *Model) reader(f *frame) report.Reader {
	if m.cfg.Recording || f.t.state == StateReplay {
		return report.Archivist
	}
	return report.Operator
}

// facts of a row: how much, why, its shape with a hint, who holds it.
func (m *Model) facts(f *frame, r *row) []fact {
	var out []fact
	add := func(label, text string) {
		if text != "" {
			out = append(out, fact{label, text})
		}
	}
	add("size", sizeText(f, r))
	if x := r.finding; x != nil {
		add("why", report.Sentence(report.FindingWhy(x, m.reader(f))))
		shape := report.Printable(x.Shape)
		switch {
		case x.Docs != "" && shape != "":
			shape += " · hint: " + x.Docs
		case x.Docs != "":
			shape = "hint: " + x.Docs
		}
		add("shape", shape)
		add("held", report.Sentence(report.Held(x.HeldBy, m.reader(f))))
		if c := x.CreatedBy; c != nil {
			add("begun", report.ShortFunction(c.Function)+" "+report.Place(c.Function, c.File, c.Line, f.t.info.Module))
		}
		if n := len(r.parts); n > 1 {
			add("sites", fmt.Sprintf("it stands for %s sites", report.Count(float64(n))))
		}
	}
	return out
}

// sizeText says what a row holds and how it grows, as far as it is known.
func sizeText(f *frame, r *row) string {
	var parts []string
	if x := r.finding; x != nil {
		per := f.res.Per
		if i := x.Bytes.On(per); i != nil {
			parts = append(parts, bracket(report.Growth(i, "B/"+string(per))))
		}
		if i := x.Goroutines.On(per); i != nil {
			parts = append(parts, bracket(report.Growth(i, "goroutines/"+string(per))))
		}
		if i := x.Objects.On(per); i != nil && x.Kind == detect.KindHeap {
			parts = append(parts, report.Number(i.Estimate)+" objects/"+string(per))
		}
		if i := x.Allocated.On(per); i != nil {
			parts = append(parts, report.Bytes(i.Estimate)+"/"+string(per)+" allocated")
		}
		if x.Share > 0 {
			of := " % of the growth"
			if x.Verdict == detect.Churn {
				of = " % of what is allocated"
			}
			parts = append(parts, report.Number(math.Round(100*float64(x.Share)))+of)
		}
		if x.Trend != nil && !math.IsNaN(x.Trend.Tau) {
			parts = append(parts, fmt.Sprintf("tau %.2f over %d", x.Trend.Tau, x.Trend.N))
		}
	}
	switch {
	case r.kind == detect.KindGoroutine && r.count > 0:
		parts = append(parts, report.Count(r.count)+" now")
	case r.live > 0 && r.count > 0:
		parts = append(parts, fmt.Sprintf("%s in %s of %s", report.Bytes(r.live), report.Plural(r.count, "object"), report.Bytes(r.live/r.count)))
	case r.live > 0:
		parts = append(parts, report.Bytes(r.live)+" now")
	}
	return strings.Join(parts, " · ")
}

// path is a stack in one line, leaf first: "Flush:88 ← Service.Embed:142", the
// runtime's frames left out.
func path(frames []snapshot.Frame, width int) string {
	var parts []string
	for _, fr := range frames {
		name := report.ShortFunction(fr.Function)
		if strings.HasPrefix(name, "runtime.") {
			continue
		}
		if i := strings.IndexByte(name, '.'); i >= 0 {
			name = name[i+1:]
		}
		name = strings.NewReplacer("(*", "", ")", "").Replace(name)
		if fr.Line > 0 {
			name += fmt.Sprintf(":%d", fr.Line)
		}
		parts = append(parts, name)
	}
	s := strings.Join(parts, " ← ")
	for n := len(parts); cells(s) > width && n > 2; n-- { // whole frames from the root
		s = strings.Join(parts[:n-1], " ← ") + " ← " + ellipsis
	}
	return s
}

const labelWidth = 7

// detail draws what is known of the selected row into r, in as many lines as
// there are.
func (m *Model) detail(c *canvas, r rect, f *frame) {
	row := m.selectedRow(f)
	if row == nil {
		if _, total := m.rowsNow(f); total > 0 {
			c.text(r, r.x, r.y, "no row matches the filter", Dim)
		}
		return
	}
	y := r.y
	line := func(label, text string, room int) {
		if text == "" || y >= r.bottom() {
			return
		}
		lines := wrap(text, r.w-labelWidth)
		if len(lines) > room {
			rest := strings.Join(lines[room-1:], " ")
			lines = append(lines[:room-1], fit(rest, r.w-labelWidth))
		}
		c.put(r.x, y, r.right(), label, Dim)
		for _, s := range lines {
			if y >= r.bottom() {
				return
			}
			c.text(r, r.x+labelWidth, y, s, Normal)
			y++
		}
	}
	facts := m.facts(f, row)
	_, file, at := row.culprit()
	source, first := m.sourceAt(file, at)
	need := len(facts) + 1
	if len(source) > 0 {
		need++
	}
	spare := max(0, r.h-need)
	stack := path(row.stack(), r.w-labelWidth-24)
	if stack != "" {
		keys := []Span{{"[enter]", Key}, {" full · ", Dim}, {"[e]", Key}, {" edit", Dim}}
		c.put(r.x, y, r.right(), "stack", Dim)
		hint := piece{spans: keys}.cells()
		if r.w > 60 {
			c.spans(r, r.right()-hint, y, keys...)
		} else {
			hint = 0
		}
		c.text(rect{r.x, y, r.w - hint - 2, 1}, r.x+labelWidth, y, stack, Normal)
		y++
	}
	// What was found goes before the sizes, which the table has too.
	var last []fact
	for _, x := range facts {
		if x.label == "size" {
			last = append(last, x)
			continue
		}
		room := 1
		if x.label == "why" && spare > 0 {
			room, spare = 2, spare-1
		}
		line(x.label, x.text, room)
	}
	for _, x := range last {
		if y < r.bottom()-1 || len(source) == 0 {
			line(x.label, x.text, 1)
		}
	}
	if y < r.bottom() {
		m.sourceLines(c, rect{r.x, y, r.w, r.bottom() - y}, source, first, at)
		return
	}
	if half := r.w * 3 / 5; len(source) > 0 && r.w >= 70 { // beside the last fact
		if c.at(r.x+half-1, y-1) != " " {
			c.put(r.x+half-1, y-1, r.right(), ellipsis, Normal)
		}
		for x := r.x + half; x < r.right(); x++ {
			c.put(x, y-1, r.right(), " ", Normal)
		}
		m.sourceLines(c, rect{r.x + half + 1, y - 1, r.w - half - 1, 1}, source, first, at)
	}
}

// sourceLines draws the line at with as much around it as there is room for.
func (m *Model) sourceLines(c *canvas, r rect, lines []string, first, at int) {
	hit := at - first
	if r.h <= 0 || hit < 0 || hit >= len(lines) {
		return
	}
	from := max(0, hit-(r.h-1)/2)
	from = max(0, min(from, len(lines)-r.h))
	c.put(r.x, r.y, r.right(), "src", Dim)
	for i := from; i < min(len(lines), from+r.h); i++ {
		y := r.y + i - from
		st := Source
		if i == hit {
			st = SourceHit
		}
		text := strings.ReplaceAll(lines[i], "\t", "    ")
		if r.h == 1 {
			text = strings.TrimSpace(text)
		}
		x := c.put(r.x+4, y, r.right(), fmt.Sprintf("%d │ ", first+i), Dim)
		c.text(r, x, y, report.Printable(text), st)
	}
}
