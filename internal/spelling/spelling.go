// Package spelling guesses what a name that is unknown was meant to be.
package spelling

import "strings"

// Nearest is the candidate that name was probably meant to be: at most two
// edits away and less than half of name, or one that begins with it. Empty
// where none is near.
func Nearest(name string, candidates []string) string {
	best, at := "", 3
	for _, c := range candidates {
		d := Distance(name, c)
		if len(name) >= 3 && strings.HasPrefix(c, name) {
			d = min(d, 2)
		}
		if d < at && 2*d <= len(name) {
			best, at = c, d
		}
	}
	return best
}

// Distance is the number of single-character edits between two names
// (Levenshtein), in time and space of the product of their lengths at most.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
