package text

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestChunksPreferSentencesThenWords(t *testing.T) {
	t.Parallel()
	sentence := "Word " + strings.Repeat("word ", 8) + "end. " // 50 bytes
	tests := []struct {
		name   string
		c      Chunker
		in     string
		chunks []string
	}{
		{"an empty text has none", Chunker{64, 0}, "", nil},
		{"a short text is one", Chunker{64, 16}, "short", []string{"short"}},
		{
			"a chunk ends with a sentence", Chunker{64, 0},
			sentence + sentence,
			[]string{sentence, sentence},
		},
		{
			"without a sentence in its second half it ends with a word", Chunker{64, 0},
			strings.Repeat("abcdefghi ", 8),
			[]string{strings.Repeat("abcdefghi ", 6), strings.Repeat("abcdefghi ", 2)},
		},
		{
			"a word that is too long is cut on a rune", Chunker{65, 0},
			strings.Repeat("é", 40),
			[]string{strings.Repeat("é", 32), strings.Repeat("é", 8)},
		},
		{
			"the overlap begins with a word", Chunker{64, 12},
			sentence + sentence,
			[]string{sentence, "word end. " + sentence},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for c := range test.c.Chunks(test.in) {
				got = append(got, c.Text)
			}
			if !slices.Equal(got, test.chunks) {
				t.Errorf("%+v.Chunks(%q)\n got %q\nwant %q", test.c, test.in, got, test.chunks)
			}
		})
	}
}

func TestChunkerValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []Chunker{{}, {63, 0}, {64, -1}, {64, 17}} {
		if c.Validate() == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if err := DefaultChunker().Validate(); err != nil {
		t.Errorf("the default chunker: %v", err)
	}
}

func TestSplitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DefaultChunker().Split(ctx, "text"); !errors.Is(err, context.Canceled) {
		t.Errorf("Split with a cancelled context: %v", err)
	}
}

func FuzzChunks(f *testing.F) {
	f.Add("One sentence. Another one! A third?", uint8(0), uint8(0))
	f.Add(strings.Repeat("é", 200), uint8(1), uint8(9))
	f.Add(strings.Repeat("\xff", 200), uint8(3), uint8(16))
	f.Add(strings.Repeat("a\u0301", 100)+" "+strings.Repeat("x", 80), uint8(0), uint8(255))
	f.Fuzz(func(t *testing.T, s string, size, overlap uint8) {
		c := Chunker{MaxBytes: 64 + int(size)}
		c.OverlapBytes = int(overlap) % (c.MaxBytes/4 + 1)
		checkChunks(t, c, s)
		checkChunks(t, c, strings.ToValidUTF8(s, "\uFFFD"))
	})
}

// checkChunks holds the chunks of s to what Chunker promises.
func checkChunks(t *testing.T, c Chunker, s string) {
	t.Helper()
	valid := utf8.ValidString(s)
	end, n := 0, 0
	for chunk := range c.Chunks(s) {
		n++
		if chunk.Text != s[chunk.Start:chunk.End] || chunk.Text == "" {
			t.Fatalf("chunk %d [%d, %d) holds %q", n, chunk.Start, chunk.End, chunk.Text)
		}
		if len(chunk.Text) > c.MaxBytes {
			t.Errorf("chunk %d has %d bytes, more than %d", n, len(chunk.Text), c.MaxBytes)
		}
		if chunk.Start > end || end-chunk.Start > c.OverlapBytes {
			t.Errorf("chunk %d begins at %d, the one before ended at %d; overlap %d", n, chunk.Start, end, c.OverlapBytes)
		}
		if chunk.End < len(s) && len(chunk.Text) < c.MaxBytes/2-utf8.UTFMax {
			t.Errorf("chunk %d has only %d bytes of %d", n, len(chunk.Text), c.MaxBytes)
		}
		if valid && !utf8.ValidString(chunk.Text) {
			t.Errorf("chunk %d %q cuts a rune", n, chunk.Text)
		}
		end = chunk.End
	}
	if end != len(s) {
		t.Errorf("the chunks end at %d of %d", end, len(s))
	}
}

func BenchmarkChunks(b *testing.B) {
	s := strings.Repeat("The council approved the delayed ferry timetable on 14 grounds, a clerk said. ", 1<<14)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		for range DefaultChunker().Chunks(s) {
		}
	}
}
