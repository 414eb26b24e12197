package embed

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline/text"
)

func TestVectorsHaveLengthOne(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"word", "two words", strings.Repeat("the harbour board met again and ", 200)} {
		v := Hasher{}.Vector(s)
		if len(v) != Dimensions {
			t.Fatalf("the vector of %.20q has %d dimensions", s, len(v))
		}
		if n := norm(v); math.Abs(n-1) > 1e-6 {
			t.Errorf("the vector of %.20q has length %v", s, n)
		}
	}
}

func TestATextWithoutWordsIsZero(t *testing.T) {
	t.Parallel()
	if v := (Hasher{}).Vector(" … — !"); norm(v) != 0 {
		t.Errorf("a text without words has a vector of length %v", norm(v))
	}
}

func TestVectorsKnowWordsAndTheirOrder(t *testing.T) {
	t.Parallel()
	base := Hasher{}.Vector("The harbour board rejects the ferry")
	tests := []struct {
		name   string
		text   string
		lo, hi float64 // cosine with the base
	}{
		{"case and punctuation do not count", "the HARBOUR board, rejects: the ferry!", 0.999999, 1.000001},
		{"the order of words counts a little", "ferry the rejects board harbour The", 0.7, 0.99},
		{"other words are another direction", "Nobody expected eleven tons of smoked salmon", -0.2, 0.2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if c := dot(base, Hasher{}.Vector(test.text)); c < test.lo || c > test.hi {
				t.Errorf("cosine with %q is %v, want [%v, %v]", test.text, c, test.lo, test.hi)
			}
		})
	}
}

// The vectors are stored: a change of the hashing makes what is in a store
// incomparable with what comes in, and must be noticed.
func TestVectorsDoNotChange(t *testing.T) {
	t.Parallel()
	v := Hasher{}.Vector("The Regional Court of Västerö met on 14 May; nobody knows why. " + strings.Repeat("LongWord", 20))
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	const want = 0xe92f4158c9e6676a
	if got := xxh3.Hash(b); got != want {
		t.Errorf("the vector's hash is %#x, it was %#x", got, uint64(want))
	}
}

func TestEmbedGivesEveryChunkItsOwnVector(t *testing.T) {
	t.Parallel()
	chunks := []text.Chunk{{Text: "one"}, {Text: "two"}, {Text: "one"}}
	vectors, err := Hasher{}.Embed(t.Context(), chunks)
	if err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 3 || !slices.Equal(vectors[0], vectors[2]) || slices.Equal(vectors[0], vectors[1]) {
		t.Errorf("the vectors of one, two, one are not of the form a, b, a")
	}
	if &vectors[0][0] == &vectors[2][0] {
		t.Error("two chunks share an array")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Hasher{}).Embed(ctx, chunks); !errors.Is(err, context.Canceled) {
		t.Errorf("Embed with a cancelled context: %v", err)
	}
}

func dot(a, b Vector) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func norm(v Vector) float64 { return math.Sqrt(dot(v, v)) }

func BenchmarkVector(b *testing.B) {
	s := strings.Repeat("The council approved the delayed ferry timetable on 14 grounds, a clerk said. ", 20)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		_ = Hasher{}.Vector(s)
	}
}
