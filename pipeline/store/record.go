// Package store keeps embedded documents in one bbolt file, keyed by the
// document's id: a small document is one record, a large one a head and parts
// that become visible with it. Beside them it keeps an outbox: the documents
// that are still to be published, in the order in which they were stored.
package store

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
)

// Record is what is kept of a document, or of a part of one: enough to search
// by its vectors and to find the passage in the source again, not the text.
type Record struct {
	ID          string
	Source      string
	Title       string
	Fingerprint uint64 // of title, source and text; 0 means that it is not known
	Chunks      []ChunkRecord
	Entities    []entity.Entity

	// Of a document that is too large for one record. Its parts are there for
	// nobody before the last is; only the last needs the fields above Chunks.
	Draft uint64 // from Store.NewDraft; 0 means that the record is the whole document
	Seq   int    // the parts of a draft are numbered from 0
	Last  bool   // put when all others are
	Total Total  // of all parts; needed in the last
}

// Total counts what a document has.
type Total struct{ Chunks, Entities int }

// ChunkRecord is one embedded chunk.
type ChunkRecord struct {
	Start, End int // bytes of the normalised text, [Start, End)
	Vector     embed.Vector
}

// Head is what is known of a document without reading its chunks.
type Head struct {
	ID          string
	Source      string
	Title       string
	Fingerprint uint64
	Chunks      int
	Entities    int
	Dimensions  int // of the vectors; 0 without chunks

	draft uint64 // 0: the content is in the head's own record
	parts int
	body  []byte // a view of the file, valid within the transaction
}

// The encoding of a document's value, all integers as unsigned varints:
//
//	version (2)
//	len(source) source  len(title) title  fingerprint (8 bytes)
//	chunks  entities  dimensions  draft  parts
//	content, if draft is 0
//
// content, which is also the value of a part of a draft:
//
//	number of chunks, then for each: start, end−start, vector
//	number of entities, then for each: kind, start, end−start, len(text) text
//	vector: layout (0 dense, 1 sparse), dimensions,
//	        dense: one float32 a dimension, little endian
//	        sparse: a bit a dimension, low bit first, then the float32 of each set bit
//
// A hashed vector of a 1600-byte chunk has some 400 dimensions that are not
// zero: 1.9 KB instead of 8, and it reads back bit for bit.
const (
	version      = 2
	layoutDense  = 0
	layoutSparse = 1
)

func headOf(r Record) Head {
	h := Head{ID: r.ID, Source: r.Source, Title: r.Title, Fingerprint: r.Fingerprint, Chunks: len(r.Chunks), Entities: len(r.Entities)}
	if len(r.Chunks) > 0 {
		h.Dimensions = len(r.Chunks[0].Vector)
	}
	return h
}

// encode returns the value of a whole document in bytes of its own.
func encode(r Record) []byte {
	return appendContent(appendHead(make([]byte, 0, size(r)), headOf(r)), r)
}

// size is about what a record takes as the pipeline makes them; one that is
// larger grows.
func size(r Record) int {
	return 96 + len(r.Source) + len(r.Title) + len(r.Chunks)*2048 + len(r.Entities)*32
}

func appendHead(b []byte, h Head) []byte {
	b = append(b, version)
	b = appendString(b, h.Source)
	b = appendString(b, h.Title)
	b = binary.LittleEndian.AppendUint64(b, h.Fingerprint)
	for _, n := range []int{h.Chunks, h.Entities, h.Dimensions} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, h.draft)
	return binary.AppendUvarint(b, uint64(h.parts))
}

func appendContent(b []byte, r Record) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.Chunks)))
	for _, c := range r.Chunks {
		b = binary.AppendUvarint(b, uint64(c.Start))
		b = binary.AppendUvarint(b, uint64(c.End-c.Start))
		b = appendVector(b, c.Vector)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Entities)))
	for _, e := range r.Entities {
		b = append(b, byte(slices.Index(entity.Kinds(), e.Kind)))
		b = binary.AppendUvarint(b, uint64(e.Start))
		b = binary.AppendUvarint(b, uint64(e.End-e.Start))
		b = appendString(b, e.Text)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendVector(b []byte, v embed.Vector) []byte {
	set := 0
	for _, x := range v {
		if math.Float32bits(x) != 0 {
			set++
		}
	}
	bitmap := (len(v) + 7) / 8
	if bitmap+4*set >= 4*len(v) {
		b = binary.AppendUvarint(append(b, layoutDense), uint64(len(v)))
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	b = binary.AppendUvarint(append(b, layoutSparse), uint64(len(v)))
	at := len(b)
	b = append(b, make([]byte, bitmap)...)
	for i, x := range v {
		if bits := math.Float32bits(x); bits != 0 {
			b[at+i/8] |= 1 << (i % 8)
			b = binary.LittleEndian.AppendUint32(b, bits)
		}
	}
	return b
}
