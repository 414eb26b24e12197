package stats

import (
	"cmp"
	"math"
	"slices"
)

// Kendall is the result of the Mann–Kendall trend test.
type Kendall struct {
	S   int     // concordant minus discordant pairs
	Tau float64 // S over the number of pairs that are not tied, in [-1, 1]; 0 when all are tied
	P   float64 // one-sided: P(S' ≥ S) for exchangeable values
	N   int
}

// exactKendall is the length up to which the null distribution is computed
// exactly. Beyond it the normal approximation errs to the safe side: at
// P = 1e-4 it is about 20 % too large (tested at 81), for the null distribution
// has shorter tails than the normal one.
const exactKendall = 80

// MannKendall tests y, in order, for an upward trend (Mann, Econometrica 13,
// 1945; Kendall, Rank Correlation Methods, 1975). The null hypothesis is that
// the values are exchangeable: autocorrelation is not accounted for, so it is
// one gate among several.
//
// Up to 80 values the distribution of S is exact, ties included: the number of
// discordant pairs of a random arrangement of groups of equal values is the sum
// of independent Mann–Whitney statistics of each group against those before it.
// Beyond, S is taken as normal with Var = [n(n−1)(2n+5) − Σ t(t−1)(2t+5)]/18
// over tie groups t, and a continuity correction. Fewer than 2 values, all
// equal ones, or a NaN among them give S = 0 and P = 1. O(n²) pairs; the exact
// distribution takes O(n³) without ties, O(n⁴) in the worst case with them.
func MannKendall(y []float64) Kendall {
	n := len(y)
	k := Kendall{N: n, P: 1}
	if slices.ContainsFunc(y, math.IsNaN) {
		return k
	}
	pairs := 0
	for i := range y {
		for j := i + 1; j < n; j++ {
			if c := cmp.Compare(y[j], y[i]); c != 0 {
				k.S += c
				pairs++
			}
		}
	}
	if pairs == 0 {
		return k
	}
	k.Tau = float64(k.S) / float64(pairs)
	groups := tieGroups(y)
	if n <= exactKendall {
		k.P = exactTail(groups, pairs, k.S)
		return k
	}
	f := float64(n)
	v := f * (f - 1) * (2*f + 5)
	for _, t := range groups {
		g := float64(t)
		v -= g * (g - 1) * (2*g + 5)
	}
	k.P = NormalCDF(-(float64(k.S) - 1) / math.Sqrt(v/18))
	return k
}

// exactTail is P(S' ≥ s) over all arrangements of groups of equal values, of
// which pairs pairs are not tied. With D the number of discordant pairs,
// S = pairs − 2D, and D is symmetric about pairs/2, so only its lower tail is
// ever needed: a strong trend costs little and keeps its relative precision.
func exactTail(groups []int, pairs, s int) float64 {
	d := (pairs - s) / 2
	if s > 0 {
		return math.Min(1, sum(discordance(groups, d)))
	}
	return 1 - math.Min(1, sum(discordance(groups, pairs-d-1))) // P(D ≤ d) = 1 − P(D ≤ pairs−d−1)
}

// tieGroups returns the sizes of the groups of equal values.
func tieGroups(y []float64) []int {
	s := slices.Sorted(slices.Values(y))
	var g []int
	for i, v := range s {
		if i == 0 || v != s[i-1] {
			g = append(g, 0)
		}
		g[len(g)-1]++
	}
	return g
}

// discordance is the distribution of the number of discordant pairs over all
// arrangements of groups of equal values: the probabilities of 0 … limit.
func discordance(groups []int, limit int) []float64 {
	if limit < 0 {
		return nil
	}
	dist := []float64{1}
	before := 0
	for _, t := range groups {
		switch {
		case before == 0:
		case t == 1: // uniform on 0…before: the common case, no ties
			dist = convolveUniform(dist, before, limit)
		default:
			dist = convolve(dist, mannWhitney(before, t), limit)
		}
		before += t
	}
	return dist
}

// mannWhitney is the null distribution of U for sample sizes m and t: the
// probabilities of U = 0 … m·t, by
//
//	P(m, t, u) = m/(m+t) P(m−1, t, u−t) + t/(m+t) P(m, t−1, u)
//
// (Mann & Whitney, Ann. Math. Stat. 18, 1947). All terms are positive: nothing
// cancels. O(m²t²).
func mannWhitney(m, t int) []float64 {
	prev := make([][]float64, m+1) // t−1
	for a := range prev {
		prev[a] = []float64{1}
	}
	for b := 1; b <= t; b++ {
		cur := make([][]float64, m+1)
		cur[0] = []float64{1}
		for a := 1; a <= m; a++ {
			p := make([]float64, a*b+1)
			fa, fb := float64(a)/float64(a+b), float64(b)/float64(a+b)
			for u, v := range cur[a-1] {
				p[u+b] += fa * v
			}
			for u, v := range prev[a] {
				p[u] += fb * v
			}
			cur[a] = p
		}
		prev = cur
	}
	return prev[m]
}

// convolve returns the first limit+1 probabilities of the sum.
func convolve(a, b []float64, limit int) []float64 {
	out := make([]float64, min(len(a)+len(b)-1, limit+1))
	for i, x := range a {
		for j := 0; j < len(b) && i+j < len(out); j++ {
			out[i+j] += x * b[j]
		}
	}
	return out
}

// convolveUniform is convolve with the uniform distribution on 0…m, by a
// running sum of the last m+1 probabilities.
func convolveUniform(a []float64, m, limit int) []float64 {
	out := make([]float64, min(len(a)+m, limit+1))
	before := make([]float64, len(a)+1) // before[i] = a[0] + … + a[i−1]
	for i, x := range a {
		before[i+1] = before[i] + x
	}
	for u := range out {
		out[u] = (before[min(u+1, len(a))] - before[max(0, u-m)]) / float64(m+1)
	}
	return out
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}
