package lab

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	fixedqueue "github.com/heapdrift/heapdrift/fixed/queue"
	leakyqueue "github.com/heapdrift/heapdrift/leakscenarios/queue"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// queueing is either variant of the stage with the index behind it.
type queueing interface {
	pipeline.Embedder
	Missed() int64
	Close() error
}

func queues(x leakyqueue.Index) map[Variant]func() queueing {
	return map[Variant]func() queueing{
		Leaky: func() queueing { return leakyqueue.New(numbered{}, x) },
		Fixed: func() queueing { return fixedqueue.New(numbered{}, x) },
	}
}

// numbered makes of n chunks a vector that holds n.
type numbered struct{}

func (numbered) Embed(_ context.Context, chunks []text.Chunk) ([]embed.Vector, error) {
	return []embed.Vector{{float32(len(chunks))}}, nil
}

// slow is an index that takes a second for each document, and refuses one.
type slow struct {
	refuses float32

	mu  sync.Mutex
	got []float32
}

func (s *slow) Add(ctx context.Context, vectors []embed.Vector) error {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if vectors[0][0] == s.refuses {
		return errors.New("refused")
	}
	s.got = append(s.got, vectors[0][0])
	return nil
}

func TestTheFixedQueueSlowsTheSenderDown(t *testing.T) {
	t.Parallel()
	const documents = 30
	for v, want := range map[Variant]time.Duration{
		Leaky: 0,
		// The index has one in its hands and Room wait; each of the others waits for a place.
		Fixed: (documents - 1 - fixedqueue.Room) * time.Second,
	} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := &slow{refuses: 7}
				stage := queues(x)[v]()
				begin := time.Now()
				var all []float32
				for n := range documents {
					if _, err := stage.Embed(t.Context(), make([]text.Chunk, n)); err != nil {
						t.Fatal(err)
					}
					if n != 7 {
						all = append(all, float32(n))
					}
				}
				if took := time.Since(begin); took != want {
					t.Errorf("%d documents were embedded within %s, want %s", documents, took, want)
				}
				time.Sleep(documents * time.Second)
				synctest.Wait()
				if x.mu.Lock(); !slices.Equal(x.got, all) {
					t.Errorf("the index got %v, want %v", x.got, all)
				}
				x.mu.Unlock()
				if n := stage.Missed(); n != 1 {
					t.Errorf("%d documents were missed, want the one that was refused", n)
				}
				if err := stage.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestBothQueuesEndInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, v := range []Variant{Leaky, Fixed} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stage := queues(&slow{refuses: -1})[v]()
				ctx, hangUp := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer hangUp()
				var err error
				for n := 0; n < 30 && err == nil; n++ {
					_, err = stage.Embed(ctx, make([]text.Chunk, 1))
				}
				if v == Fixed && !errors.Is(err, context.DeadlineExceeded) || v == Leaky && err != nil {
					t.Errorf("a client whose time is up: %v", err)
				}
				begin := time.Now()
				if err := stage.Close(); err != nil || time.Since(begin) != 0 {
					t.Errorf("closed with %v after %s; what waits is dropped", err, time.Since(begin))
				}
			})
		})
	}
}

func TestTheIndexKeepsItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &index{every: 10 * time.Millisecond}
		add := func(n int) time.Duration {
			begin := time.Now()
			for range n {
				if err := x.Add(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Millisecond) // a machine that is late each time
			}
			return time.Since(begin)
		}
		// The first are made up for: the index was idle.
		if took := add(1000); took < 9800*time.Millisecond || took > 10*time.Second+3*time.Millisecond {
			t.Errorf("1000 documents at 10 ms took %s", took)
		}
		time.Sleep(time.Hour)
		if took := add(100); took < 800*time.Millisecond || took > time.Second+3*time.Millisecond {
			t.Errorf("100 documents after an hour's rest took %s: a rest earns no more than %s", took, late)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.Add(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
	})
}
