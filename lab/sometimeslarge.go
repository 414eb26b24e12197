package lab

import (
	"strings"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

// sometimesLarge is a stream of ordinary documents with large ones among them.
type sometimesLarge struct {
	ordinary, large corpus.Generator
	isLarge         func(seq int64) bool
	pad             int // bytes of a large one's body that blanks fill up to; 0: none
}

// Document writes document seq.
func (s sometimesLarge) Document(seq int64) pipeline.Document {
	if !s.isLarge(seq) {
		return s.ordinary.Document(seq)
	}
	doc := s.large.Document(seq)
	if s.pad > 0 {
		doc.Text += strings.Repeat(" ", max(0, s.pad-len(bodyOf(doc))))
	}
	return doc
}

// largeGenerator writes documents of so many words; one is some six bytes.
func largeGenerator(seed uint64, words int) corpus.Generator {
	return corpus.Generator{Seed: seed, Prefix: "large", MinWords: words, MaxWords: words}
}
