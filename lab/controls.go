package lab

import (
	"sync/atomic"
	"time"

	"github.com/heapdrift/heapdrift/fixed/rampworkers"
	"github.com/heapdrift/heapdrift/fixed/sawtooth"
	"github.com/heapdrift/heapdrift/fixed/warmcache"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

// control makes a scenario that is healthy.
func control(name, story string, seed uint64, swap func(*assembly) error) Scenario {
	stream := corpus.DefaultGenerator(seed)
	return Scenario{
		Name: name, Kind: KindControl, Story: story, stream: stream,
		Truth: Truth{
			Fixed: FixedTruth{Run: "clean"},
			// What it holds of each document goes again: a twentieth of the
			// vectors, were they kept.
			CleanBytes: cleanShare * mean(stream.Document, vectorsOf),
		},
		swap: map[Variant]func(*assembly) error{Fixed: swap},
	}
}

// vectorsOf is the size of a document's vectors.
func vectorsOf(doc pipeline.Document) int { return chunkCount(doc) * allocated(4*embed.Dimensions) }

// warmChunks fill the cache some six seconds after the start, three of them
// into the steady phase.
const warmChunks = 4000

func warmCache(name string) Scenario {
	return control(name, "A cache of vectors fills up to its bound, and from then on forgets the oldest.", 2101, func(a *assembly) error {
		a.pipeline.Embedder = warmcache.New(embed.Hasher{}, warmChunks)
		return nil
	})
}

func burst(name string) Scenario {
	s := control(name, "Requests come in bursts, and what they need is there for as long as they take.", 2202, func(*assembly) error {
		return nil // the pipeline as it is
	})
	for range 8 {
		s.Load.Steps = append(s.Load.Steps, 50, 50, 300)
	}
	s.Load.Steady = 24 * time.Second
	s.Load.Unheld = true
	return s
}

// segmentSize is how many documents make a segment of the index.
const segmentSize = 50

func sawTooth(name string) Scenario {
	return control(name, "Documents are collected until there are enough for a segment of the index, and then let go.", 2303, func(a *assembly) error {
		var built atomic.Int64 // stands for the index
		a.pipeline.Embedder = sawtooth.New(embed.Hasher{}, segmentSize, func(segment [][]embed.Vector) { built.Add(int64(len(segment))) })
		return nil
	})
}

func rampWorkers(name string) Scenario {
	s := control(name, "Workers are started as the load rises, until there are enough of them.", 2404, func(a *assembly) error {
		const workers = 16
		stage := rampworkers.New(embed.Hasher{}, rampworkers.Config{Workers: workers, Idle: 5 * time.Second, Took: 60 * time.Millisecond})
		a.pipeline.Embedder, a.pipeline.Embedders = stage, workers
		return nil
	})
	s.Load.Steps = []float64{40, 80, 120, 160, 200, 200, 200, 200, 200, 200, 200, 200}
	s.Load.Steady = 24 * time.Second
	s.Load.MaxInFlight = 64
	return s
}
