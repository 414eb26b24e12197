package capture

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Schema of run.json.
const Schema = "heapdrift/run/v1"

// Names within a bundle.
const (
	runFile           = "run.json"
	probeFile         = "probe.jsonl"
	snapshotsDir      = "snapshots"
	metaFile          = "snapshot.json"
	countersFile      = "memstats.json"
	heapFile          = "heap.pb.gz"
	goroutineFile     = "goroutine.pb.gz"
	goroutineLeakFile = "goroutineleak.pb.gz"
	dumpFile          = "goroutines.txt.gz"

	tempPrefix = ".tmp-" // of what is being written; readers pass over it
)

// Header is the content of run.json.
type Header struct {
	Schema  string               `json:"schema"`
	Started time.Time            `json:"started,omitzero"`
	Target  snapshot.Target      `json:"target"`
	Load    snapshot.LoadInfo    `json:"load"`
	Phases  []snapshot.PhaseSpan `json:"phases,omitempty"`
	Pacing  *Pacing              `json:"pacing,omitempty"`
	// Windows are the latencies of warm-up and steady phase over time, ErrorClasses
	// how many operations failed of each class: both of a load of ours alone.
	Windows      []Window         `json:"windows,omitempty"`
	ErrorClasses map[string]int64 `json:"error_classes,omitempty"`
	// Failed is why this is no whole run, in a sentence; empty for a whole one.
	Failed string `json:"failed,omitempty"`
	// Ended is why the run was ended before its time; empty if it was not.
	Ended string `json:"ended,omitempty"`
	// Unfinished says that the load has not come to its end: the recording is still
	// going on, or was killed. Bundles of older versions do not say so.
	Unfinished bool `json:"unfinished,omitempty"`
	// Warnings of the recording, in sentences: they are the reader's too.
	Warnings []string `json:"warnings,omitempty"`
}

// Pacing says when the snapshots of the steady phase, or of a recording, were due:
// Every apart, each at a random moment of its part of the time.
type Pacing struct {
	Every float64 `json:"every"` // seconds
	Seed  uint64  `json:"seed"`  // of the random moments
}

// Window is a part of the time of a phase.
type Window struct {
	Phase     snapshot.Phase    `json:"phase"`
	Pass      int               `json:"pass,omitempty"`
	From      float64           `json:"from"` // seconds on the phase's intended clock, which stands still while arrivals are held
	To        float64           `json:"to"`
	Completed int64             `json:"completed"` // operations that ended in it, failed ones included
	Errors    int64             `json:"errors,omitempty"`
	Latency   *snapshot.Latency `json:"latency_ms,omitempty"`
}

// Bundle writes a recorded run. Each snapshot and run.json are written beside
// their place and renamed: they are there whole or not at all. It is safe for
// concurrent use; two processes must not write one bundle.
type Bundle struct {
	dir string

	mu   sync.Mutex
	next int
}

// Create makes the folder of a new bundle, parents included, and writes its
// run.json. A folder that holds anything but a bundle without snapshots is
// refused: nothing is ever overwritten or mixed. An empty Schema is filled in.
func Create(dir string, h Header) (*Bundle, error) {
	if dir == "" {
		return nil, errors.New("create run bundle: no folder is named")
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, writing(dir, err)
	case len(entries) > 0:
		if err := resumable(dir, entries); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, snapshotsDir), 0o755); err != nil {
		return nil, writing(dir, err)
	}
	b := &Bundle{dir: dir}
	if err := b.SetHeader(h); err != nil {
		return nil, err
	}
	return b, nil
}

// resumable refuses a folder that holds something else than a bundle whose
// recording ended before its first snapshot.
func resumable(dir string, entries []os.DirEntry) error {
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == runFile }) {
		return fmt.Errorf("create run bundle %s: the folder is not empty and no run bundle (it holds %s); name a new or an empty folder", dir, entries[0].Name())
	}
	taken, err := numbered(os.DirFS(dir))
	if err != nil {
		return writing(dir, err)
	}
	if len(taken) > 0 {
		return fmt.Errorf("create run bundle %s: it already holds a run of %d snapshots; name another folder, or remove this one", dir, len(taken))
	}
	return nil
}

// Dir is the bundle's folder.
func (b *Bundle) Dir() string { return b.dir }

// SetHeader replaces run.json, atomically.
func (b *Bundle) SetHeader(h Header) error {
	if h.Schema == "" {
		h.Schema = Schema
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return put(filepath.Join(b.dir, runFile), func(temp string) error {
		data, err := json.MarshalIndent(h, "", " ")
		if err != nil {
			return err
		}
		return writeSynced(temp, append(data, '\n'))
	})
}

// Add writes the next snapshot and returns its folder.
func (b *Bundle) Add(raw *snapshot.Raw) (path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	path = filepath.Join(b.dir, snapshotsDir, fmt.Sprintf("%06d", b.next))
	if err := put(path, func(temp string) error { return writePieces(temp, raw) }); err != nil {
		return "", err
	}
	b.next++
	return path, nil
}

// writePieces makes the folder of a snapshot, with a file for each piece that
// was taken.
func writePieces(dir string, raw *snapshot.Raw) error {
	meta, err := json.MarshalIndent(raw.Meta, "", " ")
	if err != nil {
		return err
	}
	pieces := map[string][]byte{
		metaFile: append(meta, '\n'),
		heapFile: raw.Heap, goroutineFile: raw.Goroutine, goroutineLeakFile: raw.GoroutineLeak, dumpFile: raw.Dump,
	}
	if !raw.Counters.Empty() {
		counters, err := json.Marshal(raw.Counters)
		if err != nil {
			return err
		}
		pieces[countersFile] = append(counters, '\n')
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, data := range pieces {
		if data == nil {
			continue
		}
		if err := writeSynced(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// put has a file or folder written beside its path, and renames it there.
func put(path string, write func(temp string) error) error {
	temp := filepath.Join(filepath.Dir(path), tempPrefix+filepath.Base(path))
	_ = os.RemoveAll(temp) // of a recording that was killed
	err := write(temp)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.RemoveAll(temp)
		return writing(path, err)
	}
	return nil
}

// Probe appends one point to probe.jsonl; an empty one is left out.
func (b *Bundle) Probe(p ProbePoint) error {
	if p.Empty() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	path := filepath.Join(b.dir, probeFile)
	line, err := json.Marshal(p)
	if err != nil {
		return writing(path, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return writing(path, err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := cmp.Or(err, f.Close()); err != nil {
		return writing(path, err)
	}
	return nil
}

// writeSynced writes a new file and flushes it to the disk, so that the rename
// that makes it visible never precedes its bytes.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return cmp.Or(err, f.Sync(), f.Close())
}

// writing names the path that could not be written, with the cause alone:
// system errors name temporary files, which say nothing to a reader.
func writing(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	} else if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = l.Err
	}
	return fmt.Errorf("write run bundle %s: %w; free the disk or name another folder", path, err)
}

// numbered lists a bundle's folders of snapshots, which have numbers for names,
// in their order. Temporary folders of a recording that was killed do not count.
func numbered(bundle fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(bundle, snapshotsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		_, err := strconv.ParseUint(e.Name(), 10, 63)
		if err == nil && len(e.Name()) >= len("000000") && e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, naturally)
	return names, nil
}

// bundleReader reads one bundle. What cannot be read of it becomes a warning;
// only a bundle with nothing readable in it is an error.
type bundleReader struct {
	o       *inputReader
	at      place
	in      *snapshot.Interner
	run     *snapshot.Run
	trouble []string // pieces that could not be read, for the error
}

func (o *inputReader) bundle(at place) (*snapshot.Run, error) {
	r := &bundleReader{o: o, at: at, in: snapshot.NewInterner(), run: &snapshot.Run{Source: at.name}}
	if err := r.header(); err != nil {
		return nil, err
	}
	numbers, err := numbered(at.fsys)
	if err != nil {
		return nil, unreadable(at.join(snapshotsDir), err)
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
		r.warn(SnapshotUnreadable, "%s; the rest is used without it", t)
	}
	if len(r.trouble) > 0 {
		r.run.Failed = cmp.Or(r.run.Failed, count(len(r.trouble), "piece")+" of the recording cannot be read")
	}
	inSequence(r.run)
	r.probes()
	finish(r.run)
	return r.run, nil
}

func (r *bundleReader) warn(code, format string, args ...any) {
	r.run.Warnings = append(r.run.Warnings, warning(code, format, args...))
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
		r.warn(HeaderUnreadable, "%s: it cannot be read (%s); target and load are unknown", r.at.join(runFile), cause(err))
		r.run.Failed = "how the run ended is not known: its " + runFile + " cannot be read"
		return nil
	case data == nil:
		r.warn(HeaderMissing, "%s is missing; target and load are unknown", r.at.join(runFile))
		r.run.Ended = "how the run ended is not known: its " + runFile + " is missing"
		return nil
	case h.Schema != Schema && h.Schema != "":
		return &InputError{
			Path: r.at.join(runFile), Problem: fmt.Sprintf("its schema is %q; this heapdrift reads %q", h.Schema, Schema),
			Remedy: "use the heapdrift that wrote it, or a newer one",
		}
	}
	r.run.Target, r.run.Load, r.run.Failed, r.run.Ended = h.Target, h.Load, h.Failed, h.Ended
	if h.Unfinished {
		r.run.Ended = cmp.Or(h.Ended, "how the run ended is not known: its recording was killed, or still goes on")
	}
	for _, w := range h.Warnings {
		r.warn(Recorded, "%s", w)
	}
	return nil
}

func (r *bundleReader) bad(name string, err error) {
	r.trouble = append(r.trouble, fmt.Sprintf("%s: %s", r.at.join(name), cause(err)))
}

func (r *bundleReader) snapshot(number string) {
	dir := snapshotsDir + "/" + number + "/"
	s := &snapshot.Snapshot{}
	if !r.load(dir+metaFile, maxJSONBytes, func(data []byte) error {
		if err := json.Unmarshal(data, &s.Meta); err != nil {
			s.Meta = snapshot.Meta{}
			return fmt.Errorf("it is no JSON of a snapshot (%w)", err)
		}
		return nil
	}) {
		r.bad(dir+metaFile, errors.New("it is missing"))
	}
	if !s.Phase.Valid() {
		r.bad(dir+metaFile, fmt.Errorf("the phase %q is not known", s.Phase))
		s.Phase = snapshot.PhaseUnknown
	}
	if s.Ops != nil && *s.Ops < 0 {
		r.bad(dir+metaFile, fmt.Errorf("%d operations cannot be", *s.Ops))
		s.Ops = nil
	}
	r.load(dir+countersFile, maxJSONBytes, func(data []byte) error {
		if err := json.Unmarshal(data, &s.Counters); err != nil {
			return fmt.Errorf("it is no JSON of counters (%w)", err)
		}
		return nil
	})
	s.Heap = readPiece(r, dir+heapFile, snapshot.KindHeap, snapshot.HeapOf)
	s.Goroutines = readPiece(r, dir+goroutineFile, snapshot.KindGoroutine, snapshot.GoroutinesOf)
	s.Leaked = readPiece(r, dir+goroutineLeakFile, snapshot.KindGoroutine, snapshot.GoroutinesOf)
	r.load(dir+dumpFile, snapshot.MaxProfileBytes, func(data []byte) (err error) {
		s.Waiting, err = snapshot.ReadDump(data)
		return err
	})
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

// load parses a file of a snapshot and notes what is wrong with it; false where
// it does not exist.
func (r *bundleReader) load(name string, limit int64, parse func([]byte) error) bool {
	data, err := r.read(name, limit)
	if err == nil && data == nil {
		return false
	}
	if err == nil {
		err = parse(data)
	}
	if err != nil {
		r.bad(name, err)
	}
	return true
}

// readPiece reads a profile of a kind; nil where it is missing or unusable.
func readPiece[T any](r *bundleReader, name string, want snapshot.Kind, of func(*profile.Profile, *snapshot.Interner) *T) (piece *T) {
	r.load(name, snapshot.MaxProfileBytes, func(data []byte) error {
		p, kind, err := snapshot.Decode(data)
		switch {
		case err != nil:
			return err
		case kind != want:
			return fmt.Errorf("it is a profile of another kind (%s)", snapshot.SampleTypes(p))
		case difference(p) != nil:
			return difference(p)
		}
		piece = of(p, r.in)
		return nil
	})
	return piece
}

// difference is why a heap or goroutine profile does not show a moment; nil where
// it does.
func difference(p *profile.Profile) error {
	const why = "it is the difference of two profiles (%s), which has lost what was there before: take profiles without seconds= and -base"
	if p.DurationNanos > 0 {
		return fmt.Errorf(why, "it covers a duration")
	}
	for _, s := range p.Sample {
		if slices.ContainsFunc(s.Value, func(v int64) bool { return v < 0 }) {
			return fmt.Errorf(why, "it has negative values")
		}
	}
	return nil
}

// probes reads the peaks between snapshots. The last line may be half written.
func (r *bundleReader) probes() {
	data, err := r.read(probeFile, 256<<20)
	if err != nil {
		r.warn(ProbesUnreadable, "%s: %s; peaks are those of the snapshots", r.at.join(probeFile), cause(err))
		return
	}
	broken := 0
	for line := range bytes.Lines(data) {
		var p ProbePoint
		if len(bytes.TrimSpace(line)) > 0 && json.Unmarshal(line, &p) != nil {
			broken++
			continue
		}
		r.run.Peak.LiveBytes = max(r.run.Peak.LiveBytes, p.LiveBytes)
		r.run.Peak.RSS = max(r.run.Peak.RSS, p.RSS)
	}
	if broken > 1 || broken == 1 && bytes.HasSuffix(data, []byte("\n")) {
		r.warn(ProbesUnreadable, "%s: %s cannot be read", r.at.join(probeFile), count(broken, "line"))
	}
}

// finish fills in what the snapshots together tell: peaks and sampling rate.
// MaxRSS, the process's own peak, counts only where no other resident set is
// known: a child's begins at that of the program which started it.
func finish(run *snapshot.Run) {
	var maxRSS uint64
	for _, s := range run.Snapshots {
		if live, ok := s.Counters.LiveBytes(); ok && s.Counters.Implausible() == "" {
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
