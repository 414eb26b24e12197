package series_test

import (
	"fmt"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// The frame to show of an allocation is the user's, not the library's that
// allocated for it.
func ExampleCulprit() {
	stack := []snapshot.Frame{
		{Function: "strings.(*Builder).grow", File: "/usr/local/go/src/strings/builder.go", Line: 68},
		{Function: "example.com/templates.(*Set).Render", File: "/home/me/go/pkg/mod/example.com/templates@v1.4.0/set.go", Line: 31},
		{Function: "example.com/shop/web.(*Server).page", File: "/home/me/shop/web/server.go", Line: 112},
		{Function: "net/http.(*conn).serve", File: "/usr/local/go/src/net/http/server.go", Line: 2071},
	}
	f := stack[series.Culprit(stack, "")]
	fmt.Println(f.Function, f.Line)
	// Output: example.com/shop/web.(*Server).page 112
}

// The snapshots of a run become quantities over the operations done.
func ExampleBuild() {
	run := &snapshot.Run{}
	for i := range 4 {
		ops := int64(i) * 100
		run.Snapshots = append(run.Snapshots, &snapshot.Snapshot{
			Meta:     snapshot.Meta{Ops: &ops},
			Counters: snapshot.Counters{Values: map[string]uint64{"HeapAlloc": 1_000_000 + uint64(ops)*16}},
		})
	}
	r := series.Build(run)
	fmt.Println("operations:", r.HasOps, r.Work)
	fmt.Printf("live bytes: %.0f\n", r.Total(series.LiveBytes).Y)
	// Output:
	// operations: true [0 100 200 300]
	// live bytes: [1000000 1001600 1003200 1004800]
}
