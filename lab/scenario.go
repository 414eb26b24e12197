// Package lab is a set of leaks whose truth is known: the whole pipeline, run
// as a service, in pairs of a leaky and a mended variant that differ in one
// stage or hand-off. Each scenario brings the documents to load it with and
// what a leak detector should say about either variant.
package lab

import (
	"encoding/json"
	"fmt"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

// Variant is one side of a pair.
type Variant string

// The variants.
const (
	Leaky Variant = "leaky"
	Fixed Variant = "fixed"
)

// ParseVariant reads a variant's name.
func ParseVariant(s string) (Variant, error) {
	switch v := Variant(s); v {
	case Leaky, Fixed:
		return v, nil
	}
	return "", fmt.Errorf("variant %q is unknown: it is leaky or fixed", s)
}

// Scenario is one pair. Its JSON form is what `lab list` prints.
type Scenario struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`  // of the leak: "heap" or "goroutine"
	Story string `json:"story"` // the defect, in a sentence
	Truth Truth  `json:"truth"`

	stream corpus.Generator
	// swap puts the variant's stage into the assembly.
	swap map[Variant]func(*assembly)
}

// Document is the document with which operation seq loads the scenario: fresh
// for every seq, and the same whenever it is asked for.
func (s Scenario) Document(seq int64) pipeline.Document { return s.stream.Document(seq) }

// Body is Document as the body of POST /ingest.
func (s Scenario) Body(seq int64) []byte {
	body, err := json.Marshal(s.Document(seq))
	if err != nil {
		// Four strings cannot fail to become JSON.
		panic(fmt.Sprintf("encode document %d of scenario %s: %v", seq, s.Name, err))
	}
	return body
}
