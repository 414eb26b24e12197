package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Markdown writes the report as a comment on a pull request would show it.
func Markdown(w io.Writer, run *snapshot.Run, res *detect.Result) error {
	if _, err := io.WriteString(w, markdown(run, res, run.Target.Name)); err != nil {
		return fmt.Errorf("write the report as Markdown: %w", err)
	}
	return nil
}

func markdown(run *snapshot.Run, res *detect.Result, name string) string {
	var b strings.Builder
	if name != "" {
		name = ": " + escape(name)
	}
	switch res.Verdict {
	case detect.RunLeak:
		fmt.Fprintf(&b, "### ❌ heapdrift: %s%s\n", whatGrows(res), name)
	case detect.RunClean:
		fmt.Fprintf(&b, "### ✅ heapdrift: clean%s\n%s\n", name, escape(clean(run, res)))
	default:
		fmt.Fprintf(&b, "### ⚠ heapdrift: inconclusive%s\n", name)
	}
	if res.Verdict != detect.RunClean {
		if g := growths(res); g != "" {
			b.WriteString(strongly(g) + ", ")
		}
		b.WriteString(span(run, res) + "\n")
		table(&b, run, res)
		for _, s := range []string{explained(res), forecast(res)} {
			if s != "" {
				b.WriteString("\n" + s + "\n")
			}
		}
	}
	churnList(&b, run, res)
	if res.Verdict == detect.RunInconclusive {
		why, next := open(run, res)
		b.WriteByte('\n')
		for _, s := range why {
			b.WriteString("- " + escape(strings.TrimSpace(s)) + "\n")
		}
		for _, s := range next {
			b.WriteString("- next: " + s + "\n")
		}
	}
	if s := power(res); s != "" && res.Verdict != detect.RunClean {
		b.WriteString("\nThis run would have seen any leak of " + s + ".\n")
		if s := naming(run, res); s != "" {
			b.WriteString(escape(s) + "\n")
		}
	}
	if ws := warnings(run, res); len(ws) > 0 {
		b.WriteByte('\n')
		for _, w := range ws {
			b.WriteString("⚠ " + escape(w) + "  \n")
		}
	}
	return b.String()
}

// whatGrows is the heading: "heap growth", "goroutine growth" or both.
func whatGrows(res *detect.Result) string {
	var heap, goroutines bool
	for _, f := range res.Findings {
		if f.Verdict == detect.Leak {
			heap = heap || f.Kind == detect.KindHeap
			goroutines = goroutines || f.Kind == detect.KindGoroutine
		}
	}
	if t := res.Total("live_bytes"); t != nil && t.Verdict == detect.Leak {
		heap = true
	}
	if t := res.Total("goroutines"); t != nil && t.Verdict == detect.Leak {
		goroutines = true
	}
	switch {
	case heap && goroutines:
		return "heap and goroutine growth"
	case goroutines:
		return "goroutine growth"
	}
	return "heap growth"
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
	wrote := false
	for i := range res.Findings {
		f := &res.Findings[i]
		if !asksAttention(f.Verdict) {
			continue
		}
		if !wrote {
			fmt.Fprintf(b, "\n| site | growth/%s | at the end |\n|---|--:|--:|\n", axis(res))
			wrote = true
		}
		site := shortFunction(f.Function)
		if f.WaitReason != "" {
			site += " [" + printable(f.WaitReason) + "]"
		}
		cell := glyph(f.Verdict) + " " + word(f.Verdict) + " " + code(site)
		if at := place(f.Function, f.File, f.Line, run.Target.Module); at != "" {
			cell += " " + escape(at)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", cell, amount(f, res), held(f))
	}
}

// code sets a name as code inside a table cell.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(s) + "`"
}

// escape makes a name or sentence plain text in Markdown. Square brackets stay
// (intervals read better so); without a following "(" or a definition they are
// no link.
func escape(s string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "|", `\|`, "<", "&lt;", "](", "] (",
	).Replace(printable(s))
}
