package capture

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/google/pprof/profile"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// loosePiece is what one file of a folder turned out to hold.
type loosePiece struct {
	file     file
	time     time.Time // zero where the profile has none
	modified time.Time
	heap     *snapshot.Heap
	allocs   bool // heap holds the same as a heap profile, saved as "allocs"
	routines *snapshot.Goroutines
	leaked   bool // routines come from goroutineleak
	counters snapshot.Counters
	binary   string // main binary of the program, as the profile names it
	build    string // and its build id; either may be empty
	sum      [sha256.Size]byte
}

// name is the path as the user would say it, with slashes.
func (p *loosePiece) name() string { return filepath.ToSlash(p.file.String()) }

// looseReader reads the files of a folder and notes what it passes over.
type looseReader struct {
	o      *opening
	in     *snapshot.Interner
	pieces []*loosePiece
	// names of files that were passed over, by reason
	others, broken, diffs, texts, twice, allocs []string
}

func (o *opening) loose() (*snapshot.Run, error) {
	r := &looseReader{o: o, in: snapshot.NewInterner()}
	for _, f := range o.files {
		if o.ctx.Err() != nil {
			return nil, fmt.Errorf("read %s: %w", o.label, context.Cause(o.ctx))
		}
		r.file(f)
	}
	if len(r.pieces) == 0 {
		return nil, r.nothing()
	}
	r.dropTwice()
	r.dropAllocs()
	pieces, program, odd, err := oneProgram(r.pieces, o.label)
	if err != nil {
		return nil, err
	}
	run := &snapshot.Run{Source: o.label, Warnings: r.warnings()}
	run.Target.Name = program
	if len(odd) > 0 {
		run.Warnings = append(run.Warnings, odd...)
	}
	var timed bool
	run.Snapshots, timed = assemble(pieces)
	if !timed && len(run.Snapshots) > 1 {
		run.Warnings = append(run.Warnings, "some profiles carry no time: their order is that of their names, and growth per second may be wrong")
	}
	if w := collected(run.Snapshots); w != "" {
		run.Warnings = append(run.Warnings, w)
	}
	finish(run)
	return run, nil
}

// file reads one file and sorts it by what it is.
func (r *looseReader) file(f file) {
	h, err := f.fsys.Open(f.path)
	if err != nil {
		r.reject(f, err)
		return
	}
	defer h.Close()
	p := &loosePiece{file: f}
	if info, err := h.Stat(); err == nil {
		p.modified = info.ModTime().UTC()
	}
	br := bufio.NewReaderSize(h, 64<<10)
	head, err := br.Peek(64)
	if err != nil && !errors.Is(err, io.EOF) {
		r.reject(f, err)
		return
	}
	switch {
	case bytes.HasPrefix(head, []byte("heap profile: ")):
		r.text(p, br)
		return
	case bytes.HasPrefix(head, []byte("goroutine profile: ")), bytes.HasPrefix(head, []byte("goroutine ")):
		r.texts = append(r.texts, f.String())
		return
	}
	data, err := readAll(br, snapshot.MaxProfileBytes, &r.o.budget)
	if err != nil {
		r.reject(f, err)
		return
	}
	inflated, err := snapshot.Inflate(data)
	if err != nil {
		r.reject(f, err)
		return
	}
	if bytes.HasPrefix(inflated, []byte("heap profile: ")) { // a text that was compressed
		r.text(p, bytes.NewReader(inflated))
		return
	}
	prof, kind, err := snapshot.Decode(inflated)
	if err != nil {
		r.reject(f, err)
		return
	}
	p.sum = sha256.Sum256(inflated)
	if prof.TimeNanos > 0 {
		p.time = time.Unix(0, prof.TimeNanos).UTC()
	}
	if len(prof.Mapping) > 0 {
		p.binary, p.build = prof.Mapping[0].File, prof.Mapping[0].BuildID
	}
	switch kind {
	case snapshot.KindHeap:
		if difference(prof) != "" {
			r.diffs = append(r.diffs, f.String())
			return
		}
		p.heap, p.allocs = snapshot.HeapOf(prof, r.in), prof.DefaultSampleType == "alloc_space"
	case snapshot.KindGoroutine:
		p.routines, p.leaked = snapshot.GoroutinesOf(prof, r.in), isLeakProfile(prof)
	default:
		r.others = append(r.others, fmt.Sprintf("%s (%s)", f, snapshot.SampleTypes(prof)))
		return
	}
	r.pieces = append(r.pieces, p)
}

func isLeakProfile(p *profile.Profile) bool {
	return len(p.SampleType) > 0 && p.SampleType[0].Type == "goroutineleak"
}

// text takes the exact counters from the text of heap?debug=1. Its time is
// that of the last collection, which with gc=1 is the moment itself.
func (r *looseReader) text(p *loosePiece, src io.Reader) {
	sum := sha256.New()
	bounded := &boundedReader{r: io.TeeReader(src, sum), limit: min(maxTextBytes, r.o.budget)}
	c, err := snapshot.ParseTrailer(bounded)
	r.o.budget -= bounded.n
	if err != nil {
		r.reject(p.file, err)
		return
	}
	p.counters = c
	sum.Sum(p.sum[:0])
	if last, ok := c.Get("LastGC"); ok && last > 0 && last < 1<<62 {
		p.time = time.Unix(0, int64(last)).UTC()
	}
	r.pieces = append(r.pieces, p)
}

func (r *looseReader) reject(f file, err error) {
	r.broken = append(r.broken, fmt.Sprintf("%s (%s)", f, cause(err)))
}

// dropTwice removes pieces that are byte for byte one already read.
func (r *looseReader) dropTwice() {
	type key struct {
		sum  [sha256.Size]byte
		time time.Time
	}
	seen := map[key]bool{}
	kept := r.pieces[:0]
	for _, p := range r.pieces {
		k := key{p.sum, p.time}
		if seen[k] {
			r.twice = append(r.twice, p.file.String())
			continue
		}
		seen[k] = true
		kept = append(kept, p)
	}
	r.pieces = kept
}

// dropAllocs removes "allocs" profiles where heap profiles are there too: they
// hold the same numbers and would count each moment twice.
func (r *looseReader) dropAllocs() {
	heaps := 0
	for _, p := range r.pieces {
		if p.heap != nil && !p.allocs {
			heaps++
		}
	}
	if heaps < 2 {
		return
	}
	kept := r.pieces[:0]
	for _, p := range r.pieces {
		if p.heap != nil && p.allocs {
			r.allocs = append(r.allocs, p.file.String())
			continue
		}
		kept = append(kept, p)
	}
	r.pieces = kept
}

// warnings says what was passed over, one sentence a reason.
func (r *looseReader) warnings() []string {
	var out []string
	add := func(names []string, noun, why string) {
		if len(names) > 0 {
			out = append(out, fmt.Sprintf("%s passed over, %s: %s", count(len(names), noun), why, some(names)))
		}
	}
	add(r.others, "profile", "of a kind that shows no growth")
	add(r.diffs, "heap profile", deltaProblem)
	add(r.texts, "text", "goroutine profiles are read in their binary form only (without debug=)")
	add(r.allocs, "allocs profile", "the heap profiles hold the same")
	add(r.twice, "file", "the same profile is there twice")
	add(r.broken, "file", "no readable pprof profile")
	return out
}

const deltaProblem = "the difference of two profiles has lost what was in use before (take them without seconds= and -base)"

// nothing is the error of a folder without one usable file.
func (r *looseReader) nothing() error {
	e := &InputError{Path: r.o.label, Remedy: collectRemedy}
	n := len(r.o.files)
	switch {
	case n == 1 && len(r.broken) == 1:
		e.Problem = "it is no readable pprof profile: " + r.broken[0]
	case n == 1 && len(r.others) == 1:
		e.Problem = "it is a profile of a kind that shows no growth: " + r.others[0]
	case n == len(r.diffs):
		e.Problem = "refused: " + deltaProblem
	case n == len(r.texts):
		e.Problem = "only the text of goroutine profiles is there"
		e.Remedy = "take them without debug="
	default:
		e.Problem = fmt.Sprintf("none of its %s is a heap or goroutine profile", count(n, "file"))
		for _, w := range r.warnings() {
			e.Problem += "; " + w
		}
	}
	return e
}

// collected warns of counters that were read without a collection before.
func collected(snaps []*snapshot.Snapshot) string {
	var last uint64
	seen, idle := 0, 0
	for _, s := range snaps {
		n, ok := s.Counters.Get("NumForcedGC")
		if !ok {
			continue
		}
		if seen > 0 && n == last {
			idle++
		}
		last = n
		seen++
	}
	if seen > 1 && idle == seen-1 {
		return "the heap texts were taken without gc=1: their live bytes include garbage"
	}
	return ""
}
