// Package store keeps embedded documents in one bbolt file, one record a
// document, keyed by the document's id.
package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/pipeline/embed"
)

// Record is what is kept of a document: enough to search by its vectors and to
// find the passage in the source again, not the text itself.
type Record struct {
	ID     string
	Source string
	Title  string
	Chunks []ChunkRecord
}

// ChunkRecord is one embedded chunk.
type ChunkRecord struct {
	Start, End int // bytes of the normalised text, [Start, End)
	Vector     embed.Vector
}

// The encoding of a record's value, all integers as unsigned varints:
//
//	version (1)
//	len(source) source  len(title) title
//	number of chunks, then for each: start, end−start, vector
//	vector: layout (0 dense, 1 sparse), dimensions,
//	        dense: one float32 a dimension, little endian
//	        sparse: a bit a dimension, low bit first, then the float32 of each set bit
//
// A hashed vector of a 1600-byte chunk has some 400 dimensions that are not
// zero: 1.9 KB instead of 8, and it reads back bit for bit.
const (
	version      = 1
	layoutDense  = 0
	layoutSparse = 1
)

// encode returns the value of r in bytes of its own. The capacity is that of
// records as the pipeline makes them; a larger one grows.
func encode(r Record) []byte {
	return appendRecord(make([]byte, 0, 64+len(r.Source)+len(r.Title)+len(r.Chunks)*2048), r)
}

// appendRecord appends the encoding of r's value to b.
func appendRecord(b []byte, r Record) []byte {
	b = append(b, version)
	b = appendString(b, r.Source)
	b = appendString(b, r.Title)
	b = binary.AppendUvarint(b, uint64(len(r.Chunks)))
	for _, c := range r.Chunks {
		b = binary.AppendUvarint(b, uint64(c.Start))
		b = binary.AppendUvarint(b, uint64(c.End-c.Start))
		b = appendVector(b, c.Vector)
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

var errShort = errors.New("the record ends too early")

// maxDimensions bounds what a damaged record can make the decoder allocate.
const maxDimensions = 1 << 16

// decodeRecord reads the value of the record with the given id. Nothing in the
// result is a view of b.
func decodeRecord(id string, b []byte) (Record, error) {
	d := decoder{rest: b}
	r := Record{ID: id}
	if v := d.byte(); d.err == nil && v != version {
		return Record{}, fmt.Errorf("record version %d: this program reads version %d", v, version)
	}
	r.Source = d.string()
	r.Title = d.string()
	n := d.length(1) // a chunk takes at least a byte
	if d.err == nil && n > 0 {
		r.Chunks = make([]ChunkRecord, 0, min(n, 1024))
	}
	for range n {
		start := d.uvarint()
		length := d.uvarint()
		if start > math.MaxInt32 || length > math.MaxInt32 {
			d.fail(fmt.Errorf("a chunk of %d bytes at %d cannot be", length, start))
		}
		vector := d.vector()
		if d.err != nil {
			break
		}
		r.Chunks = append(r.Chunks, ChunkRecord{Start: int(start), End: int(start + length), Vector: vector})
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%d bytes follow the record", len(d.rest))
	}
	if d.err != nil {
		return Record{}, d.err
	}
	return r, nil
}

// decoder reads the front of rest; after its first error it reads zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.rest) {
		d.fail(errShort)
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.err != nil || n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// length reads a number of things that take at least size bytes each.
func (d *decoder) length(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.rest)/size) {
		d.fail(errShort)
		return 0
	}
	return int(v)
}

func (d *decoder) string() string { return string(d.take(d.length(1))) }

func (d *decoder) vector() embed.Vector {
	layout := d.byte()
	dimensions := d.uvarint()
	if dimensions > maxDimensions {
		d.fail(fmt.Errorf("a vector of %d dimensions: at most %d are read", dimensions, maxDimensions))
		return nil
	}
	n := int(dimensions)
	switch layout {
	case layoutDense:
		b := d.take(4 * n)
		if d.err != nil {
			return nil
		}
		v := make(embed.Vector, n)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		return v
	case layoutSparse:
		bitmap := d.take((n + 7) / 8)
		if d.err != nil {
			return nil
		}
		v := make(embed.Vector, n)
		for i := range v {
			if bitmap[i/8]&(1<<(i%8)) == 0 {
				continue
			}
			b := d.take(4)
			if d.err != nil {
				return nil
			}
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		}
		return v
	default:
		d.fail(fmt.Errorf("vector layout %d is unknown", layout))
		return nil
	}
}
