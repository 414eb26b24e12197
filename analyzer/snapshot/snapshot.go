// Package snapshot holds one moment of a Go process: its sampled heap profile,
// its goroutine profile and its exact counters, and how each is read from and
// written to bytes. It knows no network, no clock and no other package of
// heapdrift.
package snapshot

import (
	"slices"
	"time"
)

// Phase says what the load was doing when a snapshot was taken.
type Phase string

// The phases of a run, in their order. PhaseUnknown is what a folder of bare
// profiles gives.
const (
	PhaseUnknown Phase = ""
	PhaseIdle    Phase = "idle"
	PhaseWarmup  Phase = "warmup"
	PhaseSteady  Phase = "steady"
	PhaseDrain   Phase = "drain"
)

// Valid reports whether p is one of the named phases or unknown.
func (p Phase) Valid() bool {
	return slices.Contains([]Phase{PhaseUnknown, PhaseIdle, PhaseWarmup, PhaseSteady, PhaseDrain}, p)
}

// Meta is the content of snapshot.json. Only Time is certain to be there;
// what is nil or zero was not known.
type Meta struct {
	Time     time.Time `json:"time"`
	Ops      *int64    `json:"ops,omitempty"` // completed operations, errors included
	Phase    Phase     `json:"phase,omitempty"`
	Pass     int       `json:"pass,omitempty"`      // 1, 2, … within steady
	InFlight *int64    `json:"in_flight,omitempty"` // operations started and not completed
	Load     *Load     `json:"load,omitempty"`
	RSS      *uint64   `json:"rss,omitempty"` // resident set of the target, bytes
	Cost     *Cost     `json:"cost,omitempty"`
	// PID and Started identify the process behind the address, where it says
	// (a started child, or process_start_time_seconds of /metrics): a change
	// of either between two snapshots is a restart.
	PID     int        `json:"pid,omitempty"`
	Started *time.Time `json:"started,omitempty"`
	// Missing names, in sentences, what this snapshot could not get.
	Missing []string `json:"missing,omitempty"`
}

// Cost is what taking the snapshot asked of the target.
type Cost struct {
	Seconds float64 `json:"seconds"` // wall time of the requests together
	Bytes   int64   `json:"bytes"`   // read from the target
}

// Load is what the load generator had done when the snapshot was taken.
// Counts are totals since the start of the run; Latency is of the current
// phase so far.
type Load struct {
	Rate      float64  `json:"rate,omitempty"` // intended arrivals per second
	Sent      int64    `json:"sent"`
	Completed int64    `json:"completed"`
	Errors    int64    `json:"errors"`
	Shed      int64    `json:"shed"`
	Latency   *Latency `json:"latency_ms,omitempty"`
}

// Latency holds quantiles in milliseconds, counted from the intended time of
// each arrival.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Raw is a snapshot as served, the profiles byte for byte: what the bundle
// stores. A nil profile was not taken.
type Raw struct {
	Meta
	Counters      Counters
	Heap          []byte
	Goroutine     []byte
	GoroutineLeak []byte
	Dump          []byte // of goroutines, text (debug=2), gzipped
}

// Snapshot is a parsed snapshot: what the analysis reads. Heap, Goroutines and
// Leaked are nil where missing; Counters may be empty.
type Snapshot struct {
	Meta
	Counters   Counters
	Heap       *Heap
	Goroutines *Goroutines
	Leaked     *Goroutines // from goroutineleak: proved never to run again
	Waiting    []Waiting   // from a text dump; of few snapshots, if any
}

// Parse turns raw profiles into a Snapshot. Stacks are interned in in, so that
// the snapshots of one run share them; in must not be nil. The error names the
// profile that could not be read.
func (r *Raw) Parse(in *Interner) (*Snapshot, error) {
	s := &Snapshot{Meta: r.Meta, Counters: r.Counters}
	var err error
	if r.Heap != nil {
		s.Heap, err = ParseHeap(r.Heap, in)
	}
	if r.Goroutine != nil && err == nil {
		s.Goroutines, err = ParseGoroutines(r.Goroutine, in)
	}
	if r.GoroutineLeak != nil && err == nil {
		s.Leaked, err = ParseGoroutines(r.GoroutineLeak, in)
	}
	if r.Dump != nil && err == nil {
		s.Waiting, err = ReadDump(r.Dump)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Run is a whole recording: what capture reads from a bundle, a zip of one or
// a folder of profiles, and what the analysis takes.
type Run struct {
	Target    Target
	Load      LoadInfo
	Snapshots []*Snapshot // in the order of time
	Peak      Peak
	Warnings  []Warning // what recording or reading could not use
	Source    string    // where it was read from, for messages
	// Failed says, in a sentence, why this is no whole run: the target died or did
	// no operation, or part of the recording cannot be read. Such a run is never
	// clean. Empty for a whole one.
	Failed string
	// Ended says why the load was ended before its time, as by --abort-on, or that
	// nothing tells how it ended: the rest of the run is not known, so it is never
	// clean either. Empty for a run that had its time.
	Ended string
}

// Warning is what recording or reading could not use, or what else the reader of
// a verdict should know: a code for scripts and a sentence for people.
type Warning struct{ Code, Text string }

// Target says which process was observed. pprof serves neither Go version nor
// PID: they are empty where nothing else told them.
type Target struct {
	Name           string `json:"name,omitempty"`
	Pprof          string `json:"pprof,omitempty"`
	GoVersion      string `json:"go_version,omitempty"`
	PID            int    `json:"pid,omitempty"`
	MemProfileRate int64  `json:"memprofilerate,omitempty"` // bytes per sample, from the profile's period
	Limit          int64  `json:"limit_bytes,omitempty"`    // memory limit that the user gave
	// What bounds its memory besides, where known: the soft limit that its collector
	// holds to, and that of its control group, at which the system kills it.
	GoMemLimit  int64  `json:"gomemlimit_bytes,omitempty"`
	CgroupLimit int64  `json:"cgroup_limit_bytes,omitempty"`
	GOGC        int    `json:"gogc_percent,omitempty"` // −1: off
	Module      string `json:"module,omitempty"`       // main module path, where the binary told it
}

// LoadInfo is the load of a finished run: the steady phase's, as the report
// prints it. Source is "heapdrift", "metrics" (someone else's load, counted by
// the target) or empty.
type LoadInfo struct {
	Source      string  `json:"source,omitempty"`
	Rate        float64 `json:"rate,omitempty"`
	Sent        int64   `json:"sent,omitempty"`
	Completed   int64   `json:"completed,omitempty"`
	Errors      int64   `json:"errors,omitempty"`
	Shed        int64   `json:"shed,omitempty"`
	Achieved    float64 `json:"achieved_rate,omitempty"`
	MaxInFlight int64   `json:"max_in_flight,omitempty"`
	Valid       *bool   `json:"valid,omitempty"`
	Reason      string  `json:"reason,omitempty"` // why it is not valid
	Seconds     float64 `json:"seconds,omitempty"`
	Quiesced    bool    `json:"quiesced,omitempty"`
	// Contents is how many different requests are asked in turn, from the first on
	// again in each pass; 0: not known, or none is ever repeated.
	Contents int      `json:"contents,omitempty"`
	Latency  *Latency `json:"latency_ms,omitempty"`
}

// Peak holds maxima over the run, the light probe's included; 0 is unknown.
type Peak struct {
	LiveBytes uint64 `json:"live_bytes,omitempty"`
	RSS       uint64 `json:"rss_bytes,omitempty"`
}

// PhaseSpan is one phase of run.json with its borders.
type PhaseSpan struct {
	Phase Phase     `json:"phase"`
	Pass  int       `json:"pass,omitempty"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end,omitzero"`
}
