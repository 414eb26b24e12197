package report

import "testing"

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
