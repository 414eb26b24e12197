package report

import (
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// glyph goes before the word of a verdict; it is one column wide everywhere.
func glyph(v detect.Verdict) string {
	switch v {
	case detect.Leak:
		return "▲"
	case detect.Suspect:
		return "△"
	case detect.Growing:
		return "?"
	case detect.Backlog:
		return "~"
	case detect.Churn:
		return "o"
	case detect.Plateau:
		return "="
	}
	return "·"
}

// word of a verdict; "open" where nothing was shown.
func word(v detect.Verdict) string {
	if v == detect.Unknown {
		return "open"
	}
	return string(v)
}

// asksAttention reports the verdicts that keep a run from being clean.
func asksAttention(v detect.Verdict) bool {
	switch v {
	case detect.Leak, detect.Suspect, detect.Growing, detect.Backlog:
		return true
	}
	return false
}

// printable replaces what could steer a terminal or reorder a line: names come
// from the program under test.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// sentence joins sentences for people: the functions in them without the
// directories of their packages.
func sentence(parts []string) string {
	words := strings.Fields(strings.Join(parts, "; "))
	for i, w := range words {
		if slash := strings.LastIndexByte(w, '/'); slash > 0 && !strings.Contains(w, "://") && strings.Contains(w[slash:], ".") {
			words[i] = shortFunction(w)
		}
	}
	return printable(strings.Join(words, " "))
}

// shortFunction drops the directories of a function's package:
// "example.com/a/embed.(*Batcher).Flush" is "embed.(*Batcher).Flush".
func shortFunction(name string) string {
	end := len(name)
	if i := strings.IndexAny(name, "[("); i >= 0 {
		end = i // type arguments and receivers may hold slashes
	}
	return printable(name[strings.LastIndex(name[:end], "/")+1:])
}

// packagePath of a function: "example.com/a/embed.(*Batcher).Flush" is
// "example.com/a/embed".
func packagePath(name string) string {
	end := len(name)
	if i := strings.IndexAny(name, "[("); i >= 0 {
		end = i
	}
	slash := strings.LastIndex(name[:end], "/") + 1
	if i := strings.IndexByte(name[slash:], '.'); i >= 0 {
		return name[:slash+i]
	}
	return ""
}

// place is the shortest "file:line" that still finds the file: relative to the
// main module where that is known, else from the module's versioned folder,
// else the last two folders. Empty where the file is unknown.
func place(function, file string, line int, module string) string {
	if file == "" {
		return ""
	}
	file = strings.ReplaceAll(file, `\`, "/")
	short := lastFolders(file, 2)
	pkg := packagePath(function)
	switch rel, inside := strings.CutPrefix(pkg, module); {
	case module != "" && inside && (rel == "" || rel[0] == '/'):
		short = path.Join(strings.TrimPrefix(rel, "/"), path.Base(file))
	case strings.Contains(file, "@"):
		if i := strings.LastIndexByte(file[:strings.LastIndexByte(file, '@')], '/'); i >= 0 {
			short = file[i+1:]
		}
	}
	if line > 0 {
		short += ":" + strconv.Itoa(line)
	}
	return printable(short)
}

func lastFolders(file string, n int) string {
	i := len(file)
	for ; n >= 0 && i > 0; n-- {
		i = strings.LastIndexByte(file[:i], '/')
		if i < 0 {
			return file
		}
	}
	return file[i+1:]
}

// axis is the word for the unit of work: "op", or "s" where operations are
// not known.
func axis(res *detect.Result) string {
	if res.HasOps {
		return "op"
	}
	return "s"
}

// growth of a total along the run's axis, nil where unknown.
func growth(t *detect.Total, res *detect.Result) *stats.Interval {
	if t == nil {
		return nil
	}
	i := t.PerSecond
	if res.HasOps {
		i = t.PerOp
	}
	if i == nil || !allFinite(i.Estimate) {
		return nil
	}
	return i
}

// span says how much was observed: "24,000 ops in 1m00s (12 errors)".
func span(run *snapshot.Run, res *detect.Result) string {
	s := plural(res.Snapshots, "snapshot")
	if res.HasOps {
		s = Count(float64(res.Ops)) + " ops"
	}
	if res.Seconds > 0 {
		s += " in " + Duration(res.Seconds)
	}
	if n := run.Load.Errors; n > 0 {
		s += " (" + Count(float64(n)) + " errors)"
	}
	return s
}

// plural is "1 snapshot", "25 snapshots".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Count(float64(n)) + " " + what + "s"
}

// bytesRate of a heap finding along the run's axis, nil where unknown.
func bytesRate(f *detect.Finding, res *detect.Result) *stats.Interval {
	i := f.BytesPerSecond
	if res.HasOps {
		i = f.BytesPerOp
	}
	if i == nil || !allFinite(i.Estimate) {
		return nil
	}
	return i
}

// amount is the size of a finding along the run's axis; empty where unknown.
func amount(f *detect.Finding, res *detect.Result) string {
	if f.Kind == detect.KindGoroutine {
		if i := f.GoroutinesPerOp; i != nil && res.HasOps && allFinite(i.Estimate) {
			return rate(i, quantityGoroutines, "op", true)
		}
		if i := bytesRate(f, res); i != nil {
			return rate(i, quantityBytes, axis(res), false)
		}
		return ""
	}
	if i := bytesRate(f, res); i != nil {
		return rate(i, quantityBytes, axis(res), false)
	}
	if i := f.ObjectsPerOp; i != nil && res.HasOps && allFinite(i.Estimate) {
		return rate(i, quantityObjects, "op", false)
	}
	return ""
}

// attributed compares what the sites explain with the exact growth of the live
// heap: both along the run's axis, bytes. ok is false where there is nothing
// to compare.
func attributed(res *detect.Result) (sites, exact float64, ok bool) {
	t := res.Total("live_bytes")
	g := growth(t, res)
	if g == nil || g.Estimate <= 0 || !asksAttention(t.Verdict) {
		return 0, 0, false
	}
	for i := range res.Findings {
		f := &res.Findings[i]
		if f.Kind != detect.KindHeap || len(f.Stack) == 0 || !asksAttention(f.Verdict) {
			continue
		}
		if r := bytesRate(f, res); r != nil {
			sites += r.Estimate
		}
	}
	return sites, g.Estimate, true
}
