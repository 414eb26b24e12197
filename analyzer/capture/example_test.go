package capture_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
)

// Judge a recorded run, or a folder of profiles that another tool left behind,
// as `heapdrift analyze` does.
func Example() {
	run, err := capture.Open(context.Background(), "testdata/shop")
	if err != nil {
		log.Fatal(err)
	}
	result := detect.Analyze(run, detect.DefaultConfig())
	fmt.Println("verdict:", result.Verdict)
	for _, f := range result.Findings {
		fmt.Printf("%s %s, line %d: %.1f bytes an operation\n", f.Verdict, f.Function, f.Line, f.Bytes.Estimate)
	}
	if err := report.JSON(io.Discard, run, result); err != nil { // or Text, or Markdown
		log.Fatal(err)
	}
	// Output:
	// verdict: leak
	// leak main.(*book).keep, line 27: 9.9 bytes an operation
}
