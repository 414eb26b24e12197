package leaktest

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

const dump = `goroutine 7 [running]:
main.dump(...)
	/src/app/main.go:12
main.(*Server).Handle[...](0x14000106000, {0x1, 0x2})
	/src/app/main.go:40 +0x1c

goroutine 18 [chan receive, 2 minutes, locked to thread]:
app/pool.(*Pool).work(0x0)
	C:/src/app/pool/pool.go:9 +0x5d
created by app/pool.New in goroutine 1
	C:/src/app/pool/pool.go:4 +0x25

goroutine 19 gp=0x1400 m=nil [select (no cases)]:
main.block()
	/src/app/main.go:99 +0x1
created by main.main
	/src/app/main.go:8 +0x2

goroutine 20 [running]:
	goroutine running on other thread; stack unavailable
created by main.spin in goroutine 1
	/src/app/main.go:77 +0x9

goroutine 22 [runnable]:
main.begun.gowrap1()
	/src/app/main.go:5
runtime.goexit({})
	/usr/local/go/src/runtime/asm_amd64.s:1771 +0x1
created by main.begun in goroutine 1
	/src/app/main.go:5 +0x4f

goroutine 21 [sleep]:
main.cut(`

func TestADumpIsReadWholeAndCut(t *testing.T) {
	want := []goroutine{
		{id: 7, state: "running", stack: []snapshot.Frame{
			{Function: "main.dump", File: "/src/app/main.go", Line: 12},
			{Function: "main.(*Server).Handle[...]", File: "/src/app/main.go", Line: 40},
		}},
		{
			id: 18, state: "chan receive", parent: 1,
			stack:   []snapshot.Frame{{Function: "app/pool.(*Pool).work", File: "C:/src/app/pool/pool.go", Line: 9}},
			creator: snapshot.Frame{Function: "app/pool.New", File: "C:/src/app/pool/pool.go", Line: 4},
		},
		{
			id: 19, state: "select (no cases)",
			stack:   []snapshot.Frame{{Function: "main.block", File: "/src/app/main.go", Line: 99}},
			creator: snapshot.Frame{Function: "main.main", File: "/src/app/main.go", Line: 8},
		},
		{id: 20, state: "running", parent: 1, creator: snapshot.Frame{Function: "main.spin", File: "/src/app/main.go", Line: 77}},
		{
			id: 22, state: "runnable", parent: 1,
			stack:   []snapshot.Frame{{Function: "main.begun.gowrap1", File: "/src/app/main.go", Line: 5}},
			creator: snapshot.Frame{Function: "main.begun", File: "/src/app/main.go", Line: 5},
		},
		{id: 21, state: "sleep"},
	}
	got := parseDump(dump)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parseDump:\ngot  %+v\nwant %+v", got, want)
	}
}

func TestTheOwnProcessIsRead(t *testing.T) {
	quit := make(chan struct{})
	defer close(quit)
	begin(quit)
	runtime.Gosched()
	all := goroutines()
	if len(all) < 2 || len(all[0].stack) == 0 {
		t.Fatalf("goroutines() = %+v, want this one and the one begun", all)
	}
	for _, g := range all[1:] {
		if g.creator.Function == "github.com/heapdrift/heapdrift/harness/leaktest.begin" && g.creator.Line > 0 {
			return
		}
	}
	t.Errorf("the goroutine begun is not among %+v", all)
}

func FuzzParseDump(f *testing.F) {
	f.Add(dump)
	f.Add("goroutine 1 [")
	f.Add("goroutine 1 []:\n(\n\t:\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, g := range parseDump(text) {
			for _, fr := range g.stack {
				if fr.Function == "" || fr.Line < 0 {
					t.Errorf("a frame without a function or with a negative line: %+v", fr)
				}
			}
		}
	})
}

func TestTestsThatWaitAreNotCalledRunning(t *testing.T) {
	frames := func(functions ...string) []snapshot.Frame {
		var out []snapshot.Frame
		for _, f := range functions {
			out = append(out, snapshot.Frame{Function: f})
		}
		return out
	}
	for _, c := range []struct {
		name  string
		stack []snapshot.Frame
		want  string
	}{
		{"nothing", nil, ""},
		{"a worker", frames("time.Sleep", "app.work"), ""},
		{"a test at work", frames("time.Sleep", "app.TestX", "testing.tRunner"), "app.TestX"},
		{"a parent", frames("testing.(*T).Run", "app.TestX", "testing.tRunner"), ""},
		{"one that waits for its turn", frames("testing.(*testState).waitParallel", "testing.(*T).Parallel", "app.TestX", "testing.tRunner"), ""},
		{"one whose subtests are parallel", frames("testing.tRunner.func1", "testing.tRunner"), ""},
		{"a benchmark at work", frames("app.BenchmarkX", "testing.(*B).runN", "testing.(*B).launch"), "app.BenchmarkX"},
	} {
		if got := runningTest(c.stack); got != c.want {
			t.Errorf("%s: runningTest = %q, want %q", c.name, got, c.want)
		}
	}
}
