package leaktest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// marker is an environment variable whose only use is that setting one is
// refused by parallel tests, and refuses those that become so.
const marker = "HEAPDRIFT_LEAKTEST"

// alone ends the test if it is parallel, or if another runs at the same time.
func alone(t testing.TB, what string) {
	t.Helper()
	if why := parallel(t, what); why != "" {
		t.Fatalf("leaktest: %s refuses a parallel test: it measures the whole process and cannot tell whose memory it is. Take out t.Parallel here and in the tests around this one. (%s)", what, why)
	}
	for _, g := range goroutines()[1:] {
		if name := runningTest(g.stack); name != "" {
			t.Fatalf("leaktest: %s runs at the same time: %s measures the whole process and cannot tell whose memory it is. Call %s from the test's own goroutine, and do not start tests from others", name, what, what)
		}
	}
}

// parallel says why the test, or one around it, is parallel; "" if none is.
// From here on t.Parallel panics.
func parallel(t testing.TB, what string) (why string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			why = fmt.Sprint(p)
		}
	}()
	t.Setenv(marker, what)
	return ""
}

// testBeside names a test that was seen running beside the one that measures, "" if
// there was none.
func testBeside(run *snapshot.Run) string {
	for _, s := range run.Snapshots {
		if s.Goroutines == nil {
			continue
		}
		for _, g := range s.Goroutines.Samples {
			if measures(g.Stack.Frames) {
				continue
			}
			if name := runningTest(g.Stack.Frames); name != "" {
				return name
			}
		}
	}
	return ""
}

// measures reports that the goroutine is the one that takes the snapshots.
func measures(stack []snapshot.Frame) bool {
	for _, f := range stack {
		if strings.HasSuffix(f.Function, "/leaktest.(*meter).take") {
			return true
		}
	}
	return false
}

// runningTest names the test, benchmark or fuzz target that a goroutine runs. It
// is "" for other goroutines, and for tests that wait: for their subtests, for
// their turn to be parallel, or for the subtest that called.
func runningTest(stack []snapshot.Frame) string {
	n := len(stack)
	if n == 0 || !runner(stack[n-1].Function) {
		return ""
	}
	name := ""
	for _, f := range stack {
		switch {
		case waitsForTests(f.Function):
			return ""
		case !series.Standard(f):
			name = f.Function
		}
	}
	return name
}

// runner reports that testing begins its goroutines with the function.
func runner(function string) bool {
	switch function {
	case "testing.tRunner", "testing.(*B).launch", "testing.(*B).run1.func1":
		return true
	}
	return false
}

func waitsForTests(function string) bool {
	switch function {
	case "testing.(*T).Run", "testing.(*T).Parallel", "testing.tRunner.func1", "testing.(*B).Run", "testing.(*B).run", "testing.(*F).Fuzz":
		return true
	}
	return false
}
