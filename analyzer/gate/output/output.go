// Package output writes a gate's report in the formats that people and CI
// systems read. It is pure: a gate.Report in, bytes out. What a program under
// test or a configuration named is printed without what could steer a terminal.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/gate"
)

// Options shape the formats that have a choice. The zero value prints text
// without colour, and files as the compiler named them within their module.
type Options struct {
	// Color asks for colour codes in text. The caller has made sure that w is a
	// terminal and that NO_COLOR is not set.
	Color bool
	// Root is the repository's folder, absolute: code hosts want files relative
	// to it. Empty: not known.
	Root string
	// Time is when the gate ended; zero: it is left out.
	Time time.Time
	// Version of heapdrift; empty: it is left out.
	Version string
}

// Write writes the report in a format: text, json, markdown, junit, sarif,
// github.
func Write(w io.Writer, format string, r *gate.Report, o Options) error {
	switch format {
	case "text":
		return Text(w, r, o)
	case "json":
		return JSON(w, r)
	case "markdown":
		return Markdown(w, r)
	case "junit":
		return JUnit(w, r, o)
	case "sarif":
		return SARIF(w, r, o)
	case "github":
		return GitHub(w, r, o)
	}
	return fmt.Errorf("the gate has no format %q", format)
}

// JSON writes the report in the schema heapdrift/gate/v1, indented.
func JSON(w io.Writer, r *gate.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the gate's report as JSON: %w", err)
	}
	return nil
}
