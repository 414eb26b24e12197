package lab

import (
	"context"
	"fmt"
	"slices"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// meanOver is how many documents a size is the mean of. A Fibonacci number:
// over so many of the generator's documents the lengths are spread evenly.
const meanOver = 377

// mean returns the mean of a size over the first documents of a scenario.
func mean(document func(int64) pipeline.Document, size func(pipeline.Document) int) float64 {
	sum := 0
	for seq := range int64(meanOver) {
		sum += size(document(seq))
	}
	return float64(sum) / meanOver
}

// sliceHeader is the size of a slice itself, on 64-bit machines.
const sliceHeader = 24

// allocated returns what an allocation of n bytes takes: the size class.
func allocated(n int) int { return cap(slices.Grow([]byte(nil), n)) }

// mapGroups is what the slots take of a Go map that holds so many entries: they
// come in groups of eight, with eight bytes beside them, twice as many whenever
// seven eighths are filled. Beyond 1024 slots that happens in tables, one
// after the other but all at about the same number of entries.
func mapGroups(entries int64, slot float64) float64 {
	slots := int64(8)
	for 7*slots < 8*entries {
		slots *= 2
	}
	return float64(slots) * (slot + 1)
}

// chunkCount runs the pipeline's own chunker.
func chunkCount(doc pipeline.Document) int {
	chunks, err := text.DefaultChunker().Split(context.Background(), text.Normalize(doc.Text))
	if err != nil {
		// Only the context can make it fail, and this one never ends.
		panic(fmt.Sprintf("chunk document %s: %v", doc.ID, err))
	}
	return len(chunks)
}
