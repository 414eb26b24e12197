package report

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// TextOptions shape the text. The zero value prints without colour, at most
// ten findings on one screen, and says nothing of a recording.
type TextOptions struct {
	// Color asks for colour codes. The caller has made sure that w is a
	// terminal and that NO_COLOR is not set.
	Color bool
	// Verbose says everything; otherwise a report has 25 lines at most.
	Verbose bool
	// Bundle is the recording's path, where one was kept.
	Bundle string
	// MaxFindings bounds the findings printed; 0 means 10.
	MaxFindings int
	// Reader is whom the text is for; the zero value is the Operator.
	Reader Reader
	// Told are warnings that the reader has seen already, as Warnings words them.
	Told []string
}

const (
	indent = "     "
	// mostWarnings is how many are printed where not all are asked for.
	mostWarnings = 3
)

// Text writes the report for people: one line when all is well, else the
// verdict, what it means, the findings, what the run could have seen and what to
// do next.
func Text(w io.Writer, run *snapshot.Run, res *detect.Result, o TextOptions) error {
	t := newText(o)
	t.report(run, res)
	return Write(w, t.b.String(), "the report as text")
}

// report writes a page. What it must say has room from the start; the rest follows
// in the order of its worth (fill).
func (t *text) report(run *snapshot.Run, res *detect.Result) {
	t.run, t.res = run, res
	p := &page{}
	word, sgr := t.verdict(p)
	if res.Verdict == detect.RunLeak {
		p.add([]string{""})
	}
	list := t.list(p)
	others := []*slot{p.add(churn(t, 1), churn(t, mostChurn))}
	if res.Verdict != detect.RunClean {
		p.add(prose(explained(res)))
		others = append(others, p.add(nil, prose(mean(res))))
		p.add(first(prose(forecast(res)), 2), prose(forecast(res)))
		for i, s := range power(run, res) {
			if i == 0 {
				p.add(prose(s))
			} else {
				others = append(others, p.add(nil, prose(s)))
			}
		}
	}
	warnings := t.warnings(p)
	t.next(p)
	if t.o.Verbose {
		p.whole()
	} else {
		fill(p, list, warnings, others)
	}
	for i, l := range p.lines() {
		if i == 0 {
			l = t.head(word, sgr) + strings.TrimPrefix(l, word)
		}
		t.line(l)
	}
}

// fill gives the room of a page to the rows of findings, the reason of each, all
// that warnings say, who retains the findings, and then whatever there is.
func fill(p *page, l *list, warnings, others []*slot) {
	shown := 0
	for shown < len(l.rows) && p.grow(l.rows[shown].head, 1, min(1, l.of-shown-1)) {
		shown++
	}
	rows := l.rows[:shown]
	l.more.forms = [][]string{hidden(l.of - shown)}
	each := func(to int, of func(*row) *slot) {
		for _, r := range rows {
			p.grow(of(r), to, 0)
		}
	}
	each(1, func(r *row) *slot { return r.why })
	for _, s := range warnings {
		p.grow(s, 1, 0)
	}
	each(1, func(r *row) *slot { return r.held })
	each(1, func(r *row) *slot { return r.begun })
	each(1, func(r *row) *slot { return r.size })
	each(2, func(r *row) *slot { return r.why })
	for _, s := range others {
		p.grow(s, 1, 0)
	}
}

// verdict adds the first line, with the word that it begins with and its colour,
// and what the verdict means.
func (t *text) verdict(p *page) (word, sgr string) {
	run, res := t.run, t.res
	switch res.Verdict {
	case detect.RunLeak:
		word = "LEAK"
		p.add(flow(word+"  ", "      ", "   ", slices.Concat(howKnown(res), growths(res), []string{span(run, res, true)})))
		if s := Proof(res, t.o.Reader); s != "" {
			p.add(wrapped("      ", s))
		}
		return word, "1;31"
	case detect.RunClean:
		word = "clean"
		p.add(wrapped(word+"  ", quiet(run, res)))
		p.add(wrapped(indent, assurance(res)))
		return word, "32"
	}
	word = "inconclusive"
	p.add([]string{word + "  " + span(run, res, true)})
	why, _ := undecided(run, res, t.o.Reader)
	for _, w := range why {
		p.add(first(wrapped(indent, w.short()), 3), wrapped(indent, w.full))
	}
	return word, "33"
}

// howKnown is what HowKnown says of a run; empty where that is not known.
func howKnown(res *detect.Result) []string {
	if s := HowKnown(res.Proof); s != "" {
		return []string{s}
	}
	return nil
}

// list is the findings on a page: those that ask for attention, and how many of
// them there are.
type list struct {
	rows []*row
	of   int
	more *slot // what is not shown
}

// row is a finding: its line, and what there is to say of it.
type row struct{ head, size, held, begun, why *slot }

func (t *text) list(p *page) *list {
	found := linked(t.res)
	l := &list{of: len(found)}
	found = found[:min(len(found), t.o.MaxFindings)]
	told := map[string]bool{}
	for i, head := range t.heads(found) {
		f, r := found[i].Finding, &row{}
		l.rows = append(l.rows, r)
		r.head = p.add(nil, head)
		short, full := t.why(f)
		if found[i].under && !t.o.Verbose { // told with the one above
			short, full = nil, nil
		}
		r.size, r.held, r.begun = p.add(nil, t.size(f)), p.add(nil, t.held(f)), p.add(nil, t.begun(f))
		if found[i].under {
			r.held = p.add(nil)
		}
		if said := strings.Join(full, "\n"); told[said] && said != "" && !t.o.Verbose {
			short, full = []string{indent + "why  as above"}, nil
		} else {
			told[said] = true
		}
		r.why = p.add(nil, short, full)
	}
	l.more = p.add(nil)
	return l
}

// hidden counts the findings that are not shown.
func hidden(n int) []string {
	if n <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s… and %d more with -v", indent, n)}
}

// heads are the lines of findings: in columns where all of them fit, else as many
// lines each as they take.
func (t *text) heads(found []link) [][]string {
	words := 0
	cells := make([][]string, len(found))
	for i, f := range found {
		words = max(words, utf8.RuneCountInString(wordOf(f.Finding)))
		cells[i] = []string{
			amount(f.Finding, t.res), NameOf(f.Function, f.WaitReason),
			Place(f.Function, f.File, f.Line, t.run.Target.Module), held(f.Finding),
		}
	}
	leads := make([]string, len(found))
	wide := false
	columned := Columns(cells, 3)
	for i, f := range found {
		leads[i] = fmt.Sprintf("%s %-*s  ", Glyph(f.Verdict), words, wordOf(f.Finding))
		if f.under {
			leads[i] = fmt.Sprintf("%-*s  ", words+2, "  └ with it")
		}
		wide = wide || utf8.RuneCountInString(leads[i]+strings.TrimRight(columned[i], " ")) > columns
	}
	out := make([][]string, len(found))
	for i := range found {
		if wide {
			out[i] = flow(leads[i], indent, "   ", slices.DeleteFunc(slices.Clone(cells[i]), func(s string) bool { return s == "" }))
		} else {
			out[i] = []string{strings.TrimRight(leads[i]+columned[i], " ")}
		}
	}
	return out
}

// wordOf is a finding's verdict, with what is to be known of it beside.
func wordOf(f *detect.Finding) string {
	switch {
	case f.Allowed != "":
		return Word(f.Verdict) + ", allowed"
	case f.Proof == detect.ProofProved:
		return Word(f.Verdict) + ", proved"
	}
	return Word(f.Verdict)
}

// size is how many objects a finding retains, and how large they are.
func (t *text) size(f *detect.Finding) []string {
	o, b := f.Objects.On(detect.PerOp), f.Bytes.On(detect.PerOp)
	if o == nil || b == nil || f.Kind != detect.KindHeap || f.Verdict != detect.Leak || !(o.Estimate > 0) || !(b.Estimate > 0) {
		return nil
	}
	return []string{indent + Number(o.Estimate) + " objects/op of " + Bytes(b.Estimate/o.Estimate) + " each"}
}

// held is who retains a finding, or else the shape of it.
func (t *text) held(f *detect.Finding) []string {
	see := ""
	if f.Docs != "" {
		see = ", see " + Printable(f.Docs)
	}
	by := Sentence(Held(f.HeldBy, t.o.Reader))
	switch {
	case by != "" && f.Shape != "":
		return wrapped(indent, "retained by "+by+" ("+Printable(f.Shape)+")"+see)
	case by != "":
		return wrapped(indent, "retained by "+by)
	case f.Shape != "":
		return []string{indent + "shape  " + Printable(f.Shape) + see}
	}
	return nil
}

// begun is the go statement that began the goroutines.
func (t *text) begun(f *detect.Finding) []string {
	by := f.CreatedBy
	if by == nil {
		return nil
	}
	return flow(indent, indent, "   ", []string{"begun by " + ShortFunction(by.Function), Place(by.Function, by.File, by.Line, t.run.Target.Module)})
}

// why is the reason that says the most of a finding, and all of them.
func (t *text) why(f *detect.Finding) (short, full []string) {
	all := FindingWhy(f, t.o.Reader)
	if len(all) == 0 {
		return nil, nil
	}
	if f.Allowed != "" {
		all = append([]string{"allowed as " + Printable(f.Allowed)}, all...)
	}
	lead := indent + "why  "
	return first(wrapped(lead, foremost(f.Reasons, telling{reader: t.o.Reader, kind: f.Kind})), 2), wrapped(lead, Sentence(all))
}

// churn names what allocates and retains nothing, a line each.
func churn(t *text, most int) []string {
	shown, more := churning(t.res)
	more += max(0, len(shown)-most)
	var out []string
	for _, f := range shown[:min(most, len(shown))] {
		out = append(out, flow(Glyph(f.Verdict)+" "+Word(f.Verdict)+"   ", indent, "   ", []string{churns(f), ShortFunction(f.Function),
			Place(f.Function, f.File, f.Line, t.run.Target.Module)})...)
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%s… and %d more that churn", indent, more))
	}
	return out
}

// warnings adds those that cost the reader the most, and how many there are
// besides.
func (t *text) warnings(p *page) []*slot {
	var told []string
	for _, w := range rankedWarnings(t.res.Warnings, t.o.Reader) {
		if !slices.Contains(t.o.Told, w) {
			told = append(told, w)
		}
	}
	shown := len(told)
	if !t.o.Verbose {
		shown = min(shown, mostWarnings)
	}
	var out []*slot
	for _, w := range told[:shown] {
		out = append(out, p.add(brief("warning: ", w), wrapped("warning: ", w)))
	}
	if n := len(told) - shown; n > 0 {
		p.add([]string{"         " + Plural(float64(n), "more warning") + " with -v"})
	}
	return out
}

// next adds the one thing to do, and where the recording is.
func (t *text) next(p *page) {
	at := t.o.Bundle
	if t.res.Verdict == detect.RunInconclusive {
		_, next := undecided(t.run, t.res, t.o.Reader)
		if !t.o.Verbose {
			next = next[:1]
		}
		for _, s := range next {
			p.add(wrapped("next: ", s))
		}
		if at != "" {
			p.add([]string{"Bundle: " + at})
		}
	} else if at != "" {
		p.add(flow("", "", "   ", []string{"Bundle: " + at, "next: heapdrift analyze -v " + at}))
	}
}

func prose(s string) []string {
	if s == "" {
		return nil
	}
	return wrapped("", s)
}

// text collects the lines.
type text struct {
	b   strings.Builder
	run *snapshot.Run
	res *detect.Result
	o   TextOptions
}

func newText(o TextOptions) *text {
	if o.Reader == Script {
		o.Reader = Operator
	}
	switch {
	case o.Verbose:
		o.MaxFindings = math.MaxInt
	case o.MaxFindings <= 0:
		o.MaxFindings = 10
	}
	return &text{o: o}
}

func (t *text) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

// prose writes a lead and sentences behind it.
func (t *text) prose(lead, sentences string) {
	for _, l := range wrapped(lead, sentences) {
		t.line(l)
	}
}

// A number and its unit stay on one line, and so does a flag to be copied.
var united = regexp.MustCompile(`([0-9]|--allow) (%|[KMGT]i?B|B\b|s\b|')`)

const bond = "\x00"

// head colours a word with an SGR code where colour was asked for.
func (t *text) head(word, sgr string) string {
	if !t.o.Color || sgr == "" {
		return word
	}
	return "\x1b[" + sgr + "m" + word + "\x1b[0m"
}

// Spaced are cells in a line, three spaces apart; empty ones take no space.
func Spaced(cells ...string) string {
	return strings.Join(slices.DeleteFunc(cells, func(s string) bool { return s == "" }), "   ")
}

// Columns are rows as lines, the columns three spaces apart. Those whose index
// is in right end where their column does; a column without anything in it takes
// no space.
func Columns(rows [][]string, right ...int) []string {
	var width []int
	for _, r := range rows {
		for c, s := range r {
			if c == len(width) {
				width = append(width, 0)
			}
			width[c] = max(width[c], utf8.RuneCountInString(s))
		}
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		var cells []string
		for c, s := range r {
			room := strings.Repeat(" ", width[c]-utf8.RuneCountInString(s))
			if slices.Contains(right, c) {
				cells = append(cells, room+s)
			} else {
				cells = append(cells, s+room)
			}
		}
		lines[i] = Spaced(cells...)
	}
	return lines
}
