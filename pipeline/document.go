// Package pipeline is an AI-data pipeline: documents come in, are normalised
// and cut into chunks, what they speak of is extracted, the chunks are
// embedded, and the vectors are stored.
//
//	Ingest ─► intake ─► split ─► extract ─► embed ─► store ─► Summary
//
// A document that is too large for memory comes as a stream and goes through
// the stages in parts; it is stored as one.
//
// Each stage is a small interface with a number of workers behind a bounded
// queue; a full queue holds the stage before it, and in the end the caller. A
// Config may exchange any one stage for another of the same interface; that is
// how the lab puts a defect into a pipeline that is otherwise the same.
package pipeline

import (
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
)

// Document is what a source delivers.
type Document struct {
	ID     string `json:"id"` // 1 to MaxIDBytes; a document with the same id replaces the earlier
	Source string `json:"source"`
	Title  string `json:"title"` // may be a view of Text
	Text   string `json:"text"`
	// SameTitleAs is the id of an earlier document with this title, where the
	// reader looks for that.
	SameTitleAs string `json:"-"`
	// Rest, where it is not nil, is where the text goes on after Text. It is
	// read to its end while the document is processed, a part at a time.
	Rest io.Reader `json:"-"`
}

// Completer is a Rest that knows more of its document once it was read to its
// end: fields that came after the text.
type Completer interface{ Complete(*Document) error }

// MaxIDBytes bounds a document's id: it is a key of the store.
const MaxIDBytes = 512

// Summary is what is known of a document once it is stored.
type Summary struct {
	ID          string `json:"id"`
	Chunks      int    `json:"chunks"`
	Entities    int    `json:"entities"`
	SameTitleAs string `json:"same_title_as,omitempty"`
}

// Errors that a caller may want to tell apart.
var (
	ErrFull    = errors.New("the intake queue is full")
	ErrClosed  = errors.New("the pipeline is closed")
	ErrInvalid = errors.New("the document is not valid")
)

// Validate says what is wrong with the document; the error wraps ErrInvalid.
func (d Document) Validate() error {
	switch {
	case d.ID == "":
		return fmt.Errorf("%w: it has no id", ErrInvalid)
	case len(d.ID) > MaxIDBytes:
		return fmt.Errorf("%w: its id has %d bytes, at most %d are allowed", ErrInvalid, len(d.ID), MaxIDBytes)
	}
	return nil
}

// Fingerprint tells a document's content from another: title, source and
// text. Never 0. A document with a Rest has none before that was read.
func (d Document) Fingerprint() uint64 {
	return fingerprint(d, xxh3.HashString(d.Text))
}

func fingerprint(d Document, text uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15
	sum := (text*odd^xxh3.HashString(d.Title))*odd ^ xxh3.HashString(d.Source)
	return max(sum, 1)
}
