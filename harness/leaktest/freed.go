package leaktest

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Freed fails the test if what p points to is still reachable when it ends. It
// holds no more than a weak pointer itself, and looks when the cleanups that were
// registered after it have run: call it as soon as p is there. A cleanup that was
// registered before and uses p holds it still.
//
// The object watched is the one that was allocated: where p points to a field or
// an element, that is the whole struct or array. A package variable is never
// freed. Objects below 16 bytes without pointers share their memory with others,
// and those of no size their address: both are refused, for nothing can be told
// of them.
//
// Freed may be used in parallel tests.
func Freed[T any](t testing.TB, p *T) {
	t.Helper()
	typ := reflect.TypeFor[T]()
	switch {
	case p == nil:
		t.Fatalf("leaktest: Freed was given a nil *%v: there is nothing to watch", typ)
	case typ.Size() == 0:
		t.Fatalf("leaktest: Freed cannot watch a *%v: objects of size 0 all have one address, which is never freed; watch what holds it", typ)
	case typ.Size() < tiny && !pointers(typ):
		t.Fatalf("leaktest: Freed cannot watch a *%v: objects below %d bytes without pointers share their memory with others and are freed with the last of them; watch what holds it", typ, tiny)
	}
	w, from := weak.Make(p), callerOf()
	before := map[int64]bool{}
	for _, g := range goroutines() {
		before[g.id] = true
	}
	t.Cleanup(func() {
		t.Helper()
		if gone(func() bool { return w.Value() == nil }) {
			return
		}
		t.Errorf("leaktest: %s", tellHeld(t, typ, from, before))
	})
}

// tiny is the size up to which the runtime puts objects without pointers into
// one block.
const tiny = 16

// mostCollecting is how long an object is given to become unreachable.
const mostCollecting = time.Second

// gone collects until the condition holds, a while at most. The first
// collections come at once; then goroutines that are ending get time to let go.
func gone(condition func() bool) bool {
	c := newCollector()
	wait := newBackoff(mostCollecting)
	wait.tries = yields // a collection is pause enough
	for {
		c.collect()
		if condition() {
			return true
		}
		if !wait.next() {
			return false
		}
	}
}

// pointers reports that values of the type hold pointers.
func pointers(typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return typ.Len() > 0 && pointers(typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			if pointers(typ.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}

// callerOf is the line that called the exported function, the first outside this
// package's file.
func callerOf() snapshot.Frame {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return snapshot.Frame{}
	}
	return snapshot.Frame{File: file, Line: line}
}

// tellHeld is what a test says of an object that should be gone. Who holds it is
// in no profile; goroutines that began meanwhile are the usual ones.
func tellHeld(t testing.TB, typ reflect.Type, from snapshot.Frame, before map[int64]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the *%v given to Freed at %s is still reachable after the test\n", typ, place(from))
	var left []goroutine
	for _, g := range goroutines()[1:] {
		if !background(g) && (!before[g.id] || works(g, typ)) {
			left = append(left, g)
		}
	}
	for i, g := range grouped(left) {
		if i == mostGroups {
			break
		}
		fmt.Fprintf(&b, "%smay hold it: %s [%s] in %s, created by %s   %s\n", indent, report.Plural(float64(g.n), "goroutine"), g.state, report.ShortFunction(firstOwn(g.stack).Function), report.ShortFunction(g.creator.Function), place(g.creator))
	}
	if len(left) == 0 {
		fmt.Fprintf(&b, "%sno goroutine is there for it: look for a package variable, a map or a list that it was put into\n", indent)
	}
	fmt.Fprintf(&b, "%sa t.Cleanup that was registered before Freed holds what it uses: call Freed first\n", indent)
	fmt.Fprintf(&b, "%srerun   %s\n", indent, rerun(t, ""))
	return b.String()
}

// works reports that the goroutine runs a method of the type.
func works(g goroutine, typ reflect.Type) bool {
	name, _, _ := strings.Cut(typ.Name(), "[")
	if name == "" {
		return false
	}
	for _, f := range g.stack {
		function := strings.ReplaceAll(f.Function, "%2e", ".") // symbols escape the dots of a path's last element
		if method, ok := strings.CutPrefix(function, typ.PkgPath()+"."); ok &&
			(strings.HasPrefix(method, "(*"+name) || strings.HasPrefix(method, name+".") || strings.HasPrefix(method, name+"[")) {
			return true
		}
	}
	return false
}
