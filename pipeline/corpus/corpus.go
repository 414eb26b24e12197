// Package corpus makes documents to put through the pipeline: generated from a
// seed, or read from a folder of text files.
package corpus

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/heapdrift/heapdrift/pipeline"
)

// Generator writes articles. Document is a pure function of the generator and
// the sequence number, and no two sequence numbers give the same id, headline
// or text: a stream of it never repeats.
//
// The zero value is rejected by Validate; DefaultGenerator is what the lab uses.
type Generator struct {
	Seed   uint64
	Prefix string // of the documents' ids
	// MinWords and MaxWords bound an article's length. Lengths are spread
	// evenly over the logarithm between them: many short, few long.
	MinWords, MaxWords int
	// Untitled leaves the title field empty: the headline is then the first
	// line of the text only, as in documents that were written by hand.
	Untitled bool
}

// DefaultGenerator writes articles of 40 to 4000 words, 860 on average.
func DefaultGenerator(seed uint64) Generator {
	return Generator{Seed: seed, Prefix: "article", MinWords: 40, MaxWords: 4000}
}

// Validate says what is wrong with the bounds.
func (g Generator) Validate() error {
	if g.MinWords < 1 || g.MaxWords < g.MinWords {
		return fmt.Errorf("articles of %d to %d words: the bounds must be at least 1 and in order", g.MinWords, g.MaxWords)
	}
	return nil
}

// Document writes article seq.
func (g Generator) Document(seq int64) pipeline.Document {
	w := &writer{rng: rand.New(rand.NewPCG(g.Seed, uint64(seq)))}
	title := w.headline(seq)
	source := w.one(outlets)
	w.b.WriteString(title)
	w.b.WriteString("\n\n")
	w.article(g.words(seq))
	doc := pipeline.Document{
		ID:     fmt.Sprintf("%s-%x-%08d", g.Prefix, g.Seed, seq),
		Source: source,
		Title:  title,
		Text:   w.b.String(),
	}
	if g.Untitled {
		doc.Title = ""
	}
	return doc
}

// words returns the length of article seq: the quantile of a log-uniform
// distribution at frac(seq·φ). The golden ratio spreads the quantiles so that
// any hundred articles in a row hold the same mix of short and long ones: the
// mean over a window does not wander as it would with independent draws
// (the discrepancy is O(log n / n); Niederreiter 1992, chapter 3).
func (g Generator) words(seq int64) int {
	_, u := math.Modf(float64(seq)*math.Phi + float64(g.Seed%997)/997)
	return int(float64(g.MinWords) * math.Pow(float64(g.MaxWords)/float64(g.MinWords), math.Abs(u)))
}

// writer writes one article.
type writer struct {
	b   strings.Builder
	rng *rand.Rand
}

func (w *writer) one(list []string) string { return list[w.rng.IntN(len(list))] }

func (w *writer) between(lo, hi int) int { return lo + w.rng.IntN(hi-lo+1) }

// headline ends in the article's own number, which makes it the only one.
func (w *writer) headline(seq int64) string {
	return fmt.Sprintf("%s %s %s over %s %s (docket %d)",
		w.one(places), w.one(bodies), w.one(headlineVerbs), w.one(adjectives), w.one(topics), seq)
}

// article writes paragraphs until there are about n words.
func (w *writer) article(n int) {
	fmt.Fprintf(&w.b, "%s, %d %s. ", strings.ToUpper(w.one(places)), w.between(1, 28), w.one(months))
	for written := 0; written < n; {
		if written > 0 {
			w.b.WriteString("\n\n")
		}
		for i := range w.between(2, 5) {
			if i > 0 {
				w.b.WriteByte(' ')
			}
			before := w.b.Len()
			w.sentence()
			written += 1 + strings.Count(w.b.String()[before:], " ")
			if written >= n {
				break
			}
		}
	}
}

// sentence fills one of the patterns: a kind in braces stands for a word of
// its list, # for a number.
func (w *writer) sentence() {
	pattern := w.one(patterns)
	for {
		text, rest, found := strings.Cut(pattern, "{")
		w.b.WriteString(text)
		if !found {
			return
		}
		kind, after, _ := strings.Cut(rest, "}")
		w.word(kind)
		pattern = after
	}
}

func (w *writer) word(kind string) {
	switch kind {
	case "person":
		w.b.WriteString(w.one(givenNames))
		w.b.WriteByte(' ')
		w.b.WriteString(w.one(surnames))
	case "surname":
		w.b.WriteString(w.one(surnames))
	case "place":
		w.b.WriteString(w.one(places))
	case "body":
		w.b.WriteString(w.one(bodies))
	case "topic":
		w.b.WriteString(w.one(topics))
	case "adjective":
		w.b.WriteString(w.one(adjectives))
	case "verb":
		w.b.WriteString(w.one(verbs))
	case "role":
		w.b.WriteString(w.one(roles))
	case "month":
		w.b.WriteString(w.one(months))
	case "money":
		fmt.Fprintf(&w.b, "€%d.%d million", w.between(1, 940), w.between(0, 9))
	case "percent":
		fmt.Fprintf(&w.b, "%d.%d %%", w.between(0, 60), w.between(0, 9))
	default:
		fmt.Fprintf(&w.b, "%d", w.between(2, 9800))
	}
}
