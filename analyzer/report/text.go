package report

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// TextOptions shape the text. The zero value prints without colour, at most
// ten findings, and says nothing of a recording.
type TextOptions struct {
	// Color asks for colour codes. The caller has made sure that w is a
	// terminal and that NO_COLOR is not set.
	Color bool
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
	// columns is what a line of prose may take. Tables and addresses are left as
	// wide as they are: a terminal wraps them, and what is cut in two cannot be
	// copied.
	columns = 80
)

// Text writes the report for people: one line when all is well, else the
// verdict, the findings, what the run could have seen and what to do next.
func Text(w io.Writer, run *snapshot.Run, res *detect.Result, o TextOptions) error {
	t := newText(o)
	t.report(run, res)
	return Write(w, t.b.String(), "the report as text")
}

func (t *text) report(run *snapshot.Run, res *detect.Result) {
	t.run, t.res = run, res
	switch res.Verdict {
	case detect.RunLeak:
		t.line(t.head("LEAK", "1;31") + "  " + tally(res) + growths(res) + indent + span(run, res, true))
		t.line("")
		t.body()
	case detect.RunClean:
		t.line(t.head("clean", "32") + "  " + clean(run, res))
		t.prose(indent, assurance(res))
		t.churn()
	default:
		t.line(t.head("inconclusive", "33") + "  " + span(run, res, true))
		why, next := undecided(run, res, t.o.Reader)
		for _, s := range why {
			t.prose(indent, s)
		}
		t.body()
		for _, s := range next {
			t.prose("next: ", s)
		}
	}
	for _, w := range Warnings(res.Warnings, t.o.Reader) {
		if !slices.Contains(t.o.Told, w) {
			t.prose("warning: ", w)
		}
	}
	if at := t.o.Bundle; at != "" {
		t.line("Bundle: " + at + "   next: heapdrift analyze --format json " + at)
	}
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
	if o.MaxFindings <= 0 {
		o.MaxFindings = 10
	}
	return &text{o: o}
}

func (t *text) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

// prose writes a lead and sentences behind it, in lines of at most columns; those
// after the first stand below the beginning of the sentences. A word that is
// longer than a line has one of its own.
func (t *text) prose(lead, sentences string) {
	hang := strings.Repeat(" ", utf8.RuneCountInString(lead))
	line := lead
	room, empty := columns-len(hang), true
	for _, word := range strings.Fields(united.ReplaceAllString(sentences, "$1"+bond+"$2")) {
		word = strings.ReplaceAll(word, bond, " ")
		n := utf8.RuneCountInString(word)
		if !empty && room < 1+n {
			t.line(line)
			line, room, empty = hang, columns-len(hang), true
		}
		if !empty {
			line, room = line+" ", room-1
		}
		line, room, empty = line+word, room-n, false
	}
	t.line(line)
}

// A number and its unit stay on one line.
var united = regexp.MustCompile(`([0-9]) (%|[KMGT]i?B|B\b|s\b)`)

const bond = "\x00"

// head colours a word with an SGR code where colour was asked for.
func (t *text) head(word, sgr string) string {
	if !t.o.Color || sgr == "" {
		return word
	}
	return "\x1b[" + sgr + "m" + word + "\x1b[0m"
}

// tally counts the findings by verdict: "2 findings, 1 suspect   ".
func tally(res *detect.Result) string {
	var parts []string
	for _, x := range []struct {
		verdict detect.Verdict
		word    string
	}{{detect.Leak, "finding"}, {detect.Suspect, "suspect"}} {
		n := 0
		for _, f := range res.Findings {
			if f.Verdict == x.verdict {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, Plural(float64(n), x.word))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "   "
}

// body is a table of the findings that ask for attention, with the details of each
// below it, what churns, and what follows from all of them.
func (t *text) body() {
	shown := asking(t.res)
	more := max(0, len(shown)-t.o.MaxFindings)
	shown = shown[:len(shown)-more]
	words := 0
	cells := make([][]string, len(shown))
	for i, f := range shown {
		cells[i] = []string{
			amount(f, t.res), NameOf(f.Function, f.WaitReason),
			Place(f.Function, f.File, f.Line, t.run.Target.Module), held(f),
		}
		words = max(words, len(Word(f.Verdict)))
	}
	for i, line := range Columns(cells, 3) {
		f := shown[i]
		t.line(fmt.Sprintf("%s %-*s  %s", Glyph(f.Verdict), words, Word(f.Verdict), line))
		t.details(f)
	}
	t.more(more)
	t.churn()
	for _, s := range append([]string{explained(t.res), mean(t.res), forecast(t.res)}, power(t.run, t.res)...) {
		if s != "" {
			t.prose("", s)
		}
	}
}

// more counts what is not shown.
func (t *text) more(n int) {
	if n > 0 {
		t.line(fmt.Sprintf("%s… and %d more (all of them with --format json)", indent, n))
	}
}

func (t *text) details(f *detect.Finding) {
	if o, b := f.Objects.On(detect.PerOp), f.Bytes.On(detect.PerOp); o != nil && b != nil && f.Kind == detect.KindHeap &&
		f.Verdict == detect.Leak && o.Estimate > 0 && b.Estimate > 0 {
		t.line(indent + Number(o.Estimate) + " objects/op of " + Bytes(b.Estimate/o.Estimate) + " each")
	}
	see := ""
	if f.Docs != "" {
		see = ", see " + Printable(f.Docs)
	}
	by := Sentence(Held(f.HeldBy, t.o.Reader))
	switch {
	case by != "" && f.Shape != "":
		t.prose(indent, "retained by "+by+" ("+Printable(f.Shape)+")"+see)
	case by != "":
		t.prose(indent, "retained by "+by)
	case f.Shape != "":
		t.line(indent + "shape  " + Printable(f.Shape) + see)
	}
	if by := f.CreatedBy; by != nil {
		t.line(indent + "begun by " + ShortFunction(by.Function) + "   " + Place(by.Function, by.File, by.Line, t.run.Target.Module))
	}
	if why := FindingWhy(f, t.o.Reader); len(why) > 0 {
		t.prose(indent+"why  ", Sentence(why))
	}
}

// churn names what allocates and retains nothing, a line each.
func (t *text) churn() {
	shown, more := churning(t.res)
	for _, f := range shown {
		t.line(Spaced(Glyph(f.Verdict)+" "+Word(f.Verdict), churns(f), ShortFunction(f.Function),
			Place(f.Function, f.File, f.Line, t.run.Target.Module)))
	}
	t.more(more)
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
