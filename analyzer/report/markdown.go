package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Markdown writes the report as a comment on a pull request would show it.
func Markdown(w io.Writer, run *snapshot.Run, res *detect.Result) error {
	return Write(w, markdown(run, res, run.Target.Name), "the report as Markdown")
}

func markdown(run *snapshot.Run, res *detect.Result, name string) string {
	var b strings.Builder
	if name != "" {
		name = ": " + Markup(name)
	}
	switch res.Verdict {
	case detect.RunLeak:
		fmt.Fprintf(&b, "### ❌ heapdrift: %s%s\n", whatGrows(res), name)
	case detect.RunClean:
		fmt.Fprintf(&b, "### ✅ heapdrift: clean%s\n%s  \n%s\n", name, Markup(quiet(run, res)), Markup(assurance(res)))
		table(&b, run, res)
	default:
		fmt.Fprintf(&b, "### ⚠ heapdrift: inconclusive%s\n", name)
	}
	if res.Verdict != detect.RunClean {
		if g := strings.Join(growths(res), " · "); g != "" {
			b.WriteString(strongly(g) + ", ")
		}
		b.WriteString(strings.Join(append([]string{span(run, res, true)}, howKnown(res)...), ", ") + "\n")
		if s := Proof(res, Operator); s != "" {
			b.WriteString("\n" + Markup(s) + "\n")
		}
		table(&b, run, res)
		for _, s := range []string{explained(res), forecast(res)} {
			if s != "" {
				b.WriteString("\n" + s + "\n")
			}
		}
	}
	shown, more := churning(res)
	for i, f := range shown {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "- churn: %s %s: %s\n", Code(ShortFunction(f.Function)), Markup(Place(f.Function, f.File, f.Line, run.Target.Module)), churns(f))
	}
	if more > 0 {
		fmt.Fprintf(&b, "- … and %d more\n", more)
	}
	if res.Verdict == detect.RunInconclusive {
		why, next := undecided(run, res, Operator)
		b.WriteByte('\n')
		for _, s := range why {
			b.WriteString("- " + Markup(s.full) + "\n")
		}
		for _, s := range next {
			b.WriteString("- next: " + s + "\n")
		}
	}
	if res.Verdict != detect.RunClean {
		for i, s := range power(run, res) {
			if i == 0 {
				b.WriteByte('\n')
			}
			b.WriteString(Markup(s) + "\n")
		}
	}
	for i, w := range Warnings(res.Warnings, Operator) {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString("⚠ " + Markup(w) + "  \n")
	}
	return b.String()
}

// whatGrows is the heading of a leak.
func whatGrows(res *detect.Result) string {
	kinds := map[detect.Kind]bool{}
	for _, f := range res.Findings {
		if f.Verdict == detect.Leak {
			kinds[f.Kind] = true
		}
	}
	for name, kind := range map[string]detect.Kind{"live_bytes": detect.KindHeap, "goroutines": detect.KindGoroutine} {
		if t := res.Total(name); t != nil && t.Verdict == detect.Leak {
			kinds[kind] = true
		}
	}
	return cmp.Or(WhatGrows(kinds), "heap growth")
}

// WhatGrows is "heap growth", "goroutine growth", both, or "" for neither.
func WhatGrows(kinds map[detect.Kind]bool) string {
	heap, goroutines := kinds[detect.KindHeap], kinds[detect.KindGoroutine]
	switch {
	case heap && goroutines:
		return "heap and goroutine growth"
	case heap:
		return "heap growth"
	case goroutines:
		return "goroutine growth"
	}
	return ""
}

// strongly sets the first number in bold: "**+80.4 B/op** [79.1, 81.7] …".
func strongly(s string) string {
	end := strings.IndexAny(s, "[·")
	if end < 0 {
		end = len(s)
	}
	head := strings.TrimRight(s[:end], " ")
	return "**" + head + "**" + s[len(head):]
}

func table(b *strings.Builder, run *snapshot.Run, res *detect.Result) {
	for i, f := range asking(res) {
		if i == 0 {
			fmt.Fprintf(b, "\n| site | growth/%s | at the end |\n|---|--:|--:|\n", res.Per)
		}
		cell := Glyph(f.Verdict) + " " + wordOf(f) + " " + Code(NameOf(f.Function, f.WaitReason))
		if at := Place(f.Function, f.File, f.Line, run.Target.Module); at != "" {
			cell += " " + Markup(at)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", cell, amount(f, res), held(f))
	}
}

// Code makes a name code in Markdown, in a cell of a table too.
func Code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(Printable(s)) + "`"
}

// Markup makes a name or sentence plain text in Markdown. Square brackets stay
// (intervals read better so); without a following "(" or a definition they are
// no link.
func Markup(s string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "|", `\|`, "<", "&lt;", "](", "] (",
	).Replace(Printable(s))
}
