package gate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
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
	LiveBytes      *report.Interval  `json:"live_bytes_per_op,omitempty"`
	LiveObjects    *report.Interval  `json:"live_objects_per_op,omitempty"`
	Goroutines     *report.Interval  `json:"goroutines_per_op,omitempty"`
	// Where operations are not known, growth is per second.
	BytesSecond      *report.Interval `json:"bytes_per_second,omitempty"`
	GoroutinesSecond *report.Interval `json:"goroutines_per_second,omitempty"`
	// Sites are those that leaked or might have, sorted by function and id.
	Sites []Site `json:"sites"`
}

// Site is one finding of a baseline.
type Site struct {
	ID       string           `json:"id"`
	Parts    []string         `json:"parts,omitempty"` // ids that the finding stood for, its own among them
	Kind     detect.Kind      `json:"kind"`
	Verdict  detect.Verdict   `json:"verdict"`
	Function string           `json:"function"`
	File     string           `json:"file,omitempty"`
	Line     int              `json:"line,omitempty"`
	Growth   *report.Interval `json:"growth,omitempty"` // per operation, in the unit of its kind
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

// total is the growth that a budget of that name is compared with.
func (e *Entry) total(name string) *report.Interval {
	switch name {
	case NameLiveBytes:
		return e.LiveBytes
	case NameLiveObjects:
		return e.LiveObjects
	case NameGoroutines:
		return e.Goroutines
	case NameBytesSecond:
		return e.BytesSecond
	case NameGoroutinesSecond:
		return e.GoroutinesSecond
	}
	return nil
}

// KeyOf is the key of a scenario's run of a program built by a version of Go:
// "go1.26.8" is kept under go1.26, as patches do not change what programs keep.
func KeyOf(scenario, goVersion, arch string) Key {
	k := Key{Scenario: scenario, Arch: arch}
	v := strings.TrimPrefix(strings.Fields(goVersion + " x")[0], "go")
	parts := strings.SplitN(v, ".", 3)
	if major, err := strconv.Atoi(parts[0]); err == nil && len(parts) > 1 {
		minor := parts[1]
		if end := strings.IndexFunc(minor, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			minor = minor[:end] // 1.27rc1
		}
		k.Go = fmt.Sprintf("go%d.%s", major, minor)
	} else if goVersion != "" {
		k.Go = "devel"
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
	get := func(name string, perSecond bool) *report.Interval {
		t := res.Total(name)
		switch {
		case t == nil:
			return nil
		case perSecond:
			return coarse(t.PerSecond)
		}
		return coarse(t.PerOp)
	}
	if res.HasOps {
		e.Ops = res.Ops
		e.LiveBytes, e.LiveObjects, e.Goroutines = get("live_bytes", false), get("live_objects", false), get("goroutines", false)
	} else {
		e.BytesSecond, e.GoroutinesSecond = get("live_bytes", true), get("goroutines", true)
	}
	if run.Failed != "" || run.Ended != "" {
		return e, fmt.Errorf("%w: %s", ErrUnbounded, run.Failed+run.Ended)
	}
	if e.LiveBytes == nil && e.BytesSecond == nil || e.Goroutines == nil && e.GoroutinesSecond == nil {
		return e, fmt.Errorf("%w: live bytes or goroutines have no interval; run it longer", ErrUnbounded)
	}
	for i := range res.Findings {
		f := &res.Findings[i]
		if !report.AsksAttention(f.Verdict) {
			continue
		}
		growth := f.BytesPerOp
		if f.Kind == detect.KindGoroutine && f.GoroutinesPerOp != nil {
			growth = f.GoroutinesPerOp
		}
		parts := slices.Clone(f.Parts)
		slices.Sort(parts)
		e.Sites = append(e.Sites, Site{
			ID: f.ID, Parts: parts, Kind: f.Kind, Verdict: f.Verdict,
			Function: f.Function, File: base(f.File), Line: f.Line, Growth: coarse(growth),
		})
	}
	e.sort()
	return e, nil
}

// base is the last part of a path: where a file lies differs between machines.
func base(file string) string {
	return file[strings.LastIndexAny(file, `/\`)+1:]
}

func (e *Entry) sort() {
	slices.SortFunc(e.Sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Function, b.Function), cmp.Compare(a.ID, b.ID))
	})
}

// coarse keeps four digits of an interval, its bounds rounded outward; nil where
// there is no estimate.
func coarse(i *stats.Interval) *report.Interval {
	if i == nil || math.IsNaN(i.Estimate) || math.IsInf(i.Estimate, 0) {
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
	out := &report.Interval{Estimate: digits(i.Estimate, math.Round)}
	if bound := i.Lo; !math.IsNaN(bound) && !math.IsInf(bound, 0) {
		lo := min(digits(bound, math.Floor), out.Estimate)
		out.Lo = &lo
	}
	if bound := i.Hi; !math.IsNaN(bound) && !math.IsInf(bound, 0) {
		hi := max(digits(bound, math.Ceil), out.Estimate)
		out.Hi = &hi
	}
	return out
}
