package capture

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// pieceKind is which part of a snapshot a file holds.
type pieceKind int

// The kinds, in the order in which their pieces join moments.
const (
	heapPiece pieceKind = iota
	routinePiece
	counterPiece
	leakPiece // goroutines of goroutineleak
	pieceKinds
)

// loosePiece is what one file of a folder turned out to hold.
type loosePiece struct {
	file     file
	kind     pieceKind
	time     time.Time // zero where the profile has none
	heap     *snapshot.Heap
	allocs   bool // heap holds the same as a heap profile, saved as "allocs"
	routines *snapshot.Goroutines
	counters snapshot.Counters
	binary   string          // main binary of the program, as the profile names it
	build    string          // and its build id; either may be empty
	own      map[string]bool // see ownFrames
	sum      [sha256.Size]byte
}

// name is the path as the user would say it, with slashes.
func (p *loosePiece) name() string { return filepath.ToSlash(p.file.String()) }

// looseReader reads the files of a folder and notes what it passes over.
type looseReader struct {
	o       *inputReader
	in      *snapshot.Interner
	pieces  []*loosePiece
	damaged []string            // files that were profiles before they were cut or changed
	passed  map[string][]string // names of files that were passed over, by the code of the warning
}

func (o *inputReader) loose() (*snapshot.Run, error) {
	r := &looseReader{o: o, in: snapshot.NewInterner(), passed: map[string][]string{}}
	for _, f := range o.files {
		if o.ctx.Err() != nil {
			return nil, fmt.Errorf("read %s: %w", o.label, context.Cause(o.ctx))
		}
		if err := r.file(f); err != nil {
			r.passOver(FileUnreadable, fmt.Sprintf("%s (%s)", f, cause(err)))
			if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
				r.damaged = append(r.damaged, f.String())
			}
		}
	}
	if len(r.pieces) == 0 {
		return nil, r.nothing()
	}
	seen := map[[sha256.Size]byte]bool{}
	r.drop(FileTwice, func(p *loosePiece) bool {
		twice := seen[p.sum]
		seen[p.sum] = true
		return twice
	})
	heaps := 0
	for _, p := range r.pieces {
		if p.kind == heapPiece && !p.allocs {
			heaps++
		}
	}
	if heaps >= 2 { // allocs profiles hold the same and would count each moment twice
		r.drop(SameAsHeap, func(p *loosePiece) bool { return p.allocs })
	}
	pieces, program, odd, err := oneProgram(r.pieces, o.label)
	if err != nil {
		return nil, err
	}
	r.pieces = pieces
	timed, mended := r.place()
	run := &snapshot.Run{Source: o.label, Warnings: slices.Concat(r.warnings(), odd, mended)}
	run.Target.Name = program
	if len(r.damaged) > 0 {
		run.Failed = "damaged, so that the recording is not whole: " + some(r.damaged)
	}
	run.Snapshots = assemble(r.pieces, timed)
	if uncollected(run.Snapshots) {
		run.Warnings = append(run.Warnings, warning(WithoutGC, "the heap texts were taken without gc=1: their live bytes include garbage"))
	}
	finish(run)
	return run, nil
}

// file reads one file and sorts it by what it is; the error is of a file that
// cannot be used.
func (r *looseReader) file(f file) error {
	h, err := f.fsys.Open(f.path)
	if err != nil {
		return err
	}
	defer h.Close()
	p := &loosePiece{file: f}
	br := bufio.NewReaderSize(h, 64<<10)
	head, err := br.Peek(64)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("heap profile: ")):
		return r.text(p, br)
	case bytes.HasPrefix(head, []byte("goroutine profile: ")), bytes.HasPrefix(head, []byte("goroutine ")):
		r.passOver(GoroutineText, f.String())
		return nil
	}
	data, err := readAll(br, snapshot.MaxProfileBytes, &r.o.budget)
	if err != nil {
		return err
	}
	inflated, err := snapshot.Inflate(data)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(inflated, []byte("heap profile: ")) { // a text that was compressed
		return r.text(p, bytes.NewReader(inflated))
	}
	prof, kind, err := snapshot.Decode(inflated)
	if err != nil {
		return err
	}
	p.sum = sha256.Sum256(inflated)
	if len(prof.Mapping) > 0 {
		p.binary, p.build = prof.Mapping[0].File, prof.Mapping[0].BuildID
	}
	if kind != snapshot.KindOther && difference(prof) != nil {
		r.passOver(IsDifference, f.String())
		return nil
	}
	switch kind {
	case snapshot.KindHeap:
		p.kind, p.heap = heapPiece, snapshot.HeapOf(prof, r.in)
		p.time, p.allocs = p.heap.Time, prof.DefaultSampleType == "alloc_space"
	case snapshot.KindGoroutine:
		p.kind, p.routines = routinePiece, snapshot.GoroutinesOf(prof, r.in)
		p.time = p.routines.Time
		if prof.SampleType[0].Type == "goroutineleak" {
			p.kind = leakPiece
		}
	default:
		r.passOver(KindShowsNoGrowth, fmt.Sprintf("%s (%s)", f, snapshot.SampleTypes(prof)))
		return nil
	}
	r.pieces = append(r.pieces, p)
	return nil
}

// text takes the exact counters from the text of heap?debug=1. Its time is
// that of the last collection, which with gc=1 is the moment itself.
func (r *looseReader) text(p *loosePiece, src io.Reader) error {
	sum := sha256.New()
	bounded := &boundedReader{r: io.TeeReader(src, sum), limit: min(maxTextBytes, r.o.budget)}
	c, err := snapshot.ParseTrailer(bounded)
	r.o.budget -= bounded.n
	if err != nil {
		return err
	}
	p.kind, p.counters = counterPiece, c
	sum.Sum(p.sum[:0])
	if last, ok := c.Get("LastGC"); ok && last > 0 && last < 1<<62 {
		p.time = time.Unix(0, int64(last)).UTC()
	}
	r.pieces = append(r.pieces, p)
	return nil
}

// drop removes the pieces that another one makes superfluous, and notes them.
func (r *looseReader) drop(code string, superfluous func(*loosePiece) bool) {
	r.pieces = slices.DeleteFunc(r.pieces, func(p *loosePiece) bool {
		drop := superfluous(p)
		if drop {
			r.passOver(code, p.file.String())
		}
		return drop
	})
}

func (r *looseReader) passOver(code, name string) { r.passed[code] = append(r.passed[code], name) }

// passedOver are the reasons for passing files over, in the order of their warnings.
var passedOver = []struct{ code, noun, why string }{
	{KindShowsNoGrowth, "profile", "of a kind that shows no growth"},
	{IsDifference, "profile", deltaProblem},
	{GoroutineText, "text", "goroutine profiles are read in their binary form only (without debug=)"},
	{SameAsHeap, "allocs profile", "the heap profiles hold the same"},
	{WithoutTimes, "profile", "without a time, and the names tell no order"},
	{FileTwice, "file", "the same profile is there twice"},
	{FileUnreadable, "file", "no readable pprof profile"},
}

// warnings says what was passed over, one sentence a reason.
func (r *looseReader) warnings() (out []snapshot.Warning) {
	for _, x := range passedOver {
		if names := r.passed[x.code]; len(names) > 0 {
			out = append(out, warning(x.code, "%s passed over, %s: %s", count(len(names), x.noun), x.why, some(names)))
		}
	}
	return out
}

const deltaProblem = "the difference of two profiles has lost what was there before (take them without seconds= and -base)"

// nothing is the error of a folder without one usable file.
func (r *looseReader) nothing() error {
	e := &InputError{Path: r.o.label, Remedy: collectRemedy}
	n := len(r.o.files)
	broken, others := r.passed[FileUnreadable], r.passed[KindShowsNoGrowth]
	switch {
	case n == 1 && len(broken) == 1:
		e.Problem = "it is no readable pprof profile: " + broken[0]
	case n == 1 && len(others) == 1:
		e.Problem = "it is a profile of a kind that shows no growth: " + others[0]
	case n == len(r.passed[IsDifference]):
		e.Problem = "refused: " + deltaProblem
	case n == len(r.passed[GoroutineText]):
		e.Problem = "only the text of goroutine profiles is there"
		e.Remedy = "take them without debug="
	default:
		e.Problem = fmt.Sprintf("none of its %s is a heap or goroutine profile", count(n, "file"))
		for _, w := range r.warnings() {
			e.Problem += "; " + w.Text
		}
	}
	return e
}

// uncollected reports counters that were read without a collection before.
func uncollected(snaps []*snapshot.Snapshot) bool {
	var collections []uint64
	for _, s := range snaps {
		if n, ok := s.Counters.Get("NumForcedGC"); ok {
			collections = append(collections, n)
		}
	}
	return len(collections) > 1 && len(slices.Compact(collections)) == 1
}

// How far apart two profiles of one moment may be.
const (
	maxPairing   = 30 * time.Second // where nothing but the time speaks for it
	maxSameStem  = 2 * time.Minute  // where their names agree too
	minTolerance = time.Second
)

// moment is the pieces of one snapshot.
type moment struct {
	first *loosePiece // names the moment and gives its time
	of    [pieceKinds]*loosePiece
}

// assemble makes snapshots of pieces: each heap profile is one, and goroutine
// profiles, goroutineleak profiles and counters join the heap profile with the
// same name but for the kind ("heap-007", "goroutine-007"; "7/heap", "7/gr"),
// else the nearest in time; those that are of no other's moment are snapshots
// of their own. The order is that of time; where the pieces are not timed, that of
// their names.
func assemble(pieces []*loosePiece, timed bool) (snaps []*snapshot.Snapshot) {
	var kinds [pieceKinds][]*loosePiece
	for _, p := range pieces {
		kinds[p.kind] = append(kinds[p.kind], p)
	}
	before := func(a, b *loosePiece) int {
		if timed {
			if c := a.time.Compare(b.time); c != 0 {
				return c
			}
		}
		return naturally(a.name(), b.name())
	}
	var moments []*moment
	for kind, pieces := range kinds {
		slices.SortStableFunc(pieces, before)
		moments = join(moments, pieces, pieceKind(kind), timed)
		slices.SortStableFunc(moments, func(a, b *moment) int { return before(a.first, b.first) })
	}
	for _, m := range moments {
		s := m.snapshot()
		s.Time = m.first.time
		snaps = append(snaps, s)
	}
	return snaps
}

func (m *moment) snapshot() *snapshot.Snapshot {
	none := &loosePiece{}
	of := func(kind pieceKind) *loosePiece { return cmp.Or(m.of[kind], none) }
	return &snapshot.Snapshot{
		Heap: of(heapPiece).heap, Goroutines: of(routinePiece).routines,
		Leaked: of(leakPiece).routines, Counters: of(counterPiece).counters,
	}
}

// join gives each piece to a moment that has none of its kind, by stem and
// (where all times are known) then by time, and makes moments of the rest.
// Moments come sorted. O(pieces · log moments) but for runs of equal times.
func join(moments []*moment, pieces []*loosePiece, kind pieceKind, timed bool) []*moment {
	stems := map[string]*moment{}
	for _, m := range moments {
		k := stem(m.first.name())
		if _, twice := stems[k]; twice {
			m = nil
		}
		stems[k] = m
	}
	tolerance := spacing(moments)
	var rest []*loosePiece
	for _, p := range pieces {
		m := stems[stem(p.name())]
		if m == nil || m.of[kind] != nil || apart(m.first, p) > maxSameStem {
			rest = append(rest, p)
			continue
		}
		m.of[kind] = p
	}
	out := moments
	for _, p := range rest {
		var m *moment
		if timed {
			m = nearestMoment(moments, p, tolerance, kind)
		}
		if m == nil {
			m = &moment{first: p}
			out = append(out, m)
		}
		m.of[kind] = p
	}
	return out
}

// apart is the time between two pieces; 0 where one has none.
func apart(a, b *loosePiece) time.Duration {
	if a.time.IsZero() || b.time.IsZero() {
		return 0
	}
	return a.time.Sub(b.time).Abs()
}

// spacing is how far a piece may be from the moment it joins: half the median
// distance of moments, within bounds.
func spacing(moments []*moment) time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(moments); i++ {
		gaps = append(gaps, apart(moments[i].first, moments[i-1].first))
	}
	if len(gaps) == 0 {
		return maxPairing
	}
	slices.Sort(gaps)
	return min(max(gaps[len(gaps)/2]/2, minTolerance), maxPairing)
}

// nearestMoment is the free moment nearest to p in time, within tolerance.
func nearestMoment(moments []*moment, p *loosePiece, tolerance time.Duration, kind pieceKind) *moment {
	i, _ := slices.BinarySearchFunc(moments, p.time.Add(-tolerance), func(m *moment, t time.Time) int { return m.first.time.Compare(t) })
	var best *moment
	for ; i < len(moments) && !moments[i].first.time.After(p.time.Add(tolerance)); i++ {
		m := moments[i]
		if m.of[kind] == nil && (best == nil || apart(m.first, p) < apart(best.first, p)) {
			best = m
		}
	}
	return best
}

var (
	extension = regexp.MustCompile(`(\.(gz|pb|pprof|prof|profile|proto|out|txt))+$`)
	kindWord  = regexp.MustCompile(`alloc_objects|alloc_space|inuse_objects|inuse_space|goroutineleak|goroutines?|heap|allocs?|inuse|memory|memstats|debug[12]?|grs?\b|mem\b`)
	filler    = regexp.MustCompile(`[^a-z0-9/]+`)
)

// stem is a file's name without the words that say its kind, so that the
// profiles of one moment have the same: "t3/heap.pb.gz" and "t3/gr.pprof" are
// both "t3/-".
func stem(name string) string {
	dir, base := path.Split(strings.ToLower(name))
	base = extension.ReplaceAllString(base, "")
	base = kindWord.ReplaceAllString(base, "-")
	return dir + strings.Trim(filler.ReplaceAllString("-"+base+"-", "-"), "-")
}

// naturally compares names with their numbers as numbers: "h9" < "h10".
func naturally(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		nx, ny := leadingDigits(x), leadingDigits(y)
		if nx > 0 && ny > 0 {
			dx, dy := strings.TrimLeft(x[:nx], "0"), strings.TrimLeft(y[:ny], "0")
			if c := cmp.Or(len(dx)-len(dy), strings.Compare(dx, dy)); c != 0 {
				return c
			}
			x, y = x[nx:], y[ny:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(len(x)-len(y), strings.Compare(a, b))
}

func leadingDigits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
