package session

import (
	"testing"

	"github.com/heapdrift/heapdrift/harness"
)

func TestContentsAreCountedWhereTheyComeAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		load *harness.HTTPConfig
		want int
	}{
		{"no load of its own", nil, 0},
		{"one address", &harness.HTTPConfig{URL: ":8080"}, 1},
		{"one body", &harness.HTTPConfig{URL: ":8080", Body: []byte("a")}, 1},
		{"bodies in turn", &harness.HTTPConfig{URL: ":8080", Bodies: [][]byte{{'a'}, {'b'}, {'c'}}}, 3},
		{"targets in turn", &harness.HTTPConfig{Requests: make([]harness.Request, 2)}, 2},
		{"a body for each operation", &harness.HTTPConfig{URL: ":8080", BodyFunc: func(harness.Op) []byte { return nil }}, 0},
	} {
		if got := contents(c.load); got != c.want {
			t.Errorf("%s: %d contents, want %d", c.name, got, c.want)
		}
	}
}
