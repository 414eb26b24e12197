package harness

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPacersCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		pacer Pacer
		over  time.Duration
		want  int64 // arrivals intended in [0, over)
	}{
		{"a constant rate gives rate times seconds", Constant(200), 30 * time.Second, 6000},
		{"half an arrival a second is one every two seconds", Constant(0.5), 10 * time.Second, 5},
		{"a rate that is no binary fraction does not drift", Constant(0.1), 100 * time.Hour, 36000},
		{"a million a second for an hour", Constant(1e6), time.Hour, 3.6e9},
		{"a third of a million a second does not drift", Constant(1e6 / 3.0), 3 * time.Hour, 3.6e9},
		{"rate zero never arrives", Constant(0), time.Hour, 0},
		{"a ramp gives the mean rate times seconds", Ramp{50, 400, 60 * time.Second}, 60 * time.Second, 13500},
		{"a ramp from zero begins with one at once", Ramp{0, 100, 10 * time.Second}, 10 * time.Second, 500},
		{"a falling ramp gives the same", Ramp{400, 50, 60 * time.Second}, 60 * time.Second, 13500},
		{"a ramp to zero comes to its end", Ramp{100, 0, 10 * time.Second}, time.Hour, 500},
		{"half of a ramp", Ramp{0, 100, 10 * time.Second}, 5 * time.Second, 125},
		{"a ramp stays at its last rate", Ramp{0, 100, 10 * time.Second}, 20 * time.Second, 1500},
		{"a flat ramp is constant", Ramp{7, 7, 10 * time.Second}, 10 * time.Second, 70},
		{"a ramp without time is its last rate", Ramp{5, 10, 0}, 10 * time.Second, 100},
		{"steps give each rate its part of the time", Steps{[]float64{100, 200, 400}, 30 * time.Second}, 30 * time.Second, 7000},
		{"within the second step", Steps{[]float64{100, 200, 400}, 30 * time.Second}, 15 * time.Second, 2000},
		{"the last step goes on", Steps{[]float64{100, 200}, 20 * time.Second}, 30 * time.Second, 5000},
		{"a step may be a pause", Steps{[]float64{100, 0, 100}, 30 * time.Second}, 30 * time.Second, 2000},
		{"no arrivals in the pause", Steps{[]float64{100, 0, 100}, 30 * time.Second}, 19 * time.Second, 1000},
		{"a last step of zero ends it", Steps{[]float64{100, 0}, 20 * time.Second}, time.Hour, 1000},
		{"no steps, no arrivals", Steps{}, time.Hour, 0},
		{"random arrivals come as many as the rate says, by the block", NewPoisson(Rate{From: 4096, To: 4096}, 0, 1), 10 * time.Second, 40960},
		{"random arrivals along steps", NewPoisson(Rate{From: 4096, To: 8192, Steps: []float64{4096, 8192}}, 4*time.Second, 7), 4 * time.Second, 24576},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := due(c.pacer, c.over-1, 0); got != c.want {
				t.Errorf("%T has %d arrivals in %v, want %d", c.pacer, got, c.over, c.want)
			}
		})
	}
}

func TestPacersIntendedTimeDoesNotDependOnWhenOneAsks(t *testing.T) {
	t.Parallel()
	for _, p := range []Pacer{
		Constant(333), Ramp{10, 500, time.Minute}, Ramp{500, 10, time.Minute},
		Steps{[]float64{10, 0, 500, 3}, time.Minute}, NewPoisson(Rate{From: 10, To: 500}, time.Minute, 3),
	} {
		last := time.Duration(-1)
		for n := range int64(5000) {
			at := intended(p, n)
			if at < last {
				t.Fatalf("%T: arrival %d is intended at %v, before the one before at %v", p, n, at, last)
			}
			last = at
			for _, elapsed := range []time.Duration{0, at, time.Hour} {
				if wait, stop := p.Pace(elapsed, n); stop || elapsed+wait != at {
					t.Fatalf("%T: arrival %d at %v: wait %v, stop %v; want wait %v", p, n, elapsed, wait, stop, at-elapsed)
				}
			}
		}
	}
}

func TestRampFollowsItsIntegral(t *testing.T) {
	t.Parallel()
	r := Ramp{From: 50, To: 400, Over: time.Minute}
	for n := int64(1); n < 13500; n += 97 {
		at := intended(r, n).Seconds()
		if got := 50*at + (400-50)/60.0*at*at/2; math.Abs(got-float64(n)) > 1e-5 {
			t.Errorf("arrival %d is intended at %.9f s, where the integral of the rate is %.6f", n, at, got)
		}
	}
}

func TestDueAgreesWithAskingOneByOne(t *testing.T) {
	t.Parallel()
	p := Ramp{From: 3, To: 900, Over: 20 * time.Second}
	var sent int64
	for elapsed := time.Duration(0); elapsed < 25*time.Second; elapsed += 37 * time.Millisecond {
		want := sent
		for {
			if wait, stop := p.Pace(elapsed, want); stop || wait > 0 {
				break
			}
			want++
		}
		if got := due(p, elapsed, sent); got != want {
			t.Fatalf("at %v with %d sent: due says %d, one by one %d", elapsed, sent, got, want)
		}
		sent = want
	}
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want Rate
		err  string
	}{
		{in: "200", want: Rate{From: 200, To: 200}},
		{in: "0.5", want: Rate{From: 0.5, To: 0.5}},
		{in: "50..400", want: Rate{From: 50, To: 400}},
		{in: "400..50", want: Rate{From: 400, To: 50}},
		{in: "100,200,400", want: Rate{From: 100, To: 400, Steps: []float64{100, 200, 400}}},
		{in: "5, 0, 5", want: Rate{From: 5, To: 5, Steps: []float64{5, 0, 5}}},
		{in: "1..2..3", err: "want arrivals"},
		{in: "1,2..3", err: "want arrivals"},
		{in: "1,", err: "want arrivals"},
		{in: "1,-2", err: "zero or more"},
		{in: "0", want: Rate{}},
		{in: "1e3", want: Rate{From: 1000, To: 1000}},
		{in: "", err: "want arrivals per second"},
		{in: "fast", err: "want arrivals per second"},
		{in: "50..", err: "want arrivals per second"},
		{in: "1..2..3", err: "want arrivals per second"},
		{in: "-1", err: "zero or more"},
		{in: "NaN", err: "zero or more"},
		{in: "Inf", err: "lower rate"},
		{in: "1e9", err: "lower rate"},
	} {
		got, err := ParseRate(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("ParseRate(%q) = %v, %v; want an error with %q", c.in, got, err, c.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", c.in, got, err, c.want)
		}
		if again, err := ParseRate(got.String()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q is printed as %q, which reads as %v, %v", c.in, got.String(), again, err)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"200", "0.5", "50..400", "..", "1e309", "1,2,0,3", "-0", "0x1p-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRate(s)
		if err != nil {
			return
		}
		if err := r.validate(); err != nil {
			t.Fatalf("ParseRate(%q) = %v, which is not valid: %v", s, r, err)
		}
		p, last := r.Pacer(10*time.Second), time.Duration(0)
		for n := range int64(50) {
			wait, stop := p.Pace(0, n)
			if stop {
				break
			}
			if wait < last {
				t.Fatalf("rate %v: arrival %d at %v, the one before at %v", r, n, wait, last)
			}
			last = wait
		}
	})
}

// The gaps of a Poisson process are exponential: mean and deviation are 1/rate,
// and e^-1 of them are longer than that. Seeds matter, and nothing else.
func TestRandomArrivalsAreRandomAndRepeatable(t *testing.T) {
	t.Parallel()
	const n = 5 * poissonBlock
	rate := Rate{From: 1000, To: 1000}
	a, b, other := NewPoisson(rate, 0, 1), NewPoisson(rate, 0, 1), NewPoisson(rate, 0, 2)
	var sum, squares float64
	long, same := 0, 0
	for i := int64(n - 2); i >= 0; i-- { // backwards: the order of asking is of no matter
		at := intended(a, i)
		if again := intended(b, n-2-i); again != intended(a, n-2-i) {
			t.Fatalf("arrival %d comes at %v and at %v", n-2-i, again, intended(a, n-2-i))
		}
		if at == intended(other, i) {
			same++
		}
		gap := (intended(a, i+1) - at).Seconds() * 1000
		sum += gap
		squares += gap * gap
		if gap > 1 {
			long++
		}
	}
	mean := sum / (n - 1)
	deviation := math.Sqrt(squares/(n-1) - mean*mean)
	// Five standard errors: 1/sqrt(n) of the deviation's 1/rate.
	if se := 5 / math.Sqrt(n); math.Abs(mean-1) > se/5 || math.Abs(deviation-1) > 2*se || math.Abs(float64(long)/(n-1)-math.Exp(-1)) > se {
		t.Errorf("gaps have mean %.4f, deviation %.4f, %d of %d longer than the mean; want 1, 1 and 37 %%", mean, deviation, long, n-1)
	}
	if same > 0 {
		t.Errorf("%d arrivals are the same with another seed", same)
	}
}

func TestThePlanSaysHowArrivalsCome(t *testing.T) {
	t.Parallel()
	p := Plan{Rate: Rate{From: 100, To: 300, Steps: []float64{100, 200, 300}}, Warmup: time.Second, Steady: time.Minute, Seed: 42}
	for _, poisson := range []bool{false, true} {
		p.Poisson = poisson
		l, err := New(TargetFunc(nothing), p)
		if err != nil {
			t.Fatal(err)
		}
		warmup, steady := Pacer(Constant(100)), Pacer(Steps{p.Rate.Steps, time.Minute})
		if poisson {
			warmup, steady = NewPoisson(Rate{From: 100, To: 100}, 0, ^uint64(42)), NewPoisson(p.Rate, time.Minute, 42)
		}
		for n := range int64(7000) {
			if got, want := intended(l.passes[0].pacer, n), intended(steady, n); got != want {
				t.Fatalf("poisson %v: arrival %d at %v, want %v", poisson, n, got, want)
			}
			if got, want := intended(l.warmup.pacer, n), intended(warmup, n); got != want {
				t.Fatalf("poisson %v: arrival %d of the warm-up at %v, want %v", poisson, n, got, want)
			}
		}
	}
}
