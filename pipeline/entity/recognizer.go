package entity

import (
	"context"
	"fmt"
	"strings"

	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Recognizer finds entities chunk by chunk: what it needs beside the text is
// bounded, whatever the size of the document. It holds no state but its
// gazetteer, which nothing writes to: any number of goroutines may share one.
//
// The zero value knows no name and finds only what has a form of its own;
// NewRecognizer knows the built-in gazetteer.
type Recognizer struct {
	names gazetteer
}

// NewRecognizer reads the built-in gazetteer.
func NewRecognizer() Recognizer { return Recognizer{names: builtIn()} }

// Extract returns the entities of one part of a document, in order, none
// overlapping another. Their texts are strings of their own, not views.
//
// The entities of a document are the same however it is cut into parts.
func (r Recognizer) Extract(ctx context.Context, part text.Part) ([]Entity, error) {
	var found []Entity
	var current, before []span
	s := scanner{names: r.names}
	previous := part.Before
	after := 0
	if previous.Text != "" && len(part.Chunks) > 0 {
		before = s.scan(previous.Text, before[:0])
		after = lastEnd(before, previous, part.Chunks[0].Start)
	}
	for i, chunk := range part.Chunks {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("extract entities: %w", err)
		}
		next := part.Next
		if i+1 < len(part.Chunks) {
			next = part.Chunks[i+1].Start
		}
		current = s.scan(chunk.Text, current[:0])
		for _, e := range owned(current, before, chunk, previous, next, after) {
			found = append(found, Entity{
				Kind: e.kind,
				Text: strings.Clone(chunk.Text[e.start-chunk.Start : e.end-chunk.Start]),
				// The last byte's origin and one more: what follows the entity
				// may have been moved.
				Start: text.Origin(part.Marks, e.start),
				End:   text.Origin(part.Marks, e.end-1) + 1,
			})
			after = e.end
		}
		previous = chunk
		current, before = before, current
	}
	return found, nil
}
