package snapshot_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// The text of /debug/pprof/heap?gc=1&debug=1 ends with the exact counters.
func ExampleParseTrailer() {
	const text = `heap profile: 1: 512 [4: 2048] @ heap/1048576

# runtime.MemStats
# HeapAlloc = 1845320
# Mallocs = 90211
# Frees = 77004
# NumGC = 12
`
	c, err := snapshot.ParseTrailer(strings.NewReader(text))
	if err != nil {
		log.Fatal(err)
	}
	live, _ := c.LiveBytes()
	objects, _ := c.LiveObjects()
	fmt.Println(live, "bytes in", objects, "objects")
	// Output: 1845320 bytes in 13207 objects
}

// One Interner for all profiles of a run makes equal stacks one pointer.
func ExampleParseHeap() {
	data, err := os.ReadFile("../capture/testdata/shop/snapshots/000017/heap.pb.gz")
	if err != nil {
		log.Fatal(err)
	}
	heap, err := snapshot.ParseHeap(data, snapshot.NewInterner())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("one sample in", heap.Period, "bytes")
	for _, s := range heap.Samples {
		if leaf := s.Stack.Frames[0]; leaf.Function == "main.(*book).keep" && s.InuseBytes > 0 {
			fmt.Printf("%s:%d holds objects of %d bytes\n", leaf.Function, leaf.Line, s.Size)
		}
	}
	// Output:
	// one sample in 8192 bytes
	// main.(*book).keep:27 holds objects of 96 bytes
}

// Bytes that are no profile are told from profiles of another kind.
func ExampleDecode() {
	_, _, err := snapshot.Decode(bytes.Repeat([]byte("<html>"), 3))
	fmt.Println(err)
	// Output: not a pprof profile: its bytes are no protocol buffer
}
