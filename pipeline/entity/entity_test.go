package entity_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

var recognizer = entity.NewRecognizer()

// extract reads s as the pipeline does, in pieces of at most size bytes; 0 for
// all of it at once.
func extract(t testing.TB, s string, size int) []entity.Entity {
	t.Helper()
	var r text.Reading
	var found []entity.Entity
	for {
		piece := s
		if size > 0 && len(s) > size {
			piece = s[:text.WholeRunes([]byte(s[:size]))]
		}
		s = s[len(piece):]
		part, err := r.Next(t.Context(), text.DefaultChunker(), piece, s == "")
		if err != nil {
			t.Fatal(err)
		}
		entities, err := recognizer.Extract(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, entities...)
		if s == "" {
			return found
		}
	}
}

func TestEntities(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"nothing at all", "", ""},
		{"nothing to find", "The road was wet. It rained again, and nobody came.", ""},
		{"a person by given name", "Yesterday Angela Merkel spoke.", "person:Angela Merkel"},
		{"a person with a title", "I asked Dr. Okafor and Prof. Maria Ivanova about it.", "person:Dr. Okafor person:Prof. Maria Ivanova"},
		{"a person with initials and particles", "John F. Kennedy met Ludo, and Anna van der Berg stayed.", "person:John F. Kennedy person:Anna van der Berg"},
		{"a person who speaks", "It is late, Thorvald Quimby said.", "person:Thorvald Quimby"},
		{"a possessive is no part of the name", "Angela Merkel's car is in Berlin’s centre.", "person:Angela Merkel place:Berlin"},
		{"a known place", "They live in New York City and São Paulo.", "place:New York City place:São Paulo"},
		{"a place by its last word", "We met at Miller Street near Pinnacle Lake.", "place:Miller Street place:Pinnacle Lake"},
		{"a known organisation", "Microsoft and the United Nations signed.", "organisation:Microsoft organisation:United Nations"},
		{"an organisation by its last word", "The Harbour Board and Acme Corp disagree.", "organisation:Harbour Board organisation:Acme Corp"},
		{"an organisation of somewhere", "She left the University of Oxford and the Bank of England.", "organisation:University of Oxford organisation:Bank of England"},
		{"a place in front of an organisation", "The Berlin Police came.", "organisation:Berlin Police"},
		{"dates in words", "On 14 March 2026, March 3rd, 2025 and the 2nd of May they met; in June too.", "date:14 March 2026 date:March 3rd, 2025 date:2nd of May date:June"},
		{"dates in digits", "From 2026-03-14 to 14/03/2026 and 14.3.2026.", "date:2026-03-14 date:14/03/2026 date:14.3.2026"},
		{"a year after a word of time", "Since 1998 it has had 1998 members; in 2000 homes it is cold.", "date:1998"},
		{"what only looks like a date", "Version 1.2.3456 of 99/99/2026, 10.0.0.1 and 2026-13-40.", ""},
		{"may is not always a month", "You may go. May I? March on!", ""},
		{"money", "€12.5 million, $5, US$ 40, 12 million euros, EUR 3,000 and 15 USD, 30 €.", "money:€12.5 million money:$5 money:US$ 40 money:12 million euros money:EUR 3,000 money:15 USD money:30 €"},
		{"web addresses", "See https://example.org/a_(b)?q=1, (http://x.test/y) or www.example.com.", "url:https://example.org/a_(b)?q=1 url:http://x.test/y url:www.example.com"},
		{"e-mail addresses", "Write to first.last+tag@mail.example.org, or <a@b.co>; not to a@b or @x.", "email:first.last+tag@mail.example.org email:a@b.co"},
		{"names do not cross a line", "Angela\n\nMerkel", "person:Angela"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, e := range extract(t, test.in, 0) {
				got = append(got, string(e.Kind)+":"+e.Text)
				if test.in[e.Start:e.End] != e.Text {
					t.Errorf("%q at [%d, %d) is %q there", e.Text, e.Start, e.End, test.in[e.Start:e.End])
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("%q\n got %s\nwant %s", test.in, s, test.want)
			}
		})
	}
}

func TestOffsetsAreThoseOfTheTextAsItCame(t *testing.T) {
	t.Parallel()
	s := "\r\n  Dr.\t Maria   Ivanova \xff of\x00 Berlin,\r\n\r\n\r\n paid \t€5  million"
	want := []string{"Dr.\t Maria   Ivanova", "Berlin", "€5  million"}
	found := extract(t, s, 0)
	if len(found) != len(want) {
		t.Fatalf("found %+v", found)
	}
	for i, e := range found {
		if got := s[e.Start:e.End]; got != want[i] {
			t.Errorf("%q stands at [%d, %d), which is %q; want %q", e.Text, e.Start, e.End, got, want[i])
		}
	}
}

// long is a text of several chunks and parts, not all of it normal.
func long(seed uint64) string {
	var b strings.Builder
	for seq := range int64(12) {
		b.WriteString(corpus.DefaultGenerator(seed).Document(seq).Text)
		fmt.Fprintf(&b, "\r\n\r\n\r\nSee  https://example.org/%d\t or write to %d@example.org \x01", seq, seq)
	}
	return b.String()
}

func TestHowADocumentIsCutDoesNotMatter(t *testing.T) {
	t.Parallel()
	s := long(1)
	whole := extract(t, s, 0)
	if len(whole) < 200 {
		t.Fatalf("only %d entities in %d bytes", len(whole), len(s))
	}
	for _, size := range []int{700, 5000, 1 << 16} {
		if got := extract(t, s, size); !slices.Equal(got, whole) {
			t.Errorf("in pieces of %d bytes there are %d entities, or others, of %d", size, len(got), len(whole))
		}
	}
	end := 0
	for _, e := range whole {
		if e.Start < end {
			t.Errorf("%+v overlaps what ends at %d", e, end)
		}
		end = e.End
	}
}

// A chunk cuts a mention now and then; the overlap must heal it.
func TestMentionsOnTheBordersOfChunksAreWhole(t *testing.T) {
	t.Parallel()
	for shift := range 400 {
		s := strings.Repeat("x", shift%37) + strings.Repeat(" so it is said,", 80+shift/37) +
			strings.Repeat(" Dr. Maria Ivanova of Königsried paid €12.5 million on 14 March 2026,", 12)
		for i, e := range extract(t, s, 0) {
			want := []string{"Dr. Maria Ivanova", "Königsried", "€12.5 million", "14 March 2026"}[i%4]
			if e.Text != want {
				t.Fatalf("shifted by %d, mention %d is %+v, want %s", shift, i, e, want)
			}
		}
	}
}

func TestExtractEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := entity.NewRecognizer().Extract(ctx, text.Part{Chunks: make([]text.Chunk, 1)}); err == nil {
		t.Error("no error")
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("Dr. Maria Ivanova of Königsried paid €12.5 million on 14 March 2026 to a@b.org, see https://x.y/z.", uint16(3))
	f.Add("\xff\xfe J. R. R. T. of 1. 2/3/4", uint16(0))
	f.Add(strings.Repeat("Angela Merkel ", 300), uint16(1000))
	f.Fuzz(func(t *testing.T, s string, size uint16) {
		whole := extract(t, s, 0)
		end := 0
		for _, e := range whole {
			if e.Start < end || e.End <= e.Start || e.End > len(s) || !utf8.ValidString(e.Text) {
				t.Fatalf("%q: %+v after %d", s, e, end)
			}
			if strings.Join(strings.Fields(text.Normalize(s[e.Start:e.End])), " ") != strings.Join(strings.Fields(e.Text), " ") {
				t.Fatalf("%q: %q at [%d, %d) is %q", s, e.Text, e.Start, e.End, s[e.Start:e.End])
			}
			end = e.End
		}
		// Pieces of any size: it is the same document.
		if got := extract(t, s, 64+int(size)); !slices.Equal(got, whole) {
			t.Fatalf("%q: in pieces of %d bytes %+v, want %+v", s, 64+int(size), got, whole)
		}
	})
}

// The peer is the embedding of the same text.
func BenchmarkExtract(b *testing.B) {
	s := text.Normalize(long(2))
	chunks, err := text.DefaultChunker().Split(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	const rounds = 20
	for range rounds {
		_, _ = embed.Hasher{}.Embed(b.Context(), chunks)
	}
	peer := time.Since(begin).Seconds() / rounds
	r := entity.NewRecognizer()
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Extract(b.Context(), text.Part{Chunks: chunks, Next: text.End}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/peer, "×embedding")
}
