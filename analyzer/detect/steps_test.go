package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func TestStairsAgainstALine(t *testing.T) {
	t.Parallel()
	steps := func(k int) func(float64) float64 {
		return func(u float64) float64 { return math.Min(float64(k), math.Floor(u*float64(k+1))) / float64(k) }
	}
	for _, c := range []struct {
		name string
		y    []float64
		want bool
	}{
		{"a line", curve(20, 0, linear(1)), false},
		{"a line in noise, ten standard deviations over 40", curve(40, 0.1, linear(1)), false},
		{"a bend", curve(20, 0.01, func(u float64) float64 { return u * u }), false},
		{"one step", curve(20, 0.05, steps(1)), true},
		{"one step, few values", curve(6, 0.05, steps(1)), true},
		{"two steps", curve(20, 0.05, steps(2)), true},
		{"three steps", curve(40, 0.05, steps(3)), true},
		{"three steps without noise", curve(40, 0, steps(3)), true},
		{"ten steps are a line", curve(40, 0.05, steps(10)), false},
		{"too few values to tell", curve(5, 0, steps(1)), false},
	} {
		u := curve(len(c.y), 0, linear(1))
		l, err := stats.FitLine(u, c.y)
		if err != nil {
			t.Fatal(err)
		}
		if got := stepsGain(c.y, l.RSS) < 0; got != c.want {
			t.Errorf("%s: steps explain it: %v, want %v", c.name, got, c.want)
		}
		// Neither an offset nor a unit matters.
		moved := make([]float64, len(c.y))
		for i, v := range c.y {
			moved[i] = 1e9 + 1e5*v
		}
		if m, err := stats.FitLine(u, moved); err != nil || stepsGain(moved, m.RSS) < 0 != c.want && l.RSS > 1e-9 {
			t.Errorf("%s: moved and scaled it is judged otherwise (%v)", c.name, err)
		}
	}
}

// Of 0, 0, 1, 1, 5, 5: the best single step is before the last two, and leaves
// four values about ½; two steps leave nothing.
func TestStaircases(t *testing.T) {
	t.Parallel()
	got := staircases([]float64{0, 0, 1, 1, 5, 5}, 2)
	if math.Abs(got[0]-1) > 1e-12 || math.Abs(got[1]) > 1e-12 {
		t.Errorf("residual sums %v, want 1 and 0", got)
	}
}

func TestOutlyingSnapshotsDoNotMoveTheBound(t *testing.T) {
	t.Parallel()
	u := curve(14, 0, linear(1400))
	with := func(at ...int) []float64 {
		y := curve(14, 500, linear(0))
		for _, i := range at {
			y[i] += 80_000
		}
		return y
	}
	for _, c := range []struct {
		name  string
		y     []float64
		ok    bool
		below float64 // the bound, where ok
	}{
		{"a request's buffers in one snapshot", with(9), true, 3},
		{"in the last", with(13), true, 3},
		{"in three", with(0, 1, 10), true, 5},
		{"nothing outlying", with(), false, 0},
		{"a new level that has just begun", with(12, 13), false, 0},
		{"too many to be outlying", with(1, 4, 7, 10), false, 0},
		{"growth stays growth", func() []float64 {
			y := with(9)
			for i := range y {
				y[i] += 100 * u[i]
			}
			return y
		}(), true, 103},
	} {
		r, ok := withoutOutliers(u, c.y)
		if ok != c.ok || ok && (r.upper > c.below || r.upper < r.slope) {
			t.Errorf("%s: %+v, %v; want %v and a bound below %v", c.name, r, ok, c.ok, c.below)
		}
		if c.name == "growth stays growth" && r.upper < 100 {
			t.Errorf("%s: the bound %v is below the true 100", c.name, r.upper)
		}
	}
	if _, ok := withoutOutliers(u[:11], with(9)[:11]); ok {
		t.Error("eleven snapshots are too few to say what is calm")
	}
}
