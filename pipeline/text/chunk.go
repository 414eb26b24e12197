package text

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/sentences"
	"github.com/clipperhouse/uax29/v2/words"
)

// Chunk is a piece of a document's text small enough to embed.
type Chunk struct {
	Start, End int    // bytes of the text it was cut from, [Start, End)
	Text       string // a view of that text
}

// Chunker cuts a text into chunks of at most MaxBytes. It prefers to end a
// chunk with a sentence, then with a word, and cuts inside a word only where
// one fills half a chunk. Every chunk but the first begins OverlapBytes before
// the end of the one before it, moved on to the next word where there is one,
// so that a phrase on the border is whole in one of the two.
//
// The zero value is rejected by Validate; DefaultChunker is what the pipeline
// uses. A Chunker holds no state: any number of goroutines may share it.
type Chunker struct {
	MaxBytes     int // at least 64
	OverlapBytes int // at most a quarter of MaxBytes
}

// DefaultChunker cuts at 1600 bytes, about 260 English words, and repeats at
// most 200.
func DefaultChunker() Chunker { return Chunker{MaxBytes: 1600, OverlapBytes: 200} }

// Validate says what is wrong with the sizes. The limits are what guarantees
// that every chunk gets on by at least a quarter of MaxBytes less a rune.
func (c Chunker) Validate() error {
	if c.MaxBytes < 64 {
		return fmt.Errorf("chunk size of %d bytes: at least 64 are needed", c.MaxBytes)
	}
	if c.OverlapBytes < 0 || c.OverlapBytes > c.MaxBytes/4 {
		return fmt.Errorf("chunk overlap of %d bytes: must lie between 0 and a quarter of the chunk size (%d)",
			c.OverlapBytes, c.MaxBytes/4)
	}
	return nil
}

// Split returns all chunks of s, in order.
func (c Chunker) Split(ctx context.Context, s string) ([]Chunk, error) {
	step := max(c.MaxBytes-c.OverlapBytes, 1)
	chunks := make([]Chunk, 0, len(s)/step+1)
	for chunk := range c.Chunks(s) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

// Chunks walks the chunks of s, in order. It looks at one chunk's worth of
// text at a time: beside the text itself it needs constant memory, whatever
// the size of s. An empty text has no chunks.
func (c Chunker) Chunks(s string) iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		for start := 0; start < len(s); {
			end := c.end(s, start)
			if !yield(Chunk{Start: start, End: end, Text: s[start:end]}) {
				return
			}
			if end == len(s) {
				return
			}
			start = c.next(s, end)
		}
	}
}

// end returns where the chunk that begins at start ends.
func (c Chunker) end(s string, start int) int {
	if len(s)-start <= c.MaxBytes {
		return len(s)
	}
	limit := runeBorder(s, start+c.MaxBytes)
	window := s[start:limit]
	if n := lastBorder(sentences.FromString(window), len(window)); n >= c.MaxBytes/2 {
		return start + n
	}
	if n := lastBorder(words.FromString(window), len(window)); n >= c.MaxBytes/2 {
		return start + n
	}
	return limit
}

// next returns where the chunk after one that ended at end begins.
func (c Chunker) next(s string, end int) int {
	from := end - c.OverlapBytes
	overlap := s[from:end]
	if i := strings.IndexFunc(overlap, unicode.IsSpace); i >= 0 {
		rest := strings.TrimLeftFunc(overlap[i:], unicode.IsSpace)
		return end - len(rest)
	}
	for from < end && !utf8.RuneStart(s[from]) {
		from++
	}
	return from
}

type segmenter interface {
	Next() bool
	End() int
}

// lastBorder returns the last border between two segments of a window of n
// bytes, 0 if it is all one. The window's own end is no border: the segment
// before it may go on.
func lastBorder(it segmenter, n int) int {
	border := 0
	for it.Next() {
		if it.End() < n {
			border = it.End()
		}
	}
	return border
}
