package entity

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Recognizer finds entities chunk by chunk: what it needs beside the text is
// bounded, whatever the size of the document. Any number of goroutines may
// share one: nothing writes to its gazetteer.
//
// The zero value knows no name and finds only what has a form of its own;
// NewRecognizer knows the built-in gazetteer.
type Recognizer struct {
	names gazetteer
	// scratch holds *scratch. Without it BenchmarkProcess allocates a fifth more
	// a document (117 KB, not 98). Nil: every call makes its own.
	scratch *sync.Pool
}

// scratch is what Extract needs for the time of a call. None of it refers to a
// text, and its size is bounded by that of a chunk.
type scratch struct {
	tokens               []token
	current, before, own []span
}

// NewRecognizer reads the built-in gazetteer.
func NewRecognizer() Recognizer { return Recognizer{names: builtIn(), scratch: &sync.Pool{}} }

// Extract returns the entities of one part of a document, in order, none
// overlapping another. Their texts are strings of their own, not views.
//
// The entities of a document are the same however it is cut into parts.
func (r Recognizer) Extract(ctx context.Context, part text.Part) ([]Entity, error) {
	var found []Entity
	held := r.take()
	defer r.put(held)
	current, before := held.current[:0], held.before[:0]
	s := scanner{names: r.names, tokens: held.tokens}
	defer func() { held.tokens, held.current, held.before = s.tokens, current, before }()
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
		held.own = owned(held.own[:0], current, before, chunk, previous, next, after)
		for _, e := range held.own {
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

func (r Recognizer) take() *scratch {
	if r.scratch != nil {
		if s, ok := r.scratch.Get().(*scratch); ok {
			return s
		}
	}
	return &scratch{}
}

func (r Recognizer) put(s *scratch) {
	if r.scratch != nil {
		r.scratch.Put(s)
	}
}
