package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Find returns the entry of a key, nil where there is none.
func (b *Baseline) Find(k Key) *Entry {
	if b == nil {
		return nil
	}
	for i := range b.Entries {
		if b.Entries[i].Key == k {
			return &b.Entries[i]
		}
	}
	return nil
}

// Put adds an entry, or takes the place of the one with its key.
func (b *Baseline) Put(e Entry) {
	if old := b.Find(e.Key); old != nil {
		*old = e
	} else {
		b.Entries = append(b.Entries, e)
	}
	b.sort()
}

func (b *Baseline) sort() {
	slices.SortFunc(b.Entries, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Scenario, y.Scenario), cmp.Compare(x.Go, y.Go), cmp.Compare(x.Arch, y.Arch))
	})
	for i := range b.Entries {
		b.Entries[i].sort()
	}
}

// Encode is the file of a baseline, sorted, with a line feed at its end.
func (b *Baseline) Encode() ([]byte, error) {
	b.Schema = BaselineSchema
	b.Entries = some(b.Entries)
	b.sort()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return nil, fmt.Errorf("write the baseline as JSON: %w", err)
	}
	return out.Bytes(), nil
}

// ParseBaseline reads a baseline file. It is strict: what it does not know
// could be what a comparison needs. The error names the line, or the entry.
func ParseBaseline(data []byte) (*Baseline, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var b Baseline
	if err := d.Decode(&b); err != nil {
		at := d.InputOffset()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = syntax.Offset
		} else if errors.Is(err, io.ErrUnexpectedEOF) {
			at = int64(len(data))
		}
		line := 1 + bytes.Count(data[:min(int(at), len(data))], []byte("\n"))
		return nil, fmt.Errorf("line %d: %w; it is written by `heapdrift baseline update`", line, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more after the end of the baseline; it is one JSON object")
	}
	if b.Schema != BaselineSchema {
		return nil, fmt.Errorf("its schema is %q and not %q; write it anew with `heapdrift baseline update`", b.Schema, BaselineSchema)
	}
	for i := range b.Entries {
		if err := b.Entries[i].check(); err != nil {
			return nil, fmt.Errorf("entry %d (%q): %w", i+1, b.Entries[i].Scenario, err)
		}
		if b.Find(b.Entries[i].Key) != &b.Entries[i] {
			return nil, fmt.Errorf("entry %d (%q): there are two for %s %s; keep one, or write it anew with `heapdrift baseline update`",
				i+1, b.Entries[i].Scenario, b.Entries[i].Go, b.Entries[i].Arch)
		}
	}
	b.Entries = some(b.Entries)
	b.sort()
	return &b, nil
}

func (e *Entry) check() error {
	switch {
	case e.Scenario == "" || e.Arch == "":
		return errors.New("it lacks its scenario or arch")
	case strings.TrimSpace(e.Reason) == "":
		return errors.New("it lacks a reason")
	}
	growths := []*report.Interval{e.LiveBytes, e.LiveObjects, e.Goroutines, e.BytesSecond, e.GoroutinesSecond}
	for _, s := range e.Sites {
		if s.ID == "" || s.Kind != detect.KindHeap && s.Kind != detect.KindGoroutine {
			return fmt.Errorf("a site (%s) lacks its id, or its kind is neither heap nor goroutine", s.Function)
		}
		growths = append(growths, s.Growth)
	}
	for _, g := range growths {
		if g != nil && (g.Lo != nil && *g.Lo > g.Estimate || g.Hi != nil && *g.Hi < g.Estimate) {
			return fmt.Errorf("an interval does not hold its estimate %v", g.Estimate)
		}
	}
	e.Sites = some(e.Sites)
	return nil
}
