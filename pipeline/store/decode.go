package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
)

var errShort = errors.New("the record ends too early")

// maxDimensions bounds what a damaged record can make the decoder allocate.
const maxDimensions = 1 << 16

// decodeRecord reads the value of a document that is in one piece. Nothing in
// the result is a view of b.
func decodeRecord(id string, b []byte) (Record, error) {
	h, err := decodeHead(id, b)
	if err != nil {
		return Record{}, err
	}
	if h.draft != 0 {
		return Record{}, errors.New("the document is in parts")
	}
	r := h.record()
	if err := decodeContent(h.body, &r); err != nil {
		return Record{}, err
	}
	return r, nil
}

func (h Head) record() Record {
	return Record{ID: h.ID, Source: h.Source, Title: h.Title, Fingerprint: h.Fingerprint}
}

// decodeHead reads the front of a document's value; its strings are not views
// of b, its body is.
func decodeHead(id string, b []byte) (Head, error) {
	d := decoder{rest: b}
	h := Head{ID: id}
	if v := d.byte(); d.err == nil && v != version {
		return Head{}, fmt.Errorf("record version %d: this program reads version %d", v, version)
	}
	h.Source = d.string()
	h.Title = d.string()
	if f := d.take(8); f != nil {
		h.Fingerprint = binary.LittleEndian.Uint64(f)
	}
	for _, n := range []*int{&h.Chunks, &h.Entities, &h.Dimensions} {
		*n = d.offset()
	}
	h.draft = d.uvarint()
	h.parts = d.offset()
	h.body = d.rest
	return h, d.err
}

// decodeContent adds to r what one part holds. Nothing that it adds is a view of b.
func decodeContent(b []byte, r *Record) error {
	d := decoder{rest: b}
	n := d.length(4) // a chunk takes at least so many bytes
	if d.err == nil && n > 0 && r.Chunks == nil {
		r.Chunks = make([]ChunkRecord, 0, min(n, 1024))
	}
	for range n {
		c := ChunkRecord{Start: d.offset()}
		c.End = c.Start + d.offset()
		c.Vector = d.vector()
		if d.err != nil {
			return d.err
		}
		r.Chunks = append(r.Chunks, c)
	}
	kinds := entity.Kinds()
	for range d.length(4) {
		kind := int(d.byte())
		if kind >= len(kinds) {
			d.fail(fmt.Errorf("entity kind %d is unknown", kind))
			return d.err
		}
		e := entity.Entity{Kind: kinds[kind], Start: d.offset()}
		e.End = e.Start + d.offset()
		e.Text = d.string()
		if d.err != nil {
			return d.err
		}
		r.Entities = append(r.Entities, e)
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%d bytes follow the record", len(d.rest))
	}
	return d.err
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

// offset reads a number that fits a file's size.
func (d *decoder) offset() int {
	v := d.uvarint()
	if v > math.MaxInt>>1 {
		d.fail(fmt.Errorf("an offset of %d bytes cannot be", v))
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
