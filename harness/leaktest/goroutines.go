package leaktest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// NoGoroutines fails the test if goroutines that are not there yet are there
// when it ends. Call it first: it looks when the cleanups that were registered
// later have run, and waits a while for goroutines that are ending ([Drain]
// changes how long; the default here is 1 s, over at once when all have ended).
// It prints each stack with what created it. [Allow] accepts some; other options
// are refused.
//
// It looks at the whole process: a parallel test is refused.
func NoGoroutines(t testing.TB, options ...Option) {
	t.Helper()
	c := configure(t, time.Now(), append([]Option{Drain(defaultEnding)}, options...))
	if len(c.runOnly) > 0 {
		t.Fatalf("leaktest: NoGoroutines does not know the option %s: it knows Allow and Drain", strings.Join(c.runOnly, ", "))
	}
	alone(t, "NoGoroutines")
	before := map[int64]bool{}
	for _, g := range goroutines() {
		before[g.id] = true
	}
	t.Cleanup(func() {
		t.Helper()
		left := lasting(before, c)
		for _, a := range c.allowed {
			if !a.used {
				t.Logf("leaktest: the allowance of %q (%s) matched no goroutine: take it out", a.pattern, a.reason)
			}
		}
		if len(left) > 0 {
			t.Errorf("leaktest: %s", tellGoroutines(t, left))
		}
	})
}

// defaultEnding is how long NoGoroutines waits for goroutines that are ending.
const defaultEnding = time.Second

// lasting are the goroutines that began after before was taken, are not allowed,
// and do not end within the time.
func lasting(before map[int64]bool, c *config) []goroutine {
	for wait := newBackoff(c.drain); ; {
		var left []goroutine
		for _, g := range goroutines()[1:] {
			if before[g.id] || background(g) {
				continue
			}
			if a := accepting(c.allowed, append(g.stack[:len(g.stack):len(g.stack)], g.creator)); a != nil {
				a.used = true
				continue
			}
			left = append(left, g)
		}
		if len(left) == 0 || !wait.next() {
			return left
		}
	}
}

// background reports goroutines that belong to the process once it has them: the
// runtime's, the ones of testing itself, and the one that os/signal keeps.
func background(g goroutine) bool {
	if len(g.stack) == 0 {
		return true // it is beginning or ending
	}
	root := g.stack[len(g.stack)-1].Function
	switch root {
	case "os/signal.loop", "runtime.ensureSigM.func1", "runtime/pprof.profileWriter", "runtime/trace.Start.func1",
		"testing.tRunner", "testing.(*B).launch", "testing.(*B).run1.func1":
		return true
	}
	switch series.Package(root) {
	case "runtime", "unique", "internal/runtime/maps":
		return true
	}
	return false
}

// alike are goroutines with the same state, stack and creator.
type alike struct {
	goroutine
	n int
}

// grouped joins goroutines that are alike, the most first.
func grouped(all []goroutine) []alike {
	at := map[string]int{}
	var out []alike
	for _, g := range all {
		key := fmt.Sprint(g.state, g.stack, g.creator)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, alike{goroutine: g})
		}
		out[i].n++
	}
	slices.SortStableFunc(out, func(a, b alike) int { return cmp.Compare(b.n, a.n) })
	return out
}

// mostGroups bounds what is printed.
const mostGroups = 10

// tellGoroutines is what a test says of goroutines that should have ended.
func tellGoroutines(t testing.TB, left []goroutine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s that began in this test and did not end\n", report.Plural(float64(len(left)), "goroutine"))
	groups := grouped(left)
	for i, g := range groups {
		if i == mostGroups {
			fmt.Fprintf(&b, "%s%s of them\n", indent, report.Plural(float64(len(groups)-i), "more kind"))
			break
		}
		fmt.Fprintf(&b, "▲ %s [%s]\n", report.Plural(float64(g.n), "goroutine"), g.state)
		for _, f := range g.stack {
			fmt.Fprintf(&b, "%s%s   %s\n", indent, report.ShortFunction(f.Function), place(f))
		}
		if g.creator.Function != "" {
			fmt.Fprintf(&b, "%screated by %s   %s\n", indent, report.ShortFunction(g.creator.Function), place(g.creator))
		}
	}
	fmt.Fprintf(&b, "%srerun   %s\n", indent, rerun(t, ""))
	return b.String()
}

// place is where a frame is, for printing.
func place(f snapshot.Frame) string { return fmt.Sprintf("%s:%d", near(f.File), f.Line) }

// firstOwn is the first frame outside the standard library, else the first.
func firstOwn(stack []snapshot.Frame) snapshot.Frame {
	for _, f := range stack {
		if !series.Standard(f) {
			return f
		}
	}
	if len(stack) > 0 {
		return stack[0]
	}
	return snapshot.Frame{}
}
