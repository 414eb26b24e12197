package text

import (
	"context"
	"math"
	"strings"
	"unicode/utf8"
)

// Part is a piece of a document as the stages after the splitter see it: the
// whole document where that is short, else some tens of chunks of it.
type Part struct {
	Chunks []Chunk // their offsets are those of the whole document
	// Before is the chunk before the first one; its text is empty where there
	// is none.
	Before Chunk
	// Next is where the chunk after the last one begins: End where there is
	// none.
	Next int
	// Marks lead from the offsets back to the text as it came; see Origin.
	Marks []Mark
}

// End is the Next of a document's last part.
const End = math.MaxInt

// Splitter cuts a text into chunks, in order. All but the last of them must
// not depend on what would follow the text.
type Splitter interface {
	Split(ctx context.Context, text string) ([]Chunk, error)
}

// Reading cuts a document that comes in pieces into parts, so that its chunks
// are those of the whole, and only the piece at hand is in memory. The zero
// value is ready for the first piece.
type Reading struct {
	normal Normalizer
	rest   string // normalised text that is not in a part yet
	begin  int    // where rest begins
	before Chunk  // the last chunk of the part before
	marks  []Mark // of rest; the first may lie before it
}

// Next cuts the next piece of a document, which must not end within a rune.
// last says that the document ends with it. A part may be without a chunk
// where the piece was short.
//
// A text that is one normal piece is not copied: its chunks are views of it.
func (r *Reading) Next(ctx context.Context, splitter Splitter, piece string, last bool) (Part, error) {
	s := piece
	if !last || r.normal != (Normalizer{}) || !IsNormal(piece) {
		// Room for what is left over, and for runes that grow to U+FFFD.
		b := append(make([]byte, 0, len(r.rest)+len(piece)+16), r.rest...)
		b, r.marks = r.normal.Append(b, r.marks, piece)
		s = string(b)
	}
	chunks, err := splitter.Split(ctx, s)
	if err != nil {
		return Part{}, err
	}
	for i := range chunks {
		chunks[i].Start += r.begin
		chunks[i].End += r.begin
	}
	part := Part{Chunks: chunks, Before: r.before, Next: End, Marks: r.marks}
	if last {
		return part, nil
	}
	if len(chunks) > 0 {
		// The last chunk may yet go on.
		part.Next = chunks[len(chunks)-1].Start
		part.Chunks = chunks[:len(chunks)-1]
		r.rest = strings.Clone(s[part.Next-r.begin:])
		r.begin = part.Next
		r.marks = marksFrom(r.marks, r.begin)
	} else {
		part.Next = r.begin
	}
	if n := len(part.Chunks); n > 0 {
		r.before = part.Chunks[n-1]
		r.before.Text = strings.Clone(r.before.Text) // not the whole part
	}
	return part, nil
}

// marksFrom returns a copy of the marks that concern the text from begin on.
func marksFrom(marks []Mark, begin int) []Mark {
	first := len(marks)
	for first > 0 && marks[first-1].Normal > begin {
		first--
	}
	first = max(first-1, 0) // the one that begin itself is counted from
	return append([]Mark(nil), marks[first:]...)
}

// WholeRunes returns how many bytes of b are not a rune that was cut off at its
// end: at most three less than all.
func WholeRunes(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}
