package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// JSON writes the report as one indented JSON object and a newline.
func JSON(w io.Writer, run *snapshot.Run, res *detect.Result) error {
	return encode(w, New(run, res))
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}
