// Package output writes a gate's report in the formats that people and CI
// systems read. It is pure: a gate.Report in, bytes out. What a program under
// test or a configuration named is printed without what could steer a terminal.
package output

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/heapdrift/heapdrift/analyzer/gate"
)

// Write writes the report in a format: text, json.
func Write(w io.Writer, format string, r *gate.Report, o TextOptions) error {
	switch format {
	case "text":
		return Text(w, r, o)
	case "json":
		return JSON(w, r)
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
