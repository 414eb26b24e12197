package feed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/heapdrift/heapdrift/pipeline"
)

// maxFields bounds what stands before and after the text of a large document,
// in bytes of JSON each.
const maxFields = 1 << 20

// readLarge reads the fields before the text of a document; the text itself
// and what follows it are read through the document's Rest.
func readLarge(body io.Reader) (pipeline.Document, error) {
	var doc pipeline.Document
	source := &bounded{r: body, left: maxFields}
	dec := json.NewDecoder(source)
	atText, err := readFields(dec, &doc)
	if err != nil {
		return pipeline.Document{}, source.blame(err)
	}
	if !atText {
		return doc, doc.Validate()
	}
	if err := doc.Validate(); err != nil {
		return pipeline.Document{}, fmt.Errorf("%w (in a body over %d bytes the id must stand before the text)", err, wholeBody)
	}
	source.left = 0 // what it has read is in the decoder's buffer
	rest := bufio.NewReaderSize(io.MultiReader(dec.Buffered(), body), 16<<10)
	if err := openString(rest); err != nil {
		return pipeline.Document{}, err
	}
	doc.Rest = &textReader{r: rest}
	return doc, nil
}

// readFields reads the fields of the object that dec is about to begin, up to
// the value of the field text, or to the end of the input.
func readFields(dec *json.Decoder, doc *pipeline.Document) (atText bool, err error) {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false, errors.Join(err, fmt.Errorf("an object was expected, not %v", t))
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return false, err
		}
		key, _ := name.(string)
		if strings.EqualFold(key, "text") {
			return true, nil
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return false, err
		}
		for field, into := range map[string]*string{"id": &doc.ID, "source": &doc.Source, "title": &doc.Title} {
			if strings.EqualFold(key, field) {
				if err := json.Unmarshal(value, into); err != nil {
					return false, fmt.Errorf("field %s: %w", field, err)
				}
			}
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return false, err
	}
	if t, err := dec.Token(); !errors.Is(err, io.EOF) {
		return false, errors.Join(err, fmt.Errorf("%v follows the document", t))
	}
	return false, nil
}

// openString reads up to the first byte of a string that is a field's value.
func openString(r *bufio.Reader) error {
	for _, want := range []byte{':', '"'} {
		for {
			b, err := r.ReadByte()
			if err != nil {
				return fmt.Errorf("read document: %w", err)
			}
			if b == want {
				break
			}
			if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
				return fmt.Errorf("%w: the text is no string", pipeline.ErrInvalid)
			}
		}
	}
	return nil
}

// bounded reads up to left bytes, and remembers why it could not.
type bounded struct {
	r    io.Reader
	left int
	err  error // of r, but for its end
}

var errFields = errors.New("the fields beside the text are too long")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errFields
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// blame tells an error of the body from one of its content.
func (b *bounded) blame(err error) error {
	if b.err != nil {
		return fmt.Errorf("read document: %w", b.err)
	}
	return fmt.Errorf("%w: read JSON: %w", pipeline.ErrInvalid, err)
}

// textReader decodes a JSON string from behind its opening quote, a block at a
// time.
type textReader struct {
	r     *bufio.Reader
	raw   []byte // of the block, quotes included
	out   string // decoded and not yet read
	ended bool   // the closing quote was read
}

// block is about how many bytes are decoded at a time.
const block = 16 << 10

// Read gives the text, and io.EOF at its closing quote.
func (t *textReader) Read(p []byte) (int, error) {
	for t.out == "" {
		if t.ended {
			return 0, io.EOF
		}
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.out)
	t.out = t.out[n:]
	return n, nil
}

// next decodes the next block. A block ends before a character, never within
// one or between the two escapes of a surrogate pair: then the blocks decoded
// are the string decoded. The decoding is encoding/json's.
func (t *textReader) next() error {
	t.raw = append(t.raw[:0], '"')
	high := false // the last character was an escaped high surrogate
	for {
		b, err := t.r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: %w within its text", pipeline.ErrInvalid, io.ErrUnexpectedEOF)
			}
			return err
		}
		if b == '"' {
			t.ended = true
			break
		}
		continuation := b&0xc0 == 0x80
		if len(t.raw) > block && !high && !continuation || len(t.raw) > 2*block && !high {
			if err := t.r.UnreadByte(); err != nil {
				return err
			}
			break
		}
		t.raw = append(t.raw, b)
		high = false
		if b != '\\' {
			continue
		}
		if high, err = t.escape(); err != nil {
			return err
		}
	}
	t.raw = append(t.raw, '"')
	t.out = ""
	if err := json.Unmarshal(t.raw, &t.out); err != nil {
		return fmt.Errorf("%w: read JSON: %w", pipeline.ErrInvalid, err)
	}
	return nil
}

// escape reads what follows a backslash, and says whether it is a high
// surrogate.
func (t *textReader) escape() (high bool, err error) {
	n := 1
	at := len(t.raw)
	for i := 0; i < n; i++ {
		b, err := t.r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: %w within its text", pipeline.ErrInvalid, io.ErrUnexpectedEOF)
			}
			return false, err
		}
		t.raw = append(t.raw, b)
		if i == 0 && b == 'u' {
			n = 5
		}
	}
	e := t.raw[at:]
	return n == 5 && (e[1] == 'd' || e[1] == 'D') && strings.IndexByte("89abAB", e[2]) >= 0, nil
}

// Complete reads the fields after the text. It is called at the end of Read.
func (t *textReader) Complete(doc *pipeline.Document) error {
	source := &bounded{r: t.r, left: maxFields}
	// The decoder has to see an object from its start.
	dec := json.NewDecoder(io.MultiReader(strings.NewReader(`{"":0`), source))
	id := doc.ID
	again, err := readFields(dec, doc)
	switch {
	case err != nil:
		return source.blame(err)
	case again:
		return fmt.Errorf("%w: it has two texts", pipeline.ErrInvalid)
	case doc.ID != id:
		return fmt.Errorf("%w: it has two ids", pipeline.ErrInvalid)
	}
	return nil
}
