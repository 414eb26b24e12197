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

// What comes a second, what the search index takes of it, and for how long. The
// index keeps its pace by the clock: it goes on while arrivals are held for a
// snapshot, and a busy machine makes the queue shorter, not longer. It takes a
// quarter of what comes, so that the queue grows even where a snapshot with its
// hold takes three times as long as the load before it; and it must have worked
// off more than half of what the steady phase left it when the drain ends.
const (
	queueRate   = 4.0 * indexRate
	indexRate   = 30.0
	queueWarmup = time.Second
	queueSteady = 14 * time.Second
	queueEvery  = time.Second
	queueDrain  = 32 * time.Second
)

func queue(name string) Scenario {
	stream := corpus.DefaultGenerator(1313)
	return Scenario{
		Name:   name,
		Kind:   KindBacklog,
		Story:  "What was embedded waits in a queue without a bound for a search index that takes a quarter of what comes.",
		stream: stream,
		Load: Load{
			Warmup: queueWarmup, Steady: queueSteady, Every: queueEvery, Drain: queueDrain, From: queueRate,
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
			// than a twentieth of what waits for the index in the leaky variant.
			CleanBytes: cleanShare * (1 - indexRate/queueRate) * mean(stream.Document, keptByClosure),
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
