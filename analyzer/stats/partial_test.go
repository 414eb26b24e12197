package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Longley's data (JASA 62, 1967) as NIST's Statistical Reference Datasets certify it:
// six regressors that are nearly collinear.
func TestPartialOnLongley(t *testing.T) {
	rows := [][7]float64{
		{60323, 83.0, 234289, 2356, 1590, 107608, 1947}, {61122, 88.5, 259426, 2325, 1456, 108632, 1948},
		{60171, 88.2, 258054, 3682, 1616, 109773, 1949}, {61187, 89.5, 284599, 3351, 1650, 110929, 1950},
		{63221, 96.2, 328975, 2099, 3099, 112075, 1951}, {63639, 98.1, 346999, 1932, 3594, 113270, 1952},
		{64989, 99.0, 365385, 1870, 3547, 115094, 1953}, {63761, 100.0, 363112, 3578, 3350, 116219, 1954},
		{66019, 101.2, 397469, 2904, 3048, 117388, 1955}, {67857, 104.6, 419180, 2822, 2857, 118734, 1956},
		{68169, 108.4, 442769, 2936, 2798, 120445, 1957}, {66513, 110.8, 444546, 4681, 2637, 121950, 1958},
		{68655, 112.6, 482704, 3813, 2552, 123366, 1959}, {69564, 114.2, 502601, 3931, 2514, 125368, 1960},
		{69331, 115.7, 518173, 4806, 2572, 127852, 1961}, {70551, 116.9, 554894, 4007, 2827, 130081, 1962},
	}
	certified := [][2]float64{
		{15.0618722713733, 84.9149257747669}, {-0.0358191792925910, 0.0334910077722432}, {-2.02022980381683, 0.488399681651699},
		{-1.03322686717359, 0.214274163161675}, {-0.0511041056535807, 0.226073200069370}, {1829.15146461355, 455.478499142212},
	}
	var columns [7][]float64
	for _, r := range rows {
		for i, v := range r {
			columns[i] = append(columns[i], v)
		}
	}
	for i, want := range certified {
		var others [][]float64
		for k := 1; k < 7; k++ {
			if k != i+1 {
				others = append(others, columns[k])
			}
		}
		c := Partial(columns[0], columns[i+1], others...)
		if math.Abs(c.B/want[0]-1) > 1e-9 || math.Abs(c.SE/want[1]-1) > 1e-9 || c.DF != 9 {
			t.Errorf("coefficient %d: %+v, certified %v", i+1, c, want)
		}
	}
}

func TestPartialTellsWhatTheOthersDoNot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 40
	x, z, y := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = float64(i)
		z[i] = math.Min(x[i], 20) // flat from the middle on
		y[i] = 3*x[i] + 50*z[i] + r.NormFloat64()
	}
	if c := Partial(y, x, z); math.Abs(c.B-3) > 5*c.SE || c.SE > 0.1 || c.P() > 1e-9 || c.Own < 0.1 || c.Own > 0.4 {
		t.Errorf("%+v, want 3", c)
	}
	for i := range y {
		y[i] -= 3 * x[i]
	}
	if c := Partial(y, x, z); c.P() < 1e-3 {
		t.Errorf("%+v, p %.3g: nothing of y is x's", c, c.P())
	}
	if c := Partial(y, x, x); !math.IsNaN(c.SE) || c.P() != 1 {
		t.Errorf("x beside itself: %+v", c)
	}
	if c := Partial(y[:3], x[:3], z[:3], y[:3]); c.P() != 1 {
		t.Errorf("no degree of freedom: %+v", c)
	}
	// The same over a line, to the last digits, and P as the line has it.
	l, _ := FitLine(x, y)
	if c := Partial(y, x); math.Abs(c.B/l.Slope-1) > 1e-12 || math.Abs(c.SE/l.SE-1) > 1e-12 || c.DF != n-2 || c.Own != 1 {
		t.Errorf("%+v, the line %+v", c, l)
	}
}
