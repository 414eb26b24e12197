package lab

import (
	"context"
	"errors"
	"strings"
	"testing"

	fixedcache "github.com/heapdrift/heapdrift/fixed/cache"
	leakycache "github.com/heapdrift/heapdrift/leakscenarios/cache"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/pipelinetest"
)

func TestBothCachesObeyTheTerms(t *testing.T) {
	t.Parallel()
	fetched := 0
	fetch := func(_ context.Context, url string) ([]byte, error) {
		fetched++
		if url == "https://down.example" {
			return nil, errors.New("no answer")
		}
		return []byte("# rules\ndisallow: a-12\nDisallow: a-\nallow: a-1\nnonsense\n"), nil
	}
	for name, r := range map[Variant]pipelinetest.Reader{Leaky: leakycache.New(fetch), Fixed: fixedcache.New(fetch)} {
		fetched = 0
		for _, c := range []struct {
			source, id string
			allowed    bool
			fetched    int // in all
		}{
			{"wire", "a-2", true, 0}, // no address: nobody is asked
			{"https://x.example", "b", true, 1},
			{"https://x.example", "a-2", false, 1},
			{"https://x.example", "a-13", true, 1}, // the longer rule counts
			{"https://x.example", "a-123", false, 1},
			{"https://y.example", "b", true, 2},
			{"https://x.example", "b", true, 2},
		} {
			doc, err := r.Read(t.Context(), strings.NewReader(`{"id":"`+c.id+`","source":"`+c.source+`"}`), -1)
			if (err == nil) != c.allowed || err != nil && !errors.Is(err, pipeline.ErrInvalid) || err == nil && doc.ID != c.id {
				t.Errorf("%s: document %s from %s: %+v, %v; allowed: %t", name, c.id, c.source, doc, err, c.allowed)
			}
			if fetched != c.fetched {
				t.Errorf("%s: after %s from %s %d pages were fetched, want %d", name, c.id, c.source, fetched, c.fetched)
			}
		}
		if _, err := r.Read(t.Context(), strings.NewReader(`{"id":"b","source":"https://down.example"}`), -1); err == nil || errors.Is(err, pipeline.ErrInvalid) {
			t.Errorf("%s: a server without an answer: %v; want an error that is not the document's", name, err)
		}
		if _, err := r.Read(t.Context(), strings.NewReader("no JSON"), -1); !errors.Is(err, pipeline.ErrInvalid) {
			t.Errorf("%s: no JSON: %v", name, err)
		}
	}
}

// The leak must go on for as long as anybody looks, and the bound must cost the
// cache little.
func TestNewPagesNeverCease(t *testing.T) {
	t.Parallel()
	_, usualRun := UsualLoad().judged()
	stream := pages{}
	seen := map[string]bool{}
	fetched, now := 0, int64(0)
	fixed := fixedcache.New(func(context.Context, string) ([]byte, error) { fetched++; return nil, nil })
	hits := func(to int64) (unbounded, bounded float64) {
		n, before, fetchedBefore := float64(to-now), len(seen), fetched
		for ; now < to; now++ {
			url := stream.page(now)
			seen[url] = true
			if _, err := fixed.Read(t.Context(), strings.NewReader(`{"id":"a","source":"`+url+`"}`), -1); err != nil {
				t.Fatal(err)
			}
		}
		return 1 - float64(len(seen)-before)/n, 1 - float64(fetched-fetchedBefore)/n
	}
	hits(300) // the warm-up of TestTheTruthIsTrue
	if fetched < fixedcache.Pages {
		t.Errorf("the warm-up fetches %d pages: the bounded cache of %d is not full", fetched, fixedcache.Pages)
	}
	for _, to := range []int64{1200, 1950, usualRun} {
		unbounded, bounded := hits(to)
		t.Logf("up to operation %d: hits %.3f without a bound, %.3f with it", to, unbounded, bounded)
		if unbounded < 0.35 || unbounded > 0.50 || unbounded-bounded > 0.20 {
			t.Errorf("up to operation %d: hits %.3f without a bound, %.3f with it; want two in five, and the bound to cost less than a fifth", to, unbounded, bounded)
		}
	}
	known := len(seen)
	for ; now < 10*usualRun; now++ {
		seen[stream.page(now)] = true
	}
	if share := float64(len(seen)-known) / float64(9*usualRun); share < 0.40 {
		t.Errorf("of the documents up to ten runs %.3f are from new pages, want two in five or more", share)
	}
}
