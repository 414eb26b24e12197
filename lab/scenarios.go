package lab

import (
	"fmt"
	"strings"

	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"

	fixedclosure "github.com/heapdrift/heapdrift/fixed/closure"
	fixedstuckreceive "github.com/heapdrift/heapdrift/fixed/stuckreceive"
	fixedsubslice "github.com/heapdrift/heapdrift/fixed/subslice"
	leakyclosure "github.com/heapdrift/heapdrift/leakscenarios/closure"
	leakystuckreceive "github.com/heapdrift/heapdrift/leakscenarios/stuckreceive"
	leakysubslice "github.com/heapdrift/heapdrift/leakscenarios/subslice"
)

// Scenarios returns all of them, in the order in which they are listed. It
// works out their truth from their documents, some 50 ms: keep the result.
func Scenarios() []Scenario {
	entries := registry()
	scenarios := make([]Scenario, len(entries))
	for i, e := range entries {
		scenarios[i] = e.build(e.name)
	}
	return scenarios
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, error) {
	entries := registry()
	names := make([]string, len(entries))
	for i, e := range entries {
		if e.name == name {
			return e.build(name), nil
		}
		names[i] = e.name
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
}

type entry struct {
	name  string
	build func(name string) Scenario
}

// registry lists the scenarios without working out their truth.
func registry() []entry {
	return []entry{
		{"closure", closure},
		{"subslice", subslice},
		{"stuckreceive", stuckreceive},
	}
}

func closure(name string) Scenario {
	stream := corpus.DefaultGenerator(101)
	return Scenario{
		Name:   name,
		Kind:   "heap",
		Story:  "A goroutine sleeps for an hour before it audits a document, and its closure keeps the document's embeddings.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt:     "pipeline/embed.Hasher",
				DefectAt:        "leakscenarios/closure.(*Stage)",
				BytesPerOp:      mean(stream.Document, keptByClosure),
				GoroutinesPerOp: 1,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly){
			Leaky: func(a *assembly) { a.pipeline.Embedder = leakyclosure.New(embed.Hasher{}, a.ledger.add) },
			Fixed: func(a *assembly) { a.pipeline.Embedder = fixedclosure.New(embed.Hasher{}, a.ledger.add) },
		},
	}
}

func subslice(name string) Scenario {
	stream := corpus.DefaultGenerator(202)
	stream.Untitled = true // only a title that is a view of the text can keep it
	return Scenario{
		Name:   name,
		Kind:   "heap",
		Story:  "An index of titles is keyed by views of the documents' text, and so keeps every document whole.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "pipeline/feed.JSON",
				DefectAt:    "leakscenarios/subslice.(*Reader)",
				BytesPerOp:  mean(stream.Document, keptBySubslice),
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly){
			Leaky: func(a *assembly) { a.reader = leakysubslice.New() },
			Fixed: func(a *assembly) { a.reader = fixedsubslice.New() },
		},
	}
}

func stuckreceive(name string) Scenario {
	return Scenario{
		Name:   name,
		Kind:   "goroutine",
		Story:  "A worker for each document ranges over a channel that nobody closes.",
		stream: corpus.DefaultGenerator(303),
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "goroutine",
				AllocatedAt:     "leakscenarios/stuckreceive.(*Stage)",
				DefectAt:        "leakscenarios/stuckreceive.(*Stage)",
				GoroutinesPerOp: 1,
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly){
			Leaky: func(a *assembly) { a.pipeline.Embedder = leakystuckreceive.New(embed.Hasher{}) },
			Fixed: func(a *assembly) { a.pipeline.Embedder = fixedstuckreceive.New(embed.Hasher{}) },
		},
	}
}
