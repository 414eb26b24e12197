package stats

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// P(S ≥ s) without ties: Kendall, Rank Correlation Methods, 1975, appendix
// table 1 (also Hollander & Wolfe, Nonparametric Statistical Methods, A.30).
func TestMannKendallAgreesWithKendallsTable(t *testing.T) {
	t.Parallel()
	for n, row := range map[int]map[int]string{
		4:  {0: ".625", 2: ".375", 4: ".167", 6: ".042"},
		5:  {0: ".592", 2: ".408", 4: ".242", 6: ".117", 8: ".042", 10: ".0083"},
		6:  {1: ".500", 3: ".360", 5: ".235", 7: ".136", 9: ".068", 11: ".028", 13: ".0083", 15: ".0014"},
		7:  {1: ".500", 9: ".119", 11: ".068", 13: ".035", 15: ".015", 17: ".0054", 19: ".0014", 21: ".00020"},
		8:  {0: ".548", 8: ".199", 14: ".054", 18: ".016", 20: ".0071", 24: ".00087", 28: ".000025"},
		9:  {2: ".460", 14: ".090", 18: ".038", 22: ".012", 28: ".0012", 34: ".000025", 36: ".0000028"},
		10: {1: ".500", 19: ".054", 27: ".0083", 33: ".0011", 39: ".000058", 45: ".00000028"},
	} {
		for s, want := range row {
			y := withS(n, s)
			k := MannKendall(y)
			if k.S != s || k.N != n {
				t.Fatalf("the series made for n = %d, S = %d has n = %d, S = %d: %v", n, s, k.N, k.S, y)
			}
			var p float64
			fmt.Sscan(want, &p)
			last := math.Pow(10, -float64(len(want)-1)) // half a unit of the printed last digit, and some
			if math.Abs(k.P-p) > .51*last {
				t.Errorf("n = %d, S = %d: P = %.3g, the table has %s", n, s, k.P, want)
			}
		}
	}
}

// withS makes a permutation of n values with S = s by adjacent swaps.
func withS(n, s int) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = float64(i)
	}
	discordant := (n*(n-1)/2 - s) / 2
	for i := n - 1; discordant > 0; i-- { // move value i down as far as needed
		at := slices.Index(y, float64(i))
		for ; at > 0 && discordant > 0; at-- {
			if y[at-1] > y[at] {
				break
			}
			y[at-1], y[at] = y[at], y[at-1]
			discordant--
		}
	}
	return y
}

// Every pattern of ties of up to 7 values, every arrangement counted.
func TestMannKendallWithTiesAgreesWithEnumeration(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 7; n++ {
		for pattern := range 1 << (n - 1) { // bit i: value i+1 differs from value i
			y := make([]float64, n)
			for i := 1; i < n; i++ {
				y[i] = y[i-1] + float64(pattern>>(i-1)&1)
			}
			counts, total := map[int]int{}, 0
			arrange(slices.Clone(y), 0, func(p []float64) {
				counts[score(p)]++
				total++
			})
			checked := map[int]bool{}
			arrange(slices.Clone(y), 0, func(p []float64) {
				s := score(p)
				if checked[s] {
					return
				}
				checked[s] = true
				atLeast := 0
				for v, c := range counts {
					if v >= s {
						atLeast += c
					}
				}
				want := float64(atLeast) / float64(total)
				if got := MannKendall(p); got.S != s || !(math.Abs(got.P-want) <= 1e-12) {
					t.Errorf("MannKendall(%v) = S %d, P %.12g; enumeration has S %d, P %.12g", p, got.S, got.P, s, want)
				}
			})
		}
	}
}

// arrange visits all orders of y, equal values told apart (which weighs each
// distinct arrangement alike).
func arrange(y []float64, from int, visit func([]float64)) {
	if from == len(y) {
		visit(y)
		return
	}
	for i := from; i < len(y); i++ {
		y[from], y[i] = y[i], y[from]
		arrange(y, from+1, visit)
		y[from], y[i] = y[i], y[from]
	}
}

func score(y []float64) int {
	s := 0
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			switch {
			case y[j] > y[i]:
				s++
			case y[j] < y[i]:
				s--
			}
		}
	}
	return s
}

// P(U ≤ u), Mann & Whitney 1947, table I.
func TestMannWhitneyAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	for size, want := range map[int][]float64{
		3: {.050, .100, .200, .350, .500, .650},
		4: {.014, .029, .057, .100, .171, .243, .343, .443, .557},
		5: {.004, .008, .016, .028, .048, .075, .111, .155, .210, .274, .345, .421, .500, .579},
	} {
		d := mannWhitney(size, size)
		near(t, fmt.Sprintf("total for %d and %d", size, size), sum(d), 1, 1e-14)
		for u, p := range want {
			near(t, fmt.Sprintf("P(U ≤ %d) for %d and %d", u, size, size), sum(d[:u+1]), p, .00051)
		}
	}
}

func TestExactTailKeepsItsPrecisionFarOut(t *testing.T) {
	t.Parallel()
	y := withS(20, 190)
	fact := 1.0
	for i := 2.0; i <= 20; i++ {
		fact *= i
	}
	near(t, "twenty rising values, P·20!", MannKendall(y).P*fact, 1, 1e-12)
	y = withS(20, 186) // two discordant pairs: 1 + 19 + 189 arrangements have at most two
	near(t, "two discordant pairs of twenty, P·20!", MannKendall(y).P*fact, 1+19+189, 1e-9)
	y[0], y[1] = 0, 0 // a tie takes the relative precision of another path
	if p := MannKendall(y).P; !(p > 0 && p < 1e-14) {
		t.Errorf("P with a tie = %g, want a small number that is not 0", p)
	}
}

func TestNormalApproximationTakesOverOnTheSafeSide(t *testing.T) {
	t.Parallel()
	for _, n := range []int{79, 80, 81} {
		groups := slices.Repeat([]int{1}, n)
		pairs := n * (n - 1) / 2
		sigma := math.Sqrt(float64(n*(n-1)*(2*n+5)) / 18)
		for _, z := range []float64{.5, 1.3, 2.3, 3.1, 3.7} {
			s := int(z * sigma)
			s += (pairs - s) % 2
			exact := exactTail(groups, pairs, s)
			normal := NormalCDF(-(float64(s) - 1) / sigma)
			if r := normal / exact; !(r > .99 && r < 1.25) {
				t.Errorf("n = %d, z = %.1f: normal %.3g over exact %.3g = %.3f", n, z, normal, exact, r)
			}
		}
	}
	// The public function against the exact distribution, ties or none.
	for _, levels := range []int{0, 40, 4, 2} {
		r := rand.New(rand.NewPCG(3, uint64(levels)))
		y := make([]float64, 81)
		for i := range y {
			y[i] = r.Float64() + float64(i)/500
			if levels > 0 {
				y[i] = math.Floor(y[i] * float64(levels))
			}
		}
		k := MannKendall(y)
		pairs := int(math.Round(float64(k.S) / k.Tau))
		exact := exactTail(tieGroups(y), pairs, k.S)
		if q := k.P / exact; !(exact < .2 && q > .99 && q < 1.25) {
			t.Errorf("81 values on %d levels, S = %d: P = %.4g, exactly %.4g", levels, k.S, k.P, exact)
		}
	}
}

func TestMannKendallEdges(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		y    []float64
		want Kendall
	}{
		{"nothing", nil, Kendall{P: 1}},
		{"one value", []float64{3}, Kendall{P: 1, N: 1}},
		{"two rising values", []float64{1, 2}, Kendall{S: 1, Tau: 1, P: .5, N: 2}},
		{"two falling values", []float64{2, 1}, Kendall{S: -1, Tau: -1, P: 1, N: 2}},
		{"all equal", []float64{5, 5, 5, 5}, Kendall{P: 1, N: 4}},
		{"a NaN proves nothing and ends", []float64{1, 2, nan, 4}, Kendall{P: 1, N: 4}},
		{"infinities have an order", []float64{-inf, 0, inf}, Kendall{S: 3, Tau: 1, P: 1. / 6, N: 3}},
	} {
		got := MannKendall(c.y)
		if got.S != c.want.S || got.N != c.want.N || math.Abs(got.Tau-c.want.Tau) > 1e-15 || math.Abs(got.P-c.want.P) > 1e-15 {
			t.Errorf("%s: MannKendall(%v) = %+v, want %+v", c.name, c.y, got, c.want)
		}
	}
}

// checkKendall holds what is true of every series.
func checkKendall(t *testing.T, y []float64) {
	t.Helper()
	k := MannKendall(y)
	if !(k.P >= 0 && k.P <= 1) || !(math.Abs(k.Tau) <= 1) || k.N != len(y) {
		t.Fatalf("MannKendall(%v) = %+v", y, k)
	}
	if len(y) > 1 && k.S != 0 && !(k.P > 0) && len(y) < 40 {
		t.Fatalf("MannKendall(%v): P = %g of a possible arrangement", y, k.P)
	}
	back := slices.Clone(y)
	slices.Reverse(back)
	if r := MannKendall(back); r.S != -k.S || r.Tau != -k.Tau {
		t.Fatalf("reversed in time: S %d, tau %g; forward S %d, tau %g", r.S, r.Tau, k.S, k.Tau)
	}
	ranks := make([]float64, len(y)) // any increasing transformation
	for i, v := range y {
		for _, o := range y {
			if o < v {
				ranks[i]++
			}
		}
	}
	if r := MannKendall(ranks); r != k {
		t.Fatalf("by ranks %+v, by values %+v", r, k)
	}
}

func TestMannKendallInvariants(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for n := range 100 {
		y := make([]float64, n)
		for i := range y {
			if n%2 == 0 {
				y[i] = float64(r.IntN(1 + n/3))
			} else {
				y[i] = r.NormFloat64()
			}
		}
		checkKendall(t, y)
	}
}

func FuzzMannKendall(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 3, 0})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		checkKendall(t, values(data, 100))
	})
}

// values reads at most limit numbers of moderate size, ties likely.
func values(data []byte, limit int) []float64 {
	var y []float64
	for ; len(data) >= 2 && len(y) < limit; data = data[2:] {
		v := int16(binary.LittleEndian.Uint16(data))
		y = append(y, float64(v>>4)*math.Pow(10, float64(v&15)-4))
	}
	return y
}
