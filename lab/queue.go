package lab

import (
	"context"
	"sync"
	"time"

	fixedqueue "github.com/heapdrift/heapdrift/fixed/queue"
	leakyqueue "github.com/heapdrift/heapdrift/leakscenarios/queue"
	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

// What the search index takes a second, and for how long three times as much
// comes. The index keeps its pace by the clock, and goes on while the load is held
// for a snapshot: a busy machine makes the queue shorter, not longer. It is behind
// by 100 documents for each second of load at most, of which it catches up with 50.
const (
	indexRate   = 50
	queueWarmup = 1500 * time.Millisecond
	queueSteady = 12 * time.Second
	queueEvery  = 900 * time.Millisecond // less often than usual: the index gains by each
	queueDrain  = 2*(queueWarmup+queueSteady) - time.Second
)

func queue(name string) Scenario {
	stream := corpus.DefaultGenerator(1313)
	return Scenario{
		Name:   name,
		Kind:   KindBacklog,
		Story:  "What was embedded waits in a queue without a bound for a search index that takes a third of what comes.",
		stream: stream,
		Load: Load{
			Warmup: queueWarmup, Steady: queueSteady, Every: queueEvery, Drain: queueDrain, From: 3 * indexRate,
			MaxInFlight: 256, // that the fixed variant lets requests wait is no fault of the load
		},
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "inconclusive", Finding: "backlog", Kind: "heap",
				AllocatedAt: "pipeline/embed.Hasher",
				DefectAt:    "leakscenarios/queue.(*Stage)",
			},
			Fixed: FixedTruth{Run: "clean"},
			// A bounded queue holds now fewer, now more: clean is what keeps less
			// than the vectors of one document in a hundred.
			CleanBytes: mean(stream.Document, keptByClosure) / 100,
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				a.pipeline.Embedder = leakyqueue.New(embed.Hasher{}, &index{every: time.Second / indexRate})
				return nil
			},
			Fixed: func(a *assembly) error {
				a.pipeline.Embedder = fixedqueue.New(embed.Hasher{}, &index{every: time.Second / indexRate})
				return nil
			},
		},
	}
}

// index stands in for a search index that takes one document after the other,
// each in the same time.
type index struct {
	every time.Duration

	mu   sync.Mutex
	free time.Time // when it is done with what it was given so far
}

// Add takes a document when those before it are done. The time is counted from
// the moment at which the last was due, not from that at which its sleeper woke
// up, so that the pace does not depend on the machine.
func (x *index) Add(ctx context.Context, _ []embed.Vector) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if idle := time.Now().Add(-late); x.free.Before(idle) {
		x.free = idle
	}
	x.free = x.free.Add(x.every)
	return backoff.Sleep(ctx, time.Until(x.free))
}

// late is by how much a sleeper that wakes up late is made up for.
const late = 100 * time.Millisecond
