package spelling

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"rate", "warmup", "max-in-flight", "for", "live_bytes_per_op"}
	for _, c := range []struct{ name, want string }{
		{"rat", "rate"},
		{"rates", "rate"},
		{"warm-up", "warmup"},
		{"max-in", "max-in-flight"},
		{"live_byte_per_op", "live_bytes_per_op"},
		{"fro", ""}, // two edits are more than half of it
		{"x", ""},
		{"", ""},
		{"body", ""},
	} {
		if got := Nearest(c.name, names); got != c.want {
			t.Errorf("Nearest(%q) = %q; want %q", c.name, got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"kitten", "sitting", 3}, {"abc", "", 3}, {"", "ab", 2}, {"flaw", "lawn", 2}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
