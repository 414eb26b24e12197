package leaktest

import (
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestAllowMatchesFunctions(t *testing.T) {
	const function = "example.com/shop/metrics.(*Registry).counter"
	for _, c := range []struct {
		pattern string
		want    bool
	}{
		{"metrics.(*Registry).*", true},
		{"metrics.(*Registry).counter", true},
		{"shop/metrics.*", true},
		{function, true},
		{"*.counter", true},
		{"metrics.(*Registry)", false},
		{"etrics.(*Registry).*", false},
		{"metrics.(.Registry).*", false},
		{"metrics.(*Registry).*x", false},
	} {
		a, err := newAllowed(c.pattern, "r", "2030-01-01")
		if err != nil {
			t.Fatal(err)
		}
		stack := []snapshot.Frame{{Function: "fmt.Sprint"}, {Function: function}, {Function: "main.main"}}
		if got := a.accepts(stack); got != c.want {
			t.Errorf("%q accepts %q: %v, want %v", c.pattern, function, got, c.want)
		}
		if a.accepts(nil) {
			t.Errorf("%q accepts an empty stack", c.pattern)
		}
	}
}

func TestAnAllowanceHoldsThroughItsLastDay(t *testing.T) {
	a, err := newAllowed("x.Y", "r", "2027-03-31")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"2027-03-30T12:00:00Z":      false,
		"2027-03-31T23:59:59Z":      false,
		"2027-04-01T00:00:00Z":      true,
		"2027-03-31T23:30:00-05:00": true, // April in UTC
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.expired(now); got != want {
			t.Errorf("expired at %s: %v, want %v", at, got, want)
		}
	}
}
