package report

import (
	"fmt"
	"io"
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
	// Recorded says that the run was read from a recording: advice then names no
	// flags of `heapdrift run`.
	Recorded bool
	// Told are warnings that the reader has seen already.
	Told []string
}

const indent = "     "

// Text writes the report for people: one line when all is well, else the
// verdict, the findings, what the run could have seen and what to do next.
func Text(w io.Writer, run *snapshot.Run, res *detect.Result, o TextOptions) error {
	t := &text{run: run, res: res, o: o}
	switch res.Verdict {
	case detect.RunLeak:
		t.leak()
	case detect.RunClean:
		t.line(t.head("clean", "32") + "  " + clean(run, res))
		t.churn()
	default:
		t.inconclusive()
	}
	for _, w := range warnings(run, res) {
		if !slices.Contains(o.Told, w) {
			t.prose("warning: ", t.advice(w))
		}
	}
	if o.Bundle != "" {
		t.line("Bundle: " + o.Bundle + "   next: heapdrift analyze --format json " + o.Bundle)
	}
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("write the report as text: %w", err)
	}
	return nil
}

// text collects the lines.
type text struct {
	b   strings.Builder
	run *snapshot.Run
	res *detect.Result
	o   TextOptions
}

func (t *text) line(s string) {
	t.b.WriteString(strings.TrimRight(s, " "))
	t.b.WriteByte('\n')
}

// head colours a word with an SGR code where colour was asked for.
func (t *text) head(word, sgr string) string {
	if !t.o.Color {
		return word
	}
	return "\x1b[" + sgr + "m" + word + "\x1b[0m"
}

func (t *text) leak() {
	t.line(t.head("LEAK", "1;31") + "  " + tally(t.res) + growths(t.res) + indent + span(t.run, t.res))
	t.line("")
	t.findings()
	t.churn()
	t.footer()
}

func (t *text) inconclusive() {
	t.line(t.head("inconclusive", "33") + "  " + span(t.run, t.res))
	why, next := open(t.run, t.res)
	for _, s := range why {
		t.prose(indent, t.advice(s))
	}
	t.findings()
	t.churn()
	t.footer()
	for _, s := range next {
		t.prose("next: ", t.advice(s))
	}
}

// tally counts the findings by verdict: "2 findings, 1 suspect   ".
func tally(res *detect.Result) string {
	var leaks, others int
	for _, f := range res.Findings {
		switch f.Verdict {
		case detect.Leak:
			leaks++
		case detect.Suspect:
			others++
		}
	}
	var parts []string
	switch {
	case leaks == 1:
		parts = append(parts, "1 finding")
	case leaks > 1:
		parts = append(parts, fmt.Sprintf("%d findings", leaks))
	}
	switch {
	case others == 1:
		parts = append(parts, "1 suspect")
	case others > 1:
		parts = append(parts, fmt.Sprintf("%d suspects", others))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "   "
}

// growths names the totals that grew, with the size of each.
func growths(res *detect.Result) string {
	var parts []string
	add := func(name string, q quantity, label string) {
		t := res.Total(name)
		if t == nil || !asksAttention(t.Verdict) {
			return
		}
		if g := growth(t, res); g != nil {
			parts = append(parts, rate(g, q, axis(res), true)+label)
		}
	}
	add("live_bytes", quantityBytes, " live heap")
	add("goroutines", quantityGoroutines, "")
	add("stack_bytes", quantityBytes, " stacks")
	if len(parts) == 0 {
		add("live_objects", quantityObjects, "")
		add("rss_bytes", quantityBytes, " RSS")
	}
	return strings.Join(parts, " · ")
}

// findings prints a table of those that ask for attention, with the details of
// each below it.
func (t *text) findings() {
	const gap = 3
	limit := t.o.MaxFindings
	if limit <= 0 {
		limit = 10
	}
	var shown []*detect.Finding
	more := 0
	for i := range t.res.Findings {
		if f := &t.res.Findings[i]; asksAttention(f.Verdict) {
			if len(shown) == limit {
				more++
				continue
			}
			shown = append(shown, f)
		}
	}
	rows := make([][4]string, len(shown))
	var width [4]int
	for i, f := range shown {
		name := shortFunction(f.Function)
		if f.WaitReason != "" {
			name += " [" + printable(f.WaitReason) + "]"
		}
		rows[i] = [4]string{
			amount(f, t.res), name,
			place(f.Function, f.File, f.Line, t.run.Target.Module), held(f),
		}
		for c, s := range rows[i] {
			width[c] = max(width[c], utf8.RuneCountInString(s))
		}
	}
	words := 0
	for _, f := range shown {
		words = max(words, len(word(f.Verdict)))
	}
	for i, f := range shown {
		r := rows[i]
		line := glyph(f.Verdict) + " " + pad(word(f.Verdict), words) + strings.Repeat(" ", gap-1)
		for c := range 3 {
			if width[c] > 0 {
				line += pad(r[c], width[c]) + strings.Repeat(" ", gap)
			}
		}
		line += strings.Repeat(" ", width[3]-utf8.RuneCountInString(r[3])) + r[3]
		t.line(line)
		t.details(f)
	}
	if more > 0 {
		t.line(fmt.Sprintf("%s… and %d more (all of them with --format json)", indent, more))
	}
}

// held is what a finding holds at the end: "31.0 MiB live", "381 stuck".
func held(f *detect.Finding) string {
	switch {
	case f.Kind == detect.KindGoroutine && f.Count > 0:
		return Count(f.Count) + " stuck"
	case f.LiveBytes > 0:
		return Bytes(f.LiveBytes) + " live"
	}
	return ""
}

func (t *text) details(f *detect.Finding) {
	if o, b := f.ObjectsPerOp, f.BytesPerOp; f.Kind == detect.KindHeap && f.Verdict == detect.Leak && t.res.HasOps && o != nil && b != nil &&
		allFinite(o.Estimate, b.Estimate) && o.Estimate > 0 && b.Estimate > 0 {
		t.line(indent + Number(o.Estimate) + " objects/op of " + Bytes(b.Estimate/o.Estimate) + " each")
	}
	see := ""
	if f.Docs != "" {
		see = ", see " + printable(f.Docs)
	}
	by := sentence(f.HeldBy)
	switch {
	case by != "" && f.Shape != "":
		t.prose(indent, "retained by "+by+" ("+printable(f.Shape)+")"+see)
	case by != "":
		t.prose(indent, "retained by "+by)
	case f.Shape != "":
		t.line(indent + "shape  " + printable(f.Shape) + see)
	}
	if by := f.CreatedBy; by.Function != "" {
		t.line(indent + "begun by " + shortFunction(by.Function) + "   " + place(by.Function, by.File, by.Line, t.run.Target.Module))
	}
	if len(f.Why) > 0 {
		t.prose(indent+"why  ", t.advice(sentence(f.Why)))
	}
	for _, w := range f.Warnings {
		t.prose(indent+"note  ", t.advice(w))
	}
}

// footer: what the sites explain, the forecast, the power of the run.
func (t *text) footer() {
	seen := power(t.res)
	if seen != "" {
		seen = "This run would have seen any leak of " + seen + "."
	}
	for _, s := range []string{explained(t.res), mean(t.res), forecast(t.res), seen, naming(t.run, t.res)} {
		if s != "" {
			t.prose("", s)
		}
	}
}

// explained sets the sum over the sites against the exact total.
func explained(res *detect.Result) string {
	sites, exact, ok := attributed(res)
	if !ok {
		return ""
	}
	per := "/" + axis(res)
	if sites <= 0 {
		return fmt.Sprintf("No site explains the exact +%s%s.", Bytes(exact), per)
	}
	return fmt.Sprintf("The sites above explain %s%s of the exact +%s%s (%s %%).",
		Bytes(sites), per, Bytes(exact), per, Count(100*sites/exact))
}

// mean reads bytes and objects together: where both grow, values are retained,
// often a whole number of them an operation. Empty where either is not known
// to grow.
func mean(res *detect.Result) string {
	b, o := res.Total("live_bytes"), res.Total("live_objects")
	if b == nil || o == nil || b.Verdict != detect.Leak || o.Verdict != detect.Leak {
		return ""
	}
	bytes, objects := growth(b, res), growth(o, res)
	if bytes == nil || objects == nil || bytes.Estimate <= 0 || objects.Estimate <= 0 {
		return ""
	}
	return fmt.Sprintf("What is kept: %s objects/%s, %s each on average.",
		digits(objects.Estimate, 2), axis(res), Bytes(bytes.Estimate/objects.Estimate))
}

// power is "≥ 0.9 B/op or ≥ 0.0002 goroutines/op (90 %)", empty where unknown.
func power(res *detect.Result) string {
	p := res.Power
	if p == nil {
		return ""
	}
	bytes, goroutines, per := p.BytesPerSecond, p.GoroutinesPerSecond, axis(res)
	if res.HasOps {
		bytes, goroutines = p.BytesPerOp, p.GoroutinesPerOp
	}
	var parts []string
	if bytes != nil && allFinite(*bytes) && *bytes > 0 {
		parts = append(parts, "≥ "+atMostBytes(*bytes)+"/"+per)
	}
	if goroutines != nil && allFinite(*goroutines) && *goroutines > 0 {
		parts = append(parts, "≥ "+atMost(*goroutines)+" goroutines/"+per)
	}
	if len(parts) == 0 {
		return ""
	}
	s := strings.Join(parts, " or ")
	if allFinite(p.Confidence) && p.Confidence > 0 {
		s += " (" + short(100*p.Confidence) + " %)"
	}
	return s
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
