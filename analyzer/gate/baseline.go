package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// BaselineSchema names the format of a baseline file.
const BaselineSchema = "heapdrift/baseline/v1"

// Baseline is a committed file of what scenarios keep. Its entries are sorted
// and its numbers rounded, so that a file is the same for the same
// measurements and a change of one scenario is a change of one place.
type Baseline struct {
	Schema  string  `json:"schema"`
	Entries []Entry `json:"entries"` // sorted by key
}

// Entry is what one scenario kept under one Go release on one architecture.
// Intervals are of 95 %, to four digits, the bounds rounded outward; nil where
// unknown.
type Entry struct {
	Key
	Reason         string            `json:"reason"`   // why it was recorded; never empty
	Recorded       string            `json:"recorded"` // day, YYYY-MM-DD
	GoVersion      string            `json:"go_version,omitempty"`
	MemProfileRate int64             `json:"memprofilerate,omitempty"` // bytes a sample
	Verdict        detect.RunVerdict `json:"verdict"`                  // of the run
	Ops            int64             `json:"ops,omitempty"`            // that were judged
	LiveBytes      *stats.Interval   `json:"live_bytes_per_op,omitempty"`
	LiveObjects    *stats.Interval   `json:"live_objects_per_op,omitempty"`
	Goroutines     *stats.Interval   `json:"goroutines_per_op,omitempty"`
	// Where operations are not known, growth is per second.
	BytesSecond      *stats.Interval `json:"bytes_per_second,omitempty"`
	GoroutinesSecond *stats.Interval `json:"goroutines_per_second,omitempty"`
	// Sites are those that leaked or might have, sorted by function and id.
	Sites []Site `json:"sites"`
}

// Site is one finding of a baseline.
type Site struct {
	ID       string          `json:"id"`
	Parts    []string        `json:"parts,omitempty"` // ids that the finding stood for, its own among them
	Kind     detect.Kind     `json:"kind"`
	Verdict  detect.Verdict  `json:"verdict"`
	Function string          `json:"function"`
	File     string          `json:"file,omitempty"`
	Line     int             `json:"line,omitempty"`
	Growth   *stats.Interval `json:"growth,omitempty"` // per operation, in the unit of its kind
}

// is reports that a finding is the site's: it has its id, or stands for it.
func (s *Site) is(f *detect.Finding) bool {
	if s.ID == f.ID || slices.Contains(f.Parts, s.ID) || slices.Contains(s.Parts, f.ID) {
		return s.Kind == f.Kind
	}
	return false
}

func (e *Entry) site(f *detect.Finding) *Site {
	for i := range e.Sites {
		if e.Sites[i].is(f) {
			return &e.Sites[i]
		}
	}
	return nil
}

// KeyOf is the key of a scenario's run of a program built by a version of Go:
// "go1.26.8" is kept under go1.26, as patches do not change what programs keep.
func KeyOf(scenario, goVersion, arch string) Key {
	k := Key{Scenario: scenario, Arch: arch}
	if goVersion != "" {
		release := strings.TrimPrefix(strings.Fields(goVersion + " x")[0], "go") // without what experiments follow it
		k.Go = cmp.Or(version.Lang("go"+release), "devel")
	}
	return k
}

// ErrUnbounded says that a run cannot be a baseline: it does not tell how much
// the program keeps.
var ErrUnbounded = errors.New("the run does not tell how much the program keeps")

// NewEntry makes the entry of a run. reason and recorded (a day) are kept as
// they are. The error wraps ErrUnbounded.
func NewEntry(key Key, run *snapshot.Run, res *detect.Result, reason, recorded string) (Entry, error) {
	e := Entry{
		Key: key, Reason: reason, Recorded: recorded, GoVersion: run.Target.GoVersion,
		MemProfileRate: run.Target.MemProfileRate, Verdict: res.Verdict, Sites: []Site{},
	}
	get := func(name string) *stats.Interval { return coarse(res.Total(name).In(res.Per)) }
	if res.HasOps() {
		e.Ops = res.Ops
		e.LiveBytes, e.LiveObjects, e.Goroutines = get(series.LiveBytes), get(series.LiveObjects), get(series.Goroutines)
	} else {
		e.BytesSecond, e.GoroutinesSecond = get(series.LiveBytes), get(series.Goroutines)
	}
	if run.Failed != "" || run.Ended != "" {
		return e, fmt.Errorf("%w: %s", ErrUnbounded, run.Failed+run.Ended)
	}
	if e.LiveBytes == nil && e.BytesSecond == nil || e.Goroutines == nil && e.GoroutinesSecond == nil {
		return e, fmt.Errorf("%w: live bytes or goroutines have no interval; run it longer", ErrUnbounded)
	}
	for i := range res.Findings {
		f := &res.Findings[i]
		if !f.Verdict.AsksAttention() {
			continue
		}
		growth, _ := growthOf(f)
		parts := slices.Clone(f.Parts)
		slices.Sort(parts)
		base := strings.LastIndexAny(f.File, `/\`) + 1 // where a file lies differs between machines
		e.Sites = append(e.Sites, Site{
			ID: f.ID, Parts: parts, Kind: f.Kind, Verdict: f.Verdict,
			Function: f.Function, File: f.File[base:], Line: f.Line, Growth: coarse(growth),
		})
	}
	e.sort()
	return e, nil
}

func (e *Entry) sort() {
	slices.SortFunc(e.Sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Function, b.Function), cmp.Compare(a.ID, b.ID))
	})
}

// coarse keeps four digits of an interval, its bounds rounded outward; nil where
// there is no estimate.
func coarse(i *stats.Interval) *stats.Interval {
	if i.IsZero() {
		return nil
	}
	digits := func(v float64, towards func(float64) float64) float64 {
		if v == 0 {
			return 0
		}
		// Whole multiples of a power of ten, written and read back, are the
		// nearest number to their four digits everywhere.
		exp := int(math.Floor(math.Log10(math.Abs(v)))) - 3
		n := towards(v / math.Pow10(exp))
		r, err := strconv.ParseFloat(fmt.Sprintf("%.0fe%d", n, exp), 64)
		if err != nil || r == 0 {
			return 0
		}
		return r
	}
	out := &stats.Interval{Estimate: digits(i.Estimate, math.Round), Lo: math.Inf(-1), Hi: math.Inf(1)}
	if stats.Finite(i.Lo) {
		out.Lo = min(digits(i.Lo, math.Floor), out.Estimate)
	}
	if stats.Finite(i.Hi) {
		out.Hi = max(digits(i.Hi, math.Ceil), out.Estimate)
	}
	return out
}

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
	b.Entries = report.List(b.Entries)
	b.sort()
	var out bytes.Buffer
	err := report.Encode(&out, b, "the baseline as JSON")
	return out.Bytes(), err
}

// ParseBaseline reads a baseline file. It is strict: what it does not know
// could be what a comparison needs. The error names the line, or the entry.
func ParseBaseline(data []byte) (*Baseline, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var b Baseline
	if err := d.Decode(&b); err != nil {
		at := d.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
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
	b.Entries = report.List(b.Entries)
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
	growths := []*stats.Interval{e.LiveBytes, e.LiveObjects, e.Goroutines, e.BytesSecond, e.GoroutinesSecond}
	for _, s := range e.Sites {
		if s.ID == "" || s.Kind != detect.KindHeap && s.Kind != detect.KindGoroutine {
			return fmt.Errorf("a site (%s) lacks its id, or its kind is neither heap nor goroutine", s.Function)
		}
		growths = append(growths, s.Growth)
	}
	for _, g := range growths {
		if g != nil && (g.Lo > g.Estimate || g.Hi < g.Estimate) {
			return fmt.Errorf("an interval does not hold its estimate %v", g.Estimate)
		}
	}
	e.Sites = report.List(e.Sites)
	return nil
}
