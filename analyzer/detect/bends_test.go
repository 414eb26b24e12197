package detect

import (
	"math"
	"slices"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// A curve that slows down all the time is no line; a line with a warm-up is one, and
// one reading that found buffers in use changes neither.
func TestCurvesAndLines(t *testing.T) {
	t.Parallel()
	power := func(c float64) func(float64) float64 {
		return func(u float64) float64 { return 1e6 * math.Pow(u, c) }
	}
	outlier := func(y []float64) []float64 {
		y[len(y)/2] += 3e5
		return y
	}
	for _, c := range []struct {
		name     string
		y        []float64
		straight bool
	}{
		{"a line", curve(20, 1e4, linear(1e6)), true},
		{"a square root", curve(20, 1e4, power(0.5)), false},
		{"a power of 0.8", curve(20, 1e4, power(0.8)), false},
		{"a power of 0.9 in little noise", curve(40, 2e3, power(0.9)), false},
		{"a power of 0.9 in noise that hides it", curve(20, 8e4, power(0.9)), true},
		{"growth that speeds up", curve(20, 1e4, power(1.3)), true},
		{"a power of 0.8 and an outlier", outlier(curve(20, 1e4, power(0.8))), false},
		{"a line after a warm-up", curve(20, 2e3, func(u float64) float64 { return 9e5*u + 1e5*(1-math.Exp(-10*u)) }), true},
		{"a line after a jump", curve(20, 1e4, func(u float64) float64 { return 9e5*u + 1e5*math.Min(1, 20*u) }), true},
	} {
		u := curve(len(c.y), 0, linear(3000))
		e := measureExact(u, c.y, 0, math.NaN())
		if !e.Straight.Asked() || e.Straight.Passed != c.straight {
			t.Errorf("%s: %+v, exponent %+v; want straight %v", c.name, e.Straight, e.Exponent, c.straight)
		}
	}
	if e := measureExact(curve(6, 0, linear(3000)), curve(6, 1e3, power(0.5)), 0, math.NaN()); e.Straight.Asked() {
		t.Errorf("six snapshots are asked for a curve: %+v", e.Straight)
	}
}

// An S and growth by many steps end flat, though their halves grow alike and no line
// predicts the end; growth that speeds up goes on.
func TestEndsThatNoLinePredicts(t *testing.T) {
	t.Parallel()
	stairs := func(u float64) float64 { return 2e5 * math.Min(5, math.Floor(u/0.16)) }
	for _, c := range []struct {
		name string
		y    []float64
		want Code
	}{
		{"half a wave, from trough to crest", curve(40, 1e4, func(u float64) float64 { return -5e5 * math.Cos(math.Pi*u) }), Fades},
		{"half a wave in noise that hides it", curve(40, 3e5, func(u float64) float64 { return -5e5 * math.Cos(math.Pi*u) }), ""},
		{"a quarter of a wave from its trough", curve(40, 1e4, func(u float64) float64 { return -1e6 * math.Cos(math.Pi/2*u) }), ""},
		{"steps that end", curve(36, 1e3, stairs), FlatAtEnd},
		{"a line", curve(40, 1e4, linear(1e6)), ""},
	} {
		e := measureExact(curve(len(c.y), 0, linear(3000)), c.y, 0, math.NaN())
		if e.Slackens.Code != c.want || e.GoesOn.Passed != (c.want == "") {
			t.Errorf("%s: %+v, %+v; want %q", c.name, e.GoesOn, e.Slackens, c.want)
		}
	}
}

// Growth that begins in the run is a leak since then; what was never flat, stops
// again, or is a step is none.
func TestGrowthThatBeginsInTheRun(t *testing.T) {
	t.Parallel()
	from := func(start float64) func(float64) float64 {
		return func(u float64) float64 { return 1e6 * math.Max(0, u-start) / (1 - start) }
	}
	for _, c := range []struct {
		name  string
		y     []float64
		since int // the snapshot it began at, or the one after; 0: not found
	}{
		{"in the middle", curve(20, 1e4, from(0.5)), 9},
		{"at seven tenths", curve(20, 3e3, from(0.7)), 13},
		{"at seven tenths of many snapshots", curve(40, 2e4, from(0.7)), 27},
		{"too late to be judged", curve(20, 1e3, from(0.85)), 0},
		{"noise alone", curve(20, 1e4, linear(0)), 0},
		{"a step", curve(20, 1e3, func(u float64) float64 { return 1e6 * math.Floor(u+0.4) }), 0},
		{"two steps", curve(20, 1e3, func(u float64) float64 { return 1e6 * (math.Floor(u+0.4) + math.Floor(u+0.2)) }), 0},
		{"a cache that is full again", curve(30, 1e3, func(u float64) float64 { return math.Min(7e5, from(0.5)(u)) }), 0},
		{"slower growth before", curve(20, 1e3, func(u float64) float64 { return 6e5*u + from(0.5)(u) }), 0},
		{"falling before", curve(20, 1e3, func(u float64) float64 { return from(0.5)(u) - 6e5*math.Min(u, 0.5) }), 0},
		{"a wave from its trough", curve(20, 1e4, func(u float64) float64 { return -5e5 * math.Cos(2.5*u) }), 0},
	} {
		u := curve(len(c.y), 0, linear(3000))
		e, ok := measureLate(u, c.y, 0, math.NaN())
		if ok != (c.since > 0) || ok && e.Since != c.since && e.Since != c.since+1 {
			t.Errorf("%s: found %v at snapshot %d, want %d", c.name, ok, e.Since, c.since)
		}
		if rate := 1e6 / 3000 * 2; c.name == "in the middle" && !(e.Growth.Lo < rate && rate < e.Growth.Hi) {
			t.Errorf("%s: %+v per operation, want %.0f in it", c.name, e.Growth, rate)
		}
	}
}

// What the shape of growth says of a whole run.
func TestShapesOfGrowth(t *testing.T) {
	t.Parallel()
	const n = 20
	noisy := func(sd float64, f func(float64) float64) []float64 { return curve(n, sd, f) }
	coupon := func(total float64) func(float64) float64 {
		return func(u float64) float64 { return total * (1 - math.Exp(-2.5*u)) }
	}
	begins := func(total float64) func(float64) float64 {
		return func(u float64) float64 { return total * math.Max(0, u-0.6) / 0.4 }
	}
	run := func(s simulation) simulation {
		s.steady, s.idle, s.drain, s.ops = n, 6, 3, 3000
		return s
	}
	for _, c := range []struct {
		name  string
		s     simulation
		run   RunVerdict
		total string
		says  Code
	}{
		{"a leak that begins in the run", run(simulation{bytes: noisy(1e4, begins(4e6)), objects: noisy(10, begins(4e4))}), RunLeak, series.LiveBytes, GrowsSince},
		{"growth that slows down all the time", run(simulation{
			bytes:   noisy(1e4, func(u float64) float64 { return 2e6 * math.Pow(u, 0.8) }),
			objects: noisy(100, func(u float64) float64 { return 2e4 * math.Pow(u, 0.8) }),
		}), RunInconclusive, series.LiveBytes, Curves},
		{"bytes that slacken beside objects in noise", run(simulation{bytes: noisy(1e4, coupon(2.5e6)), objects: noisy(90, linear(1500))}), RunInconclusive, series.LiveObjects, BytesSlacken},
		{"bytes that slacken beside objects that are shown to go on", run(simulation{bytes: noisy(1e4, coupon(2.5e6)), objects: noisy(5, linear(6000))}), RunLeak, series.LiveObjects, Rises},
		{"bytes in noise beside objects", run(simulation{bytes: noisy(2e6, linear(2e5)), objects: noisy(90, linear(3000))}), RunLeak, series.LiveObjects, Rises},
		{"a cache that is full at nine tenths", run(simulation{bytes: noisy(1e4, fills(3e6, 0.9)), objects: noisy(10, fills(3e3, 0.9))}), RunInconclusive, series.LiveBytes, FlatAtEnd},
		{"full before the last snapshot, as the drain confirms", run(simulation{bytes: noisy(5e3, fills(3e6, 0.95)), objects: noisy(5, fills(3e3, 0.95))}), RunInconclusive, series.LiveBytes, FlatAtEnd},
		{"buffers in flight that the drain lets go", run(simulation{bytes: noisy(1e4, linear(3e6)), objects: noisy(10, linear(3e3)), afterDrain: -4e5}), RunLeak, series.LiveBytes, KeptAfterDrain},
	} {
		res := judge(c.s.run(), DefaultConfig()).res
		x := res.Total(c.total)
		if res.Verdict != c.run || !saysAny(x.Reasons, c.says) {
			t.Errorf("%s: %s, %s %s says %+v; want %s and %s", c.name, res.Verdict, c.total, x.Verdict, x.Reasons, c.run, c.says)
		}
		if c.says == GrowsSince {
			// The run's first snapshot is 6 idle ones before the load, 2 s apart.
			if r := reason(x.Reasons, GrowsSince); r == nil || r.Values.Seconds < 2*(6+11) || r.Values.Seconds > 2*(6+13) {
				t.Errorf("%s: %+v; want about %d s", c.name, r, 2*(6+12))
			}
			if i := x.In(PerOp); !(i.Lo < 4e6/1200 && 4e6/1200 < i.Hi) {
				t.Errorf("%s: %+v per operation since, want %.0f in it", c.name, i, 4e6/1200)
			}
		}
		if e := x.Exponent; c.says == Curves && (e == nil || !(e.Lo < 0.8 && 0.8 < e.Hi && e.Hi < 1)) {
			t.Errorf("%s: exponent %+v, want 0.8 in it and 1 above", c.name, e)
		}
	}
}

// A low reading at the end that the drain does not confirm is no flat end.
func TestTheDrainIsAReadingAtTheLastOperation(t *testing.T) {
	t.Parallel()
	s := simulation{steady: 20, idle: 6, drain: 3, ops: 3000, bytes: curve(20, 1e4, linear(3e6)), objects: curve(20, 10, linear(3e3))}
	for _, i := range []int{18, 19} {
		s.bytes[i], s.objects[i] = s.bytes[17], s.objects[17]
	}
	for _, back := range []float64{0, 3.1e5} {
		low := s
		low.bytes, low.afterDrain = slices.Clone(s.bytes), back
		b := judge(low.run(), DefaultConfig()).res.Total(series.LiveBytes)
		if flat := saysAny(b.Reasons, FlatAtEnd); flat != (back == 0) {
			t.Errorf("%.0f bytes more in the drain: flat %v, %+v", back, flat, b.Reasons)
		}
	}
}
