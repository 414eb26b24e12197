package lab

import (
	"net/http"

	fixedbody "github.com/heapdrift/heapdrift/fixed/body"
	leakybody "github.com/heapdrift/heapdrift/leakscenarios/body"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/fake"
)

// outOfOrder is how many questions there are to each that the corrections desk
// answers with an error. The usual run has 2,700: with one in eight its child
// comes to 675 open files, both ends of the connections, which is far from the
// usual limit of 1,024.
const outOfOrder = 8

func body(name string) Scenario {
	stream := corpus.DefaultGenerator(1212)
	return Scenario{
		Name:   name,
		Kind:   KindHeap,
		Story:  "A question to another service is answered with an error, and the function returns before it closes the answer's body.",
		stream: stream,
		Truth: Truth{
			Leaky: LeakyTruth{
				Run: "leak", Finding: "leak", Kind: "heap",
				AllocatedAt: "leakscenarios/body.(*Reader).ask", // the question and the request, which the connection keeps
				DefectAt:    "leakscenarios/body.(*Reader)",
				// The connection's reader and writer, and as the desk runs in
				// the same process the goroutine that serves it there.
				GoroutinesPerOp: 3.0 / outOfOrder,
				BytesPerOp:      mean(stream.Document, keptByBody),
			},
			Fixed: FixedTruth{Run: "clean"},
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				desk, err := a.desk()
				if err != nil {
					return err
				}
				r := leakybody.New(desk)
				a.atClose(r.Close)
				a.reader = r
				return nil
			},
			Fixed: func(a *assembly) error {
				desk, err := a.desk()
				if err != nil {
					return err
				}
				r := fixedbody.New(desk)
				a.atClose(r.Close)
				a.reader = r
				return nil
			},
		},
	}
}

// keptByBody is what the leaky reader keeps of one document, over those that
// are answered with an error and those that are not.
func keptByBody(doc pipeline.Document) int {
	return (allocated(len(bodyOf(doc))) + stuckConnection) / outOfOrder
}

// stuckConnection is what a connection keeps that is in use for ever, the
// question aside: a buffer of 4 KiB for each direction at each end, the request
// and its headers, and the records of three goroutines. Measured with Go 1.26.
const stuckConnection = 24000

// desk starts the corrections desk, and returns its address.
func (a *assembly) desk() (string, error) {
	return a.serve(&fake.Desk{Trouble: fake.EveryNth(outOfOrder, http.StatusServiceUnavailable)})
}
