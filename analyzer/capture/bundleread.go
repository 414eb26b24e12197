package capture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// bundleReader reads one bundle. What cannot be read of it becomes a warning;
// only a bundle with nothing readable in it is an error.
type bundleReader struct {
	o       *opening
	at      place
	in      *snapshot.Interner
	run     *snapshot.Run
	trouble []string // pieces that could not be read, for the error
}

func (o *opening) bundle(at place) (*snapshot.Run, error) {
	r := &bundleReader{o: o, at: at, in: snapshot.NewInterner(), run: &snapshot.Run{Source: at.name}}
	if err := r.header(); err != nil {
		return nil, err
	}
	numbers, err := r.numbers()
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		if o.ctx.Err() != nil {
			return nil, fmt.Errorf("read %s: %w", at.name, context.Cause(o.ctx))
		}
		r.snapshot(n)
	}
	if len(r.run.Snapshots) == 0 {
		if len(numbers) == 0 {
			return nil, &InputError{Path: at.name, Problem: "the run bundle holds no snapshot", Remedy: "the recording ended before its first: record again"}
		}
		return nil, &InputError{Path: at.name, Problem: "no snapshot of the run bundle can be read: " + some(r.trouble), Remedy: "record again, or fetch the bundle again"}
	}
	for _, t := range r.trouble {
		r.warn("%s; the rest is used without it", t)
	}
	r.probes()
	finish(r.run)
	return r.run, nil
}

func (r *bundleReader) warn(format string, args ...any) {
	r.run.Warnings = append(r.run.Warnings, fmt.Sprintf(format, args...))
}

// read returns a file's bytes; nil, nil where it does not exist.
func (r *bundleReader) read(name string, limit int64) ([]byte, error) {
	data, err := readLimited(r.at.fsys, name, limit, &r.o.budget)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (r *bundleReader) header() error {
	data, err := r.read(runFile, maxJSONBytes)
	var h Header
	if err == nil && data != nil {
		err = json.Unmarshal(data, &h)
	}
	switch {
	case err != nil:
		r.warn("%s: it cannot be read (%s); target and load are unknown", r.at.join(runFile), cause(err))
		return nil
	case data == nil:
		r.warn("%s is missing; target and load are unknown", r.at.join(runFile))
		return nil
	case h.Schema != Schema && h.Schema != "":
		return &InputError{
			Path: r.at.join(runFile), Problem: fmt.Sprintf("its schema is %q; this heapdrift reads %q", h.Schema, Schema),
			Remedy: "use the heapdrift that wrote it, or a newer one",
		}
	}
	r.run.Target, r.run.Load, r.run.Failed, r.run.Ended = h.Target, h.Load, h.Failed, h.Ended
	r.run.Warnings = append(r.run.Warnings, h.Warnings...)
	return nil
}

// numbers lists the snapshot folders in their order. Temporary folders of a
// recording that was killed do not count.
func (r *bundleReader) numbers() ([]string, error) {
	entries, err := fs.ReadDir(r.at.fsys, snapshotsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadable(r.at.join(snapshotsDir), err)
	}
	var names []string
	for _, e := range entries {
		if _, ok := ordinal(e.Name()); ok && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		x, _ := ordinal(a)
		y, _ := ordinal(b)
		return x - y
	})
	return names, nil
}

func (r *bundleReader) bad(name string, err error) {
	r.trouble = append(r.trouble, fmt.Sprintf("%s: %s", r.at.join(name), cause(err)))
}

func (r *bundleReader) snapshot(number string) {
	dir := snapshotsDir + "/" + number + "/"
	s := &snapshot.Snapshot{}
	if data, err := r.read(dir+metaFile, maxJSONBytes); err != nil {
		r.bad(dir+metaFile, err)
	} else if data == nil {
		r.bad(dir+metaFile, errors.New("it is missing"))
	} else if err := json.Unmarshal(data, &s.Meta); err != nil {
		s.Meta = snapshot.Meta{}
		r.bad(dir+metaFile, fmt.Errorf("it is no JSON of a snapshot (%w)", err))
	}
	if !s.Phase.Valid() {
		r.bad(dir+metaFile, fmt.Errorf("the phase %q is not known", s.Phase))
		s.Phase = snapshot.PhaseUnknown
	}
	if s.Ops != nil && *s.Ops < 0 {
		r.bad(dir+metaFile, fmt.Errorf("%d operations cannot be", *s.Ops))
		s.Ops = nil
	}
	if data, err := r.read(dir+countersFile, maxJSONBytes); err != nil {
		r.bad(dir+countersFile, err)
	} else if data != nil {
		if err := json.Unmarshal(data, &s.Counters); err != nil {
			s.Counters = snapshot.Counters{}
			r.bad(dir+countersFile, fmt.Errorf("it is no JSON of counters (%w)", err))
		}
	}
	if p := r.profile(dir+heapFile, snapshot.KindHeap); p != nil {
		if why := difference(p); why != "" {
			r.bad(dir+heapFile, errors.New(why))
		} else {
			s.Heap = snapshot.HeapOf(p, r.in)
		}
	}
	if p := r.profile(dir+goroutineFile, snapshot.KindGoroutine); p != nil {
		s.Goroutines = snapshot.GoroutinesOf(p, r.in)
	}
	if p := r.profile(dir+goroutineLeakFile, snapshot.KindGoroutine); p != nil {
		s.Leaked = snapshot.GoroutinesOf(p, r.in)
	}
	if data, err := r.read(dir+dumpFile, snapshot.MaxProfileBytes); err != nil {
		r.bad(dir+dumpFile, err)
	} else if data != nil {
		if s.Waiting, err = snapshot.ReadDump(data); err != nil {
			r.bad(dir+dumpFile, err)
		}
	}
	if s.Heap == nil && s.Goroutines == nil && s.Counters.Empty() {
		if len(r.trouble) == 0 || !strings.Contains(r.trouble[len(r.trouble)-1], number) {
			r.bad(strings.TrimSuffix(dir, "/"), errors.New("it holds neither profiles nor counters"))
		}
		return
	}
	if s.Time.IsZero() && s.Heap != nil {
		s.Time = s.Heap.Time
	}
	if s.Time.IsZero() && s.Goroutines != nil {
		s.Time = s.Goroutines.Time
	}
	r.run.Snapshots = append(r.run.Snapshots, s)
}

// profile reads one profile of a kind; nil where it is missing or unusable.
func (r *bundleReader) profile(name string, want snapshot.Kind) *profile.Profile {
	data, err := r.read(name, snapshot.MaxProfileBytes)
	if err != nil {
		r.bad(name, err)
		return nil
	}
	if data == nil {
		return nil
	}
	p, kind, err := snapshot.Decode(data)
	if err != nil {
		r.bad(name, err)
		return nil
	}
	if kind != want {
		r.bad(name, fmt.Errorf("it is a profile of another kind (%s)", snapshot.SampleTypes(p)))
		return nil
	}
	return p
}

// difference says why a heap profile does not show a moment; empty where it
// does.
func difference(p *profile.Profile) string {
	const why = "it is the difference of two profiles (%s), which has lost what was in use before: take profiles without seconds= and -base"
	if p.DurationNanos > 0 {
		return fmt.Sprintf(why, "it covers a duration")
	}
	for _, s := range p.Sample {
		for _, v := range s.Value {
			if v < 0 {
				return fmt.Sprintf(why, "it has negative values")
			}
		}
	}
	return ""
}

// probes reads the peaks between snapshots. The last line may be half written.
func (r *bundleReader) probes() {
	data, err := r.read(probeFile, 256<<20)
	if err != nil {
		r.warn("%s: %s; peaks are those of the snapshots", r.at.join(probeFile), cause(err))
		return
	}
	broken := 0
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, maxJSONBytes)
	for sc.Scan() {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		var p ProbePoint
		if json.Unmarshal(sc.Bytes(), &p) != nil {
			broken++
			continue
		}
		r.run.Peak.LiveBytes = max(r.run.Peak.LiveBytes, p.LiveBytes)
		r.run.Peak.RSS = max(r.run.Peak.RSS, p.RSS)
	}
	if broken > 1 || broken == 1 && bytes.HasSuffix(data, []byte("\n")) {
		r.warn("%s: %s cannot be read", r.at.join(probeFile), count(broken, "line"))
	}
}

// finish fills in what the snapshots together tell: peaks and sampling rate.
// MaxRSS, the process's own peak, counts only where no other resident set is
// known: a child's begins at that of the program which started it.
func finish(run *snapshot.Run) {
	var maxRSS uint64
	for _, s := range run.Snapshots {
		if live, ok := s.Counters.LiveBytes(); ok {
			run.Peak.LiveBytes = max(run.Peak.LiveBytes, live)
		}
		if s.RSS != nil {
			run.Peak.RSS = max(run.Peak.RSS, *s.RSS)
		}
		if v, ok := s.Counters.Get("MaxRSS"); ok {
			maxRSS = max(maxRSS, v)
		}
		if run.Target.MemProfileRate == 0 && s.Heap != nil {
			run.Target.MemProfileRate = s.Heap.Period
		}
		if run.Target.PID == 0 {
			run.Target.PID = s.PID
		}
	}
	if run.Peak.RSS == 0 {
		run.Peak.RSS = maxRSS
	}
}
