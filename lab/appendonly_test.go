package lab

import (
	"context"
	"math"
	"testing"

	fixedappendonly "github.com/heapdrift/heapdrift/fixed/appendonly"
	leakyappendonly "github.com/heapdrift/heapdrift/leakscenarios/appendonly"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

type drifter interface {
	pipeline.Embedder
	Drift() float64
}

// compass embeds "north" and "east" at a right angle.
type compass struct{}

func (compass) Embed(_ context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	vectors := make([]embed.Vector, len(chunks))
	for i, c := range chunks {
		vectors[i] = map[string]embed.Vector{"north": {0, 1}, "east": {1, 0}, "": {0, 0}}[c.Text]
	}
	return vectors, nil
}

func TestBothHistoriesTellTheDrift(t *testing.T) {
	t.Parallel()
	const latest = fixedappendonly.Latest
	for name, s := range map[Variant]drifter{
		Leaky: leakyappendonly.New(compass{}),
		Fixed: fixedappendonly.New(compass{}),
	} {
		check := func(when string, want float64) {
			t.Helper()
			if got := s.Drift(); math.Abs(got-want) > 1e-6 {
				t.Errorf("%s, %s: a drift of %g, want %g", name, when, got, want)
			}
		}
		send := func(times int, texts ...string) {
			for range times {
				embedTexts(t, s, texts...)
			}
		}
		check("without a document", 0)
		send(1)
		send(1, "")
		check("without a word", 0)
		send(3*latest, "north")
		check("all to the north", 0)
		send(latest/2, "east")
		// Of the latest half are to the east, of all a seventh.
		check("half of the latest to the east", 1-cosine(latest/2, latest/2, latest/2, 3*latest))
		send(latest/2, "east", "east")
		// A document counts by its chunks: 3/2 of latest, all to the east.
		check("all of the latest to the east", 1-cosine(1, 0, 1.5*latest, 3*latest))
	}
}

func cosine(ax, ay, bx, by float64) float64 {
	return (ax*bx + ay*by) / math.Hypot(ax, ay) / math.Hypot(bx, by)
}

func TestBothHistoriesAgreeOnArticles(t *testing.T) {
	t.Parallel()
	leaky, fixed := leakyappendonly.New(embed.Hasher{}), fixedappendonly.New(embed.Hasher{})
	s, err := Find("appendonly")
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(3 * fixedappendonly.Latest) {
		title := s.Document(seq).Title
		embedTexts(t, leaky, title)
		embedTexts(t, fixed, title)
	}
	if a, b := leaky.Drift(), fixed.Drift(); a <= 0 || math.Abs(a-b) > 1e-9 {
		t.Errorf("a drift of %g and of %g; want the same, above 0", a, b)
	}
}
