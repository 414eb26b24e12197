// Package markup takes the text out of HTML.
package markup

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxToken bounds one tag or one run of text without a tag, in bytes: what a
// reader may hold at a time.
const maxToken = 8 << 20

// ErrTooLong is a tag, a script or a run of text that is longer than a reader
// holds.
var ErrTooLong = errors.New("a tag or a run of text is too long")

// Reader reads the text of an HTML document: no tags, no scripts or styles,
// with the line ends that the blocks stand for. It holds one token at a time,
// whatever the size of the document.
type Reader struct {
	z       *html.Tokenizer
	title   strings.Builder
	inTitle bool
	skip    atom.Atom // the element whose content is being passed over; 0: none
	depth   int       // of elements of that name within it
	out     string
	err     error
}

// NewReader reads HTML from r.
func NewReader(r io.Reader) *Reader {
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxToken)
	return &Reader{z: z}
}

// Title returns the content of the title element, as far as it was read.
func (r *Reader) Title() string { return strings.Join(strings.Fields(r.title.String()), " ") }

// Read gives the text.
func (r *Reader) Read(p []byte) (int, error) {
	for r.out == "" {
		if r.err != nil {
			return 0, r.err
		}
		r.step()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// step reads one token.
func (r *Reader) step() {
	switch r.z.Next() {
	case html.ErrorToken:
		r.err = r.z.Err()
		if errors.Is(r.err, html.ErrBufferExceeded) {
			r.err = fmt.Errorf("read HTML: %w: more than %d bytes", ErrTooLong, maxToken)
		}
	case html.TextToken:
		switch {
		case r.inTitle:
			if r.title.Len() < 1024 {
				r.title.WriteString(r.z.Token().Data)
			}
		case r.skip == 0:
			r.out = r.z.Token().Data
		}
	case html.StartTagToken:
		r.start()
	case html.SelfClosingTagToken:
		if name, _ := r.z.TagName(); r.skip == 0 {
			r.out = gap(atom.Lookup(name))
		}
	case html.EndTagToken:
		r.end()
	}
}

func (r *Reader) start() {
	name, _ := r.z.TagName()
	tag := atom.Lookup(name)
	switch {
	case r.skip != 0:
		if tag == r.skip {
			r.depth++
		}
	case tag == atom.Title:
		r.inTitle = true
	case hidden(tag):
		r.skip, r.depth = tag, 1
	default:
		r.out = gap(tag)
	}
}

func (r *Reader) end() {
	name, _ := r.z.TagName()
	tag := atom.Lookup(name)
	switch {
	case r.skip != 0:
		if tag != r.skip {
			return
		}
		if r.depth--; r.depth == 0 {
			r.skip = 0
		}
	case tag == atom.Title:
		r.inTitle = false
	default:
		r.out = gap(tag)
	}
}

// hidden reports whether an element's content is not for reading.
func hidden(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Svg, atom.Math, atom.Object, atom.Iframe:
		return true
	}
	return false
}

// gap is what the border of an element stands for.
func gap(tag atom.Atom) string {
	switch tag {
	case atom.P, atom.Div, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Dl, atom.Pre,
		atom.Table, atom.Blockquote, atom.Article, atom.Section, atom.Header, atom.Footer, atom.Main, atom.Nav,
		atom.Aside, atom.Form, atom.Figure, atom.Hr, atom.Body:
		return "\n\n"
	case atom.Br, atom.Li, atom.Dt, atom.Dd, atom.Tr, atom.Figcaption, atom.Option, atom.Caption:
		return "\n"
	case atom.Td, atom.Th:
		return " "
	}
	return ""
}

// Strip returns the text of a piece of HTML that is in memory, and its title.
// What cannot be read any further ends the text.
func Strip(s string) (text, title string) {
	r := NewReader(strings.NewReader(s))
	var b strings.Builder
	_, _ = io.Copy(&b, r) // the only error is that of an overlong token
	return strings.TrimSpace(b.String()), r.Title()
}
