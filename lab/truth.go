package lab

import (
	"context"
	"fmt"
	"slices"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Truth is what a detector should say about a pair.
type Truth struct {
	Leaky LeakyTruth `json:"leaky"`
	Fixed FixedTruth `json:"fixed"`
}

// LeakyTruth is the truth about the leaky variant. A size of 0 is left out: it
// is not stated.
type LeakyTruth struct {
	Run     string `json:"run"`     // verdict on the run
	Finding string `json:"finding"` // verdict on the finding
	Kind    string `json:"kind"`    // of the finding: "heap" or "goroutine"
	// AllocatedAt and DefectAt are parts of function names. A finding is at the
	// right place when its stack, or that of the goroutines joined to it, has a
	// function with either in its name.
	AllocatedAt string `json:"allocated_at"`
	DefectAt    string `json:"defect_at"`
	// BytesPerOp is the growth of the live heap (HeapAlloc) with each
	// operation, the mean over the scenario's documents.
	BytesPerOp      float64 `json:"bytes_per_op,omitempty"`
	GoroutinesPerOp float64 `json:"goroutines_per_op,omitempty"`
}

// FixedTruth is the truth about the mended variant.
type FixedTruth struct {
	Run string `json:"run"`
}

// sampled is how many documents a size is the mean of. A Fibonacci number:
// over so many of the generator's documents the lengths are spread evenly.
const sampled = 377

// mean returns the mean of a size over the first documents of a scenario.
func mean(document func(int64) pipeline.Document, size func(pipeline.Document) int) float64 {
	sum := 0
	for seq := range int64(sampled) {
		sum += size(document(seq))
	}
	return float64(sum) / sampled
}

// keptByClosure is what the leaky closure keeps of one document: its vectors,
// and the goroutine that sleeps on them.
func keptByClosure(doc pipeline.Document) int {
	n := chunkCount(doc)
	return n*allocated(4*embed.Dimensions) + // the vectors
		allocated(n*sliceHeader) + // the slice of them
		sleepingGoroutine
}

// keptBySubslice is what the leaky index of titles keeps of one document.
func keptBySubslice(doc pipeline.Document) int {
	return allocated(len(doc.Text)) + // the text that the title is a view of
		allocated(len(doc.ID)) +
		titleEntry
}

// Sizes on 64-bit machines that cannot be asked for in Go code, measured with
// Go 1.26 (lab's own test holds the sums to within 5 % of the truth).
const (
	sliceHeader = 24
	// sleepingGoroutine is what a goroutine in time.Sleep has in the heap: the
	// runtime's own record of it, its timer, the closure, and its places in the
	// runtime's lists. Its stack, 2 KiB, is not in the heap.
	sleepingGoroutine = 620
	// titleEntry is what one entry of a map[string]string takes: 33 bytes a
	// slot, of which between half and seven eighths are filled.
	titleEntry = 50
)

// allocated returns what an allocation of n bytes takes: the size class.
func allocated(n int) int { return cap(slices.Grow([]byte(nil), n)) }

// chunkCount runs the pipeline's own chunker.
func chunkCount(doc pipeline.Document) int {
	chunks, err := text.DefaultChunker().Split(context.Background(), text.Normalize(doc.Text))
	if err != nil {
		// Only the context can make it fail, and this one never ends.
		panic(fmt.Sprintf("chunk document %s: %v", doc.ID, err))
	}
	return len(chunks)
}
