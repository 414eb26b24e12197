package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseBytes reads "512MiB", "1.5GB", "64" or "64B". KB, MB, … are powers of
// 1000, KiB, MiB, … (also Ki, Mi, …) of 1024; a bare K or M could be either
// and is refused.
func ParseBytes(s string) (float64, error) {
	s = strings.TrimSpace(s)
	i := len(s)
	for i > 0 && (s[i-1] < '0' || s[i-1] > '9') && s[i-1] != '.' {
		i--
	}
	number, unit := s[:i], strings.TrimSpace(s[i:])
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, fmt.Errorf("%q is not a size: write for example 512MiB, 64B or 64", s)
	}
	scale, ok := unitSize(unit)
	if !ok {
		return 0, fmt.Errorf("%q has an unknown unit %q: use B, KiB, MiB, GiB, TiB or KB, MB, GB, TB", s, unit)
	}
	if v *= scale; v > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is larger than any memory: write for example 512MiB", s)
	}
	return v, nil
}

func unitSize(unit string) (float64, bool) {
	switch strings.ToLower(unit) {
	case "", "b":
		return 1, true
	case "kib", "ki":
		return 1 << 10, true
	case "mib", "mi":
		return 1 << 20, true
	case "gib", "gi":
		return 1 << 30, true
	case "tib", "ti":
		return 1 << 40, true
	case "kb":
		return 1e3, true
	case "mb":
		return 1e6, true
	case "gb":
		return 1e9, true
	case "tb":
		return 1e12, true
	}
	return 0, false
}
