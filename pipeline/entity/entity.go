// Package entity finds what a text speaks of: persons, organisations and
// places, by gazetteer and capitalisation, and dates, sums of money, web and
// e-mail addresses, by their form.
package entity

import "github.com/heapdrift/heapdrift/pipeline/text"

// Kind is what an entity is.
type Kind string

// The kinds.
const (
	Person       Kind = "person"
	Organisation Kind = "organisation"
	Place        Kind = "place"
	Date         Kind = "date"
	Money        Kind = "money"
	URL          Kind = "url"
	Email        Kind = "email"
)

// Kinds returns all of them; the index of each is stable.
func Kinds() []Kind { return []Kind{Person, Organisation, Place, Date, Money, URL, Email} }

// Entity is one mention.
type Entity struct {
	Kind  Kind   `json:"kind"`
	Text  string `json:"text"`  // as it stands in the normalised text
	Start int    `json:"start"` // bytes of the text as it came, [Start, End)
	End   int    `json:"end"`
}

// span is an entity within a chunk.
type span struct {
	kind       Kind
	start, end int // bytes of the chunk
}

// owned returns the spans of chunk, in order, that are reported with it, in
// bytes of the normalised document. Chunks overlap: what begins in the first
// half of the overlap belongs to the chunk before, where more stands in front
// of it than behind; the rest to the chunk after. A mention that runs into the
// end of its chunk and is there again in the next belongs to the next.
//
// after is the end of what was reported last. They are appended to kept.
func owned(kept, spans, before []span, chunk, previous text.Chunk, next, after int) []span {
	for _, s := range spans {
		s.start, s.end = s.start+chunk.Start, s.end+chunk.Start
		if s.start < after || !goesTo(s, chunk, next) {
			continue
		}
		if previous.Text != "" && reportedWith(s.start, before, previous, chunk.Start) {
			continue
		}
		kept = append(kept, s)
		after = s.end
	}
	return kept
}

// goesTo reports whether a span, in bytes of the document, is reported with
// the chunk that it was found in and not with the one that begins at next.
func goesTo(s span, chunk text.Chunk, next int) bool {
	if next >= chunk.End {
		return true
	}
	if s.end == chunk.End && s.start >= next {
		return false
	}
	return s.start < next+(chunk.End-next)/2
}

// reportedWith reports whether a mention that begins at start belongs to the
// previous chunk. One that runs into that chunk's end does not.
func reportedWith(start int, before []span, previous text.Chunk, next int) bool {
	if start >= next+(previous.End-next)/2 {
		return false
	}
	for _, b := range before {
		if b.start+previous.Start == start {
			return b.end+previous.Start != previous.End
		}
	}
	return true
}

// lastEnd returns where the last mention that is reported with a chunk ends,
// in bytes of the document; 0 without one.
func lastEnd(spans []span, chunk text.Chunk, next int) int {
	end := 0
	for _, s := range spans {
		s.start, s.end = s.start+chunk.Start, s.end+chunk.Start
		if goesTo(s, chunk, next) {
			end = max(end, s.end)
		}
	}
	return end
}
