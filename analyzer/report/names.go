package report

import (
	"cmp"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
)

// Words, names and places as every presentation of a verdict has them.

var glyphs = map[detect.Verdict]string{
	detect.Leak: "▲", detect.Suspect: "△", detect.Growing: "?", detect.Backlog: "~", detect.Churn: "o", detect.Plateau: "=",
}

// Glyph of a verdict, one column wide.
func Glyph(v detect.Verdict) string { return cmp.Or(glyphs[v], "·") }

// Word of a verdict; "open" where nothing was shown.
func Word(v detect.Verdict) string {
	if v == detect.Unknown {
		return "open"
	}
	return string(v)
}

// HowKnown is "proof: growth" or "proof: proved"; empty of what is no leak.
func HowKnown(p detect.Proof) string {
	if p == "" {
		return ""
	}
	return "proof: " + string(p)
}

// Printable replaces control and reordering characters, and bytes that are no
// UTF-8: names come from the program under test.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// ShortFunction drops the directories of a function's package:
// "example.com/a/embed.(*Batcher).Flush" is "embed.(*Batcher).Flush".
func ShortFunction(name string) string {
	end := len(name)
	if i := strings.IndexAny(name, "[("); i >= 0 {
		end = i // type arguments and receivers may hold slashes
	}
	return Printable(name[strings.LastIndex(name[:end], "/")+1:])
}

// NameOf is a finding's function with what its goroutines wait for.
func NameOf(function, wait string) string {
	name := ShortFunction(function)
	if wait != "" {
		name += " [" + Printable(wait) + "]"
	}
	return name
}

// Place is the shortest "file:line" that still finds the file: relative to the
// main module where module names that, else from the module's versioned folder,
// else the last two folders. Empty where the file is unknown.
func Place(function, file string, line int, module string) string {
	if file == "" {
		return ""
	}
	file = strings.ReplaceAll(file, `\`, "/")
	parts := strings.Split(strings.TrimPrefix(file, "/"), "/")
	short := strings.Join(parts[max(0, len(parts)-3):], "/")
	pkg := series.Package(function)
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
	return Printable(short)
}
