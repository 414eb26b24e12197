package capture

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Piece names something that a target may offer.
type Piece string

// The pieces, the most useful first.
const (
	PieceHeap          Piece = "heap profile"
	PieceGC            Piece = "collection on request"
	PieceCounters      Piece = "exact counters"
	PieceGoroutine     Piece = "goroutine profile"
	PieceSites         Piece = "sampled sites"
	PieceMetrics       Piece = "/metrics"
	PieceBySize        Piece = "size classes"
	PieceGoroutineLeak Piece = "goroutineleak profile"
)

// Feature is one piece: whether the target offers it, what it is good for,
// and, where it is missing, what to do.
type Feature struct {
	Piece   Piece
	Offered bool
	Needed  bool   // without it a verdict is weaker or not possible; else it is a comfort
	For     string // what the verdict uses it for
	Detail  string // what was seen: "sampling rate 16 KiB, 214 samples", or why it is missing
	Remedy  string // empty where offered
}

// Offer is what a target offers.
type Offer struct {
	URL      string
	Features []Feature // each Piece once, in its order
	Target   snapshot.Target
	Samples  int // of the heap profile
}

// Has reports whether the piece is offered.
func (o *Offer) Has(p Piece) bool {
	return slices.ContainsFunc(o.Features, func(f Feature) bool { return f.Piece == p && f.Offered })
}

// Missing returns the features that are not offered, the most useful first.
func (o *Offer) Missing() []Feature {
	return slices.DeleteFunc(slices.Clone(o.Features), func(f Feature) bool { return f.Offered })
}

// Offer asks the target for each thing once. It costs the target one
// collection. Snapshot and Probe use what it finds: the size classes, /metrics
// and goroutineleak are asked for only after it saw them. The error is of a
// target that cannot be reached or has no pprof at all.
func (c *Client) Offer(ctx context.Context) (*Offer, error) {
	o := &Offer{URL: c.addr.String()}
	for _, step := range []func(context.Context, *Offer) error{
		c.offerHeap, c.offerCounters, c.offerGoroutine, c.offerSites, c.offerMetrics, c.offerVars, c.offerIndex, c.offerName,
	} {
		if err := step(ctx, o); err != nil {
			return nil, err
		}
	}
	o.Target = c.Target()
	return o, nil
}

// add records a feature. An error that concerns the connection rather than
// this piece is returned.
func (o *Offer) add(ctx context.Context, f Feature, err error) error {
	f.Offered = err == nil
	if err != nil {
		var remedy string
		f.Detail, remedy = problemOf(err)
		f.Remedy = cmp.Or(f.Remedy, remedy)
	} else {
		f.Remedy = ""
	}
	o.Features = append(o.Features, f)
	if err != nil && (ctx.Err() != nil || transport(err) && !interrupted(err)) {
		return err
	}
	return nil
}

func (c *Client) offerHeap(ctx context.Context, o *Offer) error {
	var got served
	err := c.get(ctx, c.profileRequest("heap", nil, snapshot.KindHeap, &got))
	f := Feature{Piece: PieceHeap, Needed: true, For: "says where memory is allocated"}
	if err == nil {
		o.Samples = got.samples
		f.Detail = fmt.Sprintf("%d samples", got.samples)
		c.learn(func(t *snapshot.Target) { t.MemProfileRate = got.period })
	}
	return o.add(ctx, f, err)
}

// offerCounters reads the text twice, the second time with a collection: the
// count of forced collections tells whether gc=1 is heeded. One that begins by
// itself just then serves a forced one too, and is not counted: so it is asked
// again before it is said that it was not heeded.
func (c *Client) offerCounters(ctx context.Context, o *Offer) error {
	gc := Feature{Piece: PieceGC, Needed: true, For: "leaves live memory alone to be measured", Detail: "heap?gc=1 collects first"}
	counters := Feature{Piece: PieceCounters, Needed: true, For: "measures growth without sampling noise"}
	var before, after snapshot.Counters
	if err := c.get(ctx, c.trailerRequest(false, &before)); err != nil {
		gc.Detail, gc.Remedy = "not known: the text of the heap profile cannot be read", mountRemedy
		o.Features = append(o.Features, gc)
		return o.add(ctx, counters, err)
	}
	var err error
	forced := false
	for try := 0; try < 3 && !forced && err == nil; try++ {
		err = c.get(ctx, c.trailerRequest(true, &after))
		a, _ := before.Get("NumForcedGC")
		b, known := after.Get("NumForcedGC")
		forced = !known || b > a
	}
	if err == nil {
		live, _ := after.LiveBytes()
		counters.Detail = fmt.Sprintf("%d bytes live", live)
	}
	if err == nil && !forced {
		gc.Detail = "gc=1 was not heeded: no collection was forced by it"
		gc.Remedy = "serve heap through net/http/pprof's own handler; " + mountRemedy
		o.Features = append(o.Features, gc)
	} else if err := o.add(ctx, gc, err); err != nil {
		return err
	}
	return o.add(ctx, counters, nil)
}

func (c *Client) offerGoroutine(ctx context.Context, o *Offer) error {
	var got served
	err := c.get(ctx, c.profileRequest("goroutine", nil, snapshot.KindGoroutine, &got))
	return o.add(ctx, Feature{
		Piece: PieceGoroutine, Needed: true, For: "finds goroutines that never end",
		Detail: fmt.Sprintf("%d goroutines", got.total),
	}, err)
}

// offerSites asks for nothing more. Where nothing was offered before it, this is
// no pprof.
func (c *Client) offerSites(_ context.Context, o *Offer) error {
	if !o.Has(PieceHeap) && !o.Has(PieceCounters) && !o.Has(PieceGoroutine) {
		f := o.Features[0]
		return &TargetError{URL: o.URL, Problem: "no pprof to be had: " + f.Detail, Remedy: f.Remedy}
	}
	f := Feature{Piece: PieceSites, Needed: true, For: "places growth on lines"}
	heap := served{period: c.Target().MemProfileRate, samples: o.Samples}
	switch blind := heap.blind(); {
	case !o.Has(PieceHeap):
		f.Detail, f.Remedy = "no heap profile to hold them", mountRemedy
	case blind != "":
		f.Detail, f.Remedy, _ = strings.Cut(blind, "; ")
	default:
		f.Offered = true
		f.Detail = fmt.Sprintf("one sample per %s allocated", size(heap.period))
		if heap.period > 64<<10 {
			f.Detail += "; GODEBUG=memprofilerate=16384 would show small leaks sooner"
		}
	}
	o.Features = append(o.Features, f)
	return nil
}

func (c *Client) offerMetrics(ctx context.Context, o *Offer) error {
	var s scrape
	err := c.get(ctx, c.scrapeRequest(&s))
	f := Feature{
		Piece: PieceMetrics, For: "tells restarts, Go version, RSS and peaks between snapshots; counts operations of someone else's load",
		Remedy: "serve promhttp.Handler() under /metrics on the pprof port, or give the metrics address",
	}
	if err == nil {
		c.learn(func(t *snapshot.Target) {
			if v := s.goVersion(); v != "" {
				t.GoVersion = v
			}
			if v, ok := s.bytes("go_gc_gomemlimit_bytes"); ok && v < 1<<60 { // its default is the largest number
				t.GoMemLimit = int64(v)
			}
			if v, ok := s.bytes("go_gc_gogc_percent"); ok && v < 1<<31 {
				t.GOGC = int(v)
			}
		})
		f.Detail = fmt.Sprintf("%d metrics", len(s))
		for _, name := range []string{"go_info", "process_start_time_seconds", "process_resident_memory_bytes"} {
			if s[name] == nil {
				f.Detail += ", without " + name
			}
		}
	}
	return c.comfort(ctx, o, f, err)
}

func (c *Client) offerVars(ctx context.Context, o *Offer) error {
	var v snapshot.Counters
	err := c.get(ctx, c.varsRequest(&v))
	if err == nil && len(v.BySize) == 0 {
		err = &contentError{problem: "its memstats have no BySize", remedy: varsRemedy}
	}
	return c.comfort(ctx, o, Feature{
		Piece: PieceBySize, For: "narrows a leak to the size of its objects", Remedy: varsRemedy,
		Detail: fmt.Sprintf("%d classes", len(v.BySize)),
	}, err)
}

var leakLink = regexp.MustCompile(`href=['"]?[^'"> ]*goroutineleak\b`)

// offerIndex looks for goroutineleak on the index page: asking for the profile
// itself would run its collection, after which a heap dump is fatal.
func (c *Client) offerIndex(ctx context.Context, o *Offer) error {
	var page []byte
	err := c.get(ctx, request{
		url: c.addr.of("", nil), want: "the index of profiles", page: true, limit: 1 << 20,
		read: func(r io.Reader) (err error) { page, err = io.ReadAll(r); return err },
	})
	if err == nil && !leakLink.Match(page) {
		err = &contentError{problem: "the index does not list it"}
	}
	return c.comfort(ctx, o, Feature{
		Piece: PieceGoroutineLeak, For: "proves goroutines that can never run again",
		Remedy: "build the target with Go 1.27",
	}, err)
}

// offerName takes the target's name from its command line; the arguments,
// which may hold secrets, are not kept.
func (c *Client) offerName(ctx context.Context, o *Offer) error {
	err := c.get(ctx, request{
		url: c.addr.of("cmdline", nil), want: "the command line", text: true, limit: 1 << 20,
		read: func(r io.Reader) error {
			b, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			name, _, _ := strings.Cut(string(b), "\x00")
			if name = filepath.Base(excerpt([]byte(name), "")); name != "." {
				c.learn(func(t *snapshot.Target) { t.Name = name })
			}
			return nil
		},
	})
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// comfort adds a feature that no verdict depends on, and keeps whether it is
// offered: nothing that goes wrong with it ends the offer, but for a cancelled
// ctx.
func (c *Client) comfort(ctx context.Context, o *Offer, f Feature, err error) error {
	c.note(f.Piece, err == nil)
	if err := o.add(ctx, f, err); ctx.Err() != nil {
		return err
	}
	return nil
}
