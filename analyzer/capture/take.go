package capture

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// DefaultPause is the pause between the two collections of a snapshot: time
// for finalizers and cleanups to run.
const DefaultPause = 50 * time.Millisecond

// Options says what a snapshot is to hold beyond the profiles.
type Options struct {
	// Ops returns the operations completed so far. It is read right before the
	// request for the exact counters and when its answer begins; the mean is
	// recorded. It must not ask through the same Client, whose one connection
	// is busy then. Nil: operations are not known.
	Ops func() int64
	// Leak asks for the goroutineleak profile too, where Offer saw one. Only
	// the last snapshot of a run may: a heap dump of a process that served one
	// while goroutines were leaked kills it (Go 1.26).
	Leak bool
	// Dump asks for a text dump of the goroutines too: how long each has waited
	// and what began it. It stops the target for some 2 µs a goroutine, so it
	// is left out above mostDumped of them; the last snapshot of a run is enough.
	Dump bool
	// Pause between the two collections; 0: DefaultPause, negative: none.
	Pause time.Duration
	// PID of the target where it runs on this machine; 0: not known.
	PID int
}

func (o Options) pause() time.Duration { return max(0, cmp.Or(o.Pause, DefaultPause)) }

// snapshotTaker takes one snapshot, piece by piece.
type snapshotTaker struct {
	c     *Client
	opt   Options
	raw   *snapshot.Raw
	first error // the first piece that failed
	over  bool  // the target cannot be reached: ask no more
	count int64 // of goroutines in the profile; 0: not known
}

// Snapshot takes one moment of the target: two collections with a pause
// between, then the exact counters, the heap profile and the goroutine
// profile. What the target does not give is named in Missing; an error means
// that nothing at all could be had.
//
// The order follows from net/http/pprof: heap?gc=1 collects before it writes;
// with debug=1 the counters are read right after that collection, before any
// of the text is made; and without gc the heap profile shows the state of the
// last completed collection, so the third request shows the same moment as the
// second. The first answer is thrown away and asked for in the binary form,
// which costs the target a quarter of the text. /metrics comes before all of
// it, so that what it allocates is gone, and operations are counted around the
// moment of the counters, not around the transfer of the text.
func (c *Client) Snapshot(ctx context.Context, opt Options) (*snapshot.Raw, error) {
	t := &snapshotTaker{c: c, opt: opt, raw: &snapshot.Raw{Meta: snapshot.Meta{PID: opt.PID, Cost: &snapshot.Cost{}}}}
	if opt.PID != 0 {
		c.learn(func(target *snapshot.Target) { target.PID = opt.PID })
	}
	t.identity(ctx)
	if t.settle(ctx) {
		t.exact(ctx)
		t.bySize(ctx)
		t.heap(ctx)
	}
	t.goroutines(ctx)
	t.leaks(ctx)
	t.dump(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", c.addr, context.Cause(ctx))
	}
	if t.raw.Counters.Empty() && t.raw.Heap == nil && t.raw.Goroutine == nil {
		return nil, t.first
	}
	if t.raw.Time.IsZero() {
		t.raw.Time = c.now().UTC().Round(0)
	}
	return t.raw, nil
}

// ask makes one request of the snapshot and adds up its cost.
func (t *snapshotTaker) ask(ctx context.Context, r request) error {
	r.cost = t.raw.Cost
	return t.c.get(ctx, r)
}

// lacks records that a piece could not be had. What it was is said in the
// words of the error.
func (t *snapshotTaker) lacks(what string, err error) {
	if t.first == nil {
		t.first = err
	}
	t.over = t.over || transport(err) && !interrupted(err)
	t.raw.Missing = append(t.raw.Missing, fmt.Sprintf("no %s: %v", what, err))
}

// interrupted tells an answer that broke off, after which the next may well
// come, from a target that is not there.
func interrupted(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// identity reads from /metrics, where offered, which process this is and its
// resident set.
func (t *snapshotTaker) identity(ctx context.Context) {
	if offered, _ := t.c.offers(PieceMetrics); !offered {
		return
	}
	var s scrape
	if err := t.ask(ctx, t.c.scrapeRequest(&s)); err != nil {
		t.raw.Missing = append(t.raw.Missing, fmt.Sprintf("no /metrics this time: %v", err))
		return
	}
	if at, ok := s.started(); ok {
		t.raw.Started = &at
	}
	if rss, ok := s.rss(); ok {
		t.raw.RSS = &rss
	}
}

// settle runs the first collection and waits. It reports whether the heap can
// be asked further.
func (t *snapshotTaker) settle(ctx context.Context) bool {
	err := t.ask(ctx, request{
		url: t.c.addr.of("heap", url.Values{"gc": {"1"}}), want: "a heap profile",
		read: func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
	})
	if err != nil && !interrupted(err) {
		t.lacks("heap profile and counters", err)
		return false
	}
	return wait(ctx, t.opt.pause()) == nil
}

// exact reads the counters right after the second collection.
func (t *snapshotTaker) exact(ctx context.Context) {
	var counters snapshot.Counters
	r := t.c.trailerRequest(true, &counters)
	r.began = t.bracket()
	if err := t.ask(ctx, r); err != nil {
		t.raw.Ops, t.raw.Time = nil, time.Time{}
		t.lacks("exact counters", err)
		return
	}
	t.raw.Counters = counters
	if held := residentOf(t.opt.PID); held.all > 0 {
		t.raw.RSS = &held.all
		if held.anon > 0 {
			t.raw.Counters.Values[AnonymousRSS] = held.anon
		}
	}
}

// bracket reads the clock and the operations now and, when the function it
// returns is called, again: the snapshot's moment is their middle.
func (t *snapshotTaker) bracket() func() {
	begin := t.c.now()
	var before int64
	if t.opt.Ops != nil {
		before = t.opt.Ops()
	}
	return func() {
		t.raw.Time = begin.Add(time.Since(begin) / 2).UTC().Round(0)
		if t.opt.Ops != nil {
			mean := before + (t.opt.Ops()-before)/2
			t.raw.Ops = &mean
		}
	}
}

// bySize adds the live objects by size class, which only expvar serves. It
// follows the counters at once, since everything allocated in between shows in
// it. Without exact counters, expvar's whole memstats take their place.
func (t *snapshotTaker) bySize(ctx context.Context) {
	if offered, _ := t.c.offers(PieceBySize); t.over || !offered {
		return
	}
	var v snapshot.Counters
	if err := t.ask(ctx, t.c.varsRequest(&v)); err != nil {
		t.lacks("size classes", err)
		return
	}
	if t.raw.Counters.Empty() {
		t.raw.Counters = v
		return
	}
	t.raw.Counters.BySize = v.BySize
}

// heap reads the sampled profile of the collection that exact made.
func (t *snapshotTaker) heap(ctx context.Context) {
	q := url.Values{}
	if t.raw.Time.IsZero() { // the counters failed, and so perhaps their collection
		q.Set("gc", "1")
	}
	got, ok := t.profile(ctx, "heap", q, snapshot.KindHeap)
	if !ok {
		return
	}
	t.raw.Heap = got.data
	t.c.learn(func(target *snapshot.Target) { target.MemProfileRate = got.period })
	if s := got.blind(); s != "" {
		t.raw.Missing = append(t.raw.Missing, s)
	}
}

func (t *snapshotTaker) goroutines(ctx context.Context) {
	got, _ := t.profile(ctx, "goroutine", nil, snapshot.KindGoroutine)
	t.raw.Goroutine, t.count = got.data, got.total
}

func (t *snapshotTaker) leaks(ctx context.Context) {
	if offered, _ := t.c.offers(PieceGoroutineLeak); t.opt.Leak && offered {
		got, _ := t.profile(ctx, "goroutineleak", nil, snapshot.KindGoroutine)
		t.raw.GoroutineLeak = got.data
	}
}

// profile reads one profile. Where no answer before it told the snapshot's
// moment, it does.
func (t *snapshotTaker) profile(ctx context.Context, name string, q url.Values, kind snapshot.Kind) (served, bool) {
	if t.over {
		return served{}, false
	}
	var got served
	r := t.c.profileRequest(name, q, kind, &got)
	if t.raw.Time.IsZero() {
		r.began = t.bracket()
	}
	if err := t.ask(ctx, r); err != nil {
		t.lacks(name+" profile", err)
		return served{}, false
	}
	return got, true
}

// mostDumped is how many goroutines are dumped: 5,000 take some 10 ms.
const mostDumped = 5_000

// dump asks for the text of all goroutines, where they are few. It is an extra:
// without it only a creator's name and a time are unknown, so what is no dump is
// left out without a word.
func (t *snapshotTaker) dump(ctx context.Context) {
	if t.over || !t.opt.Dump || t.count == 0 || t.count > mostDumped {
		return
	}
	var text bytes.Buffer
	z := gzip.NewWriter(&text)
	err := t.ask(ctx, request{
		url: t.c.addr.of("goroutine", url.Values{"debug": {"2"}}), text: true, want: "a dump of goroutines",
		read: func(r io.Reader) error {
			_, err := io.Copy(z, r)
			return errors.Join(err, z.Close())
		},
	})
	if err != nil {
		return
	}
	if _, err := snapshot.ReadDump(text.Bytes()); err == nil {
		t.raw.Dump = text.Bytes()
	}
}

// served is a profile as served, and what the capture itself needs from it.
type served struct {
	data    []byte
	period  int64
	samples int
	total   int64 // of the first value: goroutines
}

// blind says in a sentence that a heap profile shows no sites, and why.
func (s served) blind() string {
	switch {
	case s.period == 0:
		return "no sites: memory profiling is off in the target (sampling rate 0), so growth is measured but cannot be placed; " +
			"remove runtime.MemProfileRate = 0, and mount net/http/pprof or call pprof.Lookup(\"heap\") in the program: one that links no heap profile is not sampled"
	case s.samples == 0:
		return "no sites yet: the heap profile holds no sample, the target has allocated too little at its sampling rate; " +
			"start it with GODEBUG=memprofilerate=16384"
	}
	return ""
}

// profileRequest asks for a profile of a kind, under its name there.
func (c *Client) profileRequest(name string, q url.Values, kind snapshot.Kind, into *served) request {
	return request{
		url: c.addr.of(name, q), want: "a " + name + " profile",
		read: func(r io.Reader) (err error) {
			*into, err = readProfile(r, kind)
			return err
		},
	}
}

// trailerRequest asks for the exact counters, with or without a collection
// before them.
func (c *Client) trailerRequest(collect bool, into *snapshot.Counters) request {
	q := url.Values{"debug": {"1"}}
	if collect {
		q.Set("gc", "1")
	}
	return request{
		url: c.addr.of("heap", q), want: "the text of a heap profile", text: true,
		read: func(r io.Reader) (err error) {
			if *into, err = snapshot.ParseTrailer(r); err != nil {
				return &contentError{
					problem: "its text carries no exact counters (" + err.Error() + ")",
					remedy:  "serve the heap profile through net/http/pprof, which appends runtime.MemStats to debug=1",
					err:     err,
				}
			}
			return nil
		},
	}
}

// readProfile reads a profile of a kind and checks that it can be used.
func readProfile(r io.Reader, want snapshot.Kind) (served, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return served{}, err
	}
	p, kind, err := snapshot.Decode(data)
	var problem, remedy string
	switch {
	case bytes.HasPrefix(data, []byte("heap profile: ")), bytes.HasPrefix(data, []byte("goroutine profile: ")):
		problem, remedy = "it answered the text form of the profile", "serve it through net/http/pprof, which writes the binary form when debug is not given"
	case err != nil:
		problem, remedy = "it answered something else than a profile: "+err.Error(), mountRemedy
	case kind != want:
		problem = fmt.Sprintf("it answered a profile of another kind (%s)", snapshot.SampleTypes(p))
		remedy = "another handler is mounted under this name; " + mountRemedy
	case difference(p) != nil:
		problem, remedy = fmt.Sprintf("it answered the difference of two %s profiles", kind), "the subtraction loses what was there before it: take profiles without seconds="
	}
	if problem != "" {
		return served{}, &contentError{problem, remedy, err}
	}
	got := served{data: data, period: p.Period, samples: len(p.Sample)}
	for _, s := range p.Sample {
		got.total += max(0, s.Value[0])
	}
	return got, nil
}

// wait sleeps for d unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return ctx.Err()
}
