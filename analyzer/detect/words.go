package detect

import "strconv"

// plural is "1 snapshot", "1,234 snapshots".
func plural(n float64, what string) string {
	if s := number(n); s != "1" {
		return s + " " + what + "s"
	}
	return "1 " + what
}

// number prints a whole number with thousands separators.
func number(n float64) string {
	s := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
