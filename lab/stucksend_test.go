package lab

import (
	"context"
	"errors"
	"slices"
	"testing"

	fixedstucksend "github.com/heapdrift/heapdrift/fixed/stucksend"
	leakystucksend "github.com/heapdrift/heapdrift/leakscenarios/stucksend"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// letters is a model whose vector is the first letter of a text; it fails for
// one.
type letters struct{ fails string }

func (l letters) Vector(ctx context.Context, text string) (embed.Vector, error) {
	if text == l.fails {
		return nil, errors.New("failed")
	}
	return embed.Vector{float32(text[0])}, ctx.Err()
}

// reserve is a fallback that always works, whatever has become of its context.
type reserve struct{}

func (reserve) Embed(_ context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors := make([]embed.Vector, len(chunks))
	for i := range vectors {
		vectors[i] = embed.Vector{-float32(i)}
	}
	return vectors, nil
}

func TestBothSendersFallBackAsAWhole(t *testing.T) {
	t.Parallel()
	chunks := []text.Chunk{{Text: "a"}, {Text: "b"}, {Text: "c"}}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		name     string
		ctx      context.Context
		fails    string
		fallback bool
		err      error
	}{
		{"a model that answers", t.Context(), "", false, nil},
		{"a model that fails for the first", t.Context(), "a", true, nil},
		{"a model that fails for the last", t.Context(), "c", true, nil},
		{"a context that has ended", ended, "", false, context.Canceled},
	} {
		for variant, e := range map[Variant]pipeline.Embedder{
			Leaky: leakystucksend.New(letters{c.fails}, reserve{}),
			Fixed: fixedstucksend.New(letters{c.fails}, reserve{}),
		} {
			vectors, err := e.Embed(c.ctx, chunks)
			if !errors.Is(err, c.err) {
				t.Errorf("%s, %s: %v, want %v", c.name, variant, err, c.err)
			}
			if err != nil {
				continue
			}
			for i, v := range vectors {
				want := embed.Vector{float32(chunks[i].Text[0])}
				if c.fallback {
					want = embed.Vector{-float32(i)}
				}
				if !slices.Equal(v, want) {
					t.Errorf("%s, %s: vector %d is %v, want %v", c.name, variant, i, v, want)
				}
			}
		}
	}
}
