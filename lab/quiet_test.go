package lab

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapdrift/heapdrift/fixed/rampworkers"
	"github.com/heapdrift/heapdrift/fixed/sawtooth"
	"github.com/heapdrift/heapdrift/fixed/warmcache"
	"github.com/heapdrift/heapdrift/internal/apart"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

func TestTheCacheForgetsWhatWasNotAskedForLongest(t *testing.T) {
	t.Parallel()
	made := &noting{}
	s := warmcache.New(made, 2)
	for _, step := range []struct {
		name  string
		texts []string
		made  []string
	}{
		{"new ones are made", []string{"one", "two"}, []string{"one", "two"}},
		{"known ones are not", []string{"one", "two", "one"}, nil},
		{"a third drops the one used longest ago", []string{"three"}, []string{"three"}},
		{"which is not the one last asked for", []string{"one"}, nil},
		{"and is made again, beside the others", []string{"one", "two", "one"}, []string{"two"}},
		{"twice in one document, it is kept once", []string{"four", "four"}, []string{"four", "four"}},
		{"so that another stays", []string{"two"}, nil},
	} {
		made.texts = nil
		embedTexts(t, s, step.texts...)
		if !slices.Equal(made.texts, step.made) {
			t.Errorf("%s: of %q, %q were made, want %q", step.name, step.texts, made.texts, step.made)
		}
	}
}

// noting is an embedder that notes what it was given.
type noting struct{ texts []string }

func (n *noting) Embed(ctx context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	for _, c := range chunks {
		n.texts = append(n.texts, c.Text)
	}
	return embed.Hasher{}.Embed(ctx, chunks)
}

func TestASegmentIsBuiltOfSoManyDocumentsAndLetGo(t *testing.T) {
	t.Parallel()
	var built []int
	s := sawtooth.New(embed.Hasher{}, 2, func(segment [][]embed.Vector) {
		for _, vectors := range segment {
			built = append(built, len(vectors))
		}
	})
	for range 5 {
		embedTexts(t, s, "one", "two")
		embedTexts(t, s, "three")
	}
	embedTexts(t, s, "four")
	if want := []int{2, 1, 2, 1, 2, 1, 2, 1, 2, 1}; !slices.Equal(built, want) {
		t.Errorf("segments were built of documents with %d vectors, want %d", built, want)
	}
}

func TestWorkersComeWithTheLoadAndGo(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := rampworkers.New(embed.Hasher{}, rampworkers.Config{Workers: 3, Idle: time.Minute, Took: time.Second})
			none := runtime.NumGoroutine()
			workers := func() int { synctest.Wait(); return runtime.NumGoroutine() - none }
			load := func(documents int) time.Duration {
				begin := time.Now()
				var all sync.WaitGroup
				for range documents {
					all.Go(func() { embedTexts(t, s, "one") })
				}
				all.Wait()
				return time.Since(begin)
			}
			steps := []struct {
				documents int
				took      time.Duration
				workers   int
			}{{1, time.Second, 1}, {2, time.Second, 2}, {7, 3 * time.Second, 3}, {1, time.Second, 3}}
			for _, step := range steps {
				if took := load(step.documents); took != step.took || workers() != step.workers {
					t.Errorf("%d documents at once took %s and left %d workers, want %s and %d", step.documents, took, workers(), step.took, step.workers)
				}
			}
			time.Sleep(2 * time.Minute)
			if n := workers(); n != 0 {
				t.Errorf("after two minutes without work there are %d workers, want none", n)
			}
			load(2)
			if err := s.Close(); err != nil || workers() != 0 {
				t.Errorf("closed: %v, %d workers left", err, workers())
			}
		})
	})
}

func TestADocumentThatNobodyWaitsForNeedsNoWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := rampworkers.New(embed.Hasher{}, rampworkers.Config{Workers: 1, Idle: time.Minute, Took: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { _, _ = s.Embed(ctx, []text.Chunk{{Text: "one"}}) })
		}
		both.Wait() // else the hour would have to pass
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
