package lab

import (
	"context"
	"fmt"
	"math"
	"strings"

	fixedcache "github.com/heapdrift/heapdrift/fixed/cache"
	leakycache "github.com/heapdrift/heapdrift/leakscenarios/cache"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

func cache(name string) Scenario {
	stream := pages{corpus.DefaultGenerator(606)}
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "The terms of use of every page that a document ever came from are kept in a map by URL without a bound.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "leakscenarios/cache.(*Reader).terms",
				DefectAt:    "leakscenarios/cache.(*Reader).Read",
				BytesPerOp:  usualSlope(stream.kept),
				Kept:        stream.kept,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				a.reader = leakycache.New(fetchTerms)
				return nil
			},
			Fixed: func(a *assembly) error {
				a.reader = fixedcache.New(fetchTerms)
				return nil
			},
		},
	}
}

// pages is a stream of documents, of which some come from pages that bring many and
// the others from a page that brings one.
type pages struct{ articles corpus.Generator }

// Document writes article seq.
func (p pages) Document(seq int64) pipeline.Document {
	doc := p.articles.Document(seq)
	doc.Source = p.page(seq)
	return doc
}

// Nine documents in twenty come from front pages, whose popularity follows Zipf's
// law, as that of links and requests on the web does (Breslau et al., "Web Caching
// and Zipf-like Distributions", INFOCOM 1999): the n-th brings a share of about
// n^-zipfExponent of them. The others come from a page of their own, which no
// document comes from again: new pages never cease, and never become rarer.
const (
	zipfExponent = 1.1
	frontPages   = 64
	fromFront    = 0.45
)

// page is the URL of the page that article seq comes from: by frac(seq·√2), spread
// as evenly as the articles' lengths are, one of its own or the quantile of Zipf's
// law. The quantile is that of the continuous distribution.
func (p pages) page(seq int64) string {
	_, u := math.Modf(float64(seq) * math.Sqrt2)
	if u >= fromFront {
		return fmt.Sprintf("https://news.example/article-%d/index.html", seq)
	}
	rank := math.Pow(1-u/fromFront*(1-math.Pow(frontPages, 1-zipfExponent)), 1/(1-zipfExponent))
	return fmt.Sprintf("https://news.example/section-%d/index.html", int64(rank))
}

// kept is what the leaky cache holds after the first ops operations.
func (p pages) kept(ops int64) float64 {
	seen := make(map[string]bool)
	bytes := 0
	for seq := range ops {
		url := p.page(seq)
		if seen[url] {
			continue
		}
		seen[url] = true
		text := termsOf(url)
		bytes += allocated(len(text)) + // the rules are views of it
			allocated((strings.Count(text, "\n")+1)*termsRule) +
			allocated(sliceHeader) + // the terms themselves
			allocated(len(url)) + pageEntry
	}
	return float64(bytes)
}

// Sizes on 64-bit machines.
const (
	termsRule = 24 // a string and a bool
	// pageEntry is what one entry of a map[string]*T takes: 25 bytes a slot, of
	// which between half and seven eighths are filled.
	pageEntry = 38
)

// fetchTerms stands for the publishers' servers.
func fetchTerms(_ context.Context, url string) ([]byte, error) { return []byte(termsOf(url)), nil }

// termsOf writes the terms of one page: they allow what the lab sends.
func termsOf(url string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Use of the articles of %s for training\n", url)
	b.WriteString("allow: article-\n")
	for year := 1960; year < 2026; year++ {
		fmt.Fprintf(&b, "disallow: archive-%d-\n", year)
	}
	return b.String()
}
