package markup

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestStrip(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, text, title string }{
		{"plain text stays", "no tags, 3 < 4 & so", "no tags, 3 < 4 & so", ""},
		{"tags go, blocks part", "<p>One <b>bold</b> word.</p><p>Two<br>lines</p>", "One bold word.\n\n\n\nTwo\nlines", ""},
		{"the title is not in the text", "<html><head><title> A\n B </title></head><body>C</body>", "C", "A B"},
		{"scripts and styles are not for reading", "a<script>if (x < y) { f('</p>') }</script><style>p{}</style>b", "ab", ""},
		{"nor is what is nested in them", "a<svg><svg>x</svg>y</svg>b", "ab", ""},
		{"entities are what they stand for", "Fish &amp; Chips &eacute; &#8364; &bogus;", "Fish & Chips é € &bogus;", ""},
		{"cells and rows", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a  b \n\n c", ""},
		{"half a tag", "text <a href=", "text", ""},
		{"half a script", "text <script> x", "text", ""},
	}
	for _, test := range tests {
		if text, title := Strip(test.in); text != test.text || title != test.title {
			t.Errorf("%s: Strip(%q) = %q, %q; want %q, %q", test.name, test.in, text, title, test.text, test.title)
		}
	}
}

func TestAReaderHoldsOneTokenAtATime(t *testing.T) {
	t.Parallel()
	if _, err := io.Copy(io.Discard, NewReader(strings.NewReader("<p>"+strings.Repeat("x", maxToken+1)))); err == nil {
		t.Error("a run of text over the limit: no error")
	}
	n, err := io.Copy(io.Discard, NewReader(strings.NewReader(strings.Repeat("<p>"+strings.Repeat("x", 1000), 5000))))
	if err != nil || n != 5000*1002 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := io.ReadAll(NewReader(iotest.ErrReader(io.ErrUnexpectedEOF))); err != io.ErrUnexpectedEOF {
		t.Errorf("a source that breaks off: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<title>x", "<svg><svg></svg>", "<script>", "&#x;", "<!--", "<\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err := io.ReadAll(NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		halves, err := io.ReadAll(NewReader(iotest.OneByteReader(bytes.NewReader(b))))
		if err != nil || !bytes.Equal(whole, halves) {
			t.Errorf("%q: %q at once, %q byte by byte (%v)", b, whole, halves, err)
		}
	})
}
