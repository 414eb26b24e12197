//go:build ignore

// This program records the run in the folder shop beside it: a loop that keeps
// 96 bytes with every tenth operation, seen in 16 snapshots. Go 1.26.8:
//
//	go run -trimpath analyzer/capture/testdata/generate.go analyzer/capture/testdata/shop
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

type order struct{ data [96]byte }

type book struct{ orders []*order }

//go:noinline
func (b *book) keep() { b.orders = append(b.orders, new(order)) }

func main() {
	runtime.MemProfileRate = 8192
	b := book{orders: make([]*order, 0, 100_000)}
	bundle, err := capture.Create(os.Args[1], capture.Header{
		Target: snapshot.Target{Name: "shop", GoVersion: runtime.Version(), Module: "example.com/shop"},
		Load:   snapshot.LoadInfo{Source: "heapdrift"},
	})
	if err != nil {
		log.Fatal(err)
	}
	var raws []*snapshot.Raw
	arena := make([]byte, 0, 4<<20)
	ops := int64(0)
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for i := range 18 {
		phase := snapshot.PhaseSteady
		if i < 2 {
			phase = snapshot.PhaseWarmup
		}
		for range 4000 {
			if ops++; ops%10 == 0 {
				b.keep()
			}
		}
		runtime.GC()
		runtime.GC()
		n := ops
		raw := &snapshot.Raw{Meta: snapshot.Meta{Time: start.Add(time.Duration(i) * 10 * time.Second), Ops: &n, Phase: phase}}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		counters, err := json.Marshal(struct {
			HeapAlloc, Mallocs, Frees, StackInuse, TotalAlloc, NumGC uint64
		}{m.HeapAlloc, m.Mallocs, m.Frees, m.StackInuse, m.TotalAlloc, uint64(m.NumGC)})
		if err != nil {
			log.Fatal(err)
		}
		if err := json.Unmarshal(counters, &raw.Counters); err != nil {
			log.Fatal(err)
		}
		raw.Heap, raw.Goroutine = profile(&arena, "heap"), profile(&arena, "goroutine")
		raws = append(raws, raw)
	}
	runtime.KeepAlive(b)
	for _, raw := range raws { // at the end: writing allocates
		if _, err := bundle.Add(raw); err != nil {
			log.Fatal(err)
		}
	}
}

// profile copies a profile to memory that is there from the start.
func profile(arena *[]byte, name string) []byte {
	var b bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&b, 0); err != nil {
		log.Fatal(err)
	}
	n := len(*arena)
	*arena = append(*arena, b.Bytes()...)
	return (*arena)[n:len(*arena):len(*arena)]
}
