package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func steps(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return x
}

// autoregressive is stationary with unit variance; ρ = 1 is a random walk.
func autoregressive(r *rand.Rand, n int, rho float64) []float64 {
	y := make([]float64, n)
	v := r.NormFloat64()
	s := math.Sqrt(1 - rho*rho)
	if rho == 1 {
		s = 1
	}
	for i := range y {
		y[i] = v
		v = rho*v + s*r.NormFloat64()
	}
	return y
}

// births simulates sampled objects of weight w that are born at rate λ a step
// and live for an exponential time of mean life steps, and what a profile
// tells of the noise.
func births(r *rand.Rand, n int, rate, life, w float64) ([]float64, Noise) {
	y := make([]float64, n)
	stay := math.Exp(-1 / life)
	live := poisson(r, rate*life)
	var z Noise
	events := 0
	for i := range y {
		y[i] = w * float64(live)
		z.Live += w * w * float64(live) / float64(n)
		if i == n-1 {
			break
		}
		kept := 0
		for range live {
			if r.Float64() < stay {
				kept++
			}
		}
		fresh := poisson(r, rate*life*(1-stay))     // born and still there
		brief := poisson(r, rate*(1-life*(1-stay))) // born and gone in between
		events += live - kept + fresh + 2*brief
		live = kept + fresh
	}
	z.Turnover = w * w * float64(events) / float64(n-1)
	return y, z
}

func poisson(r *rand.Rand, mean float64) int {
	k, limit := 0, math.Exp(-mean)
	for p := r.Float64(); p > limit; p *= r.Float64() {
		k++
	}
	return k
}

// calibration is how a test behaves on series without growth.
type calibration struct {
	at2, at4 float64 // shares with P ≤ 1e-2 and ≤ 1e-4
	cover    float64 // share of 95 % intervals that contain 0
	above    float64 // share of 95 % upper bounds that are not below 0
}

func calibrate(t *testing.T, runs, n int, next func() ([]float64, Noise)) calibration {
	t.Helper()
	var c calibration
	one := 1 / float64(runs)
	x := steps(n)
	for range runs {
		y, z := next()
		s, err := FitSlope(x, y, z)
		if err != nil {
			t.Fatal(err)
		}
		p := s.P()
		if p <= 1e-2 {
			c.at2 += one
		}
		if p <= 1e-4 {
			c.at4 += one
		}
		if i := s.Interval(.95); i.Lo <= 0 && i.Hi >= 0 {
			c.cover += one
		}
		if s.Upper(.95) >= 0 {
			c.above += one
		}
	}
	return c
}

// The bounds are what FitSlope's table states, plus the simulation's error of
// about three standard deviations.
// Where they are above the nominal level the series is so slow that a longer
// run is the only remedy: see the doc.
func TestSlopeSizeAndCoverageWithoutANoiseModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rho             float64
		n               int
		at2, at4, cover float64
	}{
		{0, 14, .004, .0006, .980}, {0, 20, .005, .0006, .975}, {0, 40, .006, .0010, .965},
		{.5, 14, .015, .0015, .950}, {.5, 20, .016, .0015, .945}, {.5, 40, .015, .0012, .940},
		{.8, 14, .033, .0055, .910}, {.8, 20, .038, .0065, .890}, {.8, 40, .042, .0080, .890},
		{1, 14, .072, .019, .830}, {1, 20, .080, .027, .800}, {1, 40, .105, .042, .755},
	} {
		r := rand.New(rand.NewPCG(21, uint64(c.n)))
		got := calibrate(t, 28000/c.n, c.n, func() ([]float64, Noise) { return autoregressive(r, c.n, c.rho), Noise{} })
		t.Logf("ρ = %.1f, n = %d: %+v", c.rho, c.n, got)
		if got.at2 > c.at2 || got.at4 > c.at4 || got.cover < c.cover || got.above < c.cover {
			t.Errorf("ρ = %.1f, n = %d: %+v, want at most %g at 1e-2 and %g at 1e-4, coverage at least %g", c.rho, c.n, got, c.at2, c.at4, c.cover)
		}
	}
}

func TestSlopeSizeAndCoverageOfSampledObjects(t *testing.T) {
	t.Parallel()
	for _, life := range []float64{.3, 2, 10, 50} {
		for _, n := range []int{14, 20, 40} {
			r := rand.New(rand.NewPCG(31, uint64(n)))
			got := calibrate(t, 14000/n, n, func() ([]float64, Noise) { return births(r, n, 20/life, life, 524288) })
			t.Logf("lifetime %g steps, n = %d: %+v", life, n, got)
			if got.at2 > .018 || got.at4 > .0010 || got.cover < .915 {
				t.Errorf("lifetime %g steps, n = %d: %+v, want at most .018 at 1e-2, .0010 at 1e-4, coverage at least .915", life, n, got)
			}
		}
	}
}

func TestNoiseModelIsTheErrorOfALoneSampledSite(t *testing.T) {
	t.Parallel()
	// Two objects a step, lifetimes of 5 steps: the slopes' spread over many
	// series is what SE says, on the safe side of a factor 2.
	r := rand.New(rand.NewPCG(41, 1))
	var slopes, se []float64
	for range 1000 {
		y, z := births(r, 30, 2, 5, 1)
		s, err := FitSlope(steps(30), y, z)
		if err != nil {
			t.Fatal(err)
		}
		if s.Memory != 1 || s.DF != 28 {
			t.Fatalf("a series with a noise model got Memory %g, DF %g", s.Memory, s.DF)
		}
		slopes, se = append(slopes, s.PerX*s.PerX), append(se, s.SE*s.SE)
	}
	if q := math.Sqrt(Mean(se) / Mean(slopes)); !(q > .95 && q < 2) {
		t.Errorf("standard error over actual spread = %.2f, want .95 … 2", q)
	}
}

func TestPhiTellsScatterThatSamplingDoesNotExplain(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(51, 1))
	x, y := steps(40), autoregressive(r, 40, 0)
	for _, c := range []struct {
		name   string
		z      Noise
		lo, hi float64
	}{
		{"noise of the model's size", Noise{Live: 1, Turnover: 10}, 1, 1.2},
		{"a hundred times the model's variance", Noise{Live: .01, Turnover: .1}, 65, 110},
		{"no model", Noise{}, math.Inf(1), math.Inf(1)},
		{"a model without turnover is none", Noise{Live: 1}, math.Inf(1), math.Inf(1)},
	} {
		s, err := FitSlope(x, y, c.z)
		if err != nil || !(s.Phi >= c.lo && s.Phi <= c.hi) {
			t.Errorf("%s: φ = %g, %v; want %g … %g", c.name, s.Phi, err, c.lo, c.hi)
		}
		if !(s.SE >= .9*s.Line.SE) {
			t.Errorf("%s: SE = %g, below that of independent errors %g", c.name, s.SE, s.Line.SE)
		}
	}
}

func TestSlopesWithoutScatter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		y    []float64
		p    float64
	}{
		{"an exact leak", []float64{0, 2, 4, 6, 8, 10}, 0},
		{"an exact fall", []float64{9, 7, 5, 3, 1}, 1},
		{"nothing moves", []float64{7, 7, 7, 7}, 1},
	} {
		s, err := FitSlope(steps(len(c.y)), c.y, Noise{})
		i := s.Interval(.95)
		if err != nil || s.P() != c.p || i.Hi-i.Lo > 1e-6 || !i.Finite() || s.Upper(.95) < s.PerX {
			t.Errorf("%s: P = %g, interval %v, %v; want P = %g and no width", c.name, s.P(), i, err, c.p)
		}
	}
	var none Slope
	if i := none.Interval(.95); none.P() != 1 || !math.IsInf(none.Upper(.95), 1) || !math.IsInf(i.Lo, -1) || !math.IsInf(i.Hi, 1) {
		t.Errorf("the zero Slope: P = %g, interval %v; want no evidence and no bounds", none.P(), none.Interval(.95))
	}
	hand := Slope{PerX: 3, SE: 1, N: 10}
	near(t, "P without Memory and DF", hand.P(), StudentTail(3, 8), 1e-15)
	near(t, "upper bound without Memory and DF", hand.Upper(.95), 3+1.8595, 1e-3)
}

// checkSlope holds what is true of every series and noise.
func checkSlope(t *testing.T, x, y []float64, z Noise) {
	t.Helper()
	s, err := FitSlope(x, y, z)
	if err != nil {
		return
	}
	p := s.P()
	i := s.Interval(.95)
	if !(p >= 0 && p <= 1) || !Finite(s.PerX, s.SE, s.Memory, s.DF) || math.IsNaN(s.Phi) || !i.Finite() {
		t.Fatalf("FitSlope(%v, %v, %v) = %+v, P = %g, interval %v", x, y, z, s, p, i)
	}
	if !(s.SE >= 0) || !(s.Memory >= 1) || !(s.DF >= 1 && s.DF <= float64(s.N-2)) || !(s.Phi >= 1) {
		t.Fatalf("FitSlope(%v, %v, %v) = %+v out of range", x, y, z, s)
	}
	if !(i.Lo <= s.PerX && s.PerX <= i.Hi) || !(s.Upper(.95) <= i.Hi) {
		t.Fatalf("interval %v, upper bound %g about %g", i, s.Upper(.95), s.PerX)
	}
}

func same(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(math.Abs(a), math.Abs(b))+1e-12 }

func TestFitSlopeInvariants(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(61, 1))
	for n := 3; n < 60; n++ {
		x, y := make([]float64, n), autoregressive(r, n, .4)
		at := 0.0
		for i := range x {
			at += .2 + r.Float64()
			x[i] = at
			y[i] += .05 * at
		}
		for _, z := range []Noise{{}, {Live: .5, Turnover: .3}} {
			checkSlope(t, x, y, z)
			s, _ := FitSlope(x, y, z)
			for _, c := range []struct {
				name   string
				a, b   float64 // x -> a + b·x
				c, d   float64 // y -> c + d·y
				rev    bool
				factor float64 // of the slope
			}{
				{name: "shift of y", b: 1, c: 1e6, d: 1, factor: 1},
				{name: "shift of x", a: 1e6, b: 1, d: 1, factor: 1},
				{name: "scale of y", b: 1, d: 1024, factor: 1024},
				{name: "scale of x", b: 1000, d: 1, factor: 1. / 1000},
				{name: "sign of y", b: 1, d: -1, factor: -1},
				{name: "reversal of time", b: -1, d: 1, rev: true, factor: -1},
			} {
				u, v := slices.Clone(x), slices.Clone(y)
				for i := range u {
					u[i], v[i] = c.a+c.b*x[i], c.c+c.d*y[i]
				}
				if c.rev {
					slices.Reverse(u)
					slices.Reverse(v)
				}
				k := Noise{Live: z.Live * c.d * c.d, Turnover: z.Turnover * c.d * c.d / math.Abs(c.b)}
				g, err := FitSlope(u, v, k)
				p := g.P()
				if c.factor < 0 {
					p = 1 - p
				}
				if err != nil || !same(g.PerX, s.PerX*c.factor) || !same(g.SE, s.SE*math.Abs(c.factor)) ||
					!same(g.Memory, s.Memory) || !same(g.DF, s.DF) || !same(g.Phi, s.Phi) && !math.IsInf(s.Phi, 1) || math.Abs(p-s.P()) > 1e-6 {
					t.Fatalf("n = %d, noise %v, %s: %+v, P = %g, %v; want %+v times %g, P = %g", n, z, c.name, g, p, err, s, c.factor, s.P())
				}
			}
		}
	}
}

func FuzzFitSlope(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 3, 0, 9, 9}, 0., 0.)
	f.Add([]byte{1, 0, 2, 0, 3, 0, 9, 9, 0, 0, 7, 1}, 1., 2.)
	f.Fuzz(func(t *testing.T, data []byte, live, turnover float64) {
		if !Finite(live, turnover) || math.Abs(live) > 1e12 || math.Abs(turnover) > 1e12 {
			return
		}
		v := values(data, 120)
		n := len(v) / 2
		x, y := v[:n], v[n:2*n]
		slices.Sort(x)
		checkSlope(t, x, y, Noise{Live: live, Turnover: turnover})
		if p := BlockTest(x, y); !(p >= 0 && p <= 1) {
			t.Fatalf("BlockTest(%v, %v) = %g", x, y, p)
		}
		if d := Dejump(y); len(d) != len(y) || !Finite(d...) {
			t.Fatalf("Dejump(%v) = %v", y, d)
		}
	})
}
