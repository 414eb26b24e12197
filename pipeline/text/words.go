package text

import (
	"iter"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/sentences"
	"github.com/clipperhouse/uax29/v2/words"
)

// Words walks the words of s: the segments of UAX #29 that begin with a letter
// or a digit, in order, as views of s. Punctuation and blanks are left out.
func Words(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for w := words.FromString(s); w.Next(); {
			word := w.Value()
			if !isWord(word) {
				continue
			}
			if !yield(word) {
				return
			}
		}
	}
}

// Sentences walks the sentences of s, in order, as views of s. Together they
// are s, byte for byte.
func Sentences(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for t := sentences.FromString(s); t.Next(); {
			if !yield(t.Value()) {
				return
			}
		}
	}
}

func isWord(s string) bool {
	if c := s[0]; c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	}
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}
