package report

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func TestBytesHaveThreeDigitsAndAUnit(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		0: "0 B", 1: "1 B", 64: "64 B", 80.44: "80.4 B", 0.9: "0.90 B", 1023: "1,023 B", 1023.9: "1.00 KiB",
		1024: "1.00 KiB", 1846: "1.80 KiB", 31 << 20: "31.0 MiB", 512 << 20: "512 MiB", 1 << 30: "1.00 GiB",
		-2048: "-2.00 KiB", 5 << 50: "5,120 TiB", 0.016: "0.016 B", math.Copysign(0, -1): "0 B",
	} {
		if got := Bytes(in); got != want {
			t.Errorf("Bytes(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		0.009: "0.0090", 0.001: "0.0010", 0.1: "0.10", 0.0002: "0.00020", 1: "1.00", 0.9999: "1.00", 9.999: "10.0",
		99.96: "100", 13.02: "13.0", 24000: "24,000", 304112: "304,112", -1234567: "-1,234,567", 0: "0", 1e-12: "0", -1e-12: "0",
	} {
		if got := Number(in); got != want {
			t.Errorf("Number(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestBoundsAreRoundedUp(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		0.87: "0.87", 0.871: "0.88", 0.9: "0.9", 0.00018: "0.00018", 348.7: "350", 64: "64", 1: "1", 10: "10", 100: "100",
		0.1: "0.1", 101: "110", 23456: "24,000", 0: "0", -3: "0", math.Inf(1): "0",
	} {
		if got := atMost(in); got != want {
			t.Errorf("atMost(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    stats.Interval
		unit  string
		print func(*stats.Interval, string) string
		want  string
	}{
		{*iv(80.4, 79.1, 81.7), "B/op", Growth, "+80.4 B/op [79.1, 81.7]"},
		{*iv(1229, 1100, 1350), "B/s", Growth, "+1.20 KiB/s [1.07, 1.32]"},
		{*iv(0.009, 0.0085, 0.0095), "goroutines/op", Growth, "+0.0090 goroutines/op"},
		{*iv(-3, -4, -2), "B/op", Growth, "-3.00 B/op [-4.00, -2.00]"},
		{*iv(0.001, -80, 80), "B/op", Growth, "+0.0 B/op [-80.0, 80.0]"},
		{*iv(13.02, 13, 13.1), "objects/op", Rate, "13.0 objects/op [13.0, 13.1]"},
		{*iv(5, math.Inf(-1), math.Inf(1)), "B/op", Growth, "+5.00 B/op"},
		{*iv(5, 4, math.NaN()), "B/op", Rate, "5.00 B/op"},
	} {
		if got := c.print(&c.in, c.unit); got != c.want {
			t.Errorf("rate(%v) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		1.25: "1.2 s", 42: "42 s", 59.7: "60 s", 60: "60 s", 119.6: "2m00s", 750: "12m30s", 10560: "2h56m", 3599.6: "60m00s",
		3 * 86400: "3 days", 1e12: "more than 10 years", math.NaN(): "an unknown time", -1: "an unknown time", math.Inf(1): "more than 10 years",
	} {
		if got := Duration(in); got != want {
			t.Errorf("Duration(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestNamesAreShortened(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"example.com/a/embed.(*Batcher).Flush":  "embed.(*Batcher).Flush",
		"main.main":                             "main.main",
		"gopkg.in/yaml%2ev3.Unmarshal":          "yaml%2ev3.Unmarshal",
		"slices.SortFunc[...]":                  "slices.SortFunc[...]",
		"example.com/a.(*T[example.com/b.X]).M": "a.(*T[example.com/b.X]).M",
		"(unattributed)":                        "(unattributed)",
		"(outside the Go heap)":                 "(outside the Go heap)",
		"":                                      "",
	} {
		if got := ShortFunction(in); got != want {
			t.Errorf("ShortFunction(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, function, file string
		line                 int
		module, want         string
	}{
		{"inside the main module", "example.com/feed/pipeline/embed.F", "/src/feed/pipeline/embed/batch.go", 88, "example.com/feed", "pipeline/embed/batch.go:88"},
		{"at the root of the main module", "example.com/feed.F", "/src/feed/batch.go", 8, "example.com/feed", "batch.go:8"},
		{"a module whose name only begins like it", "example.com/feeder/x.F", "/src/feeder/x/batch.go", 8, "example.com/feed", "feeder/x/batch.go:8"},
		{"in the module cache", "github.com/a/b.F", "/go/pkg/mod/github.com/a/b@v1.2.0/c/d.go", 5, "", "b@v1.2.0/c/d.go:5"},
		{"unknown module: two folders", "main.main", "/home/u/src/tool/main.go", 5, "", "src/tool/main.go:5"},
		{"built with -trimpath at the root", "main.main", "main.go", 5, "", "main.go:5"},
		{"no line", "main.main", "main.go", 0, "", "main.go"},
		{"no file", "main.main", "", 5, "", ""},
		{"an @ without folder", "m.f", "b@v1/x.go", 1, "", "b@v1/x.go:1"},
	} {
		if got := Place(c.function, c.file, c.line, c.module); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]float64{
		"512MiB": 512 << 20, "1.5GB": 1.5e9, "64": 64, "64B": 64, " 2 KiB ": 2048, "1Gi": 1 << 30, "1kb": 1000, "0": 0, "0.5": 0.5,
	} {
		if got, err := ParseBytes(in); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1M", "1 MiBs", "1e400", "NaN", "Inf", "9999999TiB", "1.2.3"} {
		if got, err := ParseBytes(in); err == nil {
			t.Errorf("ParseBytes(%q) = %v, want an error", in, got)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"512MiB", "1.5GB", "64", "-1", "1e9", "0x10", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseBytes(s); err == nil && !(v >= 0 && v < 1<<63) {
			t.Errorf("ParseBytes(%q) = %v: not a number of bytes", s, v)
		}
	})
}
