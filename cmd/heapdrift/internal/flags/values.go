// Package flags holds the kinds of values that heapdrift's flags take, how
// flags are set from the environment, and what is said about wrong ones.
package flags

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Format is the look of a report.
type Format string

// The formats.
const (
	Text     Format = "text"
	JSON     Format = "json"
	Markdown Format = "markdown"
	JUnit    Format = "junit"  // of the gate
	SARIF    Format = "sarif"  // likewise
	GitHub   Format = "github" // likewise: annotations
)

// Formats are those of every verb that reports; GateFormats are the gate's.
func Formats() []Format { return []Format{Text, JSON, Markdown} }

// GateFormats are the formats of `heapdrift gate`.
func GateFormats() []Format { return append(Formats(), JUnit, SARIF, GitHub) }

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Text, JSON, Markdown, JUnit, SARIF, GitHub:
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: use text, json or markdown", s)
}

// String, Set and Type make a Format a flag value.
func (f *Format) String() string { return string(*f) }

// Set reads a format.
func (f *Format) Set(s string) error {
	v, err := ParseFormat(s)
	if err == nil {
		*f = v
	}
	return err
}

// Type is what help shows.
func (f *Format) Type() string { return "text|json|markdown" }

// Output is a file that a report is also written to.
type Output struct {
	Format Format
	Path   string
}

// Outputs is a repeatable flag FORMAT=PATH.
type Outputs []Output

// String lists the outputs as they are given.
func (o *Outputs) String() string {
	var parts []string
	for _, x := range *o {
		parts = append(parts, string(x.Format)+"="+x.Path)
	}
	return strings.Join(parts, " ")
}

// Set adds one output.
func (o *Outputs) Set(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok || path == "" {
		return fmt.Errorf("%q is not FORMAT=PATH: write for example json=report.json", s)
	}
	f, err := ParseFormat(name)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(*o, func(x Output) bool { return x.Path == path }) {
		return fmt.Errorf("two reports to the one file %q: give each its own", path)
	}
	*o = append(*o, Output{Format: f, Path: path})
	return nil
}

// Type is what help shows.
func (o *Outputs) Type() string { return "FORMAT=PATH" }

// Header is a repeatable flag "Name: value".
type Header struct{ To *http.Header }

// String names the headers; values may be secret.
func (h Header) String() string {
	if h.To == nil {
		return ""
	}
	var names []string
	for k := range *h.To {
		names = append(names, k)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Set adds one header.
func (h Header) Set(s string) error {
	name, value, ok := strings.Cut(s, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || !token(name) {
		return fmt.Errorf(`not a header: write "Name: value"`) // s may hold a secret
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("the value of header %s holds a line break: write it in one line", name)
	}
	if *h.To == nil {
		*h.To = http.Header{}
	}
	h.To.Add(name, value)
	return nil
}

// Type is what help shows.
func (h Header) Type() string { return "'NAME: VALUE'" }

// token reports that s can be the name of a header (RFC 9110, section 5.6.2).
func token(s string) bool {
	for _, r := range s {
		if r > 0x7e || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return s != ""
}

// Bytes is a number of bytes, not negative, with an optional unit.
type Bytes struct{ To *float64 }

// String is empty for none.
func (b Bytes) String() string {
	if b.To == nil || *b.To == 0 {
		return ""
	}
	return strconv.FormatFloat(*b.To, 'f', -1, 64)
}

// Set reads a size.
func (b Bytes) Set(s string) error {
	v, err := report.ParseBytes(s)
	if err == nil {
		*b.To = v
	}
	return err
}

// Type is what help shows.
func (b Bytes) Type() string { return "BYTES" }

// CleanLimit is what growth must be bounded below to count as none:
// BYTES[,OBJECTS[,GOROUTINES]] per operation, or BYTES/TIME in place of BYTES. What
// is left out stays as it is.
type CleanLimit struct{ To *detect.CleanLimit }

// String is the limit as it would be given.
func (c CleanLimit) String() string {
	if c.To == nil {
		return ""
	}
	bytes := fmt.Sprintf("%g", c.To.Bytes)
	if c.To.BytesPerSecond > 0 {
		bytes = fmt.Sprintf("%g/s", c.To.BytesPerSecond)
	}
	return fmt.Sprintf("%s,%g,%g", bytes, c.To.Objects, c.To.Goroutines)
}

// Set reads a limit.
func (c CleanLimit) Set(s string) error {
	parts := strings.Split(s, ",")
	v := *c.To
	into := []*float64{&v.Bytes, &v.Objects, &v.Goroutines}
	if len(parts) > len(into) {
		return fmt.Errorf("%q has more than three parts: write %s, for example 64,1,0.01 or 10MiB/day", s, c.Type())
	}
	for i, p := range parts {
		p = strings.TrimSpace(p)
		var n float64
		var err error
		switch {
		case i > 0:
			n, err = strconv.ParseFloat(p, 64)
		case strings.Contains(p, "/"):
			n, err = report.ParseBytesPerSecond(p)
			into[0] = &v.BytesPerSecond
		default:
			n, err = report.ParseBytes(p)
			v.BytesPerSecond = 0
		}
		if err != nil || !(n > 0) {
			return fmt.Errorf("%q is no limit above 0: write %s, for example 64,1,0.01 or 10MiB/day", p, c.Type())
		}
		*into[i] = n
	}
	*c.To = v
	return nil
}

// Type is what help shows.
func (c CleanLimit) Type() string { return "BYTES[/TIME][,OBJECTS[,GOROUTINES]]" }

// Parsed is a flag whose value another package reads.
type Parsed[T any] struct {
	To    *T
	Parse func(string) (T, error)
	Show  func(T) string
	Kind  string // what help shows
}

// String shows the value.
func (p Parsed[T]) String() string {
	if p.To == nil || p.Show == nil {
		return ""
	}
	return p.Show(*p.To)
}

// Set reads the value.
func (p Parsed[T]) Set(s string) error {
	v, err := p.Parse(s)
	if err == nil {
		*p.To = v
	}
	return err
}

// Type is what help shows.
func (p Parsed[T]) Type() string { return p.Kind }
