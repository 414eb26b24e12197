// Package config reads heapdrift.yaml: what the gate runs, and what it holds
// the runs against. Keys are strict; every mistake has its place, and all that
// can be found are told at once. One description of the keys makes the reader
// and the JSON schema, so that they cannot differ. It is pure: bytes in,
// values out; whether files are there is the runner's to see.
package config

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/harness"
)

// File is a whole configuration. Paths in it are as they are written: relative
// to the file's own folder.
type File struct {
	Name      string // as errors call it
	Scenarios []Scenario
	Baseline  string // path; empty: none
	// Suppress are the rules with their positions.
	Suppress []gate.Suppression
	FailOn   detect.Proof  // what growth must be to fail; empty: growth
	Canary   bool          // for every scenario that does not say otherwise
	Retries  int           // likewise; runs after an undecided one
	TimeCap  time.Duration // of the whole gate; 0: none
}

// Scenario is one program under one load.
type Scenario struct {
	Name string
	At   Position

	// Either a command, an address that is observed, or one of the lab's.
	Command        []string
	Dir            string
	Env            map[string]string
	Pprof, Metrics string
	PprofHeader    http.Header
	Lab            string
	Variant        string  // leaky or fixed; empty: leaky
	Keep           float64 // bytes that the lab's child keeps of each operation besides

	Load      Load
	OpsMetric string

	Budgets        gate.Limits
	Clean          detect.CleanLimit // zero parts: the default
	Tolerance      *float64          // bytes per operation
	Limit          float64           // bytes; 0: none
	Module         string
	MemProfileRate *int // bytes a sample
	StrictRate     bool
	Canary         *bool
	Retries        *int

	keys map[string]Position
}

// Load is what is asked of the target and when. Nil is the default.
type Load struct {
	URL, Method, Body, Targets string
	Header                     http.Header
	HTTP2                      bool
	Socket                     string
	TLS                        harness.TLSFiles

	Rate               *harness.Rate
	Poisson            bool
	For, Warmup, Drain *time.Duration
	Every              *time.Duration
	Passes             *int
	MaxInFlight, Queue *int
	Quiesce            *bool

	HasURL, HasTargets bool // the keys are there
}

// Asks reports that the load is heapdrift's own: it says what is asked.
func (l *Load) Asks() bool { return l.HasURL || l.HasTargets }

// Plan is base with what the load says in it.
func (l *Load) Plan(base harness.Plan) harness.Plan {
	take(&base.Rate, l.Rate)
	take(&base.Steady, l.For)
	take(&base.Warmup, l.Warmup)
	take(&base.Drain, l.Drain)
	take(&base.Passes, l.Passes)
	take(&base.MaxInFlight, l.MaxInFlight)
	take(&base.Quiesce, l.Quiesce)
	if l.For != nil {
		base.Every = 0 // follows the steady time
	}
	take(&base.Every, l.Every)
	if l.Queue != nil {
		if base.Queue = *l.Queue; base.Queue == 0 {
			base.Queue = -1 // the plan's 0 means its default
		}
	}
	base.Poisson = l.Poisson
	return base
}

func take[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Where is the position of a key of the scenario, as "load.body"; of the
// scenario itself where it does not have the key.
func (s *Scenario) Where(key string) Position {
	if p, ok := s.keys[key]; ok {
		return p
	}
	return s.At
}

// Position is a place in the file; both count from 1.
type Position struct{ Line, Column int }

// Error is one mistake with its place.
type Error struct {
	File string
	Position
	Problem string // what is wrong, with its name
	Remedy  string // what to write instead; may be empty
}

// Error is "FILE:LINE:COLUMN: problem; remedy".
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Errors are all mistakes of a file.
type Errors []*Error

// Sort puts them in the order of their places.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Error has one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}
