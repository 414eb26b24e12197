package detect

import "testing"

func TestWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{
		0: "0 goroutines", 1: "1 goroutine", 0.6: "1 goroutine", 2: "2 goroutines", 999: "999 goroutines", 1000: "1,000 goroutines",
		1234567: "1,234,567 goroutines", -123: "-123 goroutines", -1234: "-1,234 goroutines",
	} {
		if got := plural(n, "goroutine"); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
