package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"an empty text stays empty", "", ""},
		{"a plain text stays as it is", "One line.\n\nAnother, élan.", "One line.\n\nAnother, élan."},
		{"runs of blanks become one", "a \t  b", "a b"},
		{"Windows line ends become Unix ones", "a\r\nb\r\n\r\nc", "a\nb\n\nc"},
		{"many empty lines become one", "a\n\n\n\nb", "a\n\nb"},
		{"blanks around a line end go", "a \n b", "a\nb"},
		{"blanks and line ends at both ends go", " \n a \n\n", "a"},
		{"control characters go", "a\x00b\x07", "ab"},
		{"broken UTF-8 becomes the replacement character", "a\xffb", "a\uFFFDb"},
		{"the replacement character itself stays", "a\uFFFDb", "a\uFFFDb"},
		{"an unusual blank becomes a common one", "a\u00a0b\u2028c", "a b c"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Normalize(test.in); got != test.want {
				t.Errorf("Normalize(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestNormalizeOfNormalTextDoesNotCopy(t *testing.T) {
	t.Parallel()
	in := "Nothing to change.\n\nNot here either."
	if got := Normalize(in); unsafe.StringData(got) != unsafe.StringData(in) {
		t.Errorf("Normalize copied %q, which is normal already", in)
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"", "a  b", "\r\n\xff \x00", "x\n\n\n", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Normalize(s)
		if !utf8.ValidString(once) {
			t.Errorf("Normalize(%q) = %q is not UTF-8", s, once)
		}
		if twice := Normalize(once); twice != once {
			t.Errorf("Normalize(%q) = %q, and of that %q", s, once, twice)
		}
		if !IsNormal(once) {
			t.Errorf("Normalize(%q) = %q is not taken for normal", s, once)
		}
	})
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 150)
	tests := []struct{ name, in, want string }{
		{"the first line", "Title here\nand text", "Title here"},
		{"the first line that holds anything", "\n  \n Title \r\n text", "Title"},
		{"a text of one line", "All of it", "All of it"},
		{"nothing of nothing", " \n ", ""},
		{"a long line is cut on a rune", long, strings.Repeat("é", 100)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Headline(test.in); got != test.want {
				t.Errorf("Headline(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestWordsAndSentences(t *testing.T) {
	t.Parallel()
	in := "Dr. Vance can't say 3.5 naïve things. It rained! “Really?”"
	words := slices.Collect(Words(in))
	want := []string{"Dr", "Vance", "can't", "say", "3.5", "naïve", "things", "It", "rained", "Really"}
	if !slices.Equal(words, want) {
		t.Errorf("Words(%q) = %q, want %q", in, words, want)
	}
	sentences := slices.Collect(Sentences(in))
	if got := strings.Join(sentences, ""); got != in {
		t.Errorf("the sentences of %q join to %q", in, got)
	}
	if len(sentences) != 4 { // UAX #29 ends one after "Dr. "
		t.Errorf("Sentences(%q) = %q, want 4", in, sentences)
	}
}
